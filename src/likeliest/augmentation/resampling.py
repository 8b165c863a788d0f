"""Resampling:  an image read between its pixels, by bilinear interpolation."""

from __future__ import annotations

import numpy as np

from likeliest.augmentation.base import Array


def resample(x: Array, maps: Array, displacements: Array | None, fill: float | None) -> Array:
    """Each number from its source: x (n, H, W, c), maps (n, 2, 3), displacements (n, 2, H, W) -> (n, H, W, c).

    source = A place + b + displacement, with places from the middle. Outside of the image is ``fill``, which one pixel
    at the border goes over to; None: the nearest pixel. At a whole pixel the number is that pixel's, to the bit.
    """
    n, H, W, _ = x.shape
    middle = (H - 1) / 2, (W - 1) / 2
    y, z = np.arange(H)[:, None] - middle[0], np.arange(W) - middle[1]
    low, high = (-1, 0) if fill is not None else (0, -1)
    whole, rest = [], []
    for axis, size in enumerate((H, W)):
        a, b, shift = (maps[:, axis, k, None, None] for k in range(3))
        source = a * y + b * z + (shift + middle[axis])
        if displacements is not None:
            source = source + displacements[:, axis]
        source = np.clip(source, low, size + high)
        whole.append(np.floor(source).astype(np.intp))
        rest.append((source - whole[axis])[..., None])
    padded = np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)), constant_values=0.0 if fill is None else fill)
    i, j = whole[0] + 1, whole[1] + 1
    k = np.arange(n)[:, None, None]
    top = padded[k, i, j] + rest[1] * (padded[k, i, j + 1] - padded[k, i, j])
    bottom = padded[k, i + 1, j] + rest[1] * (padded[k, i + 1, j + 1] - padded[k, i + 1, j])
    return np.asarray(top + rest[0] * (bottom - top), x.dtype)
