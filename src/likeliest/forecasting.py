"""Windows of a series: what is known before a time, and what came at the times after it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def windows(
    series: Any, length: int, horizon: int = 1, *, target: int | Sequence[int] | None = None, stride: int = 1
) -> tuple[Array, Array]:
    """All windows of a series with what follows each of them: examples and targets to learn to forecast from.

    Window i has the times i·stride … i·stride + length − 1, and its targets are the ``horizon`` times after it.

    Parameters
    ----------
    series : (N,) or (N, p) array
        One number, or p numbers, at each of N times.
    length : int
        How many times a window has.
    horizon : int
        How many times after it are to be forecast.
    target : int or sequence of int, optional
        Which of the p columns are to be forecast; by default all.
    stride : int
        How many times lie between the starts of two windows.

    Returns
    -------
    X : (n, length) or (n, length, p) array
        The windows: views of the series, which take no memory.
    y : (n, horizon) or (n, horizon · d) array
        What follows: for each horizon in turn, the d columns that are to be forecast.

    Raises
    ------
    ValueError
        When the series is too short for one window, or an argument is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = windows(np.arange(6), length=3, horizon=2)
    >>> X
    array([[0, 1, 2],
           [1, 2, 3]])
    >>> y
    array([[3, 4],
           [4, 5]])

    Intervals at each of four horizons, from the last 24 times:

    >>> import likeliest as ll
    >>> t = np.arange(400)
    >>> series = np.sin(t / 4) + 0.1 * np.random.default_rng(0).normal(size=400)
    >>> X, y = windows(series, length=24, horizon=4)
    >>> reg = ll.Regressor(hidden=(16,), likelihood="normal", max_iter=60, random_state=0).fit(X, y)
    >>> low, high = reg.predict_dist(series[None, -24:]).interval(0.9)
    >>> low.shape, bool((low < np.sin(np.arange(400, 404) / 4)).all())
    ((1, 4), True)
    """
    values = np.asarray(series)
    if values.ndim not in (1, 2) or values.dtype.kind not in "biuf" or not values.size:
        raise ValueError(f"series: expected numbers (N,) or (N, p), found shape {values.shape} of {values.dtype}")
    length, horizon, stride = (
        _count(name, one) for name, one in (("length", length), ("horizon", horizon), ("stride", stride))
    )
    if len(values) < length + horizon:
        raise ValueError(
            f"series: it has {len(values)} times, and a window of {length} with {horizon} after it takes "
            f"{length + horizon}: choose a smaller length or horizon"
        )
    chosen = values
    if target is not None:
        columns = np.atleast_1d(np.asarray(target))
        p = values.shape[1] if values.ndim == 2 else 1
        if columns.dtype.kind not in "iu" or columns.ndim != 1 or not ((columns >= 0) & (columns < p)).all():
            raise ValueError(f"target: expected columns 0 to {p - 1} of the series, found {target!r}")
        chosen = values[:, columns] if values.ndim == 2 else values
    X = np.lib.stride_tricks.sliding_window_view(values[: len(values) - horizon], length, axis=0)[::stride]
    y = np.lib.stride_tricks.sliding_window_view(chosen[length:], horizon, axis=0)[::stride]
    # The view has the window's axis last: (n, p, length).
    X, y = (np.moveaxis(one, -1, 1) if one.ndim == 3 else one for one in (X, y))
    return X, y.reshape(len(y), -1)


def _count(name: str, value: Any) -> int:
    """A whole number of at least 1, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value!r}")
    return number
