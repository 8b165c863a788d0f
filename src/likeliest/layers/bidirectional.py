"""Bidirectional: h = [a recurrence from the start to the end, another from the end to the start]."""

from __future__ import annotations

from dataclasses import dataclass, replace

from likeliest.layers.base import Layer
from likeliest.layers.recurrent import Recurrent
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Bidirectional(Layer):
    """A recurrence in both directions, side by side: each step knows what comes before and what comes after it.

    Schuster and Paliwal 1997, https://doi.org/10.1109/78.650093. The same as the layer with ``bidirectional=True``.

    Parameters
    ----------
    layer : RNN, LSTM or GRU
        Its parameters are called ``"bidirectional_1.W"``, …, and those of the other direction
        ``"bidirectional_1.backward.W"``, ….

    Raises
    ------
    ValueError
        When the layer is no recurrence.

    Examples
    --------
    >>> import likeliest as ll
    >>> layer = ll.Bidirectional(ll.LSTM(8))
    >>> net = ll.Network([layer], likelihood="bernoulli", engine="reference").build((20, 3))
    >>> net.program.values["bidirectional_1.both"]
    (16,)
    """

    layer: Recurrent

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Recurrent):
            raise ValueError(f"layer: expected a recurrence such as LSTM(32), found {self.layer!r}")

    def parts(self) -> list[tuple[str, Layer]]:
        """The recurrence."""
        return [("layer", self.layer)]

    def build(self, net: Builder, x: Value) -> Value:
        """What the layer builds in both directions."""
        return replace(self.layer, bidirectional=True).build(net, x)
