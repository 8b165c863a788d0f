"""Shear:  source = (y, x − y tan φ),  φ uniform on −degrees … degrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from likeliest.augmentation.base import (
    Affine,
    Array,
    Words,
    check_fill,
    check_number,
    identities,
    only_images,
    uniform,
)


@dataclass(frozen=True)
class Shear(Affine):
    """Slants an image, as italics are slanted: each row is moved along itself.

    Parameters
    ----------
    degrees : float
        By how much an upright line leans at most, to either side; less than 90.
    fill : float or "edge", optional
        As in `Shift`.

    Examples
    --------
    >>> from likeliest.augmentation import Shear
    >>> Shear(10)
    Shear(degrees=10, fill=None)
    """

    degrees: float
    fill: float | str | None = None
    name: ClassVar[str] = "shear"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_number("degrees", self.degrees, "10 is usual", below=90.0, zero=True)
        check_fill(self.fill)

    def constants(self, axes: int) -> tuple[float, ...]:
        """The angle in degrees."""
        only_images(repr(self), axes)
        return (float(self.degrees),)

    def maps(self, words: Words, axes: int) -> Array:
        """(n, 1) words -> (n, 2, 3)."""
        maps = identities(len(words))
        maps[:, 1, 0] = -np.tan(np.radians(self.degrees) * uniform(words[:, 0]))
        return maps
