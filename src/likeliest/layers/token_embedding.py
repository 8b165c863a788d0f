"""TokenEmbedding:  x (n, T) codes 0 … K − 1 -> h (n, T, d)."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest import initializers
from likeliest.initializers import Initializer, Normal, Zeros
from likeliest.layers.base import Layer, check_width
from likeliest.layers.recurrent import check_count
from likeliest.layers.space import written
from likeliest.program import INPUT, Builder, Value


@dataclass(frozen=True)
class TokenEmbedding(Layer):
    """Replaces each symbol of a sequence by a learned vector: h_t = E[x_t].

    Letters, words or other symbols are codes 0 … K − 1; what one-hot columns and a linear layer would compute, without
    the columns.

    Parameters
    ----------
    tokens : int
        K, how many symbols there are.
    width : int
        d, how many numbers a symbol becomes.
    initializer : Initializer or str, optional
        Where the vectors start; by default standard normal, scaled by 1/√d.

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when something changed the codes before. ``fit``
        and ``predict`` raise it for a number that is no code.

    Examples
    --------
    >>> import likeliest as ll
    >>> layers = [ll.TokenEmbedding(27, 8), ll.LSTM(16)]
    >>> ll.Network(layers, likelihood="bernoulli").build(12).program.values["token_embedding_1.h"]
    (12, 8)
    """

    tokens: int
    width: int
    initializer: Initializer | str | None = None

    def __post_init__(self) -> None:
        check_count("tokens", self.tokens)
        check_width(self.width)
        initializers.resolve(self.initializer, "initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """One table, one operation."""
        passed = {step.output: step.inputs[0] for step in net.steps if step.operation in ("reshape", "slice")}
        source = x.name
        while source in passed:
            source = passed[source]
        if source != INPUT:
            raise ValueError(f"{net.layer}: codes are read from the inputs; make it the first layer")
        if x.shape[1:] == (1,):
            x = net.emit("reshape", x, name="codes", shape=x.shape[:1])
        if len(x.shape) != 1:
            raise ValueError(f"{net.layer} expects codes (n, T), got {written(x.shape)}: give one code for each step")
        d = int(self.width)
        start = initializers.resolve(self.initializer, "initializer", Normal(d**-0.5))
        E = net.parameter("E", (int(self.tokens), d), start, weight=True)
        return net.emit("token_embedding", x, E, name="h")
