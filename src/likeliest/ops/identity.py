"""h = z:  z (n, ...), h (n, ...)."""

from typing import Any


def forward(xp: Any, z: Any) -> Any:
    """The value itself."""
    return z


def backward(g: Any, h: Any, z: Any) -> tuple[Any]:
    """∂h/∂z = 1."""
    return (g,)
