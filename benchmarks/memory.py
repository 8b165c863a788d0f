"""The most memory this process has held (Linux)."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def peak_mib() -> float:
    """VmHWM, the peak of the resident set, in MiB."""
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{STATUS} has no VmHWM: peak memory can be measured on Linux only.")


def reset_peak() -> None:
    """Forget the peak so far, which reading the files sets, so that it cannot hide what training needs."""
    CLEAR_REFS.write_text("5")
