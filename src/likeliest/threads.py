"""How many threads to use."""

from __future__ import annotations

import operator
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

_fits: list[None] = []  # one for each fit that runs in this process; a child that forks in a fit has none
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fits.clear)


def resolve_threads(threads: Any) -> int:
    """The argument if given, else ``LIKELIEST_NUM_THREADS``, ``OMP_NUM_THREADS``, or the CPUs this process may use.

    ``OMP_NUM_THREADS`` is what joblib and Dask set in their workers, so that many fits at once share the machine. In a
    Dask worker without it, no more than the worker's own number of threads.

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
    return min(available_cpus(), _of_dask_worker() or available_cpus())


def _of_dask_worker() -> int | None:
    """How many threads the Dask worker has whose task calls this, which is its share of the computer; else None."""
    distributed = sys.modules.get("distributed.worker")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except (ValueError, AttributeError):  # no task of a worker
        return None


@lru_cache(maxsize=1)
def available_cpus() -> int:
    """The CPUs that this process may use: its affinity, and the quota of its control group."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cpus, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no control group, or no quota: "max"
        return cpus


@contextmanager
def counted() -> Iterator[None]:
    """Counts a fit while it runs."""
    _fits.append(None)
    try:
        yield
    finally:
        with suppress(IndexError):  # forked meanwhile
            _fits.pop()


def share(threads: int) -> int:
    """Of so many threads, those that one of the fits which run in this process at the same time is to take.

    Several at a time are in threads of joblib's or of a Dask worker's. Results do not depend on how many each has.
    """
    return max(1, threads // max(1, len(_fits)))


_of_thread = threading.local()
_stopped: set[str] = set()


@contextmanager
def part_of(call: str) -> Iterator[None]:
    """Fits of this thread, of which Ctrl-C says nothing by itself, belong to a call that `stop` may end."""
    before, _of_thread.call = getattr(_of_thread, "call", None), call
    try:
        yield
    finally:
        _of_thread.call = before


def stop(call: str) -> None:
    """Ends the fits that are `part_of` a call, in whichever threads of this process, as Ctrl-C ends one."""
    _stopped.add(call)


def is_part() -> bool:
    """Whether the fits of this thread belong to a call, which says what there is to say."""
    return getattr(_of_thread, "call", None) is not None


def is_stopped() -> bool:
    """Whether the fits of this thread are to end."""
    return getattr(_of_thread, "call", None) in _stopped
