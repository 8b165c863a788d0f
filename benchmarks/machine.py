"""Where and when a figure was measured, and the peak that it may be compared to."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

from benchmarks import children

PEAK_SECONDS = 0.5
PEAK_TRIES = 4  # processes: in some, all threads start on one processor
PEAK = (
    "import sys; from likeliest import _native; from likeliest.engines.native import instruction_set; "
    f"print(_native.fma_peak(int(sys.argv[1]), {PEAK_SECONDS}, instruction_set()))"
)


def describe(threads: int) -> dict[str, object]:
    """The part of a record that is the same for a whole run."""
    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "instruction_set": instruction_set(),
        "threads": threads,
        "python": platform.python_version(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def cpu_field(name: str) -> str:
    """A field of /proc/cpuinfo for the first processor, or nothing."""
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else []:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def cpu() -> str:
    return cpu_field("model name") or platform.processor() or platform.machine()


def instruction_set() -> str:
    """The widest vector instructions that the processor offers."""
    if platform.machine() in ("aarch64", "arm64"):
        return "neon"
    flags = cpu_field("flags").split()
    return next((name for flag, name in (("avx512f", "avx512"), ("avx2", "avx2")) if flag in flags), "baseline")


def commit() -> str:
    """The commit, with a + if the tree differs from it."""
    git = ["git", "-C", str(children.ROOT), "describe", "--always", "--dirty=+", "--abbrev=12"]
    answer = subprocess.run(git, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def fma_peak(threads: int) -> float | str:
    """The FLOP/s of fused multiply-adds alone, measured with as many threads, or why it cannot be measured."""
    best = 0.0
    for _ in range(PEAK_TRIES):
        answer = subprocess.run(
            **children.command("-c", PEAK, str(threads), threads=threads), capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            return children.last_line(answer.stderr)
        best = max(best, float(answer.stdout))
    return best
