"""h = z where z > 0, α (eᶻ − 1) elsewhere:  z (n, ...), h (n, ...), above −α.

The exponential linear unit (Clevert, Unterthiner and Hochreiter 2016, https://arxiv.org/abs/1511.07289). α is positive.
"""

from typing import Any


def forward(xp: Any, z: Any, *, alpha: float = 1.0) -> Any:
    """Z where z > 0, α (eᶻ − 1) elsewhere; the exponential never sees a positive number, so it never overflows."""
    return xp.where(z > 0, z, alpha * xp.expm1(xp.where(z > 0, 0.0, z)))


def backward(g: Any, h: Any, z: Any, *, alpha: float = 1.0) -> tuple[Any]:
    """∂h/∂z = 1 where h > 0, else α eᶻ = h + α."""
    return ((h > 0) * g + (h <= 0) * (g * (h + alpha)),)
