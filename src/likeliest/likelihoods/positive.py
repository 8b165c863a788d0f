"""Positive targets: y (n,) > 0, and survival times y (n, 2) = (time, observed)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import FLOAT32, check_numbers, numbers, refuse


def check_positive(y: Any, likelihood: str) -> npt.NDArray[np.float64]:
    """Numbers above 0, also as float32: (n,)."""
    y = check_numbers(y, 1, likelihood)
    cure = "shift y, leave such rows out, or take a likelihood on all real numbers"
    refuse(y, ~(y >= FLOAT32.tiny), likelihood, "numbers above 0", cure)
    return np.asarray(y)


def check_times(y: Any, likelihood: str) -> npt.NDArray[np.float64]:
    """Times above 0, and 1 where the event was observed, 0 where the time is censored: (n, 2)."""
    y = numbers(y, likelihood)
    if y.ndim != 2 or y.shape[1] != 2:
        cure = "stack them: numpy.column_stack([time, observed])"
        raise ValueError(f"y: {likelihood} expected shape (n, 2), time and 1 if observed, found {y.shape}; {cure}")
    y = check_numbers(y, 2, likelihood)
    check_positive(y[:, 0], likelihood)
    wrong = np.zeros(y.shape, bool)
    wrong[:, 1] = (y[:, 1] != 0) & (y[:, 1] != 1)
    refuse(y, wrong, likelihood, "0 (censored) or 1 (observed)", "the second column says whether the event was seen")
    return np.asarray(y)
