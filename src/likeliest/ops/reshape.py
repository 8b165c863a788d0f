"""y = x in another shape:  x (n, ...), y (n, *shape), the same numbers in the same order."""

from typing import Any


def forward(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """Each example is laid out anew; examples stay apart."""
    return xp.reshape(x, (x.shape[0], *shape))


def backward(g: Any, y: Any, x: Any, *, shape: tuple[int, ...]) -> tuple[Any]:
    """∂LL/∂x = g in the shape of x."""
    return (g.reshape(x.shape),)
