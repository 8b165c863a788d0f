"""Where an example has a number that is not finite: X (n, ...) of any real type."""

from __future__ import annotations

from typing import Any

import numpy as np

from likeliest.engines.base import Array

ROWS_WORTH = 1 << 20  # numbers, that a search through X takes at a time


def first_non_finite(X: Array, dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """The row and the column (of the flattened example) of the first NaN or infinity in X as dtype, if there is one."""
    X = X.reshape(X.shape[0], -1)
    rows = max(1, ROWS_WORTH // X.shape[1])
    for first in range(0, len(X), rows):  # some at a time: X may be larger than the memory
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(np.add.reduce(X[first : first + rows], axis=None, dtype=dtype)):
                continue  # a sum is finite only if all its numbers are
            wrong = np.argwhere(~np.isfinite(X[first : first + rows].astype(dtype)))
        if len(wrong):
            return first + int(wrong[0][0]), int(wrong[0][1])
    return None
