"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(data: bytes, path: Path) -> None:
    """Writes a file beside its place, and puts it there when it is on the disk: what was there before stays until then.

    Raises
    ------
    OSError
        When the folder is not there or cannot be written to.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: there is no folder {path.parent} for {path.name}; make it first")
    if path.is_dir():
        raise IsADirectoryError(f"path: expected a file, but {path} is a folder")
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)  # mkstemp's file is for its owner only
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
