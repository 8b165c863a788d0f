"""Cutout:  a rectangle of an example covered, its middle anywhere."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from likeliest.augmentation.base import Array, Part, Words, as_tuple, of_each_axis


@dataclass(frozen=True)
class Cutout(Part):
    """Covers a square of an image, or a stretch of a series, so that the network looks at all of it.

    The middle of the square is any pixel, so it may stick out.

    Parameters
    ----------
    size : int or tuple of int
        How many pixels wide; or for each axis of space: ``(rows, columns)``.
    fill : float
        What it is covered with.

    Notes
    -----
    DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.augmentation import Cutout, preview
    >>> preview([Cutout(2)], np.ones((1, 4, 4)), n=1, seed=0)[0, 0]
    array([[1., 1., 1., 1.],
           [0., 0., 1., 1.],
           [0., 0., 1., 1.],
           [1., 1., 1., 1.]])
    """

    size: int | tuple[int, ...]
    fill: float = 0.0
    name: ClassVar[str] = "cutout"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_tuple(self.size))
        for one in self.size if isinstance(self.size, tuple) else (self.size,):
            if isinstance(one, bool) or not isinstance(one, numbers.Integral) or not 1 <= one < 2**31:
                raise ValueError(f"size: expected whole numbers of pixels, at least 1, found {self.size!r}; 8 is usual")
        if isinstance(self.fill, bool) or not isinstance(self.fill, numbers.Real) or not math.isfinite(self.fill):
            raise ValueError(f"fill: expected a number, found {self.fill!r}")

    def constants(self, axes: int) -> tuple[float, ...]:
        """Height, width and fill."""
        return (*of_each_axis(repr(self), self.size, axes, 1.0), float(self.fill))

    def cover(self, x: Array, words: Words, axes: int) -> Array:
        """(n, H, W, c), (n, 2) words -> (n, H, W, c)."""
        covered = np.ones(x.shape[:3], bool)
        for axis, size in enumerate(self.constants(axes)[:2]):
            middle = words[:, axis].astype(np.int64) * x.shape[1 + axis] >> 32
            begin = middle - int(size) // 2
            place = np.arange(x.shape[1 + axis])
            inside = (place >= begin[:, None]) & (place < begin[:, None] + int(size))
            covered &= inside[:, :, None] if axis == 0 else inside[:, None, :]
        return np.where(covered[..., None], np.asarray(self.fill, x.dtype), x)
