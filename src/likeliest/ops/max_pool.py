"""h = the largest number in each window:  x (n, *space, c), h (n, *out, c), each channel by itself.

``padding`` never wins; every window must see some of x. Where several are largest, the first in row order has the
gradient.
"""

from typing import Any

import numpy as np

from likeliest.ops.windows import Padding, Sizes, crop, out_sizes, pad, taps


def forward(xp: Any, x: Any, *, window: Sizes, stride: Sizes, padding: Padding) -> Any:
    """h[at] = max_tap x[at · stride + tap]; a NaN stays a NaN."""
    once = (1,) * len(window)
    out, h = out_sizes(x.shape[1:-1], window, stride, padding, once), None
    padded = pad(xp, x, padding, -float("inf"))
    for _, under in taps(window, out, stride, once):
        here = padded[under]
        # Not as a maximum, which hands the gradient to all of the largest when it is differentiated by machine.
        h = here if h is None else xp.where((here > h) | (here != here), here, h)
    return h


def backward(g: Any, h: Any, x: Any, *, window: Sizes, stride: Sizes, padding: Padding) -> tuple[Any]:
    """∂LL/∂x = g where x is the largest of its window, added up over windows."""
    padded = pad(np, x, padding, -np.inf)
    slope, taken = np.zeros_like(padded), np.zeros(h.shape, bool)
    for _, under in taps(window, h.shape[1:-1], stride, (1,) * len(window)):
        largest = (padded[under] == h) & ~taken
        slope[under] += g * largest
        taken |= largest
    return (crop(slope, padding),)
