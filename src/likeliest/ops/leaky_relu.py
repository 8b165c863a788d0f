"""h = z where z > 0, slope · z elsewhere:  z (n, ...), h (n, ...).

Maas, Hannun and Ng (2013): a cell that is switched off still learns a little. The slope is positive.
"""

from typing import Any


def forward(xp: Any, z: Any, *, slope: float = 0.01) -> Any:
    """Z where z > 0, slope · z elsewhere."""
    return xp.where(z > 0, z, slope * z)


def backward(g: Any, h: Any, z: Any, *, slope: float = 0.01) -> tuple[Any]:
    """∂h/∂z = 1 where h > 0, else the slope."""
    return ((h > 0) * g + (h <= 0) * (slope * g),)
