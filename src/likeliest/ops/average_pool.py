"""h = the mean of each window:  x (n, *space, c), h (n, *out, c), each channel by itself.

``padding`` does not count: the mean is of the numbers of x that the window sees, and it must see some.
"""

from typing import Any

import numpy as np

from likeliest.ops.windows import Padding, Sizes, crop, out_sizes, pad, taps


def forward(xp: Any, x: Any, *, window: Sizes, stride: Sizes, padding: Padding) -> Any:
    """h[at] = Σ_tap x[at · stride + tap] / how many of them there are."""
    once = (1,) * len(window)
    out, total = out_sizes(x.shape[1:-1], window, stride, padding, once), 0.0
    padded = pad(xp, x, padding)
    for _, under in taps(window, out, stride, once):
        total = total + padded[under]
    return total / counts(x.shape, out, window, stride, padding).astype(x.dtype)


def backward(g: Any, h: Any, x: Any, *, window: Sizes, stride: Sizes, padding: Padding) -> tuple[Any]:
    """∂LL/∂x = g / how many, to every number of the window, added up over windows."""
    out = h.shape[1:-1]
    slope = np.zeros_like(pad(np, x, padding))
    share = g / counts(x.shape, out, window, stride, padding).astype(x.dtype)
    for _, under in taps(window, out, stride, (1,) * len(window)):
        slope[under] += share
    return (crop(slope, padding),)


def counts(shape: Any, out: Sizes, window: Sizes, stride: Sizes, padding: Padding) -> Any:
    """How many numbers of x each window sees: (1, *out, 1), from shapes alone."""
    there = pad(np, np.ones((1, *shape[1:-1], 1)), padding)
    return sum(there[under] for _, under in taps(window, out, stride, (1,) * len(window)))
