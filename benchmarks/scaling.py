"""What a step costs on 1 to 1,024 accelerators: a model of it, and how it agrees with the processes of this computer.

python -m benchmarks.scaling               # the model's table: three networks
python -m benchmarks.scaling --measure     # 1, 2 and 4 processes of this computer beside the model (needs JAX)

The model: t = max(compute + all-reduce, input), where
    compute     6 M m / F: M multiplications an example, forward, and twice that backward, each with an addition; m
                examples a step and accelerator; F operations a second that an accelerator sustains
    all-reduce  of the gradient, 4 P bytes, in a ring: 2 (n − 1)/n 4 P / B + 2 log₂(n) a, for a bandwidth B and a delay
                a; within a host first, then of an eighth of it between hosts
    input       bytes of an example times m, at what a host reads a second, divided by its accelerators
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import subprocess
import sys
import time
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import likeliest as ll
from benchmarks.children import ROOT, environment
from likeliest.assembly import assemble
from likeliest.layers import Layer
from likeliest.likelihoods import Categorical, Likelihood
from likeliest.program import Program

ACCELERATORS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Machine(NamedTuple):
    """Accelerators in hosts: operations a second, bytes a second, seconds."""

    operations: float
    within: float
    between: float
    delay_within: float
    delay_between: float
    host_reads: float
    in_a_host: int


USUAL = Machine(60e12, 200e9, 40e9, 5e-6, 20e-6, 4e9, 8)
"""Eight accelerators a host, of 60 · 10¹² float32 operations a second sustained; 200 GB/s each within a host, 40 GB/s
each between hosts, 5 and 20 µs of delay; 4 GB/s that a host reads and decodes."""


class Example(NamedTuple):
    """A network, the bytes of an example and the examples of a step on each accelerator."""

    name: str
    layers: list[Layer]
    likelihood: Likelihood
    shape: tuple[int, ...]
    bytes: int
    batch: int


def examples() -> list[Example]:
    """From a network that is too small to be spread to one that is not."""
    convolutions: list[Layer] = [ll.Conv2D(64, 3, "relu", padding="same")]
    for q in (64, 128, 256, 512):
        block = [ll.Conv2D(q, 3, "relu", padding="same"), ll.Conv2D(q, 3, "relu", padding="same")]
        convolutions += [*block, ll.MaxPool2D(2)]
    transformer = [ll.TokenEmbedding(32768, 768), ll.Positions(1024)]
    transformer += [ll.TransformerBlock(12, 3072, causal=True) for _ in range(12)]
    return [
        Example("784-512-10", [ll.Dense(512, "relu")], Categorical(10), (784,), 784, 128),
        Example(
            "9 convolutions, 64 x 64 x 3",
            [*convolutions, ll.GlobalAvgPool()],
            Categorical(1000),
            (64, 64, 3),
            64 * 64 * 3,
            128,
        ),
        Example("transformer, 12 blocks of 768, 1,024 steps", transformer, Categorical(32768), (1024,), 4096, 8),
    ]


def multiplications(program: Program) -> float:
    """Of a forward pass of one example: by each matrix or kernel at every place of what it gives, and of attention."""
    total = 0.0
    for step in program.steps:
        out = program.values[step.output]
        places = math.prod(out[:-1])
        if step.operation not in ("embedding", "token_embedding", "positions"):
            shapes = [program.parameters[name] for name in step.parameters]
            total += places * sum(math.prod(shape) for shape in shapes if len(shape) > 1)
        if step.operation == "attention":
            total += 2 * places * out[0] * out[-1]
    return total


def step_seconds(example: Example, machine: Machine, n: int) -> dict[str, float]:
    """The parts of a step on n accelerators, and the whole: with so many examples on each."""
    program, _ = assemble(example.layers, example.likelihood, None, example.shape)
    gradient = 4 * program.size
    near, far = min(n, machine.in_a_host), max(1, n // machine.in_a_host)
    reduce = ring(near, gradient, machine.within, machine.delay_within)
    reduce += ring(far, gradient / near, machine.between, machine.delay_between)
    compute = 6 * multiplications(program) * example.batch / machine.operations
    reading = example.bytes * example.batch * near / machine.host_reads
    return {"compute": compute, "all-reduce": reduce, "input": reading, "step": max(compute + reduce, reading)}


def ring(n: int, size: float, bandwidth: float, delay: float) -> float:
    """Seconds of an all-reduce of so many bytes among n."""
    return 2 * (n - 1) / n * size / bandwidth + 2 * math.log2(n) * delay


def table(machine: Machine) -> None:
    """The model's figures, in Markdown."""
    for example in examples():
        program, _ = assemble(example.layers, example.likelihood, None, example.shape)
        print(
            f"\n**{example.name}**: {program.size:,} parameters, {multiplications(program):.3g} multiplications and "
            f"{example.bytes:,} bytes an example, {example.batch} examples on each accelerator\n\n"
            "| accelerators | compute | all-reduce | input | a step | of n times one |\n|--:|--:|--:|--:|--:|--:|"
        )
        alone = step_seconds(example, machine, 1)["step"]
        for n in ACCELERATORS:
            parts = step_seconds(example, machine, n)
            cells = " | ".join(f"{1e3 * value:.3g} ms" for value in parts.values())
            print(f"| {n:,} | {cells} | {100 * alone / parts['step']:.0f} % |")


