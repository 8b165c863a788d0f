"""MNIST from its IDX files, X (n, 784) or (n, 28, 28, 1) float32 in [0, 1], y (n,) int64; generated tables, X (n, p)
and y (n,) float32; generated series, images and volumes, X (n, *space, c) float32, y (n,) int64.

The benchmark reads the files itself, so that every peer is handed the same bytes and likeliest's own reader is not a
part of what is measured.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Workload

X = NDArray[np.float32]
Y = NDArray[np.int64] | NDArray[np.float32]

VARIABLE = "LIKELIEST_DATA"
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
ALIGNMENT = 64
"""Bytes. At this alignment JAX uses a NumPy array where it lies instead of copying it."""


class DataError(Exception):
    """The data are not there; the message says what to set."""


def folder() -> Path:
    """The folder of the IDX files, or an error that says how to name it."""
    name = os.environ.get(VARIABLE)
    if not name:
        raise DataError(f"Set {VARIABLE} to the folder of the MNIST IDX files ({FILES['train'][0]}[.gz] and others).")
    path = Path(name)
    for file in (file for pair in FILES.values() for file in pair):
        if not (path / file).exists() and not (path / f"{file}.gz").exists():
            raise DataError(f"{VARIABLE} is {name}, which has neither {file} nor {file}.gz.")
    return path


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An IDX file of bytes, plain or gzipped: 0, 0, type 8, number of axes, one big-endian length per axis, data."""
    raw = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes())
    axes = raw[3]
    if raw[:3] != b"\0\0\x08":
        raise DataError(f"{path} is not an IDX file of bytes.")
    shape = np.frombuffer(raw, ">i4", axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def load(split: str, workload: Workload) -> tuple[X, Y]:
    """The examples of ``split`` ("train" or "test") that a workload is about."""
    if not workload.digits:
        return table(split, workload) if workload.is_normal else patterns(split, workload)
    inputs, labels = mnist(split, workload.digits, workload.noise)
    rows = workload.rows if split == "train" and workload.rows else len(labels)
    return inputs[:rows].reshape(rows, *workload.inputs), labels[:rows]


def table(split: str, workload: Workload) -> tuple[X, Y]:
    """Standard normal numbers, as many rows for each split; y is a smooth function of five of them plus N(0, 1)."""
    random = np.random.default_rng([list(FILES).index(split), workload.rows])
    inputs = aligned_empty((workload.rows, *workload.inputs))
    inputs[:] = random.standard_normal(inputs.shape)
    x = inputs.T
    signal = 2 * np.sin(x[0] + x[1]) + x[2] * x[3] + x[4]
    return inputs, (signal + random.standard_normal(workload.rows)).astype(np.float32)


def patterns(split: str, workload: Workload) -> tuple[X, Y]:
    """Standard normal numbers, plus a texture of the row's class, of period 5 along each axis, wherever it begins."""
    random = np.random.default_rng([list(FILES).index(split), workload.rows])
    period, *space = 5, *workload.inputs[:-1]
    cell = (*(period,) * workload.axes, workload.inputs[-1])
    textures = np.random.default_rng(workload.rows).normal(scale=0.3, size=(workload.outputs, *cell))
    inputs = aligned_empty((workload.rows, *workload.inputs))
    labels = random.integers(workload.outputs, size=workload.rows)
    for x, label in zip(inputs, labels, strict=True):
        places = [(np.arange(size) + random.integers(period)) % period for size in space]
        x[:] = random.standard_normal(x.shape, np.float32) + textures[label][np.ix_(*places)]
    return inputs, labels


def mnist(split: str, digits: tuple[int, ...], noise: float = 0.0) -> tuple[X, Y]:
    """The examples of ``split`` whose label is one of ``digits``, in the files' order.

    ``noise`` > 0 adds uniform random numbers up to it to every pixel, so that none is 0.
    """
    images, labels = (read_idx(folder() / file) for file in FILES[split])
    wanted = np.isin(labels, digits)
    pixels = images[wanted].reshape(int(wanted.sum()), -1)
    scaled = aligned_empty(pixels.shape)
    np.multiply(pixels, np.float32(1 / 255), out=scaled)
    if noise:
        scaled += np.random.default_rng(len(scaled)).uniform(noise / 100, noise, scaled.shape).astype(np.float32)
    return scaled, labels[wanted].astype(np.int64)


def aligned_empty(shape: tuple[int, ...]) -> X:
    """A float32 array that begins at a multiple of ALIGNMENT bytes."""
    size = int(np.prod(shape)) * 4
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(np.float32).reshape(shape)
