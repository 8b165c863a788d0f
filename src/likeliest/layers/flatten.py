"""Flatten:  x (n, ...), y (n, p), p the product of the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from likeliest.layers.base import Layer, check_no_padding
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Flatten(Layer):
    """Lays each example out as one row of numbers, so that a Dense layer can follow.

    Examples
    --------
    >>> from likeliest.layers import Flatten
    >>> Flatten()
    Flatten()
    """

    def build(self, net: Builder, x: Value) -> Value:
        """One row per example."""
        check_no_padding(net, x)
        return net.emit("reshape", x, name="h", shape=(math.prod(x.shape),))
