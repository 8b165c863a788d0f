"""h_t = x_t ∘ k:  x (n, T, p), k (n, p), h (n, T, p): every step of a sequence times the same numbers.

With k a dropout of ones, the mask is the same at every step (Gal and Ghahramani 2016,
https://arxiv.org/abs/1512.05287).
"""

from typing import Any


def forward(xp: Any, x: Any, k: Any) -> Any:
    """h_itj = x_itj k_ij."""
    return x * k[:, None, :]


def backward(g: Any, h: Any, x: Any, k: Any) -> tuple[Any, Any]:
    """∂LL/∂x_t = g_t ∘ k,  ∂LL/∂k = Σ_t g_t ∘ x_t."""
    return g * k[:, None, :], (g * x).sum(axis=1)
