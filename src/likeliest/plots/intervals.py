"""Intervals: what was predicted for each row, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import HELD_OUT, INK, TRAIN
from likeliest.plots.display import Display, as_column, finite, legend, predict_dist, same_length, tidy

Array = npt.NDArray[Any]


@dataclass(eq=False, repr=False)
class IntervalDisplay(Display):
    """Predicted median and central intervals against the truth, the rows sorted by prediction.

    The legend says how many of all the rows each interval covers: a 90 % interval should hold 90 % of them.

    Attributes
    ----------
    y_true : (n,) array
        The truth.
    median : (n,) array
        The predicted medians.
    lower, upper : (n, k) array
        The ends of the intervals of each level.
    levels : tuple of k floats
        How much each interval should cover, rising.
    name : str or None
        What the title calls the model.

    Examples
    --------
    >>> from likeliest.plots import IntervalDisplay
    >>> display = IntervalDisplay.from_predictions([1, 2, 9, 4], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5])
    >>> display.coverage
    array([0.75])
    """

    y_true: Array
    median: Array
    lower: Array
    upper: Array
    levels: tuple[float, ...]
    name: str | None = None

    @property
    def coverage(self) -> Array:
        """The share of the rows that each interval holds: (k,)."""
        y = self.y_true[:, None]
        return np.asarray(((self.lower <= y) & (y <= self.upper)).mean(axis=0))

    def plot(self, ax: Any = None, *, name: str | None = None, max_rows: int = 100, **kwargs: Any) -> IntervalDisplay:
        """Draws the rows side by side.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        name : str, optional
            What the title calls the model.
        max_rows : int
            Of more rows, draw so many, evenly from the lowest prediction to the highest.
        **kwargs
            For ``Axes.vlines``, which draws the intervals: ``color``, ``alpha``, ...

        Returns
        -------
        IntervalDisplay
            Itself.

        Raises
        ------
        ValueError
            When ``max_rows`` is not a positive whole number.
        """
        if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
            raise ValueError(f"max_rows: expected a whole number of at least 1, found {max_rows!r}")
        ax = self._place(ax)
        n = len(self.y_true)
        order = np.argsort(self.median, kind="stable")
        shown = order[np.linspace(0, n - 1, min(n, max_rows)).round().astype(int)]
        across = np.arange(1, len(shown) + 1)
        y = self.y_true[shown]
        room = 300 / len(shown)  # points of paper for a row, at the usual size
        self.intervals_ = []
        for k in reversed(range(len(self.levels))):  # the widest first, so that the narrow ones lie on top
            style = {
                "color": TRAIN,
                "alpha": 0.3 if k == len(self.levels) - 1 else 0.6,
                "linewidth": min(0.6 * room, 8.0),
                "label": f"{100 * self.levels[k]:.3g} % interval: holds {100 * self.coverage[k]:.1f} % of y",
            }
            self.intervals_.append(ax.vlines(across, self.lower[shown, k], self.upper[shown, k], **{**style, **kwargs}))
        size = min(5.0, max(1.8, room * 0.7))
        self.median_ = ax.plot(
            across, self.median[shown], "_", color="white", markersize=size * 1.1, markeredgewidth=1.1
        )[0]
        widest = slice(len(self.levels) - 1, None)
        out = ((y[:, None] < self.lower[shown, widest]) | (y[:, None] > self.upper[shown, widest])).any(axis=1)
        self.truth_ = ax.plot(across[~out], y[~out], "o", color=INK, markersize=size * 0.85, label="y, inside")[0]
        self.outside_ = ax.plot(
            across[out], y[out], "D", color=HELD_OUT, markersize=size, label=f"y, outside {100 * self.levels[-1]:.3g} %"
        )[0]
        tidy(ax)
        legend(ax)
        many = f"{n} rows" if len(shown) == n else f"{len(shown)} of {n} rows"
        ax.set_xlabel(f"{many}, sorted by predicted median")
        ax.set_ylabel("y")
        ax.set_xlim(0, len(shown) + 1)
        name = self.name if name is None else name
        ax.set_title("Predicted intervals against y" + ("" if name is None else f": {name}"), color=INK)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        levels: float | Sequence[float] = (0.5, 0.9),
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> IntervalDisplay:
        """From a fitted regressor and examples that it was not fitted to.

        Parameters
        ----------
        estimator : object with ``predict_dist``
            Or a pipeline that ends in one. The distributions have SciPy's ``ppf``.
        X : (n, ...) array or data frame
            The examples.
        y : (n,) array
            Their targets.
        levels : float or sequence of float
            How much the central intervals should cover.
        name : str, optional
            For the title; the estimator's class by default.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        IntervalDisplay

        Raises
        ------
        ValueError
            When the estimator predicts no distributions, or an argument does not fit.
        """
        y, levels = as_column(y, "y"), _check_levels(levels)
        distribution = predict_dist(estimator, X)
        lower = np.column_stack([distribution.ppf((1 - level) / 2) for level in levels])
        upper = np.column_stack([distribution.ppf((1 + level) / 2) for level in levels])
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(y, lower, distribution.ppf(0.5), upper, levels=levels, name=name, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        lower: Any,
        median: Any,
        upper: Any,
        *,
        levels: float | Sequence[float] = 0.9,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> IntervalDisplay:
        """From targets and predicted intervals.

        Parameters
        ----------
        y_true : (n,) array
            The targets.
        lower, upper : (n,) or (n, k) array
            The ends of the intervals, a column for each level.
        median : (n,) array
            The predicted medians.
        levels : float or sequence of k floats
            How much each interval should cover.
        name : str, optional
            For the title.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        IntervalDisplay

        Raises
        ------
        ValueError
            When an argument does not fit.
        """
        y_true, median, levels = as_column(y_true, "y_true"), as_column(median, "median"), _check_levels(levels)
        same_length(len(median), len(y_true), "median", "y_true")
        ends = []
        for argument, given in (("lower", lower), ("upper", upper)):
            end = np.asarray(given)
            end = finite(end[:, None] if end.ndim == 1 else end, argument)
            if end.shape != (len(y_true), len(levels)):
                expected = (len(y_true), len(levels))
                raise ValueError(f"{argument}: expected shape {expected}, a column a level, found {end.shape}")
            ends.append(end)
        if (ends[0] > ends[1]).any():
            row = int(np.argmax((ends[0] > ends[1]).any(axis=1)))
            raise ValueError(f"lower: expected at most upper, found {ends[0][row]} above {ends[1][row]} in row {row}")
        order = np.argsort(levels)
        levels = tuple(levels[k] for k in order)
        return cls(y_true, median, ends[0][:, order], ends[1][:, order], levels, name).plot(ax=ax, **kwargs)


def _check_levels(levels: float | Sequence[float]) -> tuple[float, ...]:
    found = np.atleast_1d(np.asarray(levels))
    if found.ndim != 1 or found.dtype.kind != "f" or len(found) == 0 or not ((found > 0) & (found < 1)).all():
        raise ValueError(f"levels: expected numbers between 0 and 1, such as (0.5, 0.9), found {levels!r}")
    return tuple(found.tolist())
