"""Activation: h = f(z),  z (n, ...), h (n, ...)."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature

from likeliest.layers.base import Layer, check_activation
from likeliest.ops import ACTIVATIONS
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Activation(Layer):
    """A scalar function on every number, as a layer of its own.

    Parameters
    ----------
    name : str
        identity, logistic, tanh, relu, leaky_relu, elu, softplus, gelu or silu.
    constants : mapping, optional
        The function's constants: ``{"slope": 0.2}`` for leaky_relu, ``{"alpha": 0.5}`` for elu.

    Raises
    ------
    ValueError
        When there is no activation of that name, or it has no such constant.

    Examples
    --------
    >>> from likeliest.layers import Activation
    >>> Activation("leaky_relu", {"slope": 0.2})
    Activation(name='leaky_relu', constants={'slope': 0.2})
    """

    name: str
    constants: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_activation(self.name)
        known = [
            name for name, p in signature(ACTIVATIONS[self.name].forward).parameters.items() if p.kind == p.KEYWORD_ONLY
        ]
        for name, value in self.constants.items():
            if name not in known:
                raise ValueError(f"constants: {self.name} has {known or 'none'}, found {name!r}")
            if not (isinstance(value, numbers.Real) and 0 < value < float("inf")):
                raise ValueError(f"constants: {name} must be a positive number, found {value!r}")

    def build(self, net: Builder, x: Value) -> Value:
        """H = f(z)."""
        return net.emit(self.name, x, name="h", **{name: float(value) for name, value in self.constants.items()})
