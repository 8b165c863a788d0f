"""Assembly: from layers and a likelihood to a program; the output layer follows from the likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from likeliest.initializers import Initializer, Zeros
from likeliest.layers import Dense, Layer
from likeliest.layers.base import chain
from likeliest.layers.dense import affine
from likeliest.layers.padding import with_zero_padding
from likeliest.layers.space import written
from likeliest.likelihoods import Likelihood, PerStep
from likeliest.program import LENGTHS, OUTPUT, Builder, Draw, Program, Shape, Value, layers_of


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
    steps = _check_last(x, likelihood)
    if lengths and steps and not any(LENGTHS in step.inputs for step in net.steps):
        x = with_zero_padding(net, x)  # no layer asks for the lengths, and in a program every value is taken
    one = likelihood.of_step
    names = ["eta_of_steps"] if steps else [OUTPUT]
    if one.shared:
        names.insert(0, "z")
    with net.within("output"):
        eta = affine(net, x, Dense(one.width - one.shared), name=names[0])
        if one.shared:
            eta = net.emit("append", eta, net.parameter("c", (one.shared,), Zeros()), name=names[1])
        if steps:
            net.emit("reshape", eta, name=OUTPUT, shape=(math.prod(eta.shape),))
    program = net.finish()
    if isinstance(initializer, Mapping):
        named = layers_of(program.parameters)
        for wrong in initializer.keys() - set(named):
            raise ValueError(f"initializer: there is no layer {wrong!r}; there are {', '.join(sorted(named))}")
    return program, net.draws


def steps_given(layers: Sequence[Layer], input_shape: Shape, lengths: bool = False) -> int:
    """T where the last hidden value is a sequence (n, T, p), else 0."""
    net = Builder(input_shape, None, None, lengths)
    shape = chain(net, layers, net.input).shape
    return shape[0] if len(shape) == 2 else 0


def settled(layers: Sequence[Layer], likelihood: Likelihood, input_shape: Shape, lengths: bool = False) -> Likelihood:
    """The likelihood for examples of a shape: where the last hidden value is a sequence, one for each of its steps."""
    net = Builder(input_shape, None, None, lengths)
    x = chain(net, layers, net.input)
    return PerStep(likelihood.of_step, x.shape[0]) if _check_last(x, likelihood) else likelihood


def _check_last(x: Value, likelihood: Likelihood) -> bool:
    """Whether the last hidden value, which η is made of, is a sequence (n, T, q); a ValueError unless it fits."""
    if len(x.shape) > 2:
        raise ValueError(f"output expects (n, p) or (n, T, p), got {written(x.shape)}: is a Flatten missing?")
    if isinstance(likelihood, PerStep) and len(x.shape) == 1:
        raise ValueError(
            f"output expects a sequence (n, T, p) for {likelihood!r}, got {written(x.shape)}: keep every step, with "
            "return_sequences=True in the last recurrence and without Last() or Flatten(); or take a likelihood of one "
            "y for each sequence"
        )
    return len(x.shape) == 2
