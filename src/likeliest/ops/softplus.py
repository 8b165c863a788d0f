"""h = log(1 + eᶻ):  z (n, ...), h (n, ...), above 0.

A relu with a rounded corner; its derivative is the logistic function.
"""

from typing import Any

from likeliest.xp import numpy_namespace


def forward(xp: Any, z: Any) -> Any:
    """log(1 + eᶻ), without overflow."""
    return xp.softplus(z)


def backward(g: Any, h: Any, z: Any) -> tuple[Any]:
    """∂h/∂z = σ(z)."""
    return (g * numpy_namespace.logistic(z),)
