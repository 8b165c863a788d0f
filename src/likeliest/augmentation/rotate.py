"""Rotate:  source = (y cos φ + x sin φ, −y sin φ + x cos φ),  φ uniform on −degrees … degrees."""

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
class Rotate(Affine):
    """Turns an image about its middle.

    Parameters
    ----------
    degrees : float
        By how much at most, to either side; at most 180.
    fill : float or "edge", optional
        As in `Shift`.

    Examples
    --------
    >>> from likeliest.augmentation import Rotate
    >>> Rotate(15)
    Rotate(degrees=15, fill=None)
    """

    degrees: float
    fill: float | str | None = None
    name: ClassVar[str] = "rotate"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_number("degrees", self.degrees, "15 is usual", zero=True)
        if self.degrees > 180:
            raise ValueError(f"degrees: expected at most 180, found {self.degrees!r}")
        check_fill(self.fill)

    def constants(self, axes: int) -> tuple[float, ...]:
        """The angle in degrees."""
        only_images(repr(self), axes)
        return (float(self.degrees),)

    def maps(self, words: Words, axes: int) -> Array:
        """(n, 1) words -> (n, 2, 3): a positive φ turns what is seen against the clock."""
        phi = np.radians(self.degrees) * uniform(words[:, 0])
        maps = identities(len(words))
        maps[:, 0, 0], maps[:, 0, 1] = np.cos(phi), np.sin(phi)
        maps[:, 1, 0], maps[:, 1, 1] = -np.sin(phi), np.cos(phi)
        return maps
