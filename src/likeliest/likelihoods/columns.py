"""The columns of η that are a scale or a shape: what their field says, links and clips, and where they start."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood

Array = npt.NDArray[Any]

Setting = float | str
"""A positive number that is fixed; ``"learned"``, one number for all x; or ``"function"``, a function of x."""

LOG_MEAN = 40.0
"""Logs of rates, means and squared scales are cut off at ± this: e^±40 is far from both ends of float32."""
LOG_SHAPE = 20.0
"""Logs of shapes, dispersions, concentrations and degrees of freedom are cut off at ± this."""


def check_setting(value: Any, field: str, likelihood: str, fixed: bool = True) -> None:
    """A ValueError unless ``value`` is a setting; ``fixed``: whether a number will do."""
    if isinstance(value, str):
        if value in ("learned", "function"):
            return
    elif fixed and is_positive(value):
        return
    number = "a positive number, " if fixed else ""
    raise ValueError(
        f'{field}: {likelihood} expected {number}"learned" (one number) or "function" (of x), found {value!r}'
    )


def is_positive(value: Any) -> bool:
    """Whether ``value`` is a finite number above 0."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and 0 < float(value) < np.inf


def check_min_scale(value: Any, likelihood: str) -> None:
    """A ValueError unless ``value`` is 0 or a positive number."""
    if not is_positive(value) and not (isinstance(value, int | float) and value == 0):
        raise ValueError(f"min_scale: {likelihood} expected 0 or a positive number, found {value!r}")


