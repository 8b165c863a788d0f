"""Summary: a network in a table, with what it takes of memory."""

from __future__ import annotations

import math

import numpy as np

from likeliest.likelihoods import Likelihood
from likeliest.optimizers import Optimizer
from likeliest.program import INPUT, Program


def summary(program: Program, likelihood: Likelihood, optimizer: Optimizer, engine: str, dtype: str) -> str:
    """One line a value, with its shape, operation and number of parameters; then the memory."""
    size = np.dtype(dtype).itemsize
    table = [("value", "shape", "operation", "parameters"), (INPUT, _shape(program.input_shape), "", "")]
    for step in program.steps:
        count = sum(math.prod(program.parameters[name]) for name in step.parameters)
        shape = _shape(program.values[step.output])
        table.append((step.output, shape, step.operation, f"{count:,}" if count else ""))
    widths = [max(len(row[k]) for row in table) for k in range(4)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in table]
    rule = "─" * max(map(len, lines))
    example = sum(math.prod(shape) for shape in program.values.values())
    theta, state = program.size * size, program.size * size * optimizer.slots
    return "\n".join(
        [
            lines[0],
            rule,
            *lines[1:],
            rule,
            f"likelihood {likelihood!r}, engine {engine}, {dtype}",
            f"θ: {program.size:,} numbers, {_bytes(theta)}; state of {type(optimizer).__name__}: {_bytes(state)}",
            f"values of one example: {example:,} numbers, {_bytes(example * size)}",
        ]
    )


def _shape(shape: tuple[int, ...]) -> str:
    return f"(n, {', '.join(map(str, shape))})"


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"
