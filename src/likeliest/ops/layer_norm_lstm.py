"""The `lstm` with [i, f, g, o] = γ_x ∘ N(x_t W) + γ_h ∘ N(h_{t−1} U) + b and h_t = σ(o) ∘ tanh(γ_c ∘ N(c_t) + β_c).

N(z) = (z − μ) / σ with μ and σ² the mean and the variance of the row. x (n, T, p), W (p, 4q), U (q, 4q), b (4q,), γ_x,
γ_h (4q,), γ_c, β_c (q,), h (n, T, q) or the last one (n, q), with ``cell`` [h_T, c_T] (n, 2q). Ba, Kiros and Hinton
2016, https://arxiv.org/abs/1607.06450. ``epsilon`` is added to σ².
"""

from functools import partial
from typing import Any

import numpy as np

from likeliest.ops import layer_norm, recurrence
from likeliest.ops.lstm import gates, gates_backward
from likeliest.xp import numpy_namespace


def forward(
    xp: Any,
    x: Any,
    *values: Any,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    cell: bool = False,
    reverse: bool = False,
    truncate: int = 0,
    epsilon: float = 1e-5,
) -> Any:
    """h_1 … h_T, or h_T, or [h_T, c_T]."""
    how: Any = {"lengths": lengths, "state": state, "keep": keep, "every": every, "cell": cell, "reverse": reverse}
    return recurrence.forward(xp, partial(step, epsilon), 2, x, values, truncate=truncate, **how)


def step(epsilon: float, xp: Any, x: Any, s: Any, keep: Any, W: Any, U: Any, b: Any, *normalized: Any) -> Any:
    """[h_t, c_t] from [h_{t−1}, c_{t−1}]."""
    gamma_x, gamma_h, gamma_c, beta_c = normalized
    q = U.shape[0]
    h, c = s[:, :q], s[:, q:]
    z_h = layer_norm.forward(xp, (h if keep is None else h * keep) @ U, gamma_h, b, epsilon=epsilon)
    i, f, g, o = gates(xp, layer_norm.forward(xp, x @ W, gamma_x, z_h, epsilon=epsilon))
    c = f * c + i * g
    return xp.concatenate([o * xp.tanh(layer_norm.forward(xp, c, gamma_c, beta_c, epsilon=epsilon)), c], axis=1)


def backward(g: Any, h: Any, x: Any, *values: Any, epsilon: float = 1e-5, **how: Any) -> tuple[Any, ...]:
    """Backpropagation through time."""
    return recurrence.backward(g, partial(step, epsilon), partial(step_backward, epsilon), 2, x, values, **how)


def step_backward(
    epsilon: float, g: Any, x: Any, s: Any, keep: Any, W: Any, U: Any, b: Any, *normalized: Any
) -> tuple[Any, ...]:
    """As in `lstm`, with the chain rule of `layer_norm` at its three places."""
    gamma_x, gamma_h, gamma_c, beta_c = normalized
    q = len(U)
    g_h, g_c, h, c = g[:, :q], g[:, q:], s[:, :q], s[:, q:]
    held = h if keep is None else h * keep
    z_x, z_h = x @ W, held @ U
    z = layer_norm.forward(np, z_x, gamma_x, layer_norm.forward(np, z_h, gamma_h, b, epsilon=epsilon), epsilon=epsilon)
    i, f, a, o = gates(numpy_namespace, z)
    after = f * c + i * a
    tanh_c = np.tanh(layer_norm.forward(np, after, gamma_c, beta_c, epsilon=epsilon))
    g_t = g_h * o * (1 - tanh_c) * (1 + tanh_c)
    g_after, g_gamma_c, g_beta_c = layer_norm.backward(g_t, None, after, gamma_c, beta_c, epsilon=epsilon)
    g_c = g_c + g_after
    d = gates_backward(g_c * a, g_c * c, g_c * i, g_h * tanh_c, i, f, a, o)
    d_x, g_gamma_x, g_b = layer_norm.backward(d, None, z_x, gamma_x, b, epsilon=epsilon)
    d_h, g_gamma_h, _ = layer_norm.backward(d, None, z_h, gamma_h, b, epsilon=epsilon)
    back = d_h @ U.T
    g_s = np.concatenate([back if keep is None else back * keep, g_c * f], axis=1)
    g_normalized = g_gamma_x, g_gamma_h, g_gamma_c, g_beta_c
    return d_x @ W.T, g_s, back * h, x.T @ d_x, held.T @ d_h, g_b, *g_normalized
