"""h_t = (1 − z) ∘ ñ + z ∘ h_{t−1}:  x (n, T, p), W (p, 3q), U (q, 3q), b, c (3q,), h (n, T, q) or the last one (n, q).

Gates, each q wide: r = σ(x_t W_r + h U_r + b_r + c_r), reset, and z likewise, update, with h = h_{t−1}; the candidate
is ñ = tanh(x_t W_n + b_n + r ∘ (h U_n + c_n)) with ``reset_after``, as in cuDNN and PyTorch, and otherwise
ñ = tanh(x_t W_n + b_n + (r ∘ h) U_n + c_n), as published (Cho et al. 2014, https://arxiv.org/abs/1406.1078). What else
it takes, and how time runs: `recurrence`.
"""

from functools import partial
from typing import Any

import numpy as np

from likeliest.ops import recurrence
from likeliest.xp import numpy_namespace


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
    reset_after: bool = True,
) -> Any:
    """h_1 … h_T, or h_T."""
    how: Any = {"lengths": lengths, "state": state, "keep": keep, "every": every, "reverse": reverse}
    return recurrence.forward(xp, partial(step, reset_after), 1, x, values, truncate=truncate, **how)


def step(reset_after: bool, xp: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any, c: Any) -> Any:
    """h_t from h_{t−1}."""
    _, _, _, z, n, _ = cells(reset_after, xp, x, h if keep is None else h * keep, W, U, b, c)
    return (1 - z) * n + z * h


def cells(
    reset_after: bool, xp: Any, x: Any, held: Any, W: Any, U: Any, b: Any, c: Any
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """The parts of U that h meets before and after the reset, then r, z, ñ and h U_n + c_n, with ``reset_after``."""
    q = U.shape[0]
    u = x @ W + b
    U_rz, U_n = U[:, : 2 * q], U[:, 2 * q :]
    rz = xp.logistic(u[:, : 2 * q] + held @ U_rz + c[: 2 * q])
    r, z = rz[:, :q], rz[:, q:]
    v = (held if reset_after else r * held) @ U_n + c[2 * q :]
    return U_rz, U_n, r, z, xp.tanh(u[:, 2 * q :] + (r * v if reset_after else v)), v


def backward(g: Any, h: Any, x: Any, *values: Any, reset_after: bool = True, **how: Any) -> tuple[Any, ...]:
    """Backpropagation through time."""
    return recurrence.backward(g, partial(step, reset_after), partial(step_backward, reset_after), 1, x, values, **how)


def step_backward(
    reset_after: bool, g: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any, c: Any
) -> tuple[Any, ...]:
    """From ∂LL/∂h_t to z and ñ, from ñ to r, and from the gates as in `affine`."""
    held = h if keep is None else h * keep
    U_rz, U_n, r, z, n, v = cells(reset_after, numpy_namespace, x, held, W, U, b, c)
    d_n = g * (1 - z) * (1 - n) * (1 + n)
    if reset_after:
        d_v, met, g_r = d_n * r, held, d_n * v
        back = d_v @ U_n.T
    else:
        d_v, met, through = d_n, r * held, d_n @ U_n.T
        back, g_r = through * r, through * held
    d_rz = np.concatenate([g_r * r * (1 - r), g * (h - n) * z * (1 - z)], axis=1)
    back = back + d_rz @ U_rz.T
    d = np.concatenate([d_rz, d_n], axis=1)
    g_h = g * z + (back if keep is None else back * keep)
    g_U = np.concatenate([held.T @ d_rz, met.T @ d_v], axis=1)
    g_c = np.concatenate([d_rz.sum(axis=0), d_v.sum(axis=0)])
    return d @ W.T, g_h, back * h, x.T @ d, g_U, d.sum(axis=0), g_c
