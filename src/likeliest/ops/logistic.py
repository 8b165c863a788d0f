"""h = σ(z) = 1 / (1 + e⁻ᶻ):  z (n, ...), h (n, ...), between 0 and 1.

The handout's cell.
"""

from typing import Any


def forward(xp: Any, z: Any) -> Any:
    """σ(z), without overflow at either end."""
    return xp.logistic(z)


def backward(g: Any, h: Any, z: Any) -> tuple[Any]:
    """∂h/∂z = h (1 − h)."""
    return (g * h * (1 - h),)
