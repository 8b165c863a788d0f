"""Assembly: from layers and a likelihood to a program; the output layer follows from the likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from likeliest.initializers import Initializer, Zeros
from likeliest.layers import Dense, Layer
from likeliest.layers.base import chain
from likeliest.layers.dense import affine
from likeliest.layers.space import written
from likeliest.likelihoods import Likelihood
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
    _check_row(x)
    shared = likelihood.shared
    with net.within("output"):
        eta = affine(net, x, Dense(likelihood.width - shared), name="z" if shared else OUTPUT)
        if shared:
            net.emit("append", eta, net.parameter("c", (shared,), Zeros()), name=OUTPUT)
    program = net.finish()
    if isinstance(initializer, Mapping):
        named = layers_of(program.parameters)
        for wrong in initializer.keys() - set(named):
            raise ValueError(f"initializer: there is no layer {wrong!r}; there are {', '.join(sorted(named))}")
    return program, net.draws


def _check_row(x: Value) -> None:
    """A ValueError unless the last hidden value is a row (n, p), which one η is made of."""
    if len(x.shape) == 1:
        return
    cure = "is a Flatten missing?"
    if len(x.shape) == 2:
        cure = (
            "is a Flatten missing? Of a sequence (n, T, p), Last() or return_sequences=False gives the last step, "
            "GlobalAvgPool() the mean of all"
        )
    raise ValueError(f"output expects (n, p), got {written(x.shape)}: {cure}")