# Measured ------------------------------------------------------------------------------------------------------------

BATCH = 512
SMALL, LARGE = 1 << 12, 1 << 22  # bytes, whose all-reduces give the delay and the bandwidth
TIMES = 25  # that they are done in a row


class Measured(NamedTuple):
    """A network whose steps are taken on this computer."""

    name: str
    hidden: tuple[int, ...]
    columns: int


HERE = (Measured("784-512-10", (512,), 784), Measured("20-50-10", (50,), 20))


def child(port: int, count: int, index: int, batch: int) -> None:
    """One of the processes: the seconds of a step of each network, and of two all-reduces, as JSON."""
    if count > 1:
        ll.distributed.initialize(f"127.0.0.1:{port}", count, index)
    import jax
    import jax.numpy as jnp
    from jax import lax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    seconds: dict[str, float] = {}
    for measured in HERE:
        rng = np.random.default_rng(0)
        n = 24 * batch
        X = rng.normal(size=(n, measured.columns)).astype(np.float32)
        y = rng.integers(0, 10, n)
        layers = [ll.Dense(q, "relu") for q in measured.hidden]
        net = ll.Network(layers, likelihood=Categorical(10), engine="jax", devices="all" if count > 1 else None)
        net.fit(X, y, epochs=3, batch_size=batch, seed=0, verbose=False)
        history = net.fit(X, y, epochs=15, batch_size=batch, verbose=False)
        seconds[measured.name] = median(history.seconds) / 24
    if count > 1:
        mesh = Mesh(np.array(jax.devices()), ("rows",))
        rows, whole = NamedSharding(mesh, PartitionSpec("rows")), NamedSharding(mesh, PartitionSpec())

        @jax.jit
        def several(a: Any) -> Any:
            """All-reduces one after the other, as a fit's steps have them: within a compiled loop."""

            def one(k: Any, total: Any) -> Any:
                return lax.with_sharding_constraint((a + total[0] * 1e-9).sum(axis=0), whole)

            return lax.fori_loop(0, TIMES, one, jnp.zeros(a.shape[1]))

        for size in (SMALL, LARGE):
            shape = (count, size // 4)
            a = jax.make_array_from_callback(shape, rows, lambda at, shape=shape: np.ones(shape, np.float32)[at])
            times = []
            for _ in range(9):
                begin = time.perf_counter()
                several(a).block_until_ready()
                times.append(time.perf_counter() - begin)
            seconds[str(size)] = median(times[1:]) / TIMES
    if index == 0:
        print(json.dumps(seconds), flush=True)


def run(count: int, batch: int, together: bool = True) -> dict[str, float]:
    """What processes measure, each on a processor of its own if there are as many; or each for itself, meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = sorted(os.sched_getaffinity(0))
    env = environment(1)
    if not together:  # rows are gathered for each step, as several processes do it, and on the same processor
        env["LIKELIEST_JAX_RESIDENT_BYTES"] = "1"
    started = []
    for k in range(count):
        words = ["taskset", "-c", str(own[k % len(own)]), sys.executable, "-m", "benchmarks.scaling"]
        arguments = ["--child", *map(str, (port, count, k, batch) if together else (port, 1, 0, batch))]
        started.append(
            subprocess.Popen([*words, *arguments], env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        )
    said = [one.communicate(timeout=600)[0] for one in started]
    if any(one.returncode for one in started):
        raise SystemExit(f"a process failed: exit codes {[one.returncode for one in started]}")
    found: dict[str, float] = json.loads(said[0].decode().strip().splitlines()[-1])
    return found


def measure() -> None:
    """Steps of 512 examples on 1, 2 and 4 processes, beside what the model makes of one process and the all-reduces."""
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} processors, one thread a process, {BATCH} examples a step\n")
    print("| | processes | measured | model | compute and input | all-reduce |\n|---|--:|--:|--:|--:|--:|")
    for count in (1, 2, 4):
        shares = run(count, BATCH // count, together=False)
        whole = shares if count == 1 else run(count, BATCH)
        for measured in HERE:
            compute = shares[measured.name]
            reduce = 0.0
            if count > 1:
                program, _ = assemble(
                    [ll.Dense(q, "relu") for q in measured.hidden], Categorical(10), None, (measured.columns,)
                )
                a_byte = (whole[str(LARGE)] - whole[str(SMALL)]) / (LARGE - SMALL)
                arrays = len(program.parameters)  # XLA takes each by itself on processors
                reduce = arrays * whole[str(SMALL)] + a_byte * 4 * program.size
            figures = (whole[measured.name], compute + reduce, compute, reduce)
            print(f"| {measured.name} | {count} | " + " | ".join(f"{1e3 * one:.3g} ms" for one in figures) + " |")


def main(arguments: Any = None) -> None:
    """Prints the table, or what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="run processes of this computer")
    parser.add_argument("--child", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(*options.child)
    elif options.measure:
        measure()
    else:
        table(USUAL)


if __name__ == "__main__":
    main()
