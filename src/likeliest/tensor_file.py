"""Tensor file: named arrays and one JSON object in a file of the safetensors format, with checksums of every bit.

    8 bytes     length of the header, little-endian
    header      JSON: {"__metadata__": {"checksum", "pieces", "description"}, name: {dtype, shape, data_offsets}, …}
    data        the arrays, one after the other

``description`` is the JSON object, as text, since the format wants strings there. ``pieces`` are the CRC-32 of every
1 MiB of data, ``checksum`` that of length and header with zeros in its own place. Any program that reads safetensors
(https://github.com/huggingface/safetensors) reads these files too; the format is simple enough to be written here,
array by array, without a second copy of them all in memory.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import stat
import sys
import threading
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from likeliest.atomic import replacing, write_all
from likeliest.threads import available_cpus

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

MOST_HEADER = 64 << 20  # bytes; the format itself allows 100,000,000
MOST_OBJECTS = 1_000_000  # lists and objects in the header, each of which takes more memory than text
PIECE = 1 << 20  # bytes under one checksum
AHEAD = 32 << 20  # bytes, from which on what is written is sent to the disk at once
MAPPED = 32 << 20  # bytes, from which on a file is read where the system has it, without a copy
ALIGNMENT = 64
START = b'{"__metadata__":{"checksum":"'  # where a header begins, and then its own checksum
ZEROS = "00000000"
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


class ModelFileError(ValueError):
    """A file that is no model, is damaged, or was made by a newer likeliest; the message says which and what to do."""


def write(
    path: str | os.PathLike[str],
    description: Mapping[str, Any],
    dtype: np.dtype[Any],
    shapes: Mapping[str, Shape],
    arrays: Iterable[Array],
    finite: int = 0,
) -> None:
    """Writes a description and arrays of the given names and shapes, which are taken one by one, in this order.

    The first ``finite`` numbers, which are θ, must be finite, and no other may be NaN, as when they are read.

    Raises
    ------
    ValueError
        When they are not, the description is too large, or this computer keeps numbers the other way round.
    OSError
        When the file cannot be written; what was there before is then as it was.
    """
    if sys.byteorder != "little":
        raise ValueError("path: model files are written on little-endian computers only")
    entries, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        entries[name] = {"dtype": f"F{8 * dtype.itemsize}", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(description, allow_nan=False, separators=(",", ":"))
    pieces = -(-end // PIECE)
    header = _header(text, [0] * pieces, entries)
    if len(header) > MOST_HEADER or _objects(header) > MOST_OBJECTS:
        raise ValueError(
            f"path: the description of this model takes {len(header):,} bytes and {_objects(header):,} lists, "
            f"more than the {MOST_HEADER:,} and {MOST_OBJECTS:,} that a model file has room for"
        )
    with replacing(path) as file, ThreadPoolExecutor(2) as pool:
        file.seek(len(header))
        checksums = _Checksums(dtype, finite)
        checking: Future[None] | None = None
        syncing: Future[None] | None = None
        since = 0
        for block in arrays:
            data = memoryview(np.ascontiguousarray(block, dtype.newbyteorder("<")).reshape(-1)).cast("B")
            if checking is not None:
                checking.result()  # so that no more than two arrays are held
            checking = pool.submit(checksums.add, data)
            write_all(file, data)
            since += len(data)
            if since >= AHEAD and (syncing is None or syncing.done()):
                # What is there goes to the disk while the rest is being made ready.
                syncing, since = pool.submit(os.fsync, file.fileno()), 0
        for future in (checking, syncing):
            if future is not None:
                future.result()
        file.seek(0)
        write_all(file, memoryview(_header(text, checksums.pieces, entries)))


class _Checksums:
    """The CRC-32 of every piece of what comes in blocks of any size."""

    def __init__(self, dtype: np.dtype[Any], finite: int) -> None:
        self.dtype, self.finite = dtype, finite
        self.pieces: list[int] = []
        self.room = 0  # in the piece under way

    def add(self, data: memoryview) -> None:
        while data:
            if self.room == 0:
                self.pieces.append(0)
                self.room = PIECE
            part, data = data[: self.room], data[self.room :]
            self.pieces[-1] = zlib.crc32(part, self.pieces[-1])
            self.room -= len(part)
            numbers = np.frombuffer(part, self.dtype)
            if not _are_numbers(numbers, self.finite):
                raise ValueError("parameters: there are numbers in θ that are not finite; a model file holds none")
            self.finite -= len(numbers)


def _are_numbers(values: Array, finite: int) -> bool:
    """Whether the first ones are finite and no other is NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # several times as fast as a look at each
            return True
    first = max(0, finite)
    return bool(np.isfinite(values[:first]).all() and not np.isnan(values[first:]).any())


