"""h_t = σ(o) ∘ tanh(c_t), c_t = σ(f) ∘ c_{t−1} + σ(i) ∘ tanh(g), with [i, f, g, o] = x_t W + h_{t−1} U + b.

x (n, T, p), W (p, 4q), U (q, 4q), b (4q,), h (n, T, q) or the last one (n, q), with ``cell`` [h_T, c_T] (n, 2q). Long
short-term memory: what c holds stays until it is forgotten (Hochreiter and Schmidhuber 1997,
https://doi.org/10.1162/neco.1997.9.8.1735; with f Gers, Schmidhuber and Cummins 2000,
https://doi.org/10.1162/089976600300015015). The gates are i: input, f: forget, g: candidate, o: output, each q wide.
What else it takes, and how time runs: `recurrence`; a state is [h, c] (n, 2q).
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
    cell: bool = False,
    reverse: bool = False,
    truncate: int = 0,
) -> Any:
    """h_1 … h_T, or h_T, or [h_T, c_T]."""
    how: Any = {"lengths": lengths, "state": state, "keep": keep, "every": every, "cell": cell, "reverse": reverse}
    return recurrence.forward(xp, step, 2, x, values, truncate=truncate, **how)


def step(xp: Any, x: Any, s: Any, keep: Any, W: Any, U: Any, b: Any) -> Any:
    """[h_t, c_t] from [h_{t−1}, c_{t−1}]."""
    q = U.shape[0]
    h, c = s[:, :q], s[:, q:]
    i, f, g, o = gates(xp, x @ W + (h if keep is None else h * keep) @ U + b)
    c = f * c + i * g
    return xp.concatenate([o * xp.tanh(c), c], axis=1)


def gates(xp: Any, z: Any) -> tuple[Any, Any, Any, Any]:
    """σ(i), σ(f), tanh(g), σ(o) of z (n, 4q)."""
    q = z.shape[1] // 4
    i, f, g, o = (z[:, k * q : (k + 1) * q] for k in range(4))
    return xp.logistic(i), xp.logistic(f), xp.tanh(g), xp.logistic(o)


def backward(g: Any, h: Any, x: Any, *values: Any, **how: Any) -> tuple[Any, ...]:
    """Backpropagation through time."""
    return recurrence.backward(g, step, step_backward, 2, x, values, **how)


def step_backward(g: Any, x: Any, s: Any, keep: Any, W: Any, U: Any, b: Any) -> tuple[Any, ...]:
    """∂LL/∂c_t is from c_{t+1} and from h_t; from there to the gates, and as in `affine`."""
    q = len(U)
    g_h, g_c, h, c = g[:, :q], g[:, q:], s[:, :q], s[:, q:]
    held = h if keep is None else h * keep
    i, f, a, o = gates(numpy_namespace, x @ W + held @ U + b)
    tanh_c = np.tanh(f * c + i * a)
    g_c = g_c + g_h * o * (1 - tanh_c) * (1 + tanh_c)
    d = gates_backward(g_c * a, g_c * c, g_c * i, g_h * tanh_c, i, f, a, o)
    back = d @ U.T
    g_s = np.concatenate([back if keep is None else back * keep, g_c * f], axis=1)
    return d @ W.T, g_s, back * h, x.T @ d, held.T @ d, d.sum(axis=0)


def gates_backward(g_i: Any, g_f: Any, g_a: Any, g_o: Any, i: Any, f: Any, a: Any, o: Any) -> Any:
    """From ∂LL/∂σ(i), …, to ∂LL/∂z: σ′ = σ (1 − σ), tanh′ = 1 − tanh²."""
    slopes = g_i * i * (1 - i), g_f * f * (1 - f), g_a * (1 - a) * (1 + a), g_o * o * (1 - o)
    return np.concatenate(slopes, axis=1)
