"""What every augmentation offers."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Augmentation(ABC):  # noqa: B024
    """A change of the examples that leaves what they show; drawn anew for each example of each minibatch."""


@dataclass(frozen=True)
class Part(Augmentation):
    """One that changes each example (H, W, c) by itself; a series (T, c) is an image of one row.

    ``axes`` is how many axes of space the user's examples have: 1 or 2.
    """

    name: ClassVar[str]

    @abstractmethod
    def constants(self, axes: int) -> tuple[float, ...]:
        """Its numbers, as the engines take them.

        Raises
        ------
        ValueError
            When it makes no sense for so many axes.
        """


@dataclass(frozen=True)
class Affine(Part):
    """A map of places: each example draws ``numbers`` words."""

    numbers: ClassVar[int]

    @abstractmethod
    def maps(self, words: Words, axes: int) -> Array:
        """Where the number at a place comes from, (n, numbers) words -> (n, 2, 3): A and b of source = A place + b.

        Places are (row, column) from the middle of the example.
        """


def uniform(words: Words) -> npt.NDArray[np.float64]:
    """Words as numbers uniform on (−1, 1)."""
    return (words.astype(np.float64) + 0.5) * 2.0**-31 - 1.0


def identities(n: int) -> Array:
    """N maps that leave every place where it is: (n, 2, 3)."""
    return np.tile(np.eye(2, 3), (n, 1, 1))


def check_number(name: str, value: Any, hint: str, below: float = math.inf, zero: bool = False) -> None:
    """A ValueError unless value is a number in (0, below), or 0 where that is allowed."""
    number = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    if not number < below or not (number > 0 or (zero and number == 0)):
        least = "at least 0" if zero else "more than 0"
        most = "" if below == math.inf else f" and less than {below:g}"
        raise ValueError(f"{name}: expected a number of {least}{most}, found {value!r}; {hint}")


def check_fill(fill: Any) -> None:
    """A ValueError unless it is None, a finite number or "edge"."""
    if fill is None or (isinstance(fill, str) and fill == "edge"):
        return
    if not isinstance(fill, numbers.Real) or isinstance(fill, bool) or not math.isfinite(fill):
        raise ValueError(f'fill: expected a number or "edge", found {fill!r}')


def as_tuple(value: Any) -> Any:
    """A list as a tuple, so that a description can be compared and hashed; anything else as it is."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value


def of_each_axis(what: str, value: Any, axes: int, still: float) -> tuple[float, float]:
    """For rows and columns: one number for both, or one for each axis; ``still`` for the rows of a series."""
    if not isinstance(value, tuple):
        return (float(value) if axes == 2 else still, float(value))
    if len(value) != axes:
        raise ValueError(f"augment: {what} has {len(value)} numbers, but the examples have {axes} axes of space")
    return (float(value[0]) if axes == 2 else still, float(value[-1]))


def only_images(what: str, axes: int) -> None:
    """A ValueError for series."""
    if axes != 2:
        raise ValueError(f"augment: {what} is for images (n, H, W) or (n, H, W, c), found series (n, T, c)")
