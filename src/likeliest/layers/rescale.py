"""Rescale: h = (x − shift) ∘ scale,  x (n, ..., c), h (n, ..., c)."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

from likeliest.layers.base import Layer
from likeliest.program import Builder, Value

Constants = tuple[float, ...]


@dataclass(frozen=True)
class Rescale(Layer):
    """Brings the numbers of the data to about 1 inside the network, so that X is never copied: h = (x − shift) scale.

    Images of bytes may then be handed in as they are, also memory-mapped ones: they are read and rescaled minibatch by
    minibatch. `likeliest.Classifier` and `likeliest.Regressor` put one in front by themselves.

    Parameters
    ----------
    shift : float or sequence of float
        What is taken away; of several, one for each channel, the last axis of x.
    scale : float or sequence of float
        What the rest is multiplied by. By default 1/255, which brings bytes to 0 … 1.

    Raises
    ------
    ValueError
        When they are not finite, a scale is 0, there is none, or both have several and not as many. When the network is
        built: when there are not as many as x has channels.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> net = ll.Network([ll.Rescale(), ll.Flatten(), ll.Dense(4, "tanh")], likelihood="bernoulli").build((2, 2))
    >>> X = np.array([[[0, 51], [102, 255]]], np.uint8)
    >>> net.trace(X).values["rescale_1.h"].ravel().round(3)
    array([0. , 0.2, 0.4, 1. ])
    """

    shift: float | Constants = 0.0
    scale: float | Constants = 1 / 255

    def __post_init__(self) -> None:
        for name in ("shift", "scale"):
            object.__setattr__(self, name, _constants(name, getattr(self, name)))
        if 0 in _several(self.scale):
            raise ValueError(f"scale: expected numbers other than 0, found {self.scale!r}")
        counts = {len(_several(one)) for one in (self.shift, self.scale)} - {1}
        if len(counts) > 1:
            raise ValueError(f"scale: expected as many numbers as shift has, found {self.scale!r} for {self.shift!r}")

    def build(self, net: Builder, x: Value) -> Value:
        """(x − shift) scale, with one of both for each channel or for all."""
        shift, scale = _several(self.shift), _several(self.scale)
        count, c = max(len(shift), len(scale)), x.shape[-1]
        if count not in (1, c):
            shape = ", ".join(map(str, x.shape))
            raise ValueError(
                f"{net.layer}: there are {count} numbers for {c} channels: x is (n, {shape}), channels last; give one "
                "for each of them, or one for all"
            )
        both = (one * count if len(one) == 1 else one for one in (shift, scale))
        return net.emit("rescale", x, name="h", **dict(zip(("shift", "scale"), both, strict=True)))


def _constants(name: str, value: Any) -> float | Constants:
    """One finite number or several, as floats."""
    single = isinstance(value, numbers.Real)
    try:
        several = tuple(float(one) for one in ([value] if single else value))
    except (TypeError, ValueError):
        several = ()
    if isinstance(value, bool | str) or not several or not all(map(math.isfinite, several)):
        raise ValueError(f"{name}: expected a finite number, or one for each channel, found {value!r}")
    return several[0] if single else several


def _several(value: float | Constants) -> Constants:
    return value if isinstance(value, tuple) else (value,)
