"""GaussianNoise:  h = x + scale ε while training, h = x in prediction;  x (n, ...), h (n, ...)."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.layers.base import Layer, check_positive
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Moves each number by normal noise at every step of training; in prediction it does nothing.

    Parameters
    ----------
    scale : float
        Positive: the standard deviation of the noise, in the units of x.

    Examples
    --------
    >>> from likeliest.layers import GaussianNoise
    >>> GaussianNoise(0.1)
    GaussianNoise(scale=0.1)
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)

    def build(self, net: Builder, x: Value) -> Value:
        """One operation."""
        return net.emit("gaussian_noise", x, name="h", scale=float(self.scale))
