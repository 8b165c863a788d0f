"""h = γ ∘ (x − μ) / σ + β:  x (n, *space, c), γ, β (c,), h (n, *space, c).

The channels of each example are split into ``groups``; μ and σ² are the mean and variance of a group, over its channels
and all of space (Wu and He 2018, https://arxiv.org/abs/1803.08494). ``epsilon`` is added to σ².
"""

from typing import Any

import numpy as np

from likeliest.ops.convolution import split


def forward(xp: Any, x: Any, gamma: Any, beta: Any, *, groups: int, epsilon: float) -> Any:
    """γ_k x̂_k + β_k with x̂ = (x − μ) / sqrt(σ² + ε)."""
    parts = split(xp, x, groups)  # (n, *space, groups, c/groups)
    axes = within(parts)
    centred = parts - xp.mean(parts, axis=axes, keepdims=True)
    x_hat = centred / xp.sqrt(xp.mean(centred * centred, axis=axes, keepdims=True) + epsilon)
    return gamma * xp.reshape(x_hat, x.shape) + beta


def backward(g: Any, h: Any, x: Any, gamma: Any, beta: Any, *, groups: int, epsilon: float) -> tuple[Any, ...]:
    """∂LL/∂x = (u − mean(u) − x̂ mean(u ∘ x̂)) / σ over each group, with u = g ∘ γ."""
    parts, u = split(np, x, groups), split(np, g * gamma, groups)
    axes, c = within(parts), x.shape[-1]
    centred = parts - parts.mean(axis=axes, keepdims=True)
    sigma = np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + epsilon)
    x_hat = centred / sigma
    slope = (u - u.mean(axis=axes, keepdims=True) - x_hat * (u * x_hat).mean(axis=axes, keepdims=True)) / sigma
    g_rows, x_rows = g.reshape(-1, c), x_hat.reshape(-1, c)
    return slope.reshape(x.shape), (g_rows * x_rows).sum(axis=0), g_rows.sum(axis=0)


def within(parts: Any) -> tuple[int, ...]:
    """The axes that a group has to itself: space, and its channels."""
    return (*range(1, len(parts.shape) - 2), len(parts.shape) - 1)
