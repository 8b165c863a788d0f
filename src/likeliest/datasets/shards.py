"""Shards: data in many files, joined to one that stays on disk, of which everyone reads the rows that it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from likeliest import distributed
from likeliest.datasets.idx import read_idx

BLOCK = 1 << 24  # bytes that are copied at a time
PARQUET, NUMPY = b"PAR1", b"\x93NUMPY"


class Shard(NamedTuple):
    """A file, how many rows it has, and their shape and type."""

    path: Path
    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    columns: tuple[str, ...] = ()


def join_shards(
    paths: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
) -> NDArray[Any]:
    """Join files of rows to one NPY file, unless it is there already, and map it: rows are read when asked for.

    Where several processes work together (`likeliest.distributed`), each copies its share of the files; all of them
    must see the place of the joined one.

    Parameters
    ----------
    paths : sequence of str or path
        IDX (plain or compressed by gzip), NPY or Parquet files, all of the same kind of rows, in the order of the rows.
    path : str or path
        The joined file. One that is there is taken if it is newer than all shards and has their rows.
    columns : sequence of str, optional
        The columns of Parquet files, which needs ``likeliest[tables]``; by default all, which must be numbers.

    Returns
    -------
    (n, ...) array
        Memory-mapped and read-only, of the type of the shards (for Parquet, one that holds all columns).

    Raises
    ------
    ValueError
        When a file is none of these, has no rows of numbers, or other rows than the first.
    OSError
        When a file cannot be read, or the joined one not be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for k in range(2):
    ...     np.save(folder / f"{k}.npy", np.full((2, 3), k))
    >>> join_shards(sorted(folder.glob("*.npy")), folder / "all" / "X.npy")[:, 0]
    memmap([0, 0, 1, 1])
    """
    if isinstance(paths, str | os.PathLike) or not len(paths):
        raise ValueError(f"paths: expected a list of files, found {paths!r}")
    index, count = distributed.place()
    shards = [_looked_at(Path(one), columns) for one in paths]
    first = shards[0]
    for one in shards:
        if one.shape != first.shape:
            raise ValueError(f"paths: {one.path} has rows of shape {one.shape}, and {first.path} of {first.shape}")
        if one.columns != first.columns:
            raise ValueError(
                f"paths: {one.path} has the columns {list(one.columns)}, and {first.path} {list(first.columns)}"
            )
    dtype = np.result_type(*(one.dtype for one in shards))
    joined = Path(path)
    shape = (sum(one.rows for one in shards), *first.shape)
    if not _is_there(joined, shape, dtype, shards):
        distributed.wait(f"shards: looked at {joined}")  # before it is made by another process
        partial = joined.with_name(f".{joined.name}.joining")
        if index == 0:
            joined.parent.mkdir(parents=True, exist_ok=True)
            np.lib.format.open_memmap(partial, "w+", dtype, shape).flush()
        distributed.wait(f"shards: made {partial}")
        whole = np.lib.format.open_memmap(partial, "r+")
        end = 0
        for k, one in enumerate(shards):
            begin, end = end, end + one.rows
            if k % count == index:
                at = begin
                for block in _blocks(one):
                    whole[at : at + len(block)] = block
                    at += len(block)
        whole.flush()
        del whole
        distributed.wait(f"shards: copied to {partial}")
        if index == 0:
            os.replace(partial, joined)
    distributed.wait(f"shards: joined {joined}")
    found: NDArray[Any] = np.load(joined, mmap_mode="r")
    return found


def _is_there(joined: Path, shape: tuple[int, ...], dtype: np.dtype[Any], shards: list[Shard]) -> bool:
    """Whether it has been made already."""
    try:
        since = joined.stat().st_mtime_ns
        there = np.load(joined, mmap_mode="r")
    except (OSError, ValueError):
        return False
    newest = max(one.path.stat().st_mtime_ns for one in shards)
    return bool(there.shape == shape and there.dtype == dtype and since > newest)


def _looked_at(path: Path, columns: Sequence[str] | None) -> Shard:
    """What is in a file, without its rows."""
    with path.open("rb") as file:
        beginning = file.read(6)
    if beginning.startswith(PARQUET):
        scan = _scan(path, columns)
        schema = scan.collect_schema()
        wrong = [name for name, kind in schema.items() if not (kind.is_numeric() or str(kind) == "Boolean")]
        if wrong:
            raise ValueError(
                f"columns: {path} has no numbers in {wrong[0]!r}, which is {schema[wrong[0]]}; leave it out"
            )
        rows = int(scan.select(_polars().len()).collect().item())
        kinds = scan.head(1).collect().to_numpy().dtype
        return Shard(path, rows, (len(schema),), np.dtype(kinds), tuple(schema))
    if columns is not None:
        raise ValueError(f"columns: {path} is no Parquet file, and has none by name")
    array = _array(path)
    if array.ndim < 2:
        raise ValueError(f"paths: {path} has no rows, its shape is {array.shape}")
    return Shard(path, len(array), array.shape[1:], array.dtype.newbyteorder("="))


def _array(path: Path) -> NDArray[Any]:
    """An IDX or NPY file, on disk if it can stay there."""
    with path.open("rb") as file:
        beginning = file.read(6)
    if beginning == NUMPY:
        found: NDArray[Any] = np.load(path, mmap_mode="r")
        return found
    return read_idx(path, mmap=not beginning.startswith(b"\x1f\x8b"))


def _blocks(shard: Shard) -> Iterator[NDArray[Any]]:
    """The rows, some at a time."""
    step = max(1, BLOCK // max(1, shard.dtype.itemsize * int(np.prod(shard.shape))))
    whole = None if shard.columns else _array(shard.path)
    for first in range(0, shard.rows, step):
        if whole is not None:
            yield whole[first : first + step]
            continue
        frame = _scan(shard.path, shard.columns).slice(first, step).collect()
        gaps = [one.name for one in frame if one.null_count() and not one.dtype.is_float()]
        if gaps:
            raise ValueError(
                f"columns: {shard.path} has gaps in {gaps[0]!r}, where there are whole numbers; fill them in"
            )
        yield frame.to_numpy()


def _scan(path: Path, columns: Sequence[str] | None) -> Any:
    scan = _polars().scan_parquet(path)
    return scan if columns is None else scan.select(list(columns))


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        raise ImportError('paths: Parquet files need polars: pip install "likeliest[tables]"') from None
    return polars
