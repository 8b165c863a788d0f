"""Counts: y (n,) in 0, 1, 2, …, and how to turn a distribution function of counts around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import check_numbers, numbers, refuse

Array = npt.NDArray[Any]


def check_counts(y: Any, likelihood: str) -> npt.NDArray[np.float64]:
    """Whole numbers from 0: (n,)."""
    return check_numbers(y, 1, likelihood, "counts 0, 1, 2, ...", 0.0, whole=True)


def check_exposed(y: Any, likelihood: str) -> npt.NDArray[np.float64]:
    """Counts, and exposures above 0: (n, 2)."""
    y = numbers(y, likelihood)
    if y.ndim != 2 or y.shape[1] != 2:
        cure = "stack them: numpy.column_stack([count, exposure])"
        raise ValueError(f"y: {likelihood} expected shape (n, 2), count and exposure, found {y.shape}; {cure}")
    y = check_numbers(y, 2, likelihood)
    check_counts(y[:, 0], likelihood)
    wrong = np.zeros(y.shape, bool)
    wrong[:, 1] = ~(y[:, 1] > 0)
    refuse(y, wrong, likelihood, "exposures above 0", "leave out the rows without exposure")
    return np.asarray(y)


def smallest_count(cdf: Callable[[Array], Array], p: Array, n: int) -> npt.NDArray[np.float64]:
    """The smallest count with cdf ≥ p: p (n,) -> (n,), infinite for p = 1; by doubling and bisection."""
    p = np.broadcast_to(np.asarray(p, np.float64), (n,))
    wanted = np.minimum(p, 1 - 2.0**-53)
    low, high = np.full(n, -1.0), np.zeros(n)  # cdf(low) < p ≤ cdf(high), once high is high enough
    for _ in range(80):
        short = cdf(high) < wanted
        if not short.any():
            break
        low, high = np.where(short, high, low), np.where(short, 2 * high + 1, high)
    while (high - low > np.maximum(1.0, 2e-16 * high)).any():
        middle = np.floor((low + high) / 2)
        if ((middle <= low) | (middle >= high)).all():
            break
        short = cdf(middle) < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(p >= 1, np.inf, np.where(np.isnan(p), np.nan, high))
