"""The learning-rate finder's picture: LL against the learning rate, while it grew."""

from __future__ import annotations

from typing import Any

import numpy as np

from likeliest.plots.canvas import FAINT, HELD_OUT, INK, TRAIN, new_axes
from likeliest.plots.display import legend, tidy


def learning_rates(finder: Any, ax: Any = None) -> Any:
    """Draws what a learning-rate finder saw: the log-likelihood as the learning rate grew, and which rate it suggests.

    Parameters
    ----------
    finder : object
        With ``learning_rates`` (steps,), ``log_likelihood`` and ``smoothed`` of the same length, and ``suggestion``.
    ax : matplotlib axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When the finder has no such curves.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from likeliest import plots
    >>> finder = SimpleNamespace(
    ...     learning_rates=[1e-3, 1e-2, 1e-1], log_likelihood=[-1, -0.5, -9], smoothed=[-1, -0.6, -5], suggestion=1e-2
    ... )
    >>> plots.learning_rates(finder).get_xscale()
    'log'
    """
    missing = [
        name for name in ("learning_rates", "log_likelihood", "smoothed", "suggestion") if not hasattr(finder, name)
    ]
    if missing:
        raise ValueError(f"finder: expected a learning-rate finder, found {type(finder).__name__} without {missing[0]}")
    rates, values, smoothed = (
        np.asarray(part, np.float64) for part in (finder.learning_rates, finder.log_likelihood, finder.smoothed)
    )
    if rates.ndim != 1 or len(rates) == 0 or values.shape != rates.shape or smoothed.shape != rates.shape:
        raise ValueError(
            f"finder: expected curves of one length, found learning_rates {rates.shape}, "
            f"log_likelihood {values.shape}, smoothed {smoothed.shape}"
        )
    ax = new_axes(6.4, 4.8) if ax is None else ax
    ax.plot(rates, values, color=FAINT, linewidth=0.8, alpha=0.7, label="each step")
    ax.plot(rates, smoothed, color=TRAIN, linewidth=2.0, label="smoothed")
    if finder.suggestion is not None:
        rate = float(finder.suggestion)
        height = np.interp(np.log(rate), np.log(rates), smoothed)
        ax.axvline(rate, color=HELD_OUT, linewidth=1.0, linestyle=(0, (4, 3)))
        ax.plot(rate, height, "o", color=HELD_OUT, markersize=8, label=f"suggestion: learning_rate = {rate:.2g}")
    ax.set_xscale("log")
    ax.set_ylim(*_window(values, smoothed))
    tidy(ax)
    legend(ax, "lower left")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("log-likelihood per example (nats)")
    ax.set_title("Finding the learning rate", color=INK)
    return ax


def _window(values: Any, smoothed: Any) -> tuple[float, float]:
    """What to show: as far below the start as the best is above it, since divergence would dwarf all the rest."""
    seen = smoothed[np.isfinite(smoothed)]
    if len(seen) == 0:
        return -1.0, 0.0
    best, start = float(seen.max()), float(seen[0])
    climb = max(best - start, 0.05 * abs(best), 1e-6)
    top = min(float(values[np.isfinite(values)].max(initial=best)), best + 0.5 * climb)
    return max(float(seen.min()), start - climb) - 0.1 * climb, top + 0.1 * climb
