"""Coverage: how often y fell below each predicted quantile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import FAINT, INK
from likeliest.plots.display import (
    Display,
    as_column,
    as_probabilities,
    counts_below,
    legend,
    name_of,
    next_style,
    predict_dist,
    same_length,
    tidy,
)

Array = npt.NDArray[Any]

IDEAL = "perfectly calibrated (95 % band)"


@dataclass(eq=False, repr=False)
class CoverageDisplay(Display):
    """Whether y fell below its predicted 70 % quantile in 70 % of the rows: the reliability diagram of regression.

    With u_i = F_i(y_i) (the probability integral transform), the curve is the share of rows with u_i ≤ p. Below the
    diagonal y is larger than predicted; flatter than it in the middle, the predicted distributions are too narrow. The
    band is where the whole curve of a perfect model lies 95 times in 100 (Dvoretzky, Kiefer, Wolfowitz). The bars
    beneath count the u_i: level when all is well, ∪ when too narrow, ∩ when too wide.

    For counts F has steps; the share that row i adds then rises in a line from F_i(y_i − 1) to F_i(y_i).

    Attributes
    ----------
    nominal : (101,) array
        p, from 0 to 1.
    observed : (101,) array
        The share of rows with u_i ≤ p.
    n : int
        How many rows.
    name : str or None
        What the legend calls the curve.

    Notes
    -----
    Sources: Gneiting, Balabdaoui and Raftery, doi:10.1111/j.1467-9868.2007.00587.x; for counts Czado, Gneiting and
    Held, doi:10.1111/j.1541-0420.2009.01191.x.

    Examples
    --------
    >>> from likeliest.plots import CoverageDisplay
    >>> display = CoverageDisplay.from_predictions([0.125, 0.375, 0.625, 0.875])
    >>> float(display.observed[50]), round(display.calibration_error, 3)
    (0.5, 0.062)
    """

    nominal: Array
    observed: Array
    n: int
    name: str | None = None

    @property
    def calibration_error(self) -> float:
        """The mean of |observed − p|."""
        return float(np.abs(self.observed - self.nominal).mean())

    def plot(self, ax: Any = None, *, name: str | None = None, **kwargs: Any) -> CoverageDisplay:
        """Draws the diagram; another one on the same axes gets the next colour.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        name : str, optional
            What the legend calls the curve.
        **kwargs
            For ``Axes.plot``: ``color``, ``linewidth``, ...

        Returns
        -------
        CoverageDisplay
            Itself.
        """
        ax = self._place(ax)
        if IDEAL not in ax.get_legend_handles_labels()[1]:
            width = math.sqrt(math.log(2 / 0.05) / (2 * self.n))
            low, high = np.clip(self.nominal - width, 0, 1), np.clip(self.nominal + width, 0, 1)
            ax.fill_between(self.nominal, low, high, color="#e6e6e6", linewidth=0)
            ax.plot([0, 1], [0, 1], color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2, label=IDEAL)
        name = self.name if name is None else name
        error = f"calibration error {self.calibration_error:.3f}, n = {self.n}"
        style = {
            **next_style(ax, type(self)),
            "marker": "",
            "linewidth": 1.8,
            "label": error if name is None else f"{name}\n{error}",
        }
        self.line_ = ax.plot(self.nominal, self.observed, **{**style, **kwargs})[0]
        self.line_.set_gid(type(self).__name__)
        tidy(ax)
        tenths = self.observed[::10]
        counts_below(ax, np.diff(np.array([0, *tenths[1:]])), self.line_.get_color())
        legend(ax)
        ax.set_xlabel("p, the predicted probability")
        ax.set_ylabel("how often y was below its p-quantile")
        ax.set_title("Coverage: predicted quantiles against y", color=INK)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> CoverageDisplay:
        """From a fitted regressor and examples that it was not fitted to.

        Parameters
        ----------
        estimator : object with ``predict_dist``
            Or a pipeline that ends in one. The distributions have SciPy's names: ``cdf``, and for counts ``pmf``.
        X : (n, ...) array or data frame
            The examples.
        y : (n,) array
            Their targets.
        name : str, optional
            For the legend; the estimator's class by default.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        CoverageDisplay

        Raises
        ------
        ValueError
            When the estimator predicts no distributions, or y is not one finite number a row.
        """
        distribution, y = predict_dist(estimator, X), as_column(y, "y")
        cdf = np.asarray(distribution.cdf(y))
        try:  # as in SciPy, only distributions of counts have a pmf; there P(Y < y) is less than P(Y ≤ y)
            below = np.clip(cdf - np.asarray(distribution.pmf(y)), 0, 1)
        except AttributeError:
            below = None
        return cls.from_predictions(cdf, below, name=name_of(estimator, name), ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls, cdf: Any, cdf_below: Any = None, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> CoverageDisplay:
        """From the predicted distribution functions at the targets.

        Parameters
        ----------
        cdf : (n,) array
            F_i(y_i) = P(Y ≤ y_i | x_i).
        cdf_below : (n,) array, optional
            For counts, P(Y < y_i | x_i).
        name : str, optional
            For the legend.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        CoverageDisplay

        Raises
        ------
        ValueError
            When these are no probabilities.
        """
        upper = as_probabilities(as_column(cdf, "cdf"), "cdf")
        lower = upper
        if cdf_below is not None:
            lower = as_probabilities(as_column(cdf_below, "cdf_below"), "cdf_below")
            same_length(len(lower), len(upper), "cdf_below", "cdf")
            if (lower > upper).any():
                row = int(np.argmax(lower > upper))
                raise ValueError(f"cdf_below: expected at most cdf, {upper[row]}, found {lower[row]} in row {row}")
        nominal = np.linspace(0, 1, 101)
        observed = np.array([_share_below(p, lower, upper).mean() for p in nominal])
        return cls(nominal, observed, len(upper), name).plot(ax=ax, **kwargs)


def _share_below(p: float, lower: Array, upper: Array) -> Array:
    """How much of each row lies below p: 0 under lower, 1 from upper on, a line between them."""
    between = (lower < p) & (p < upper)
    share: Array = np.where(between, (p - lower) / np.where(between, upper - lower, 1), upper <= p)
    return share
