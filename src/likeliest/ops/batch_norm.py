"""h = γ ∘ (x − μ) / σ + β:  x (n, ..., p), γ, β, μ, σ² (p,), h (n, ..., p).

While training, μ and σ² are the mean and variance of each column of the minibatch, or of each channel over the
minibatch and all of space; in prediction they are the running ones, ``mean`` and ``variance`` (Ioffe and Szegedy 2015,
https://arxiv.org/abs/1502.03167). ``epsilon`` is added to σ².
"""

from typing import Any

import numpy as np


def forward(
    xp: Any,
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training: bool = False,
) -> Any:
    """γ_j x̂_ij + β_j with x̂ = (x − μ) / sqrt(σ² + ε)."""
    if training:
        axes = tuple(range(len(x.shape) - 1))
        mean = xp.mean(x, axis=axes)
        variance = xp.mean((x - mean) * (x - mean), axis=axes)
    return gamma * ((x - mean) / xp.sqrt(variance + epsilon)) + beta


def backward(
    g: Any,
    h: Any,
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training: bool = False,
) -> tuple[Any, ...]:
    """∂LL/∂x = (u − mean(u) − x̂ mean(u ∘ x̂)) / σ over columns, with u = g ∘ γ; in prediction just u / σ."""
    axes = tuple(range(x.ndim - 1))
    if training:
        mean = x.mean(axis=axes)
        variance = ((x - mean) * (x - mean)).mean(axis=axes)
    sigma = np.sqrt(variance + epsilon)
    x_hat, u = (x - mean) / sigma, g * gamma
    slope = (u - u.mean(axis=axes) - x_hat * (u * x_hat).mean(axis=axes)) / sigma if training else u / sigma
    nothing = np.zeros_like(gamma)  # the running statistics are observed, not learned
    return slope, (g * x_hat).sum(axis=axes), g.sum(axis=axes), nothing, nothing


def observe(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, *, momentum: float = 0.9, **rest: Any) -> Any:
    """The running statistics after a minibatch x: statistic ← momentum · statistic + (1 − momentum) · the minibatch's.

    The variance that is kept is the unbiased one, m/(m − 1) times the minibatch's, with m the numbers in a column or
    channel. One number says nothing of it.
    """
    axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mu = x.mean(axis=axes)
    sigma2 = ((x - mu) * (x - mu)).sum(axis=axes) / (m - 1) if m > 1 else variance
    return momentum * mean + (1 - momentum) * mu, momentum * variance + (1 - momentum) * sigma2
