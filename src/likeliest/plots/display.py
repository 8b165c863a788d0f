"""What the displays share: scikit-learn's manner, with figures that pyplot does not own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.plots.canvas import PALETTE, new_axes

Array = npt.NDArray[Any]

MARKERS = "osD^vP"


class Display:
    """A picture with its numbers: ``from_...`` computes them, ``plot(ax=...)`` draws them, as often as you like.

    Attributes
    ----------
    ax_ : matplotlib axes
        Where ``plot`` drew last.
    figure_ : matplotlib figure
        The figure of these axes.
    """

    ax_: Any
    figure_: Any

    def _place(self, ax: Any) -> Any:
        """The axes to draw on, and remembered."""
        self.ax_ = new_axes(6.4, 4.8) if ax is None else ax
        self.figure_ = self.ax_.figure
        return self.ax_

    def __repr__(self) -> str:
        return f"<likeliest.plots.{type(self).__name__}>"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows; nothing for figures of pyplot, which the notebook shows anyhow."""
        show = getattr(getattr(self, "figure_", None), "_repr_png_", None)
        return None if show is None else show()


def next_style(ax: Any, display: type[Display]) -> dict[str, Any]:
    """The colour and marker of the next curve of a kind on these axes, so that several can be compared.

    The curves are known by their ``gid``, which each display sets to its class's name.
    """
    drawn = sum(line.get_gid() == display.__name__ for line in ax.lines)
    return {"color": PALETTE[drawn % len(PALETTE)], "marker": MARKERS[drawn % len(MARKERS)]}


def tidy(ax: Any) -> None:
    """A faint grid below the curves, and no box around them."""
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Any, loc: str = "best") -> None:
    """A legend without a box that stays readable where something lies behind it."""
    ax.legend(loc=loc, fontsize=9, facecolor="white", edgecolor="none", framealpha=0.85)


def attribute(estimator: Any, name: str) -> Any:
    """An attribute of a fitted estimator, or of the one inside a pipeline or a search.

    Raises
    ------
    ValueError
        When there is none.
    """
    inner = estimator
    while inner is not None:
        if hasattr(inner, name):
            return getattr(inner, name)
        inner = inside(inner)
    raise ValueError(
        f"estimator: expected one with {name}, such as a fitted likeliest.Classifier or Regressor, "
        f"found {type(estimator).__name__}"
    )


def predict_dist(estimator: Any, X: Any) -> Any:
    """The predicted distributions; a pipeline's, which has no such method, come from its last step.

    Raises
    ------
    ValueError
        When the estimator predicts no distributions.
    """
    if hasattr(estimator, "predict_dist"):
        return estimator.predict_dist(X)
    inner = inside(estimator)
    if inner is None:
        raise ValueError(
            f"estimator: expected one with predict_dist, such as likeliest.Regressor, found {type(estimator).__name__}"
        )
    if hasattr(estimator, "steps") and len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    return predict_dist(inner, X)


def inside(estimator: Any) -> Any:
    """The estimator inside a search or at the end of a pipeline, or None."""
    if hasattr(estimator, "best_estimator_"):
        return estimator.best_estimator_
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else None


def name_of(estimator: Any, name: str | None) -> str:
    """What to call an estimator in the legend."""
    return type(estimator).__name__ if name is None else name


def as_column(values: Any, argument: str) -> Array:
    """Finite real numbers (n,), n at least 1.

    Raises
    ------
    ValueError
        When they are something else.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        cure = "; give one column of it" if array.ndim == 2 and len(array) else ""
        raise ValueError(f"{argument}: expected shape (n,) with n at least 1, found {array.shape}{cure}")
    return finite(array, argument)


def finite(array: Array, argument: str) -> Array:
    """The array in float64.

    Raises
    ------
    ValueError
        When it holds something else than finite real numbers.
    """
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{argument}: expected real numbers, found dtype {array.dtype}")
    array = array.astype(np.float64)
    wrong = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if wrong.any():
        raise ValueError(f"{argument}: expected finite numbers, found {array[wrong][0]} in row {np.argmax(wrong)}")
    return array


def as_probabilities(values: Array, argument: str) -> Array:
    """Numbers from 0 to 1.

    Raises
    ------
    ValueError
        When one is outside.
    """
    p = finite(values, argument)
    wrong = ((p < 0) | (p > 1)).reshape(len(p), -1).any(axis=1)
    if wrong.any():
        raise ValueError(f"{argument}: expected numbers from 0 to 1, found {p[wrong][0]} in row {np.argmax(wrong)}")
    return p


def same_length(n: int, expected: int, argument: str, other: str) -> None:
    """A ValueError unless two arguments have as many rows."""
    if n != expected:
        raise ValueError(f"{argument}: expected as many rows as {other}, {expected}, found {n}")


def counts_below(ax: Any, shares: Array, colour: str) -> None:
    """A strip of bars under y = 0, as tall as the share of the examples in each of equal steps from 0 to 1."""
    heights = 0.15 * shares / max(float(shares.max()), np.finfo(float).tiny)
    edges = np.linspace(0, 1, len(shares) + 1)
    ax.stairs(heights - 0.2, edges, baseline=-0.2, fill=True, color=colour, alpha=0.35)
    ax.stairs(heights - 0.2, edges, baseline=-0.2, color=colour, linewidth=1.0)
    ax.axhline(0, color="#8a8a8a", linewidth=0.8, zorder=0.5)
    ticks = np.linspace(0, 1, 6)
    ax.set_yticks([-0.13, *ticks], ["counts", *(f"{tick:.1f}" for tick in ticks)])
    strip = ax.yaxis.get_major_ticks()[0]  # a name for the strip, not a height
    strip.tick1line.set_visible(False)
    strip.gridline.set_visible(False)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.2, 1.02))
