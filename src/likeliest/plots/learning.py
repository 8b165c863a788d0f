"""The learning curve: LL per example against epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import FAINT, HELD_OUT, INK, TRAIN, new_axes
from likeliest.plots.display import Display, attribute

if TYPE_CHECKING:
    from likeliest.history import History

Array = npt.NDArray[Any]


def learning_curve(history: History, ax: Any = None, **kwargs: Any) -> Any:
    """Draws the log-likelihood per example after each epoch: it goes up.

    Parameters
    ----------
    history : History
        What ``Network.fit`` returned.
    ax : matplotlib axes, optional
        Where to draw; by default the axes of a new figure.
    **kwargs
        For ``Axes.plot``, which draws both curves.

    Returns
    -------
    matplotlib axes
        ``ax.figure.savefig("learning-curve.png")`` writes the picture.

    Raises
    ------
    ImportError
        When matplotlib is not installed.

    Notes
    -----
    The training curve is the mean over the minibatches of an epoch while θ moved, so in the first epochs it lies below
    what the θ at the end of the epoch would give, and the held-out curve may lie above it.

    Examples
    --------
    >>> from likeliest import plots
    >>> from likeliest.history import History
    >>> ax = plots.learning_curve(History(log_likelihood=[-0.69, -0.3, -0.2], seconds=[0.1] * 3))
    >>> ax.get_ylabel()
    'log-likelihood per example (nats)'
    """
    ax = new_axes(6.4, 4.0) if ax is None else ax
    curves = (("training", history.log_likelihood, TRAIN), ("held-out", history.validation_log_likelihood, HELD_OUT))
    for name, given, colour in curves:
        values = np.asarray(given, np.float64)
        looked = np.isfinite(values)  # at held-out examples perhaps not after every epoch
        if looked.any():
            epochs = (history.first_epoch + np.arange(1, len(values) + 1))[looked]
            values = values[looked]
            style = {
                "color": colour,
                "linewidth": 1.8,
                "marker": "o" if len(values) <= 30 else "",
                "markersize": 4,
                "label": f"{name}, at last {_number(values[-1])}",
            }
            ax.plot(epochs, values, **{**style, **kwargs})
    if history.best_epoch is not None and history.validation_log_likelihood:
        best = history.best_epoch
        epoch, value = history.first_epoch + best + 1, history.validation_log_likelihood[best]
        label = f"epoch {epoch} was best, {_number(value)}"
        ax.plot(epoch, value, "o", markersize=11, markerfacecolor="none", markeredgecolor=HELD_OUT, label=label)
    if history.epochs:
        ax.legend(frameon=False, loc="best")
        ax.xaxis.get_major_locator().set_params(integer=True)
    else:
        ax.text(0.5, 0.5, "no epoch was finished", transform=ax.transAxes, ha="center", va="center", color=FAINT)
    drawn = np.array([*history.log_likelihood, *history.validation_log_likelihood])
    _scale(ax, drawn[np.isfinite(drawn)])
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel("epoch")
    ax.set_ylabel("log-likelihood per example (nats)")
    end = "" if history.stopped == "finished" else f" ({history.stopped})"
    many = "1 epoch" if history.epochs == 1 else f"{history.epochs} epochs"
    ax.set_title(f"Up the log-likelihood: {many} in {seconds(sum(history.seconds))}{end}", color=INK)
    return ax


@dataclass(eq=False, repr=False)
class LearningCurveDisplay(Display):
    """The log-likelihood per example after each epoch, of the training and of the held-out examples.

    Attributes
    ----------
    history : History
        What it is drawn from.
    epochs : (epochs,) array
        1, 2, ...; a fit that continued starts later.
    log_likelihood : (epochs,) array
        Of the training examples.
    validation_log_likelihood : (epochs,) array
        Of the held-out examples; empty when there were none.
    best_epoch : int or None
        The epoch whose θ was kept, counted as in ``epochs``; None without early stopping.

    Examples
    --------
    >>> from likeliest.history import History
    >>> from likeliest.plots import LearningCurveDisplay
    >>> history = History([-0.7, -0.3, -0.2], [-0.6, -0.4, -0.5], [0.1] * 3, best_epoch=1)
    >>> display = LearningCurveDisplay.from_history(history)
    >>> display.best_epoch, display.ax_.get_xlabel()
    (2, 'epoch')
    """

    history: History

    @property
    def epochs(self) -> Array:
        """The epochs' numbers."""
        return self.history.first_epoch + np.arange(1, self.history.epochs + 1)

    @property
    def log_likelihood(self) -> Array:
        """Per training example, (epochs,)."""
        return np.asarray(self.history.log_likelihood, np.float64)

    @property
    def validation_log_likelihood(self) -> Array:
        """Per held-out example, (epochs,) or empty."""
        return np.asarray(self.history.validation_log_likelihood, np.float64)

    @property
    def best_epoch(self) -> int | None:
        """The number of the epoch whose θ was kept."""
        best = self.history.best_epoch
        return None if best is None else self.history.first_epoch + best + 1

    def plot(self, ax: Any = None, **kwargs: Any) -> LearningCurveDisplay:
        """Draws the curves.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default the axes of a new figure.
        **kwargs
            For ``Axes.plot``, which draws both curves: ``linewidth``, ``alpha``, ...

        Returns
        -------
        LearningCurveDisplay
            Itself.
        """
        learning_curve(self.history, self._place(ax), **kwargs)
        return self

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **kwargs: Any) -> LearningCurveDisplay:
        """From a fitted estimator, or a pipeline or search that has one; its ``history_`` is drawn.

        Raises
        ------
        ValueError
            When there is no ``history_``.
        """
        return cls.from_history(attribute(estimator, "history_"), ax=ax, **kwargs)

    @classmethod
    def from_history(cls, history: History, *, ax: Any = None, **kwargs: Any) -> LearningCurveDisplay:
        """From what ``Network.fit`` returned.

        Raises
        ------
        ValueError
            When it is no History.
        """
        if not hasattr(history, "log_likelihood") or not hasattr(history, "first_epoch"):
            raise ValueError(f"history: expected the History that fit returned, found {type(history).__name__}")
        return cls(history).plot(ax=ax, **kwargs)


def _number(value: float) -> str:
    return f"{value:.4f}".replace("-", "−")


def seconds(value: float) -> str:
    """A duration for people: milliseconds, seconds or minutes.

    >>> seconds(0.0123), seconds(3.21), seconds(75.0)
    ('12 ms', '3.2 s', '1 min 15 s')
    """
    if value < 0.9995:
        return f"{1000 * value:.3g} ms" if value < 0.01 else f"{1000 * value:.0f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def _scale(ax: Any, values: Any) -> None:
    """Powers of ten towards 0 when LL comes close to it: else all of the climb but its first epochs would be flat."""
    if values.size == 0 or values.max() >= 0 or values.min() > 10 * values.max():
        return
    from matplotlib.ticker import FuncFormatter, NullFormatter, SymmetricalLogLocator

    ax.set_yscale("symlog", linthresh=-values.max() / 2)
    ax.set_ylim(1.5 * values.min(), values.max() / 1.5)
    ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=-values.max() / 2, subs=[1, 2, 5]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "−")))
    ax.yaxis.set_minor_formatter(NullFormatter())
