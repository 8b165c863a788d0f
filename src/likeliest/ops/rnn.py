"""h_t = f(x_t W + h_{t−1} U + b):  x (n, T, p), W (p, q), U (q, q), b (q,), h (n, T, q) or the last one (n, q).

The simple recurrence (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1). f is tanh, or with ``relu`` max(z, 0)
(Le, Jaitly and Hinton 2015, https://arxiv.org/abs/1504.00941). What else it takes, and how time runs: `recurrence`.
"""

from functools import partial
from typing import Any

import numpy as np

from likeliest.ops import recurrence


def forward(
    xp: Any,
    x: Any,
    *values: Any,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    reverse: bool = False,
    truncate: int = 0,
    relu: bool = False,
) -> Any:
    """h_1 … h_T, or h_T."""
    how: Any = {"lengths": lengths, "state": state, "keep": keep, "every": every, "reverse": reverse}
    return recurrence.forward(xp, partial(step, relu), 1, x, values, truncate=truncate, **how)


def step(relu: bool, xp: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any) -> Any:
    """h_t = f(x_t W + (h_{t−1} ∘ keep) U + b)."""
    z = x @ W + (h if keep is None else h * keep) @ U + b
    return xp.where(z <= 0, 0.0, z) if relu else xp.tanh(z)


def backward(g: Any, h: Any, x: Any, *values: Any, relu: bool = False, **how: Any) -> tuple[Any, ...]:
    """Backpropagation through time."""
    return recurrence.backward(g, partial(step, relu), partial(step_backward, relu), 1, x, values, **how)


def step_backward(relu: bool, g: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any) -> tuple[Any, ...]:
    """∂LL/∂z_t = ∂LL/∂h_t ∘ f′(z_t), and from there as in `affine`."""
    after, held = step(relu, np, x, h, keep, W, U, b), h if keep is None else h * keep
    d = g * (after > 0) if relu else g * (1 - after) * (1 + after)
    back = d @ U.T
    return d @ W.T, back if keep is None else back * keep, back * h, x.T @ d, held.T @ d, d.sum(axis=0)