def _header(text: str, pieces: list[int], entries: Mapping[str, Any]) -> bytes:
    """Length and header, filled up with spaces, with its checksum."""
    metadata = {"checksum": ZEROS, "pieces": "".join(f"{crc:08x}" for crc in pieces), "description": text}
    header = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode("ascii")
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    whole = len(header).to_bytes(8, "little") + header
    place = 8 + len(START)
    return whole[:place] + f"{zlib.crc32(whole):08x}".encode() + whole[place + 8 :]


def _objects(header: bytes) -> int:
    return header.count(b"[") + header.count(b"{")


@dataclass(frozen=True)
class Tensors:
    """What a file holds. The arrays are still on disk where the file is mapped.

    Attributes
    ----------
    path : str
        For messages.
    description : dict
        The JSON object.
    dtype : dtype
        Of all arrays.
    shapes : mapping from name to shape
        The arrays, in the order in which they stand in the file.
    """

    path: str
    description: dict[str, Any]
    dtype: np.dtype[Any]
    shapes: dict[str, Shape]
    _places: dict[str, int]
    _pieces: tuple[int, ...]
    _data: Any
    _begin: int

    def __getitem__(self, name: str) -> Array:
        """An array as it is in the file, which cannot be written to; `check` tells whether it is whole."""
        shape = self.shapes[name]
        return np.frombuffer(self._data, self.dtype, math.prod(shape), self._begin + self._places[name]).reshape(shape)

    def check(self, pool: ThreadPoolExecutor, finite: int) -> list[Future[None]]:
        """Begins to look at every number; each result raises a ModelFileError for a piece that is not as it was.

        The first ``finite`` numbers, which are θ, must be finite, and no other may be NaN.
        """
        if isinstance(self._data, mmap.mmap) and self._data.size() < len(self._data):
            raise damaged(self.path, "it has become shorter since it was opened")
        data, count = memoryview(self._data)[self._begin :], PIECE // self.dtype.itemsize
        return [
            pool.submit(self._check_piece, data[k * PIECE : (k + 1) * PIECE], crc, finite - k * count)
            for k, crc in enumerate(self._pieces)
        ]

    def _check_piece(self, data: memoryview, crc: int, finite: int) -> None:
        if zlib.crc32(data) != crc:
            raise damaged(self.path, "its numbers do not match their checksum")
        if not _are_numbers(np.frombuffer(data, self.dtype), finite):
            raise damaged(self.path, "there are numbers in it that are not finite")


class Whole:
    """A file that holds several models, of which each takes its part; it is looked at once, for the first of them.

    Attributes
    ----------
    finite : int
        How many numbers are θ, which must be finite, once all parts are known.
    """

    def __init__(self, tensors: Tensors) -> None:
        self.tensors, self.finite = tensors, 0
        self._lock, self._checked = threading.Lock(), False

    def check(self) -> None:
        """A ModelFileError unless every number is as it was."""
        with self._lock, ThreadPoolExecutor(available_cpus()) as pool:
            if not self._checked:
                for check in self.tensors.check(pool, self.finite):
                    check.result()
            self._checked = True


class Part:
    """The arrays of a file whose names begin alike, by the rest of their names; see `Tensors`."""

    def __init__(self, whole: Whole, prefix: str) -> None:
        self._whole, self._prefix = whole, prefix
        self.path, self.dtype = whole.tensors.path, whole.tensors.dtype
        shapes = whole.tensors.shapes
        self.shapes = {name[len(prefix) :]: shape for name, shape in shapes.items() if name.startswith(prefix)}

    def __getitem__(self, name: str) -> Array:
        """An array as it is in the file."""
        return self._whole.tensors[self._prefix + name]

    def check(self, pool: ThreadPoolExecutor, finite: int) -> list[Future[None]]:
        """Begins to look at every number of the whole file, unless that has been done."""
        return [pool.submit(self._whole.check)]


