"""Where compiled programs are kept on disk."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path


def cache_folder() -> str | None:
    """A folder of the user's for the programs of this kind of processor; None where nothing can be written.

    One folder for each kind, since a program that is compiled for one processor may use instructions that another, in
    a cluster with the same home, does not have.
    """
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(home) if home else Path.home() / ".cache") / "likeliest" / f"jax-{_processor()}"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # nowhere to write, or nobody's home
        return None
    return str(folder) if os.access(folder, os.W_OK | os.X_OK) else None


def _processor() -> str:
    """Some letters for what the processor can do."""
    known = [platform.machine(), platform.processor()]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        known += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    except OSError:
        pass
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:12]
