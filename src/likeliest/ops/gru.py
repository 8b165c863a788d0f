"""h_t = (1 − z) ∘ ñ + z ∘ h_{t−1}:  x (n, T, p), W (p, 3q), U (q, 3q), b, c (3q,), h (n, T, q) or the last one (n, q).

The gates are r = σ(x_t W_r + h U_r + b_r + c_r), reset, and z likewise, update, with h = h_{t−1}; the candidate is
ñ = tanh(x_t W_n + b_n + r ∘ (h U_n + c_n)) with ``reset_after``, as in cuDNN and PyTorch, and otherwise
ñ = tanh(x_t W_n + b_n + (r ∘ h) U_n + c_n), as published (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

Optional values, in this order after x: ``lengths`` (n, 1), the first ``state`` h_0 (n, q), ``keep`` (n, q), which
multiplies h_{t−1} where it goes into U.
"""

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
    has, step = recurrence.given(values, lengths, state, keep), after if reset_after else before
    q = has.parameters[1].shape[0]
    return recurrence.forward(xp, step, q, q, x, has, every=every, reverse=reverse, truncate=truncate)


def after(xp: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any, c: Any) -> Any:
    """h_t, with the reset after the product."""
    q = U.shape[0]
    u, v = x @ W + b, (h if keep is None else h * keep) @ U + c
    r, z = xp.logistic(u[:, :q] + v[:, :q]), xp.logistic(u[:, q : 2 * q] + v[:, q : 2 * q])
    return (1 - z) * xp.tanh(u[:, 2 * q :] + r * v[:, 2 * q :]) + z * h


def before(xp: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any, c: Any) -> Any:
    """h_t, with the reset before the product."""
    q = U.shape[0]
    u, held = x @ W + b + c, h if keep is None else h * keep
    v = held @ U[:, : 2 * q]
    r, z = xp.logistic(u[:, :q] + v[:, :q]), xp.logistic(u[:, q : 2 * q] + v[:, q:])
    return (1 - z) * xp.tanh(u[:, 2 * q :] + (r * held) @ U[:, 2 * q :]) + z * h


def backward(
    g: Any,
    h: Any,
    x: Any,
    *values: Any,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    reverse: bool = False,
    truncate: int = 0,
    reset_after: bool = True,
) -> tuple[Any, ...]:
    """Backpropagation through time."""
    has = recurrence.given(values, lengths, state, keep)
    step, step_backward = (after, after_backward) if reset_after else (before, before_backward)
    q, options = has.parameters[1].shape[0], {"every": every, "reverse": reverse, "truncate": truncate}
    return recurrence.backward(g, step, step_backward, q, x, has, **options)


def after_backward(g: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any, c: Any) -> tuple[Any, ...]:
    """From ∂LL/∂h_t to x_t, h_{t−1}, keep and the parameters."""
    q, held = len(U), h if keep is None else h * keep
    u, v = x @ W + b, held @ U + c
    r, z = (numpy_namespace.logistic(u[:, k * q : (k + 1) * q] + v[:, k * q : (k + 1) * q]) for k in range(2))
    n = np.tanh(u[:, 2 * q :] + r * v[:, 2 * q :])
    d_n = g * (1 - z) * (1 - n) * (1 + n)
    d_rz = [d_n * v[:, 2 * q :] * r * (1 - r), g * (h - n) * z * (1 - z)]
    d_u, d_v = np.concatenate([*d_rz, d_n], axis=1), np.concatenate([*d_rz, d_n * r], axis=1)
    back = d_v @ U.T
    g_h = g * z + (back if keep is None else back * keep)
    return d_u @ W.T, g_h, back * h, x.T @ d_u, held.T @ d_v, d_u.sum(axis=0), d_v.sum(axis=0)


def before_backward(g: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any, c: Any) -> tuple[Any, ...]:
    """From ∂LL/∂h_t to x_t, h_{t−1}, keep and the parameters."""
    q, held = len(U), h if keep is None else h * keep
    u = x @ W + b + c
    v = held @ U[:, : 2 * q]
    r, z = (numpy_namespace.logistic(u[:, k * q : (k + 1) * q] + v[:, k * q : (k + 1) * q]) for k in range(2))
    n = np.tanh(u[:, 2 * q :] + (r * held) @ U[:, 2 * q :])
    d_n = g * (1 - z) * (1 - n) * (1 + n)
    through = d_n @ U[:, 2 * q :].T  # ∂LL/∂(r ∘ held)
    d_rz = np.concatenate([through * held * r * (1 - r), g * (h - n) * z * (1 - z)], axis=1)
    d = np.concatenate([d_rz, d_n], axis=1)
    back = d_rz @ U[:, : 2 * q].T + through * r
    g_h = g * z + (back if keep is None else back * keep)
    g_U = np.concatenate([held.T @ d_rz, (r * held).T @ d_n], axis=1)
    return d @ W.T, g_h, back * h, x.T @ d, g_U, d.sum(axis=0), d.sum(axis=0)
