"""How long saving and loading take beside a bare copy of the same bytes, in turns, in one process.

    python -m benchmarks.model_file [--parameters N] [--rounds N] [--folder DIR]

The bare copy is a write and an fsync of the bytes of the file, and a read of them into new memory, which is faster
where the system gives huge pages for it (as it may for NumPy's arrays); both go by the page cache. What is printed
are medians, and ratios within a round.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import likeliest as ll
from benchmarks.machine import describe

LAYERS = 16


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--parameters", type=int, default=100_000_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--folder", type=Path, default=None)
    options = arguments.parse_args()

    net = network(options.parameters)
    arrays = net.program.size * 4
    machine = describe(threads=os.cpu_count() or 1)
    print(f"{net.program.size:,} parameters, {arrays / 1e6:.0f} MB; {machine['cpu']}, {machine['cores']} cores")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path, copy = Path(folder) / "net.safetensors", Path(folder) / "copy"
        net.save(path)
        data = path.read_bytes()
        ll.load(path)
        turns: dict[str, Callable[[], object]] = {
            "copy: write": lambda: write(copy, data),
            "save": lambda: net.save(path),
            "copy: read": path.read_bytes,
            "copy: read into huge pages": lambda: np.fromfile(path, np.uint8),
            "load": lambda: ll.load(path),
            "load, mapped": lambda: ll.load(path, memory_map=True),
        }
        seconds: dict[str, list[float]] = {name: [] for name in turns}
        for _ in range(options.rounds):
            for name, turn in turns.items():
                for stale in (copy, path) if name == "save" else (copy,):
                    stale.unlink(missing_ok=True)
                start = perf_counter()
                result = turn()
                seconds[name].append(perf_counter() - start)
                del result
        size = path.stat().st_size
    for name, values in seconds.items():
        ratios = [
            f"{statistics.median(a / b for a, b in zip(values, seconds[peer], strict=True)):.2f}x {peer}"
            for peer in seconds
            if peer.startswith({"save": "copy: write", "load": "copy: read"}.get(name, "none"))
        ]
        print(f"{name:28}{1e3 * statistics.median(values):9.1f} ms   {', '.join(ratios)}".rstrip())
    print(f"{'size':28}{100 * (size / arrays - 1):9.4f} % above the arrays")


def network(parameters: int) -> ll.Network:
    """One with about so many parameters, all different."""
    width = round(math.sqrt(parameters / LAYERS))
    layers = [ll.Dense(width, "relu", initializer="zeros")] * LAYERS
    net = ll.Network(layers, likelihood=ll.likelihoods.Bernoulli(), initializer="zeros").build(width)
    rng = np.random.default_rng(0)
    for name, value in net.parameters.items():
        net.parameters[name] = rng.standard_normal(value.shape, dtype=np.float32)
    return net


def write(path: Path, data: bytes) -> None:
    """A bare write, down to the disk."""
    with path.open("wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
