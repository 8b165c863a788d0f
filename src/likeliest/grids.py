"""Grids: X (n, *sizes), images, series and volumes, that a network takes as they are; and where their numbers lie.

A table is copied when it is made ready; images may be too many for that. So X stays as it is, bytes too, and on disk
where it is memory-mapped; what is learned of it, a mean and a deviation for each channel, goes into the network as a
`Rescale`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.data import non_finite_message
from likeliest.sequences import Ragged

Array = npt.NDArray[Any]

NUMBERS = 1 << 20  # of an array that are looked at at a time, which bounds the memory
DIGITS = 1e-9  # a channel that varies by less than this part of itself is constant, but for rounding


@dataclass(frozen=True)
class Grid:
    """What is learned of arrays of three axes or more: the shape of an example, and where its numbers lie.

    Attributes
    ----------
    shape : tuple of int
        Of one example, two sizes or more.
    center, scale : (c,) array
        Mean and standard deviation of each channel, or one of all numbers, (1,).
    standardize : bool
        Whether the network takes them away.
    """

    shape: tuple[int, ...]
    center: Array
    scale: Array
    standardize: bool

    categories: ClassVar[tuple[Any, ...]] = ()  # as a Table has them; the numbers of an example have no names either
    codes: ClassVar[tuple[Any, ...]] = ()
    names: ClassVar[tuple[str, ...]] = ()
    names_out: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if len(self.shape) < 2 or not all(type(size) is int and size > 0 for size in self.shape):
            raise ValueError(f"shape: expected two sizes or more, found {self.shape!r}")
        for name in ("center", "scale"):
            value = getattr(self, name)
            fits = isinstance(value, np.ndarray) and value.dtype == np.float64 and np.isfinite(value).all()
            if not fits or value.shape not in {(1,), (self.shape[-1],)}:
                raise ValueError(f"{name}: expected a finite number for each channel or one, found {value!r}")
        if self.center.shape != self.scale.shape or not (self.scale > 0).all():
            raise ValueError("scale: expected as many as center has, above 0")
        if type(self.standardize) is not bool:
            raise ValueError(f"standardize: expected True or False, found {self.standardize!r}")

    @property
    def width(self) -> int:
        """How many numbers an example has."""
        return math.prod(self.shape)

    @classmethod
    def fit(cls, X: Any, weights: Array | None = None, *, standardize: bool = True, by_channel: bool = True) -> Grid:
        """Looks at examples, a few at a time.

        Parameters
        ----------
        X : (n, *sizes) array, or Ragged
            Of any real number type; at least three axes. Of sequences (T_i, c) all steps count alike.
        weights : (n,) array, optional
            How often each example counts.
        standardize : bool
            Whether their mean and deviation are wanted.
        by_channel : bool
            Whether the last axis holds channels, which each have their own.

        Raises
        ------
        ValueError
            When there is a NaN or an infinity among the examples that count.
        """
        if isinstance(X, Ragged):
            steps = np.concatenate([part[:t] for part, t in zip(X.parts, X.lengths, strict=True)])
            of_steps = None if weights is None else np.repeat(weights, X.lengths)
            grid = cls.fit(steps[:, None, :], of_steps, standardize=standardize)
            return replace(grid, shape=X.shape)
        c = X.shape[-1] if by_channel else 1
        center, scale = np.zeros(c), np.ones(c)
        if standardize:
            center, scale = _moments(X, weights, c)
        return cls(tuple(int(size) for size in X.shape[1:]), center, scale, bool(standardize))

    def transform(self, X: Any, dtype: Any = np.float32) -> Any:
        """X as it is, or a ValueError where its examples are of another shape; series may be longer or shorter."""
        if isinstance(X, Ragged):
            if X.step != self.shape[1:]:
                raise ValueError(f"X: expected sequences of steps of shape {self.shape[1:]}, found {X.step}")
            return X
        if X.shape[1:] != self.shape and (len(self.shape) != 2 or X.shape[2:] != self.shape[1:]):
            raise ValueError(
                f"X: expected examples of shape {self.shape}, as in the fit, found {X.shape[1:]} (X is {X.shape})"
            )
        array: Array = X
        return array


def _blocks(X: Array, c: int) -> Iterator[tuple[slice, Array]]:
    """A few examples at a time, in float64: (rows, places, c)."""
    rows = max(1, NUMBERS // max(1, X[0].size))
    for first in range(0, len(X), rows):
        part = slice(first, min(first + rows, len(X)))
        yield part, X[part].astype(np.float64).reshape(part.stop - first, -1, c)


def _moments(X: Array, weights: Array | None, c: int) -> tuple[Array, Array]:
    """Mean and standard deviation by channel, (c,) both; of blocks, which are then put together.

    With W the weight so far, μ and M the mean and the sum of squares about it, a block of W', μ', M' makes
    μ + (μ' − μ) W' / (W + W') and M + M' + (μ' − μ)² W W' / (W + W') (Chan, Golub and LeVeque 1983,
    https://doi.org/10.1080/00031305.1983.10483115).
    """
    total, mean, squares = 0.0, np.zeros(c), np.zeros(c)
    for part, v in _blocks(X, c):
        w = np.ones(len(v)) if weights is None else weights[part]
        of_block = float(w.sum())
        if of_block == 0:
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is said below
            mean_of_block = w @ v.mean(axis=1) / of_block
            v -= mean_of_block
            squares_of_block = w @ np.einsum("ijk,ijk->ik", v, v) / v.shape[1]
            apart = mean_of_block - mean
            both = total + of_block
            mean = mean + apart * (of_block / both)
            squares = squares + squares_of_block + apart * apart * (total * of_block / both)
        total = both
        if not (np.isfinite(mean).all() and np.isfinite(squares).all()):
            _refuse(X, part)
    scale = np.sqrt(squares / max(total, np.finfo(float).tiny))
    return mean, np.where(scale > DIGITS * np.abs(mean), np.where(scale > 0, scale, 1.0), 1.0)


def _refuse(X: Array, part: slice) -> None:
    """A ValueError that names what is not finite in these rows, or too large to be squared."""
    flat = X[part].reshape(part.stop - part.start, -1)
    wrong = np.argwhere(~np.isfinite(flat))
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise ValueError(non_finite_message(X, part.start + row, column))
    raise ValueError(f"X: found {flat[np.unravel_index(np.argmax(np.abs(flat)), flat.shape)]}, too large; scale X")
