"""Last: h = x_T,  x (n, T, p), h (n, p)."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.layers.base import Layer
from likeliest.layers.space import written
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Last(Layer):
    """The last step of each sequence, which for one that is shorter than the others is at its own length.

    Raises
    ------
    ValueError
        When x is no sequence (n, T, p).

    Examples
    --------
    >>> import likeliest as ll
    >>> layers = [ll.LSTM(8, return_sequences=True), ll.Dense(4, "relu"), ll.Last()]
    >>> net = ll.Network(layers, likelihood="bernoulli", engine="reference").build((20, 3))
    >>> net.program.values["last_1.h"]
    (4,)
    """

    def build(self, net: Builder, x: Value) -> Value:
        """One operation."""
        if len(x.shape) != 2:
            raise ValueError(
                f"{net.layer} expects sequences (n, T, p), got {written(x.shape)}: is return_sequences=True missing?"
            )
        values = (x,) if net.lengths is None else (x, net.lengths)
        return net.emit("last_step", *values, name="h", lengths=net.lengths is not None)
