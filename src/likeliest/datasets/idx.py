"""IDX, the file format of MNIST: a big-endian array with its type and its sizes in front.

    bytes 0, 1     zero
    byte  2        the type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte  3        the rank r, how many axes
    then           r sizes, four bytes each, and the numbers, last axis fastest

Source: Yann LeCun, "The MNIST database of handwritten digits", section on the file format.
"""

import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

_GZIP = b"\x1f\x8b"
_MOST_AXES = 32  # NumPy 1's limit, the lowest of those we meet
_CHUNK = 1 << 20


class IdxError(ValueError):
    """A file that is not a whole, well-formed IDX file; the message names the file, what was found, and the cure."""


class _Plain:
    """Bytes as they lie in the file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self, count: int) -> bytes:
        return self.file.read(count)


class _Gunzip:
    """Bytes out of a gzip file, never inflating more than was asked for.

    gzip.GzipFile would inflate a buffer ahead; here the limit is exact, so a bomb stays folded. Several gzip members in
    a row are one stream, as gzip has it. The checksum at a member's end is checked by zlib on the way.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.waiting = b""  # compressed bytes read but not yet used
        self.member = zlib.decompressobj(wbits=31)  # 31: a gzip header and trailer, largest window

    def read(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            compressed = self.waiting or self.file.read(1 << 16)
            if self.member.eof:
                if not compressed:
                    break
                self.member = zlib.decompressobj(wbits=31)
            elif not compressed:
                raise EOFError("the compressed data stop before their end")
            found += self.member.decompress(compressed, count - len(found))
            self.waiting = self.member.unused_data if self.member.eof else self.member.unconsumed_tail
        return bytes(found)


def _open_stream(file: BinaryIO) -> _Plain | _Gunzip:
    """Plain or gzip, by the first two bytes: servers and browsers change names, not contents."""
    gzipped = file.read(2) == _GZIP
    file.seek(0)
    return _Gunzip(file) if gzipped else _Plain(file)


def read_idx(path: str | os.PathLike[str], mmap: bool = False) -> NDArray[Any]:
    """Read an IDX file, plain or compressed by gzip, into an array of the type and shape it announces.

    Nothing is trusted: the header is held against the size of the file, memory grows only with what is really there,
    and a compressed file is never inflated beyond the size it announces plus one byte.

    Parameters
    ----------
    path : str or path
        the file; whether it is compressed is seen from its contents, not from its name.
    mmap : bool
        leave the numbers of a plain file on disk and map them, read-only and big-endian, instead of reading them.

    Returns
    -------
    array
        (sizes as announced), of uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    IdxError
        (a ValueError) when the file is not IDX, is cut short, has bytes left over, announces a size that cannot be, or
        is compressed although `mmap` was asked for.
    OSError
        when the file cannot be opened or read.

    Notes
    -----
    Source: Yann LeCun, "The MNIST database of handwritten digits", section on the file format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two-by-three.idx")
    >>> _ = path.write_bytes(bytes([0, 0, 0x08, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    >>> read_idx(path)
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    >>> _ = path.write_bytes(path.read_bytes()[:-2])
    >>> read_idx(path)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    IdxError: two-by-three.idx is cut short: its header announces (2, 3) uint8, 6 bytes, but found 4; fetch it again
    """
    path = Path(path)
    with path.open("rb") as file:
        on_disk = os.fstat(file.fileno()).st_size
        stream = _open_stream(file)
        gzipped = isinstance(stream, _Gunzip)
        if gzipped and mmap:
            raise IdxError(
                f"{path} is compressed, so it cannot be mapped: unpack it with gunzip, or leave out mmap=True"
            )
        try:
            dtype, shape = _read_header(stream, path)
            announced = dtype.itemsize * math.prod(shape)
            header = 4 + 4 * len(shape)
            if not gzipped and on_disk < header + announced:
                raise _cut_short(path, shape, dtype, announced, f"found {on_disk - header}")
            if not gzipped and on_disk > header + announced:
                raise _left_over(path, shape, dtype, announced)
            if mmap and announced:  # an empty file region cannot be mapped
                return np.memmap(file, dtype=dtype, mode="r", offset=header, shape=shape)
            data = _read_at_most(stream, announced)
            if len(data) < announced:
                raise _cut_short(path, shape, dtype, announced, f"found {len(data)}")
            if stream.read(1):  # on a gzip file this also reaches the checksum at its end
                raise _left_over(path, shape, dtype, announced)
        except (EOFError, zlib.error) as error:
            raise IdxError(f"{path} is broken as a gzip file ({error}): fetch it again") from error
    # Native byte order, for speed later; the array owns its memory and may be written to.
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def content_digest(path: Path, limit: int) -> tuple[str, int]:
    """SHA-256 and length of a file's content, unpacked if it is gzip, looking no further than `limit` + 1 bytes.

    Of the content and not of the file, because mirrors compress the same bytes differently.

    Raises EOFError or zlib.error when the compression is broken.

    >>> import gzip, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "file.gz")
    >>> _ = path.write_bytes(gzip.compress(b"likely"))
    >>> digest, length = content_digest(path, limit=6)
    >>> digest == hashlib.sha256(b"likely").hexdigest(), length
    (True, 6)
    """
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as file:
        stream = _open_stream(file)
        while length <= limit and (chunk := stream.read(min(_CHUNK, limit + 1 - length))):
            digest.update(chunk)
            length += len(chunk)
    return digest.hexdigest(), length


def _read_header(stream: _Plain | _Gunzip, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise IdxError(
            f"{path} is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}, where 00 00, a type from 08, "
            f"09, 0b, 0c, 0d, 0e and the number of axes should stand. Is it an error page saved as data? Fetch it again"
        )
    rank = magic[3]
    if rank > _MOST_AXES:
        raise IdxError(f"{path} announces {rank} axes, more than {_MOST_AXES}: its header is broken; fetch it again")
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise IdxError(f"{path} is cut short: it ends within the {rank} sizes of its header; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    # NumPy counts an empty array's elements as if each 0 were a 1, so a 0 must not hide an absurd size beside it.
    if math.prod(size or 1 for size in shape) > 1 << 48:
        raise IdxError(
            f"{path} announces the shape {shape}, larger than any file: its header is broken; fetch it again"
        )
    return np.dtype(DTYPES[magic[2]]), shape


def _read_at_most(stream: _Plain | _Gunzip, count: int) -> bytearray:
    # A piece at a time: memory grows with what is really there, not with what the header says.
    data = bytearray()
    while len(data) < count and (chunk := stream.read(min(_CHUNK, count - len(data)))):
        data += chunk
    return data


def _cut_short(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], announced: int, found: str) -> IdxError:
    return IdxError(
        f"{path} is cut short: its header announces {shape} {dtype.name}, {announced} bytes, but {found}; "
        "fetch it again"
    )


def _left_over(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], announced: int) -> IdxError:
    return IdxError(
        f"{path} has bytes left over: its header announces {shape} {dtype.name}, {announced} bytes, and more follow; "
        f"fetch it again, or check that two files were not joined"
    )
