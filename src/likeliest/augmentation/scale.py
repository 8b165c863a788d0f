"""Scale:  source = place / s,  s uniform on 1 − amount … 1 + amount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from likeliest.augmentation.base import (
    Affine,
    Array,
    Words,
    as_tuple,
    check_fill,
    check_number,
    identities,
    of_each_axis,
    uniform,
)


@dataclass(frozen=True)
class Scale(Affine):
    """Makes what is seen larger or smaller, about the middle.

    Parameters
    ----------
    amount : float or tuple of float
        In [0, 1): by which share at most. One number scales all axes alike; a tuple has one for each axis of space, and
        each draws a factor of its own.
    fill : float or "edge", optional
        As in `Shift`.

    Examples
    --------
    >>> from likeliest.augmentation import Scale
    >>> Scale(0.1)
    Scale(amount=0.1, fill=None)
    """

    amount: float | tuple[float, ...]
    fill: float | str | None = None
    name: ClassVar[str] = "scale"
    numbers: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", as_tuple(self.amount))
        for one in self.amount if isinstance(self.amount, tuple) else (self.amount,):
            check_number("amount", one, "0.1 is usual", below=1.0, zero=True)
        check_fill(self.fill)

    def constants(self, axes: int) -> tuple[float, ...]:
        """The amounts for rows and columns, and 1 where they share a factor."""
        return (*of_each_axis(repr(self), self.amount, axes, 0.0), float(not isinstance(self.amount, tuple)))

    def maps(self, words: Words, axes: int) -> Array:
        """(n, 2) words -> (n, 2, 3); a shared factor is drawn from the second word."""
        rows, columns, shared = self.constants(axes)
        maps = identities(len(words))
        u = uniform(words)
        maps[:, 0, 0] = 1 / (1 + rows * u[:, 1 if shared else 0])
        maps[:, 1, 1] = 1 / (1 + columns * u[:, 1])
        return maps
