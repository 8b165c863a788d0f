"""Summary: a network in a table, with what it takes of memory."""

from __future__ import annotations

import math

import numpy as np

from likeliest.engines import kept_in
from likeliest.likelihoods import Likelihood
from likeliest.optimizers import Optimizer
from likeliest.program import INPUT, Program

WIDTH = 80  # of a terminal, which a table of a branching network keeps to where it can


def summary(program: Program, likelihood: Likelihood, optimizer: Optimizer, engine: str, dtype: str) -> str:
    """One line a value, with its shape, operation and number of parameters; then the memory.

    Where the program branches, lines on the left lead from each value to those that take it.
    """
    size = np.dtype(kept_in(dtype)).itemsize
    table = [("value", "shape", "operation", "parameters"), (INPUT, _shape(program.input_shape), "", "")]
    for step in program.steps:
        count = sum(math.prod(program.parameters[name]) for name in step.parameters)
        shape = _shape(program.values[step.output])
        table.append((step.output, shape, step.operation, f"{count:,}" if count else ""))
    drawn = ["", *rails(program)] if branches(program) else [""] * len(table)
    left = max(map(len, drawn)) + 2 * branches(program)
    widths = [max(len(row[k]) for row in table) for k in range(4)]
    if branches(program):  # names of layers in layers are long
        widths[0] = min(widths[0], max(WIDTH - left - sum(widths[1:]) - 6, 24))
    a, b, c, d = widths
    lines = [
        f"{rail:<{left}}{_cut(value, a):<{a}}  {form:<{b}}  {what:<{c}}  {many:>{d}}".rstrip()
        for rail, (value, form, what, many) in zip(drawn, table, strict=True)
    ]
    recurrent = any("U" in name.rpartition(".")[2] for step in program.steps for name in step.parameters)
    clipping = [
        "fit scales gradients longer than max(1, 8/√batch_size) back to it, unless clip_norm says otherwise"
    ] * recurrent
    rule = "─" * max(map(len, lines))
    example = sum(math.prod(shape) for shape in program.values.values())
    theta, state = program.size * size, program.size * size * optimizer.slots
    return "\n".join(
        [
            lines[0],
            rule,
            *lines[1:],
            rule,
            *clipping,
            f"likelihood {likelihood!r}, engine {engine}, {dtype}",
            f"θ: {program.size:,} numbers, {_bytes(theta)}; state of {type(optimizer).__name__}: {_bytes(state)}",
            f"values of one example: {example:,} numbers, {_bytes(example * size)}",
        ]
    )


def branches(program: Program) -> bool:
    """Whether it is more than a chain: a value goes to several steps, or a step takes several values."""
    taken = [name for step in program.steps for name in step.inputs]
    return len(set(taken)) < len(taken) or any(len(step.inputs) > 1 for step in program.steps)


def rails(program: Program) -> list[str]:
    """For each value from x on, a line that shows where it comes from: a rail goes on until its value is not needed.

    >>> import likeliest as ll
    >>> net = ll.Network([ll.Residual(ll.Dense(4, "tanh"))], likelihood="bernoulli", engine="reference").build(4)
    >>> print(*rails(net.program), sep=chr(10))
    ●
    ├─●
    │ ●
    ●─╯
    ●
    """
    last = {name: k for k, step in enumerate(program.steps) for name in step.inputs}
    lanes: list[str | None] = [INPUT]
    lines = ["●"]
    for k, step in enumerate(program.steps):
        taken = {lanes.index(name) for name in step.inputs}
        ended = {lane for lane in taken if last[lanes[lane] or ""] == k}
        free = [lane for lane, name in enumerate(lanes) if name is None and lane > min(taken)]
        own = min(ended) if ended else free[0] if free else len(lanes)
        lines.append(_rail(lanes, own, taken, ended))
        lanes += [None] * (own + 1 - len(lanes))
        for lane in ended:
            lanes[lane] = None
        lanes[own] = step.output
        while lanes[-1] is None:
            lanes.pop()
    return lines


def _rail(lanes: list[str | None], own: int, taken: set[int], ended: set[int]) -> str:
    """One line: ● on its own lane, joined to the lanes that are taken; what passes is not joined."""
    low, high = min(own, *taken), max(own, *taken)
    line = ""
    for lane in range(max(len(lanes), own + 1)):
        if lane == own:
            sign = "●"
        elif lane in taken:
            ends = {True: "╰┴╯", False: "├┼┤"}[lane in ended]
            sign = ends[0 if lane == low else 2 if lane == high else 1]
        elif lane < len(lanes) and lanes[lane] is not None:
            sign = "│"
        else:
            sign = "─" if low < lane < high else " "
        line += sign + ("─" if low <= lane < high else " ")
    return line.rstrip()


def _cut(name: str, width: int) -> str:
    """A name that is too long without its middle: what it is in comes first, what it is last."""
    if len(name) <= width:
        return name
    head = (width - 1) // 3
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def _shape(shape: tuple[int, ...]) -> str:
    return f"(n, {', '.join(map(str, shape))})"


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"
