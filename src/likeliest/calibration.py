"""Calibration: whether what was given 70 % happens in 70 % of the cases, and whether 90 % intervals hold 90 %."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def bins(p: Array, edges: Array) -> Array:
    """The bin of each prediction: (n,) in 0 … bins − 1. A prediction on an edge belongs to the bin below."""
    return np.searchsorted(edges[1:-1], p, side="left")


def reliability(p: Array, happened: Array, edges: Array, weights: Array | None = None) -> tuple[Array, Array, Array]:
    """By bin that holds an example: the observed frequency, the mean prediction, and the weight of its examples.

    Parameters
    ----------
    p : (n,) array
        The predicted probabilities of an event.
    happened : (n,) array of bool
        Whether it happened.
    edges : (bins + 1,) array
        Where the bins begin and end.
    weights : (n,) array, optional
        How much each example counts.

    Returns
    -------
    prob_true, prob_pred, counts : (bins,) arrays, empty bins left out
    """
    place, many = bins(p, edges), len(edges) - 1
    counts = np.bincount(place, weights, many)
    some = counts > 0
    w = 1.0 if weights is None else weights
    prob_true = np.bincount(place, happened * w, many)[some] / counts[some]
    prob_pred = np.bincount(place, p * w, many)[some] / counts[some]
    return prob_true, prob_pred, counts[some]


def expected_calibration_error(p: Array, happened: Array, weights: Array | None = None, n_bins: int = 10) -> float:
    """Σ_b (n_b / n) |f_b − p_b|, over bins of equal width.

    Notes
    -----
    Source: Guo, Pleiss, Sun and Weinberger, *On calibration of modern neural networks*, ICML 2017.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0.1, 0.3, 0.9, 0.9]), np.array([0, 1, 1, 1]), n_bins=2), 3)
    0.2
    """
    prob_true, prob_pred, counts = reliability(p, happened, np.linspace(0, 1, n_bins + 1), weights)
    return float((counts * np.abs(prob_true - prob_pred)).sum() / counts.sum())


def coverage(y: Array, low: Array, high: Array, weights: Array | None = None) -> float:
    """The share of the y (n,) that lie in their intervals, ends included.

    Examples
    --------
    >>> coverage(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4), np.full(4, 3.0))
    0.75
    """
    return float(np.average((low <= y) & (y <= high), weights=weights))
