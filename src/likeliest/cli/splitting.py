"""Which rows to learn from and which to test on: at random, of each class the same share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.options import BadData

Array = npt.NDArray[Any]


def held_out(y: Array, share: float, seed: int, classes: bool) -> npt.NDArray[np.bool_]:
    """Which of n rows to hold out, (n,): about that share of them, and of each class; of a class of one row, none.

    Raises
    ------
    BadData
        When there would be too few rows on one side.
    """
    n, order = len(y), _order(y, seed, classes)
    # Every 1/share-th of rows in the order of their classes: of each class its share, to within a row.
    turns = np.floor(np.arange(1, n + 1) * share + 0.5) > np.floor(np.arange(n) * share + 0.5)
    mask = np.zeros(n, bool)
    mask[order[turns]] = True
    if classes:
        _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
        taken = np.bincount(place[mask], minlength=len(counts))
        mask &= (taken < counts)[place]  # something has to be left to learn a class from
    if not mask.any() or n - mask.sum() < 2:
        raise BadData(
            f"--test: of {n} rows, {share:g} leaves {n - mask.sum()} and {mask.sum()}: too few; 0 holds out none"
        )
    return mask


def folds(y: Array, count: int, seed: int, classes: bool) -> Iterator[tuple[Array, Array]]:
    """The rows to learn from and the rows to test on, ``count`` times; each row is tested on once.

    Raises
    ------
    BadData
        When there are fewer rows than folds.
    """
    n = len(y)
    if n < max(count, 3):
        raise BadData(f"--cross-validate: {count} folds need as many rows, and at least 3; found {n}")
    fold = np.empty(n, int)
    fold[_order(y, seed, classes)] = np.arange(n) % count
    for k in range(count):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def _order(y: Array, seed: int, classes: bool) -> Array:
    """The rows at random; class by class, if there are classes."""
    order = np.random.default_rng(seed).permutation(len(y))
    return order[np.argsort(y[order], kind="stable")] if classes else order
