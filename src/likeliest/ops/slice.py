"""h = the numbers begin … end − 1 of each example:  x (n, ...) of m numbers each, h (n, *shape) of end − begin.

So an input can be several things in a row: a sequence and its length, or what an encoder and a decoder read.
"""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, *, begin: int, end: int, shape: tuple[int, ...]) -> Any:
    """All in rows (n, m), some columns of them, laid out anew."""
    rows = xp.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))
    return xp.reshape(rows[:, begin:end], (x.shape[0], *shape))


def backward(g: Any, h: Any, x: Any, *, begin: int, end: int, shape: tuple[int, ...]) -> tuple[Any]:
    """∂LL/∂x = g where h is from, 0 elsewhere."""
    slope = np.zeros((len(x), int(np.prod(x.shape[1:]))), g.dtype)
    slope[:, begin:end] = g.reshape(len(x), end - begin)
    return (slope.reshape(x.shape),)
