"""How many threads to use."""

from __future__ import annotations

import operator
import os
from functools import lru_cache
from pathlib import Path
from typing import Any


def resolve_threads(threads: Any) -> int:
    """The argument if given, else ``LIKELIEST_NUM_THREADS``, ``OMP_NUM_THREADS``, or the CPUs this process may use.

    ``OMP_NUM_THREADS`` is what joblib sets in its workers, so that many fits at once share the machine.

    Raises
    ------
    ValueError
        When the argument or the variable is not a whole number of at least 1.
    """
    if threads is not None:
        try:
            count = 0 if isinstance(threads, bool) else operator.index(threads)
        except TypeError:
            count = 0
        if not 1 <= count <= 1024:
            raise ValueError(
                f"threads: expected a whole number from 1 to 1024, or None for all CPUs; found {threads!r}"
            )
        return count
    own = os.environ.get("LIKELIEST_NUM_THREADS")
    if own:
        if not own.isdigit() or not 1 <= int(own) <= 1024:
            raise ValueError(f"LIKELIEST_NUM_THREADS: expected a whole number from 1 to 1024, found {own!r}")
        return int(own)
    openmp = os.environ.get("OMP_NUM_THREADS", "")
    if openmp.isdigit() and int(openmp) >= 1:
        return min(int(openmp), available_cpus())
    return available_cpus()


@lru_cache(maxsize=1)
def available_cpus() -> int:
    """The CPUs that this process may use: its affinity, and the quota of its control group."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cpus, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no control group, or no quota: "max"
        return cpus
