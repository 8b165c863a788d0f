"""h_t = σ(o) ∘ tanh(c_t), c_t = σ(f) ∘ c_{t−1} + σ(i) ∘ tanh(g), with [i, f, g, o] = x_t W + h_{t−1} U + b.

x (n, T, p), W (p, 4q), U (q, 4q), b (4q,), h (n, T, q) or the last one (n, q), with ``cell`` [h_T, c_T] (n, 2q). Long
short-term memory: what the cells c hold stays until it is forgotten (Hochreiter and Schmidhuber 1997,
https://doi.org/10.1162/neco.1997.9.8.1735; with forget gates Gers, Schmidhuber and Cummins 2000,
https://doi.org/10.1162/089976600300015015). The gates are i: input, f: forget, g: candidate, o: output.

Optional values, in this order after x: ``lengths`` (n, 1), the first ``state`` [h_0, c_0] (n, 2q), ``keep`` (n, q),
which multiplies h_{t−1} where it goes into U.
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
    has = recurrence.given(values, lengths, state, keep)
    q = has.parameters[1].shape[0]
    width = 2 * q if cell and not every else q
    return recurrence.forward(xp, step, 2 * q, width, x, has, every=every, reverse=reverse, truncate=truncate)


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


def backward(
    g: Any,
    h: Any,
    x: Any,
    *values: Any,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    cell: bool = False,
    reverse: bool = False,
    truncate: int = 0,
) -> tuple[Any, ...]:
    """Backpropagation through time."""
    has = recurrence.given(values, lengths, state, keep)
    k, options = 2 * has.parameters[1].shape[0], {"every": every, "reverse": reverse, "truncate": truncate}
    return recurrence.backward(g, step, step_backward, k, x, has, **options)


def step_backward(g: Any, x: Any, s: Any, keep: Any, W: Any, U: Any, b: Any) -> tuple[Any, ...]:
    """From ∂LL/∂[h_t, c_t] to x_t, [h_{t−1}, c_{t−1}], keep and the parameters."""
    q = len(U)
    h, c = s[:, :q], s[:, q:]
    held = h if keep is None else h * keep
    i, f, a, o = gates(numpy_namespace, x @ W + held @ U + b)
    d, g_c = gates_backward(g[:, :q], g[:, q:], i, f, a, o, c, np.tanh(f * c + i * a))
    back = d @ U.T
    g_s = np.concatenate([back if keep is None else back * keep, g_c], axis=1)
    return d @ W.T, g_s, back * h, x.T @ d, held.T @ d, d.sum(axis=0)


def gates_backward(
    g_h: Any, g_c: Any, i: Any, f: Any, a: Any, o: Any, c: Any, tanh_c: Any
) -> tuple[Any, Any]:
    """From ∂LL/∂h_t and ∂LL/∂c_t to ∂LL/∂z and ∂LL/∂c_{t−1}."""
    g_c = g_c + g_h * o * (1 - tanh_c) * (1 + tanh_c)
    d = g_c * a * i * (1 - i), g_c * c * f * (1 - f), g_c * i * (1 - a) * (1 + a), g_h * tanh_c * o * (1 - o)
    return np.concatenate(d, axis=1), g_c * f
