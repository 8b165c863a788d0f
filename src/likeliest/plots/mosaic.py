"""Mosaics: many small images side by side on one pair of axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.weights import _across

Array = npt.NDArray[Any]


def mosaic(images: Array, across: int | None = None) -> Array:
    """Images (m, H, W) or (m, H, W, 3) as one, with gaps of NaN between them; so many side by side.

    >>> mosaic(np.ones((3, 2, 2)), across=2).shape
    (5, 5)
    """
    m, H, W = images.shape[:3]
    across = _across(m, H / W) if across is None else across
    down, gap = math.ceil(m / across), max(1, round(max(H, W) / 12))
    whole = np.full((down * (H + gap) - gap, across * (W + gap) - gap, *images.shape[3:]), np.nan)
    for place, image in enumerate(images):
        top, left = (place // across) * (H + gap), (place % across) * (W + gap)
        whole[top : top + H, left : left + W] = image
    return whole
