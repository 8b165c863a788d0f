"""Flip:  source = −place along one axis, with some probability."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from likeliest.augmentation.base import Affine, Array, Words, check_number, identities


@dataclass(frozen=True)
class Flip(Affine):
    """Shows an example as in a mirror.

    Parameters
    ----------
    axis : int
        Of space: 0 turns an image upside down, 1 exchanges left and right. −1, the last one, is also the time of a
        series.
    probability : float
        How often, in (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.augmentation import Flip, preview
    >>> preview([Flip(probability=1.0)], np.array([[[1, 2, 3]]]), n=1)[0, 0]
    array([[3, 2, 1]])
    """

    axis: int = -1
    probability: float = 0.5
    name: ClassVar[str] = "flip"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if isinstance(self.axis, bool) or not isinstance(self.axis, numbers.Integral) or not -2 <= self.axis <= 1:
            raise ValueError(f"axis: expected 0 (upside down), 1 or -1 (left and right), found {self.axis!r}")
        check_number("probability", self.probability, "0.5 is usual")
        if self.probability > 1:
            raise ValueError(f"probability: expected at most 1, found {self.probability!r}")

    def constants(self, axes: int) -> tuple[float, ...]:
        """0 for rows or 1 for columns; and below which word it happens."""
        if not -axes <= self.axis < axes:
            raise ValueError(
                f"augment: {self!r} has an axis that series (n, T, c) do not have; use axis=-1, their time"
            )
        return (float(self.axis % axes + 2 - axes), float(round(self.probability * 2**32)))

    def maps(self, words: Words, axes: int) -> Array:
        """(n, 1) words -> (n, 2, 3)."""
        axis, below = (int(number) for number in self.constants(axes))
        maps = identities(len(words))
        maps[:, axis, axis] = np.where(words[:, 0].astype(np.int64) < below, -1.0, 1.0)
        return maps