def read(path: str | os.PathLike[str], memory_map: bool = False) -> Tensors:
    """Opens a file: its header is checked, its arrays are not looked at yet.

    Raises
    ------
    ModelFileError
        When it is no such file, or damaged.
    OSError
        When it cannot be read.
    """
    name = os.fspath(path)
    if sys.byteorder != "little":
        raise ModelFileError(f"{name}: model files are read on little-endian computers only")
    if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):  # to open a pipe would wait for ever
        raise ModelFileError(f"{name}: expected an ordinary file, found something else")
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        header = _read_header(file, name, status.st_size)
        description, dtype, shapes, places, pieces = _parse(header, name)
        begin, size = 8 + len(header), sum(math.prod(shape) for shape in shapes.values()) * dtype.itemsize
        if begin + size != status.st_size:
            raise damaged(name, f"its header tells of {begin + size:,} bytes, but it has {status.st_size:,}")
        if len(pieces) != -(-size // PIECE):
            raise damaged(name, f"it has {len(pieces)} checksums for {size:,} bytes of numbers")
        if size and (memory_map or size >= MAPPED):
            data: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return Tensors(name, description, dtype, shapes, places, pieces, data, begin)
        return Tensors(name, description, dtype, shapes, places, pieces, _exactly(file, size, name), 0)


def _read_header(file: BinaryIO, name: str, size: int) -> bytes:
    """The header, whole by its checksum."""
    if size == 0:
        raise damaged(name, "it is empty")
    start = file.read(8 + len(START) + 8) or b""
    length = int.from_bytes(start[:8], "little")
    if start[8 : 8 + len(START)] != START:
        raise ModelFileError(
            f"{name}: this is no model file of likeliest, which is what net.save(path) and clf.save(path) write; or "
            "another program has written it anew, or it is damaged: take the original"
        )
    if length > MOST_HEADER or length < len(START) + 8:
        raise damaged(name, f"its header claims to have {length:,} bytes")
    if 8 + length > size:
        raise damaged(name, f"its header has {length:,} bytes, but all of it has {size:,} only")
    header = start[8:] + _exactly(file, length - len(start) + 8, name)
    wanted, place = header[len(START) : len(START) + 8], len(START)
    zeroed = start[:8] + header[:place] + ZEROS.encode() + header[place + 8 :]
    if f"{zlib.crc32(zeroed):08x}".encode() != wanted:
        raise damaged(name, "its header does not match its checksum")
    if _objects(header) > MOST_OBJECTS:
        raise damaged(name, f"its header holds {_objects(header):,} lists and objects, more than {MOST_OBJECTS:,}")
    return header


def _exactly(file: BinaryIO, count: int, name: str) -> bytes:
    parts = []
    while count:
        part = file.read(count)
        if not part:
            raise damaged(name, "it ends too early")
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _parse(
    header: bytes, name: str
) -> tuple[dict[str, Any], np.dtype[Any], dict[str, Shape], dict[str, int], tuple[int, ...]]:
    """What the header says, where each part is of the kind that it must be."""
    try:
        entries = _from_json(header.decode("ascii"))
        metadata = entries.pop("__metadata__")
        if metadata.keys() != {"checksum", "pieces", "description"}:
            raise ValueError(f"found {', '.join(metadata)} in __metadata__")
        description = _from_json(metadata["description"])
        if not isinstance(description, dict):
            raise TypeError("the description is no object")
        digits = metadata["pieces"]
        pieces = tuple(int(digits[k : k + 8], 16) for k in range(0, len(digits), 8))
        shapes: dict[str, Shape] = {}
        places: dict[str, int] = {}
        kinds = {entry["dtype"] for entry in entries.values()} or {"F32"}
        if len(kinds) > 1:
            raise ValueError(f"the arrays are of several types: {', '.join(sorted(kinds))}")
        dtype: np.dtype[Any] = DTYPES[kinds.pop()]
        end = 0
        for array, entry in entries.items():
            shape, offsets = entry["shape"], entry["data_offsets"]
            if entry.keys() != {"dtype", "shape", "data_offsets"} or not all(type(s) is int and s >= 0 for s in shape):
                raise ValueError(f"{array} has shape {shape}")
            begin, end = end, end + math.prod(shape) * dtype.itemsize
            if offsets != [begin, end]:
                raise ValueError(f"{array} is at {offsets}, expected {[begin, end]}")
            shapes[array], places[array] = tuple(shape), begin
        return description, dtype, shapes, places, pieces
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MemoryError) as error:
        raise damaged(name, f"its header makes no sense ({type(error).__name__}: {str(error)[:200]})") from None


def _from_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"found {constant}")


def damaged(name: str, what: str) -> ModelFileError:
    """The error for a file that is not whole."""
    return ModelFileError(f"{name}: the file is damaged: {what}; take another copy, or save the model again")
