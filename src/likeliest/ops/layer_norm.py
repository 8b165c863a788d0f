"""h = γ ∘ (x − μ) / σ + β:  x (n, ..., p), γ (p,), β (p,), h (n, ..., p), with μ and σ² those of each row.

Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450. ``epsilon`` is added to σ².
"""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, gamma: Any, beta: Any, *, epsilon: float = 1e-5) -> Any:
    """γ_j x̂_ij + β_j with x̂ = (x − μ) / sqrt(σ² + ε)."""
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    return gamma * (centred / xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + epsilon)) + beta


def backward(g: Any, h: Any, x: Any, gamma: Any, beta: Any, *, epsilon: float = 1e-5) -> tuple[Any, ...]:
    """∂LL/∂x = (u − mean(u) − x̂ mean(u ∘ x̂)) / σ with u = g ∘ γ;  ∂LL/∂γ = Σ_i g ∘ x̂,  ∂LL/∂β = Σ_i g."""
    centred = x - x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + epsilon)
    x_hat, u, rows = centred / sigma, g * gamma, tuple(range(x.ndim - 1))
    slope = (u - u.mean(axis=-1, keepdims=True) - x_hat * (u * x_hat).mean(axis=-1, keepdims=True)) / sigma
    return slope, (g * x_hat).sum(axis=rows), g.sum(axis=rows)
