"""h = value:  x (n, ...), h (n, width), the same number everywhere.

Of x only n is taken. A dropout of this gives one mask for each example, which `gate` and the recurrences take.
"""

from typing import Any

import numpy as np


def forward(xp: Any, x: Any, *, value: float, width: int) -> Any:
    """h_ij = value."""
    rows = xp.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))
    return xp.zeros_like(rows[:, :1]) + np.full((1, width), value, x.dtype)


def backward(g: Any, h: Any, x: Any, *, value: float, width: int) -> tuple[Any]:
    """∂LL/∂x = 0."""
    return (np.zeros_like(x),)
