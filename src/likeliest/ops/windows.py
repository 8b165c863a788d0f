"""Windows: small boxes that slide over x (n, *space, c), as in convolution and pooling.

A kernel or a window of the sizes ``kernel`` has a *tap* at each of its places, (0, 0), (0, 1), … . Over all positions
of the window, what lies under one tap is one slice of x: so everything here is a loop over taps, never over positions.
``stride``, ``dilation`` (how far taps are apart) and ``padding`` (before, after) have one entry for each axis of space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def out_sizes(space: Sequence[int], kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> Sizes:
    """How many positions there are along each axis: floor((size + before + after − reach) / stride) + 1."""
    return tuple(
        (size + sum(pad) - (d * (k - 1) + 1)) // s + 1
        for size, k, s, pad, d in zip(space, kernel, stride, padding, dilation, strict=True)
    )


def pad(xp: Any, x: Any, padding: Padding, value: float = 0.0) -> Any:
    """X with a border before and after each axis of space."""
    return xp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def crop(x: Any, padding: Padding) -> Any:
    """X without the border that `pad` put around it."""
    inner = (slice(before, size - after) for (before, after), size in zip(padding, x.shape[1:-1], strict=True))
    return x[(slice(None), *inner, slice(None))]


def taps(kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Sizes, tuple[slice, ...]]]:
    """Each tap, in row order, and the slice of the padded x that lies under it: (n, *out, c)."""
    for tap in np.ndindex(*kernel):
        places = (
            slice(t * d, t * d + (size - 1) * s + 1, s)
            for t, d, s, size in zip(tap, dilation, stride, out, strict=True)
        )
        yield tap, (slice(None), *places, slice(None))
