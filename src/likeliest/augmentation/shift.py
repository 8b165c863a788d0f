"""Shift:  source = place − (a, b),  a and b uniform on −size, …, size."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from likeliest.augmentation.base import Affine, Array, Words, as_tuple, check_fill, identities, of_each_axis


@dataclass(frozen=True)
class Shift(Affine):
    """Moves an example by whole pixels along each axis, as padding and cropping do.

    Parameters
    ----------
    size : int or tuple of int
        How many pixels at most, either way; or for each axis of space: ``(rows, columns)``. Of a series, so many steps.
    fill : float or "edge", optional
        What comes in from outside: this number (0 by default), or the nearest one of the example; in the numbers that
        the network takes. It holds for all that moves the example, and need be said once.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.augmentation import Shift, preview
    >>> x = np.arange(9.0).reshape(1, 3, 3)
    >>> preview([Shift(1)], x, n=2, seed=0)[0, 1]
    array([[0., 0., 0.],
           [0., 1., 2.],
           [3., 4., 5.]])
    """

    size: int | tuple[int, ...]
    fill: float | str | None = None
    name: ClassVar[str] = "shift"
    numbers: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_tuple(self.size))
        for one in self.size if isinstance(self.size, tuple) else (self.size,):
            if isinstance(one, bool) or not isinstance(one, numbers.Integral) or not 0 <= one < 2**20:
                raise ValueError(f"size: expected whole numbers of pixels, at least 0, found {self.size!r}; 2 is usual")
        check_fill(self.fill)

    def constants(self, axes: int) -> tuple[float, ...]:
        """The sizes for rows and columns."""
        return of_each_axis(repr(self), self.size, axes, 0.0)

    def maps(self, words: Words, axes: int) -> Array:
        """(n, 2) words -> (n, 2, 3)."""
        size = np.array(self.constants(axes), np.int64)
        maps = identities(len(words))
        maps[:, :, 2] = size - (words.astype(np.int64) * (2 * size + 1) >> 32)
        return maps
