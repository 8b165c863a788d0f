"""Reading the user's data: what a file is, its first bytes say, not its name."""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.csv_text import read_csv
from likeliest.cli.data import Data
from likeliest.cli.extras import need_polars
from likeliest.cli.options import BadData

Array = npt.NDArray[Any]

GZIP, ZIP, NPY = b"\x1f\x8b", b"PK\x03\x04", b"\x93NUMPY"
PARQUET, ARROW, STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
STDIN = "-"


def read(
    source: str,
    *,
    separator: str | None = None,
    header: bool = True,
    image_shape: tuple[int, ...] | None = None,
) -> Data:
    """What a file or a folder of images holds.

    Parameters
    ----------
    source : str
        Its path: CSV, Parquet, Arrow or Feather, NPY, NPZ, each also packed by gzip; or a folder of images with a
        folder for each class; ``"-"`` for standard input.
    separator : str, optional
        Between the values of CSV; found out by default.
    header : bool
        Whether the first line of CSV has the names of the columns.
    image_shape : (H, W) or (H, W, 3), optional
        What to bring images to.

    Raises
    ------
    BadData
        When it cannot be used.
    OSError
        When it cannot be read.
    """
    if source == STDIN:
        return _read_content(sys.stdin.buffer.read(), None, "standard input", separator, header)
    path = Path(source).expanduser()
    if path.is_dir():
        from likeliest.cli.images import read_images

        return read_images(path, source, image_shape)
    if not path.exists():
        raise BadData(f"there is no file {source}")
    with path.open("rb") as file:
        beginning = file.read(8)
        if not path.is_file():  # a pipe, which can be read once only
            return _read_content(beginning + file.read(), None, source, separator, header)
    if beginning.startswith(GZIP):
        return _read_content(_unpacked(path, source), None, source, separator, header)
    return _read_content(None, path, source, separator, header)


def _unpacked(path: Path, source: str) -> bytes:
    import gzip

    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadData(f"{source} is broken as a gzip file: {error}") from None


def _read_content(content: bytes | None, path: Path | None, source: str, separator: str | None, header: bool) -> Data:
    """From a file's content, or from the file itself where only a part may be needed."""
    what: Any = path if content is None else io.BytesIO(content)
    beginning = content[:8] if content is not None else _first_bytes(path)
    if beginning.startswith(GZIP):
        raise BadData(f"{source} is packed twice by gzip; unpack it first")
    if beginning.startswith(ZIP):
        return _read_npz(what, source)
    if beginning.startswith(NPY):
        return _of_array(_load_npy(what, source), source)
    if beginning.startswith((PARQUET, ARROW, STREAM)):
        return _read_binary(what, beginning, source)
    return read_csv(path, content, source, separator=separator, header=header)


def _first_bytes(path: Any) -> bytes:
    with path.open("rb") as file:
        return bytes(file.read(8))


def _read_binary(what: Any, beginning: bytes, source: str) -> Data:
    """Parquet and Arrow, whose columns have types."""
    pl = need_polars()
    kind = "Parquet" if beginning.startswith(PARQUET) else "Arrow"
    try:
        if kind == "Parquet":
            frame = pl.read_parquet(what)
        elif beginning.startswith(STREAM):
            frame = pl.read_ipc_stream(what)
        else:
            frame = pl.read_ipc(what)
    except BaseException as error:  # a panic in Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        lines = str(error).splitlines()
        raise BadData(f"{source} is no whole {kind} file: {lines[0] if lines else type(error).__name__}") from None
    return Data(source, frame)


def _load_npy(what: Any, source: str) -> Array:
    """A file that ends before its array does is refused before memory for it is asked for."""
    try:
        if isinstance(what, Path):
            return np.asarray(np.load(what, mmap_mode="r", allow_pickle=False))
        return np.asarray(np.load(what, allow_pickle=False))
    except Exception as error:  # what is broken fails in many ways
        raise BadData(f"{source} cannot be read as NPY: {' '.join(str(error).split())[:200]}") from None


def _read_npz(what: Any, source: str) -> Data:
    try:
        with zipfile.ZipFile(what) as archive:
            names = archive.namelist()
    except Exception as error:  # what is broken fails in many ways
        raise BadData(f"{source} is broken as an NPZ file: {error}") from None
    if not any(name.endswith(".npy") for name in names):
        office = any(name.startswith("xl/") for name in names)
        kind = "an Excel file; save its table as CSV" if office else "a zip file, but none of NumPy's; unpack it first"
        raise BadData(f"{source} is {kind}")
    try:
        if not isinstance(what, Path):
            what.seek(0)
        with np.load(what, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name in ("X", "y") or len(file.files) == 1}
    except Exception as error:
        raise BadData(f"{source} cannot be read as NPZ: {' '.join(str(error).split())[:200]}") from None
    if len(arrays) == 1 and "y" not in arrays:
        return _of_array(next(iter(arrays.values())), source)
    if "X" not in arrays:
        raise BadData(f"{source}: expected arrays X and y, found {', '.join(file.files[:10])}")
    data = _of_array(arrays["X"], source)
    y = arrays["y"]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) != len(data) or y.dtype.kind not in "biufUS":
        raise BadData(f"{source}: expected one y for each of {len(data)} rows of X, found y {y.shape} of {y.dtype}")
    return Data(source, data.frame, X=data.X, y=y)


def _of_array(array: Array, source: str) -> Data:
    """An array of numbers with an example a row, or of records with names."""
    if array.dtype.names:
        pl = need_polars()
        try:
            return Data(source, pl.DataFrame({name: np.ascontiguousarray(array[name]) for name in array.dtype.names}))
        except Exception as error:
            raise BadData(f"{source}: records that are no table: {error}") from None
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        raise BadData(f"{source}: expected numbers (rows, columns), found {array.shape} of {array.dtype}")
    return Data(source, X=array)
