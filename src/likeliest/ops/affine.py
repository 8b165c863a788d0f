"""z = x W + b:  x (n, ..., p), W (p, q), b (q,), z (n, ..., q).

The sum inside σ of the handout's equations (1) and (2), for n examples and q cells at once; b is the weight of the
bias term x_0 = 1. Of a sequence x (n, T, p), every step by itself.
"""

from typing import Any


def forward(xp: Any, x: Any, W: Any, b: Any = None) -> Any:
    """z_ij = Σ_k x_ik W_kj + b_j."""
    z = xp.matmul(x, W)
    return z if b is None else z + b


def backward(g: Any, z: Any, x: Any, W: Any, b: Any = None) -> tuple[Any, ...]:
    """∂LL/∂x = g Wᵀ,  ∂LL/∂W = xᵀ g,  ∂LL/∂b = Σ_i g_i."""
    p, q = W.shape
    rows = g.reshape(-1, q)
    gradients = (g @ W.T, x.reshape(-1, p).T @ rows)
    return gradients if b is None else (*gradients, rows.sum(axis=0))
