"""h_t = R_t x_t:  x (n, T, H·d), d even, h (n, T, H·d): each pair of columns of a head is turned by t times an angle.

Pair j of d/2 is columns 2j and 2j + 1, and turns by t base^(−2j/d) at step t. Done to q and k before attention, q_t ·
k_s then hangs on how far t and s are apart, not on where they are (RoFormer: Su et al. 2021,
https://arxiv.org/abs/2104.09864).
"""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, *, heads: int = 1, base: float = 10000.0) -> Any:
    """(x_2j cos − x_2j+1 sin, x_2j sin + x_2j+1 cos) of every pair."""
    return _turned(xp, x, heads, base, 1)


def _turned(xp: Any, x: Any, heads: int, base: float, direction: int) -> Any:
    (n, T, _width), d = x.shape, x.shape[2] // heads
    angle = direction * np.arange(T)[:, None, None] * base ** (-2 * np.arange(d // 2) / d)
    cos, sin = (xp.asarray(f(angle).astype(x.dtype)) for f in (np.cos, np.sin))
    pairs = xp.reshape(x, (n, T, heads, d // 2, 2))
    a, b = pairs[:, :, :, :, 0], pairs[:, :, :, :, 1]
    return xp.reshape(xp.stack([a * cos - b * sin, a * sin + b * cos], axis=4), x.shape)


def backward(g: Any, h: Any, x: Any, *, heads: int = 1, base: float = 10000.0) -> tuple[Any]:
    """∂LL/∂x = R_tᵀ g: turned back."""
    return (_turned(np, g, heads, base, -1),)
