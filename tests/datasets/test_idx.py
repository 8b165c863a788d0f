"""IDX files: every type and rank, plain and compressed; and a crowd of broken ones."""

import gzip
import io
import math
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from likeliest.datasets import idx
from likeliest.datasets.idx import IdxError, read_idx

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array: NDArray[Any]) -> bytes:
    """The IDX file of an array, written by hand and not by what is tested."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def header(code: int, *sizes: int) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, code, len(sizes), *sizes)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 3), (2, 3, 4), (1,) * 32])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("how", ["plain", "gzip", "mmap"])
def test_every_type_and_rank(tmp_path: Path, dtype: str, shape: tuple[int, ...], how: str) -> None:
    array = np.asarray(np.random.default_rng(0).normal(0, 50, size=shape)).astype(np.int8).astype(dtype)
    path = tmp_path / "array"  # no .gz in the name: the contents decide
    data = idx_bytes(array)
    path.write_bytes(gzip.compress(data) if how == "gzip" else data)
    back = read_idx(path, mmap=how == "mmap")
    assert back.shape == shape
    assert back.dtype.name == dtype
    assert np.array_equal(back, array)
    if how != "mmap":
        assert back.dtype.isnative
        assert back.flags.writeable


def test_values_are_read_big_endian(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(header(0x0C, 2) + bytes([0, 0, 1, 2, 0xFF, 0xFF, 0xFF, 0xFE]))
    assert read_idx(path).tolist() == [258, -2]


def test_mmap_maps_and_does_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(header(0x08, 3) + b"abc")
    mapped = read_idx(path, mmap=True)
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    assert mapped.tobytes() == b"abc"


def test_gzip_members_in_a_row_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(
        gzip.compress(header(0x08, 6)[:5]) + gzip.compress(header(0x08, 6)[5:] + b"abc") + gzip.compress(b"def")
    )
    assert read_idx(path).tobytes() == b"abcdef"


GOOD = header(0x08, 2, 3) + b"abcdef"
BROKEN = {
    "empty": (b"", "begins with nothing"),
    "web page": (b"<!doctype html>", "error page"),
    "first byte": (b"\1" + GOOD[1:], "not an IDX file"),
    "unknown type": (header(0x0A, 6) + b"abcdef", "not an IDX file"),
    "too many axes": (bytes([0, 0, 8, 33]) + bytes(33 * 4), "33 axes"),
    "short header": (GOOD[:10], "within the 2 sizes"),
    "cut short": (GOOD[:-1], "found 5"),
    "no data": (GOOD[:12], "found 0"),
    "left over": (GOOD + b"g", "left over"),
    "absurd": (header(0x08, *[0xFFFFFFFF] * 4), "larger than any file"),
    "absurd beside 0": (header(0x08, 0, *[0xFFFFFFFF] * 3), "larger than any file"),
    "large": (header(0x0E, 0xFFFFFFFF, 100), "cut short"),
}


@pytest.mark.parametrize("how", ["plain", "gzip", "mmap"])
@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(tmp_path: Path, case: str, how: str) -> None:
    data, message = BROKEN[case]
    path = tmp_path / "broken"
    path.write_bytes(gzip.compress(data) if how == "gzip" else data)
    with pytest.raises(IdxError) as caught:
        read_idx(path, mmap=how == "mmap")
    text = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert str(path) in text
    assert message in text
    assert "etch it again" in text  # the cure


@pytest.mark.parametrize("keep", [1, 2, 9, 15, 25])
def test_a_gzip_file_that_is_cut_short(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(GOOD)[:keep])
    with pytest.raises(IdxError, match="again"):
        read_idx(path)


def test_a_gzip_file_with_a_wrong_checksum(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(GOOD))
    data[-8] ^= 1
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with pytest.raises(IdxError, match="broken as a gzip file"):
        read_idx(path)


def test_mapping_a_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(GOOD))
    with pytest.raises(IdxError, match="gunzip"):
        read_idx(path, mmap=True)


def test_a_missing_file_is_an_OSError(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


def test_a_gzip_bomb_stays_folded(tmp_path: Path) -> None:
    """30 MB of zeros in 30 kB, behind a header that announces 6 bytes: never more than those are unpacked."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header(0x08, 6) + bytes(30_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(IdxError, match="left over"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_not_one_byte_too_many_is_unpacked() -> None:
    stream = idx._Gunzip(io.BytesIO(gzip.compress(bytes(100_000))))
    assert stream.read(7) == bytes(7)
    assert stream.member.decompress(stream.waiting) == bytes(100_000 - 7)  # all the rest was still folded


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_fuzz(tmp_path: Path, packed: bool) -> None:
    """Mutated files: each is read as what it announces, or refused with an IdxError, in little memory.

    LIKELIEST_FUZZ_EXAMPLES says how many, and LIKELIEST_FUZZ_SEED which ones.
    """
    examples = int(os.environ.get("LIKELIEST_FUZZ_EXAMPLES", "0")) or 400
    rng = np.random.default_rng(int(os.environ.get("LIKELIEST_FUZZ_SEED", "0")))
    path = tmp_path / "fuzz"
    refused = 0
    tracemalloc.start()
    try:
        for k in range(examples):
            array = np.zeros(tuple(rng.integers(0, 4, size=rng.integers(0, 4))), dtype=list(CODES)[k % 6])
            data = bytearray(idx_bytes(array))
            for _ in range(rng.integers(1, 4)):
                at = int(rng.integers(0, min(len(data), 20)))
                match rng.integers(0, 4):
                    case 0:
                        data[at] = rng.choice([0, 1, 8, 0x0D, 32, 127, 128, 255])
                    case 1:
                        data[at] ^= 1 << int(rng.integers(0, 8))
                    case 2:
                        del data[at:]
                    case _:
                        data[at:at] = rng.bytes(int(rng.integers(1, 9)))
                if not data:
                    break
            content = bytes(data)
            if packed:
                data = bytearray(gzip.compress(content))
                if k % 2:  # now and then break the compression too
                    data[int(rng.integers(2, len(data)))] ^= 1 << int(rng.integers(0, 8))
            path.write_bytes(data)
            try:
                back = read_idx(path)
            except IdxError:
                refused += 1
            else:
                assert 4 + 4 * back.ndim + back.nbytes == len(content) or packed
                assert back.nbytes == back.dtype.itemsize * math.prod(back.shape)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused > examples / 2
    assert peak < 2_000_000
