"""Positions:  h_t = x_t + P_t,  x (n, T, p), h (n, T, p)."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest import initializers
from likeliest.initializers import Initializer, Normal, Zeros
from likeliest.layers.base import Layer
from likeliest.layers.recurrent import check_count
from likeliest.layers.space import written
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Positions(Layer):
    """Tells each step of a sequence where it is, which `Attention` by itself does not know: h_t = x_t + P_t.

    Parameters
    ----------
    longest : int, optional
        How many steps a sequence has at most: the rows of P, if they are learned.
    kind : {"learned", "sinusoidal"}
        Whether P is learned (Gehring et al. 2017, https://arxiv.org/abs/1705.03122), or fixed waves of lengths from 2π
        to 10000 · 2π steps (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762), for sequences of any length.
    initializer : Initializer or str, optional
        Where P starts; by default normal with a standard deviation of 0.02.

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when a sequence is longer, or x is none.

    Examples
    --------
    >>> import likeliest as ll
    >>> layers = [ll.TokenEmbedding(27, 8), ll.Positions(100), ll.Attention(2), ll.GlobalAvgPool()]
    >>> ll.Network(layers, likelihood="bernoulli").build(12).parameters["positions_1.P"].shape
    (100, 8)
    """

    longest: int | None = None
    kind: str = "learned"
    initializer: Initializer | str | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("learned", "sinusoidal"):
            raise ValueError(f'kind: expected "learned" or "sinusoidal", found {self.kind!r}')
        if self.longest is not None:
            check_count("longest", self.longest)
        elif self.kind == "learned":
            raise ValueError(
                "longest: learned positions need the number of steps of the longest sequence, such as Positions(100); "
                'Positions(kind="sinusoidal") takes any'
            )
        initializers.resolve(self.initializer, "initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """One operation."""
        if len(x.shape) != 2:
            raise ValueError(
                f"{net.layer} expects a sequence (n, T, p), got {written(x.shape)}: put it behind TokenEmbedding, or "
                "a Dense on numbers (n, T, p)"
            )
        T, p = x.shape
        if self.longest is not None and self.longest < T:
            raise ValueError(f"{net.layer}: a sequence has {T} steps, and longest is {self.longest}: raise it")
        if self.kind == "sinusoidal":
            return net.emit("sinusoidal", x, name="h", base=10000.0)
        start = initializers.resolve(self.initializer, "initializer", Normal(0.02))
        return net.emit("positions", x, net.parameter("P", (int(self.longest or T), p), start), name="h")
