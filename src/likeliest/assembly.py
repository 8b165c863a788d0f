"""Assembly: from layers and a likelihood to a program; the output layer follows from the likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from likeliest.initializers import Initializer, Zeros
from likeliest.layers import Dense, Layer
from likeliest.layers.base import chain
from likeliest.layers.dense import affine
from likeliest.layers.space import written
from likeliest.likelihoods import Likelihood, PerStep
from likeliest.program import OUTPUT, Builder, Draw, Program, Shape, Value, layers_of


def assemble(
    layers: Sequence[Layer],
    likelihood: Likelihood,
    initializer: Initializer | str | Mapping[str, Initializer | str] | None,
    input_shape: Shape,
    expected: Mapping[str, Shape] | None = None,
    lengths: bool = False,
) -> tuple[Program, Mapping[str, Draw]]:
    """The program for examples of a shape, and where each of its parameters starts.

    With ``lengths``, the shape is that of the longest sequence, and examples are rows that end in the length; see
    `Builder`.

    Raises
    ------
    ValueError
        When a layer does not fit the one before it, a likelihood of steps is given no sequence, an initializer is for a
        layer that is not there, or a parameter is not of the shape that is ``expected``.
    """
    net = Builder(input_shape, initializer, expected, lengths)
    x = chain(net, layers, net.input)
    sequence = _check_output(net, x, likelihood)
    step = likelihood.step
    with net.within("output"):
        eta = affine(net, x, Dense(step.width - step.shared), name="z" if step.shared or sequence else OUTPUT)
        if step.shared:
            c = net.parameter("c", (step.shared,), Zeros())
            eta = net.emit("append", eta, c, name="eta_t" if sequence else OUTPUT)
        if sequence:
            net.emit("reshape", eta, name=OUTPUT, shape=(math.prod(eta.shape),))
    program = net.finish()
    if isinstance(initializer, Mapping):
        named = layers_of(program.parameters)
        for wrong in initializer.keys() - set(named):
            raise ValueError(f"initializer: there is no layer {wrong!r}; there are {', '.join(sorted(named))}")
    return program, net.draws


def settled(likelihood: Likelihood, program: Program) -> Likelihood:
    """The likelihood of what a program gives: where its last hidden value is a sequence, one for each of its steps."""
    last = program.steps[-1]
    if last.operation != "reshape":
        return likelihood
    T, _ = program.values[last.inputs[0]]
    return PerStep(likelihood.step, T)


def _check_output(net: Builder, x: Value, likelihood: Likelihood) -> bool:
    """Whether the last hidden value, which η is made of, is a sequence (n, T, q); a ValueError unless it fits."""
    sequence = len(x.shape) == 2
    if len(x.shape) > 2:
        raise ValueError(f"output expects (n, p) or (n, T, p), got {written(x.shape)}: is a Flatten missing?")
    if isinstance(likelihood, PerStep) and not sequence:
        raise ValueError(
            f"output expects a sequence (n, T, p) for {likelihood!r}, got {written(x.shape)}: keep every step, with "
            "return_sequences=True in the last recurrence and without Last() or Flatten(); or take a likelihood of one "
            "y for each sequence"
        )
    return sequence
