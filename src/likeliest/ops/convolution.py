"""z = x ∗ W + b:  x (n, *space, c), W (*kernel, c/groups, q), b (q,), z (n, *out, q).

The same small affine map at every place: z[at] = Σ_tap x[at · stride + tap · dilation] W[tap] + b (LeCun et al. 1998,
https://doi.org/10.1109/5.726791; without the flip of the kernel that the word has in mathematics). x has a border of
zeros, ``padding`` (before, after) along each axis. With ``groups``, channels are split into that many parts, and each
part of z sees its own part of x only.
"""

from typing import Any

import numpy as np

from likeliest.ops.windows import Padding, Sizes, crop, out_sizes, pad, taps


def forward(
    xp: Any, x: Any, W: Any, b: Any = None, *, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
) -> Any:
    """Z = Σ_tap (x moved by the tap) W[tap] + b."""
    kernel = W.shape[:-2]
    out = out_sizes(x.shape[1:-1], kernel, stride, padding, dilation)
    padded, z = pad(xp, x, padding), 0.0
    for tap, under in taps(kernel, out, stride, dilation):
        z = z + times(xp, padded[under], W[tap], groups)
    return z if b is None else z + b


def backward(
    g: Any, z: Any, x: Any, W: Any, b: Any = None, *, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
) -> tuple[Any, ...]:
    """∂LL/∂x = Σ_tap g W[tap]ᵀ, moved back by the tap;  ∂LL/∂W[tap] = (x moved by the tap)ᵀ g;  ∂LL/∂b = Σ g."""
    padded = pad(np, x, padding)
    slope, W_slope = np.zeros_like(padded), np.zeros_like(W)
    for tap, under in taps(W.shape[:-2], g.shape[1:-1], stride, dilation):
        slope[under] += times_transposed(np, g, W[tap], groups)
        W_slope[tap] = outer(padded[under], g, groups)
    gradients = crop(slope, padding), W_slope
    return gradients if b is None else (*gradients, g.reshape(-1, len(b)).sum(axis=0))


def times(xp: Any, x: Any, W: Any, groups: int) -> Any:
    """X W by groups: x (..., c), W (c/groups, q) to (..., q)."""
    if groups == 1:
        return xp.matmul(x, W)
    z = xp.einsum("...gi,igj->...gj", split(xp, x, groups), split(xp, W, groups))
    return xp.reshape(z, (*x.shape[:-1], W.shape[-1]))


def times_transposed(xp: Any, g: Any, W: Any, groups: int) -> Any:
    """G Wᵀ by groups: g (..., q), W (c/groups, q) to (..., c)."""
    if groups == 1:
        return xp.matmul(g, xp.swapaxes(W, 0, 1))
    x = xp.einsum("...gj,igj->...gi", split(xp, g, groups), split(xp, W, groups))
    return xp.reshape(x, (*g.shape[:-1], W.shape[0] * groups))


def outer(x: Any, g: Any, groups: int) -> Any:
    """xᵀ g by groups, summed over all places: x (..., c), g (..., q) to (c/groups, q)."""
    x, g = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    if groups == 1:
        return x.T @ g
    W = np.einsum("agi,agj->igj", split(np, x, groups), split(np, g, groups))
    return W.reshape(-1, g.shape[-1])


def split(xp: Any, x: Any, groups: int) -> Any:
    """(..., c) as (..., groups, c/groups)."""
    return xp.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))
