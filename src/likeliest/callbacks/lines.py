"""Files of lines that grow: each line is there whole when the call returns, whatever happens to the process then."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from likeliest.warned import warn


def checked(path: str | os.PathLike[str]) -> Path:
    """The path as an absolute one, or an error where no file could be.

    Absolute, so that the lines go on to the same file if the program changes its folder.
    """
    place = Path(path).expanduser().absolute()
    if place.is_dir():
        raise ValueError(f"path: expected the name of a file, but {str(path)!r} is a folder")
    if not place.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder; make it first", str(place.parent))
    if not os.access(place if place.exists() else place.parent, os.W_OK):
        raise PermissionError(13, "cannot write there", str(place))
    return place


def first_line(path: Path) -> str | None:
    """The first line, if the file has one that is whole."""
    try:
        with path.open("rb") as file:
            line = file.readline()
    except FileNotFoundError:
        return None
    return line.decode("utf-8", "replace").rstrip("\r\n") if line.endswith(b"\n") else None


def append(path: Path, line: str, is_whole: Callable[[str], bool]) -> None:
    """Puts a line at the end. Half a line that a kill has left there is taken away first.

    Parameters
    ----------
    path : Path
        The file, which need not be there.
    line : str
        Without its end.
    is_whole : function
        Whether a last line that has no end is whole all the same.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        half = _half(descriptor)
        if half and is_whole(half.decode("utf-8", "replace")):
            line = "\n" + line
        elif half:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(half))
            text = half.decode("utf-8", "replace")
            warn(f"{path}: took away the last line, which was cut off: {text!r}")
        data = memoryview(f"{line}\n".encode())
        while data:  # one call writes a part only where the disk is full, or nearly
            data = data[file.write(data) :]


def _half(descriptor: int) -> bytes:
    """What stands after the last end of a line."""
    size = os.fstat(descriptor).st_size
    tail, begin = b"", size
    while begin and b"\n" not in tail:
        start = max(0, begin - 4096)
        os.lseek(descriptor, start, os.SEEK_SET)
        tail = os.read(descriptor, begin - start) + tail
        begin = start
    return tail.rpartition(b"\n")[2]
