"""h_t = Σ_s a_ts v_s with a_ts = softmax over s of q_t · k_s / √d, by heads.

q (n, T, H·d), k (n, S, H·d), v (n, S, H·e), h (n, T, H·e), with ``lengths`` (n, 1) of the keys. Scaled dot products:
each step of q asks all steps of k how much of their v it gets (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).
Head i has its part of the columns, i·d … (i + 1)·d − 1. What stands beyond a sequence's length gets nothing, and if
``causal`` neither does what comes after t.
"""

from typing import Any

import numpy as np

from likeliest.xp import numpy_namespace


def forward(
    xp: Any, q: Any, k: Any, v: Any, *lengths_given: Any, lengths: bool = False, heads: int = 1, causal: bool = False
) -> Any:
    """Σ_s a_ts v_s of each head, side by side."""
    a = weights(xp, q, k, *lengths_given, heads=heads, causal=causal)
    h = xp.matmul(a, apart(xp, v, heads))
    return xp.reshape(xp.swapaxes(h, 1, 2), (q.shape[0], q.shape[1], v.shape[2]))


def weights(xp: Any, q: Any, k: Any, *lengths: Any, heads: int, causal: bool) -> Any:
    """The a_ts: (n, H, T, S), each row sums to 1."""
    T, S, d = q.shape[1], k.shape[1], q.shape[2] // heads
    z = xp.matmul(apart(xp, q, heads) / d**0.5, xp.swapaxes(apart(xp, k, heads), 2, 3))
    # e^−1e30 is 0 in every precision, and there is no ∞ − ∞.
    if lengths:
        z = xp.where(xp.reshape(lengths[0], (q.shape[0], 1, 1, 1)) <= np.arange(S), -1e30, z)
    if causal:
        z = z + np.where(np.arange(S) > np.arange(T)[:, None], -1e30, 0.0).astype(z.dtype)
    return xp.exp(z - xp.log_sum_exp(z))


def apart(xp: Any, x: Any, heads: int) -> Any:
    """(n, T, H·d) -> (n, H, T, d)."""
    n, T, width = x.shape
    return xp.swapaxes(xp.reshape(x, (n, T, heads, width // heads)), 1, 2)


def backward(
    g: Any,
    h: Any,
    q: Any,
    k: Any,
    v: Any,
    *lengths_given: Any,
    lengths: bool = False,
    heads: int = 1,
    causal: bool = False,
) -> tuple[Any, ...]:
    """∂LL/∂v = aᵀ g;  ∂LL/∂z = a ∘ (u − Σ_s u a) / √d with u = g vᵀ;  ∂LL/∂q = ∂LL/∂z k, ∂LL/∂k = ∂LL/∂zᵀ q."""
    a = weights(numpy_namespace, q, k, *lengths_given, heads=heads, causal=causal)
    g, q_, k_, v_ = (apart(np, one, heads) for one in (g, q, k, v))
    u = g @ v_.swapaxes(2, 3)
    slope = a * (u - (u * a).sum(axis=-1, keepdims=True)) / q_.shape[-1] ** 0.5
    parts = (slope @ k_, q), (slope.swapaxes(2, 3) @ q_, k), (a.swapaxes(2, 3) @ g, v)
    gradients = tuple(part.swapaxes(1, 2).reshape(of.shape) for part, of in parts)
    return (*gradients, *(np.zeros_like(one) for one in lengths_given))
