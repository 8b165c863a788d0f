"""Reliability: predicted probability against observed frequency, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import calibration
from likeliest.plots.canvas import FAINT, INK
from likeliest.plots.display import (
    Display,
    as_probabilities,
    counts_below,
    legend,
    name_of,
    next_style,
    same_length,
    tidy,
)

Array = npt.NDArray[Any]

IDEAL = "perfectly calibrated"


@dataclass(eq=False, repr=False)
class ReliabilityDisplay(Display):
    """Whether of all the events that were given 70 %, 70 % happened.

    The examples are sorted into bins b by predicted probability. Each bin is a point: the mean prediction p_b across,
    the observed frequency f_b up, with the 95 % interval that so few examples leave (Wilson's). The expected
    calibration error is Σ_b (n_b / n) |f_b − p_b|. The bars beneath count the examples by predicted probability.

    Use `from_estimator` or `from_predictions`; what they compute is kept in the attributes.

    Attributes
    ----------
    prob_true : (bins,) array
        f_b, the observed frequency in each bin that holds an example.
    prob_pred : (bins,) array
        p_b, the mean predicted probability there.
    counts : (bins,) array
        n_b, how many examples are there.
    y_prob : (n,) array
        The predicted probabilities of the event.
    n_bins : int
        How many bins were asked for.
    event : str or None
        The event, in words; None for "the likeliest class is right".
    name : str or None
        What the legend calls the curve.

    Notes
    -----
    Source: Guo, Pleiss, Sun and Weinberger, *On calibration of modern neural networks*, ICML 2017.

    Examples
    --------
    >>> from likeliest.plots import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions([0, 1, 1, 1], [0.1, 0.3, 0.9, 0.9], n_bins=2)
    >>> display.prob_pred, display.prob_true, display.counts
    (array([0.2, 0.9]), array([0.5, 1. ]), array([2, 2]))
    >>> round(display.expected_calibration_error, 3)
    0.2
    """

    prob_true: Array
    prob_pred: Array
    counts: Array
    y_prob: Array
    n_bins: int = 10
    event: str | None = "Y = 1"
    name: str | None = None

    @property
    def expected_calibration_error(self) -> float:
        """Σ_b (n_b / n) |f_b − p_b|."""
        return float((self.counts * np.abs(self.prob_true - self.prob_pred)).sum() / self.counts.sum())

    def interval(self, confidence: float = 0.95) -> tuple[Array, Array]:
        """Wilson's interval for the frequency in each bin: (bins,) lower and (bins,) upper ends."""
        z2, f, n = NormalDist().inv_cdf((1 + confidence) / 2) ** 2, self.prob_true, self.counts
        middle = (f + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * (f * (1 - f) / n + z2 / (4 * n**2))) / (1 + z2 / n)
        return np.minimum(middle - half, f), np.maximum(middle + half, f)  # of rounding, f itself could fall out

    def plot(self, ax: Any = None, *, name: str | None = None, **kwargs: Any) -> ReliabilityDisplay:
        """Draws the diagram; another one on the same axes gets the next colour.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        name : str, optional
            What the legend calls the curve.
        **kwargs
            For ``Axes.errorbar``: ``color``, ``marker``, ...

        Returns
        -------
        ReliabilityDisplay
            Itself.
        """
        ax = self._place(ax)
        if IDEAL not in ax.get_legend_handles_labels()[1]:
            ax.plot([0, 1], [0, 1], color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2, label=IDEAL)
        name = self.name if name is None else name
        error = f"calibration error {self.expected_calibration_error:.3f}, n = {self.counts.sum()}"
        lower, upper = self.interval()
        style = {
            **next_style(ax, type(self)),
            "markersize": 5,
            "linewidth": 1.6,
            "elinewidth": 1.1,
            "capsize": 2.5,
            "label": error if name is None else f"{name}\n{error}",
        }
        bars = [self.prob_true - lower, upper - self.prob_true]
        self.errorbar_ = ax.errorbar(self.prob_pred, self.prob_true, yerr=bars, **{**style, **kwargs})
        self.line_ = self.errorbar_[0]
        self.line_.set_gid(type(self).__name__)
        tidy(ax)
        shares = np.bincount(calibration.bins(self.y_prob, np.linspace(0, 1, self.n_bins + 1)), minlength=self.n_bins)
        counts_below(ax, shares / len(self.y_prob), self.line_.get_color())
        legend(ax)
        if self.event is None:
            ax.set_xlabel("predicted probability of the likeliest class")
            ax.set_ylabel("how often it was right")
        else:
            ax.set_xlabel(f"predicted probability that {self.event}")
            ax.set_ylabel(f"how often {self.event}")
        ax.set_title("Reliability: prediction against frequency", color=INK)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_bins: int = 10,
        strategy: str = "uniform",
        pos_label: Any = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """From a fitted classifier and examples that it was not fitted to.

        Parameters
        ----------
        estimator : object with ``predict_proba``
            A classifier, a pipeline that ends in one, or a Network.
        X : (n, ...) array or data frame
            The examples.
        y : (n,) array
            Their classes.
        n_bins, strategy, pos_label, ax, **kwargs
            As in `from_predictions`.
        name : str, optional
            For the legend; the estimator's class by default.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            When the estimator gives no probabilities, or an argument does not fit.
        """
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(f"estimator: expected one with predict_proba, found {type(estimator).__name__}")
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            classes=getattr(estimator, "classes_", None),
            n_bins=n_bins,
            strategy=strategy,
            pos_label=pos_label,
            name=name_of(estimator, name),
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_prob: Any,
        *,
        classes: Any = None,
        n_bins: int = 10,
        strategy: str = "uniform",
        pos_label: Any = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """From classes and predicted probabilities.

        Parameters
        ----------
        y_true : (n,) array
            The classes.
        y_prob : (n,) or (n, K) array
            The probability of ``pos_label``, or of each class.
        classes : sequence of K, optional
            The classes that the columns of ``y_prob`` stand for; 0 ... K − 1 by default.
        n_bins : int
            How many bins.
        strategy : {"uniform", "quantile"}
            Bins of equal width, or of equally many examples.
        pos_label : optional
            The class whose probability is looked at; by default the second of two, and of more classes the one that is
            likeliest for each example (top-label calibration).
        name : str, optional
            For the legend.
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            As in `plot`.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            When an argument does not fit.
        """
        if isinstance(n_bins, bool) or not isinstance(n_bins, int) or n_bins < 1:
            raise ValueError(f"n_bins: expected a whole number of at least 1, found {n_bins!r}")
        p, happened, event = _event(np.asarray(y_true), np.asarray(y_prob), classes, pos_label)
        if strategy == "uniform":
            edges = np.linspace(0, 1, n_bins + 1)
        elif strategy == "quantile":
            edges = np.quantile(p, np.linspace(0, 1, n_bins + 1))
        else:
            raise ValueError(f'strategy: expected "uniform" or "quantile", found {strategy!r}')
        prob_true, prob_pred, counts = calibration.reliability(p, happened, edges)
        return cls(prob_true, prob_pred, counts, p, n_bins, event, name).plot(ax=ax, **kwargs)


def _event(y_true: Array, y_prob: Array, classes: Any, pos_label: Any) -> tuple[Array, Array, str | None]:
    """The probability of the event (n,), whether it happened (n,), and the event in words."""
    if y_true.ndim == 2 and y_true.shape[1] == 1:
        y_true = y_true[:, 0]
    if y_true.ndim != 1 or len(y_true) == 0:
        cure = "; give one column of it and of y_prob" if y_true.ndim == 2 and len(y_true) else ""
        raise ValueError(f"y_true: expected one class an example, (n,), found {y_true.shape}{cure}")
    if y_prob.ndim not in (1, 2):
        raise ValueError(f"y_prob: expected shape (n,) or (n, classes), found {y_prob.shape}")
    same_length(len(y_prob), len(y_true), "y_prob", "y_true")
    y_prob = as_probabilities(y_prob, "y_prob")
    if y_prob.ndim == 1:
        if pos_label is None:
            if not set(np.unique(y_true).tolist()) <= {0, 1} and not set(np.unique(y_true).tolist()) <= {-1, 1}:
                raise ValueError("pos_label: which class is y_prob the probability of? The classes are not 0 and 1")
            pos_label = 1
        return y_prob, y_true == pos_label, f"Y = {pos_label}"
    classes = np.arange(y_prob.shape[1]) if classes is None else np.asarray(classes)
    if classes.shape != (y_prob.shape[1],):
        raise ValueError(f"classes: expected one a column of y_prob, {y_prob.shape[1]}, found {len(classes)}")
    unknown = ~np.isin(y_true, classes)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise ValueError(f"y_true: expected one of the classes {classes.tolist()}, found {y_true[row]!r} in row {row}")
    if pos_label is None and len(classes) == 2:
        pos_label = classes[1]
    if pos_label is None:
        top = y_prob.argmax(axis=1)
        return y_prob[np.arange(len(top)), top], classes[top] == y_true, None
    if pos_label not in classes:
        raise ValueError(f"pos_label: expected one of the classes {classes.tolist()}, found {pos_label!r}")
    return y_prob[:, int(np.argmax(classes == pos_label))], y_true == pos_label, f"Y = {pos_label}"