def check_count(value: Any, field: str, likelihood: str, least: int = 1) -> None:
    """A ValueError unless ``value`` is a whole number of at least ``least``."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{field}: {likelihood} expected a whole number of at least {least}, found {value!r}")


def constant(value: Setting) -> float:
    """The number that is fixed, or 0 where there is a column instead."""
    return 0.0 if isinstance(value, str) else float(value)


def cut(xp: Any, column: Any, bound: float) -> Any:
    """The column, cut off at ±bound."""
    return xp.clip(column, -bound, bound)


def uncut(column: Any, bound: float) -> Any:
    """1 where the column is not cut off, else 0: the derivative of ``cut``."""
    return (abs(column) <= bound).astype(column.dtype)


def symmetric(rows: list[list[Any]], width: int) -> Array:
    """The matrices (n, width, width) whose upper triangle is given by rows of columns (n,)."""
    n = len(rows[0][0])
    matrix = np.empty((n, width, width))
    for i in range(width):
        for j in range(i, width):
            matrix[:, i, j] = matrix[:, j, i] = rows[i][j - i]
    return matrix


class LocationScale(Likelihood):
    """η = (location, r):  scale² = min_scale² + e^r,  r cut off at ±40.

    ``scale`` is a number (η has no r), ``"learned"`` (r is one number), or ``"function"`` (r depends on x).
    """

    scale: Setting
    min_scale: float
    standardizes = True

    @property
    def locations(self) -> int:
        """The location."""
        return 1

    def __post_init__(self) -> None:
        check_setting(self.scale, "scale", type(self).__name__)
        check_min_scale(self.min_scale, type(self).__name__)

    @property
    def width(self) -> int:
        """The location and, unless the scale is fixed, r."""
        return 1 + isinstance(self.scale, str)

    @property
    def shared(self) -> int:
        """1 when the scale is learned as one number."""
        return int(self.scale == "learned")

    @property
    def scale_column(self) -> int:
        """Where r is, unless the scale is fixed."""
        return 1

    def squared_scale(self, xp: Any, eta: Any) -> Any:
        """scale² = min_scale² + e^r: (n,)."""
        if not isinstance(self.scale, str):
            return xp.zeros_like(eta[:, 0]) + float(self.scale) ** 2
        return float(self.min_scale) ** 2 + xp.exp(cut(xp, eta[:, self.scale_column], LOG_MEAN))

    def slope(self, eta: Any, s2: Any, xp: Any = np) -> Any:
        """∂ log scale² / ∂r = e^r / scale², and 0 where r is cut off: (n,)."""
        if not isinstance(self.scale, str):
            return xp.zeros_like(s2)
        r = eta[:, self.scale_column]
        return xp.exp(cut(xp, r, LOG_MEAN)) / s2 * uncut(r, LOG_MEAN)

    def standardized(self, scale: Any) -> Likelihood:
        """The likelihood of y / scale: a fixed scale, and the smallest one, are divided by it."""
        from dataclasses import replace

        fixed = self.scale if isinstance(self.scale, str) else float(self.scale) / float(scale)
        return replace(self, scale=fixed, min_scale=self.min_scale / float(scale))  # type: ignore[type-var]

    def start_scale(self, variance: float) -> list[float]:
        """Where r starts: [log(variance − min_scale²)], or nothing when the scale is fixed."""
        return [log_squared_scale(variance, self.min_scale)] if isinstance(self.scale, str) else []


class Shaped(Likelihood):
    """η = (location or log mean, log shape); the shape is a number, learned, or a function of x."""

    @property
    @abstractmethod
    def setting(self) -> Setting:
        """What the field of the shape says."""

    @property
    def width(self) -> int:
        """The mean and, unless it is fixed, the shape."""
        return 1 + isinstance(self.setting, str)

    @property
    def shared(self) -> int:
        """1 when the shape is learned as one number."""
        return int(self.setting == "learned")

    def log_shape(self, xp: Any, eta: Any) -> Any:
        """The log of the shape, cut off at ±20: (n,)."""
        if not isinstance(self.setting, str):
            return xp.zeros_like(eta[:, 0]) + float(np.log(self.setting))
        return cut(xp, eta[:, 1], LOG_SHAPE)

    def columns(self, xp: Any, eta: Any, *columns: Any) -> Any:
        """Derivatives by the location (cut off at ±40) and the log shape (±20), as (n, width)."""
        kept = [columns[0] * uncut(eta[:, 0], LOG_MEAN)]
        if isinstance(self.setting, str):
            kept.append(columns[1] * uncut(eta[:, 1], LOG_SHAPE))
        return xp.stack(kept, axis=1).astype(eta.dtype)

    def start_shape(self, shape: float) -> list[float]:
        """Where the log of the shape starts, within ±5; or nothing when it is fixed."""
        return [float(np.clip(np.log(shape), -5, 5))] if isinstance(self.setting, str) else []


def log_squared_scale(variance: float, min_scale: float) -> float:
    """The r such that min_scale² + e^r is the variance, or as little above min_scale² as 1 % of it."""
    return float(np.log(max(variance - min_scale**2, 0.01 * variance)))


def moments(y: Array, weights: Array | None) -> tuple[float, float]:
    """Weighted mean and variance of y (n,), the variance never 0: a constant has a thousandth of itself for scale."""
    w = weights_of(y, weights)
    mean = float(np.sum(w * y))
    variance = float(np.sum(w * (y - mean) ** 2))
    return mean, floored(variance, mean)


def floored(variance: float, mean: float) -> float:
    """The variance, unless it is 0 but for rounding."""
    return variance if variance > 1e-12 * mean**2 else 1e-6 * (mean**2 or 1.0)


def weights_of(y: Array, weights: Array | None) -> Array:
    """Weights (n,) that sum to 1."""
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    total = w.sum()
    return np.asarray(w / total if total > 0 else np.full(len(y), 1 / max(len(y), 1)))


def weighted_quantiles(y: Array, p: Any, weights: Array | None) -> Array:
    """The quantiles p (k,) of y (n,): where the running sum of the weights passes p of it all.

    Where it is p, but for rounding, the mean of this y and the next. A row of weight 2 is the same as two rows, and the
    scale of the weights does not matter.
    """
    order = np.argsort(y, kind="stable")
    sorted_y = np.asarray(y, np.float64)[order]
    sums = np.cumsum(np.ones(len(order)) if weights is None else np.asarray(weights, np.float64)[order])
    wanted = np.asarray(p, np.float64) * sums[-1]
    last = int(np.searchsorted(sums, sums[-1]))  # nothing of weight 0 after it counts
    below = np.minimum(np.searchsorted(sums, wanted * (1 - 1e-12), side="left"), last)
    above = np.minimum(np.searchsorted(sums, wanted * (1 + 1e-12), side="right"), last)
    return np.asarray((sorted_y[below] + sorted_y[above]) / 2)


def inverse_softplus(z: float) -> float:
    """The t with log(1 + eᵗ) = z > 0."""
    return float(z + np.log(-np.expm1(-z)))
