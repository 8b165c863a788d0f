"""h = γ ∘ x / r:  x (n, ..., p), γ (p,), h (n, ..., p), with r² the mean square of each row.

Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467. ``epsilon`` is added to r².
"""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, gamma: Any, *, epsilon: float = 1e-5) -> Any:
    """γ_j x_ij / sqrt(mean_k x_ik² + ε)."""
    return gamma * (x / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + epsilon))


def backward(g: Any, h: Any, x: Any, gamma: Any, *, epsilon: float = 1e-5) -> tuple[Any, ...]:
    """∂LL/∂x = (u − x̂ mean(u ∘ x̂)) / r with u = g ∘ γ and x̂ = x / r;  ∂LL/∂γ = Σ_i g ∘ x̂."""
    r = np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    x_hat, u = x / r, g * gamma
    return (u - x_hat * (u * x_hat).mean(axis=-1, keepdims=True)) / r, (g * x_hat).sum(axis=tuple(range(x.ndim - 1)))
