"""Assembly: from layers and a likelihood to a program; the output layer follows from the likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

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
        When a layer does not fit the one before it, an initializer is for a layer that is not there, or a parameter is
        not of the shape that is ``expected``.
    """
    net = Builder(input_shape, initializer, expected, lengths)
    x = chain(net, layers, net.input)
    _check_last(x, likelihood)
    one = likelihood.of_step
    names = [OUTPUT] if one is likelihood else ["eta_of_steps"]
    if one.shared:
        names.insert(0, "z")
    with net.within("output"):
        eta = affine(net, x, Dense(one.width - one.shared), name=names[0])
        if one.shared:
            eta = net.emit("append", eta, net.parameter("c", (one.shared,), Zeros()), name=names[1])
        if one is not likelihood:
            net.emit("reshape", eta, name=OUTPUT, shape=(likelihood.width,))
    program = net.finish()
    if isinstance(initializer, Mapping):
        named = layers_of(program.parameters)
        for wrong in initializer.keys() - set(named):
            raise ValueError(f"initializer: there is no layer {wrong!r}; there are {', '.join(sorted(named))}")
    return program, net.draws


def gives_steps(layers: Sequence[Layer], input_shape: Shape, lengths: bool = False) -> bool:
    """Whether the last hidden value is a sequence (n, T, p)."""
    net = Builder(input_shape, None, None, lengths)
    return len(chain(net, layers, net.input).shape) == 2


def settled(
    layers: Sequence[Layer], likelihood: Likelihood, input_shape: Shape, lengths: bool = False, y: Any = None
) -> Likelihood:
    """The likelihood for examples of a shape: `PerStep` gets to know its steps.

    Where the last hidden value is a sequence (T, q) and y, if it is known, has T targets an example, the likelihood of
    one step becomes `PerStep`.
    """
    per_step = isinstance(likelihood, PerStep)
    if not per_step and np.ndim(y) < 2:
        return likelihood
    net = Builder(input_shape, None, None, lengths)
    x = chain(net, layers, net.input)
    if len(x.shape) != 2:
        return likelihood
    if isinstance(likelihood, PerStep):
        return replace(likelihood, steps=x.shape[0])
    return PerStep(likelihood, x.shape[0]) if np.shape(y)[1] == x.shape[0] else likelihood


def _check_last(x: Value, likelihood: Likelihood) -> None:
    """A ValueError unless the last hidden value is what η is made of: a row (n, p), or steps (n, T, p) for PerStep."""
    if isinstance(likelihood, PerStep):
        if len(x.shape) != 2:
            raise ValueError(
                f"output of {likelihood!r} expects a sequence (n, T, p), got {written(x.shape)}: recurrent layers have "
                "return_sequences=True for an output at every step"
            )
        return
    if len(x.shape) == 1:
        return
    cure = "is a Flatten missing?"
    if len(x.shape) == 2:
        cure = (
            "is a Flatten missing? Of a sequence (n, T, p), Last() or return_sequences=False gives the last step, "
            f"GlobalAvgPool() the mean of all; for a y at every step, the likelihood is PerStep({likelihood!r})"
        )
    raise ValueError(f"output expects (n, p), got {written(x.shape)}: {cure}")
