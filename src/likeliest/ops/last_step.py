"""h = x_T:  x (n, T, p), h (n, p), the last step of each sequence; with ``lengths`` (n, 1) that of its own length."""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, *values: Any, lengths: bool = False) -> Any:
    """h_i = x_i at the step length_i − 1, counted from 0."""
    if not lengths:
        return x[:, -1]
    return xp.sum(xp.where(at(x, *values), x, 0.0), axis=1)


def at(x: Any, lengths: Any) -> Any:
    """Whether a step is the last one: (n, T, 1)."""
    return lengths[:, :, None] == np.arange(1, x.shape[1] + 1, dtype=lengths.dtype)[None, :, None]


def backward(g: Any, h: Any, x: Any, *values: Any, lengths: bool = False) -> tuple[Any, ...]:
    """∂LL/∂x = g at the last step, 0 at the others; lengths are no numbers to differentiate."""
    if lengths:
        return np.where(at(x, *values), g[:, None, :], 0), np.zeros_like(values[0])
    slope = np.zeros_like(x)
    slope[:, -1] = g
    return (slope,)
