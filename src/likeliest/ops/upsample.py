"""h = x with every place repeated:  x (n, *space, c), h (n, *(space · factor), c): nearest neighbours."""

from typing import Any

from likeliest.ops.windows import Sizes


def forward(xp: Any, x: Any, *, factor: Sizes) -> Any:
    """h[at] = x[at // factor]."""
    for axis, times in enumerate(factor, 1):
        x = xp.repeat(x, times, axis=axis)
    return x


def backward(g: Any, h: Any, x: Any, *, factor: Sizes) -> tuple[Any]:
    """∂LL/∂x = Σ of g over the places that repeat it."""
    for axis, times in enumerate(factor, 1):
        g = g.reshape(*g.shape[:axis], x.shape[axis], times, *g.shape[axis + 1 :]).sum(axis=axis + 1)
    return (g,)
