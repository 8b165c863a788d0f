"""Files that are replaced as a whole: whatever happens, there is the old one or the new one, never a part of either."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".part"  # how the names of files end that are being written


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` at the end, or leaves it as it was after an error.

    What is written goes to a file beside it, from there to the disk, and then gets the name, all at once; after that
    the name, too, goes to the disk. A file that was there keeps its permissions, a link keeps pointing where it does.

    Raises
    ------
    ValueError
        When the path is that of something else than a file.
    OSError
        When it cannot be written, with the path and what became of the file that was there.
    """
    target = Path(os.path.realpath(os.fspath(path)))  # what a link points to is replaced, not the link
    mode = _mode_of(target)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}{TEMPORARY}")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise _explained(error, target) from None
    try:
        with os.fdopen(descriptor, "w+b", buffering=0) as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            yield file
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            raise _explained(error, target) from error
        raise
    _to_disk(target.parent)


def write_all(file: BinaryIO, data: memoryview) -> None:
    """All bytes, of which one call of an unbuffered file may write a part only."""
    while data:
        data = data[file.write(data) :]


def _mode_of(target: Path) -> int | None:
    """The permissions of the file that is there, if there is one; an error where nothing may take its place."""
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder; make it first", str(target.parent))
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
        raise ValueError(f"path: expected the name of a file to write, but {str(target)!r} is {kind}")
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is write-protected; make it writable or choose another name", str(target))
    return stat.S_IMODE(found.st_mode)


def _explained(error: OSError, target: Path) -> OSError:
    """The error with the user's path, and with what he wants to know."""
    left = "the file that was there is as it was" if target.exists() else "nothing was left behind"
    return OSError(error.errno, f"cannot write: {error.strerror}; {left}", str(target))


def _to_disk(folder: Path) -> None:
    """The names in a folder, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems refuse it for folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
