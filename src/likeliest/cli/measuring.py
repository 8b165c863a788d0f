"""Measures of a model on rows with their targets, each beside that of a naive model, which looks at no input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.calibration import coverage, expected_calibration_error

Array = npt.NDArray[Any]

LEVEL = 0.9  # of the intervals whose coverage is told
MOST_ROWS = 200_000  # that the naive distribution of numbers is fitted to


@dataclass(frozen=True)
class Rows:
    """What a model says of each row.

    Attributes
    ----------
    log_prob : (n,) array
        Log P(y | x).
    right : (n,) array of bool
        Of classes: whether the likeliest is right.
    event, happened : (n,) array
        Of classes: the probability of the second of two, or of the likeliest of more; and whether it was it.
    mean, low, high : (n,) array
        Of numbers: E[y | x] and the ends of the 90 % interval.
    """

    log_prob: Array
    right: Array | None = None
    event: Array | None = None
    happened: Array | None = None
    mean: Array | None = None
    low: Array | None = None
    high: Array | None = None

    def __add__(self, other: Rows) -> Rows:
        """These rows and then those."""
        mine, theirs = vars(self), vars(other)
        return Rows(**{name: np.concatenate([mine[name], theirs[name]]) for name in mine if mine[name] is not None})


@dataclass(frozen=True)
class Figures:
    """The measures of one model; ``accuracy`` and ``calibration_error`` of classes, the others of numbers."""

    log_likelihood: float
    accuracy: float | None = None
    calibration_error: float | None = None
    rmse: float | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A model beside the naive one.

    Attributes
    ----------
    rows : int
        How many there were.
    model, naive : Figures
        Their measures.
    gain : float
        How much larger the model's mean log-likelihood is.
    gain_error : float
        The standard error of that; NaN of one row.
    """

    rows: int
    model: Figures
    naive: Figures
    gain: float
    gain_error: float

    @property
    def task(self) -> str:
        """What it is about."""
        return "regression" if self.model.accuracy is None else "classification"


def rows_of(model: Any, X: Any, y: Array) -> Rows:
    """What a fitted Classifier or Regressor says of rows X (n, ...) with targets y (n,)."""
    log_prob = np.asarray(model.log_likelihood(X, y, per_example=True), np.float64)
    if hasattr(model, "classes_"):
        return _of_classes(log_prob, np.asarray(model.predict_proba(X), np.float64), _places(y, model.classes_))
    d = model.predict_dist(X)
    low, high = d.interval(LEVEL)
    return Rows(log_prob, mean=model.predict(X), low=low, high=high)


def naive_classes(classes: Array, train: Array, y: Array, weights: Array | None = None) -> Rows:
    """What the shares of the classes in ``train`` say of y, whatever x is."""
    shares = np.bincount(_places(train, classes), weights, len(classes))
    shares = shares / shares.sum()
    place = _places(y, classes)
    with np.errstate(divide="ignore"):  # a class that was never seen is impossible: −∞ is right
        log_prob = np.log(shares[place])
    return _of_classes(log_prob, np.broadcast_to(shares, (len(y), len(classes))), place)


def naive_numbers(likelihood: Any, train: Array, y: Array, weights: Array | None = None) -> Rows:
    """What the likeliest distribution of ``train``, of the model's own kind but for all x the same, says of y."""
    from likeliest.estimators import Regressor
    from likeliest.optimizers import LBFGS

    if len(train) > MOST_ROWS:
        some = np.linspace(0, len(train) - 1, MOST_ROWS).astype(int)
        train, weights = train[some], None if weights is None else weights[some]
    model = Regressor(
        (), likelihood=likelihood, prior=None, optimizer=LBFGS(), max_iter=300, early_stopping=False,
        random_state=0, dtype="float64",
    )  # fmt: skip
    model.fit(np.zeros((len(train), 1)), train, sample_weight=weights)
    one = model.predict_dist(np.zeros((1, 1)))
    low, high = one.interval(LEVEL)
    many = np.ones(len(y))
    return Rows(
        np.asarray(model.log_likelihood(np.zeros((len(y), 1)), y, per_example=True)),
        mean=many * model.predict(np.zeros((1, 1))),
        low=many * low,
        high=many * high,
    )


def _places(y: Array, classes: Array) -> Array:
    return np.searchsorted(classes, y)


def _of_classes(log_prob: Array, p: Array, place: Array) -> Rows:
    likeliest = p.argmax(axis=1)
    right = likeliest == place
    if p.shape[1] == 2:
        return Rows(log_prob, right=right, event=p[:, 1], happened=place == 1)
    return Rows(log_prob, right=right, event=p.max(axis=1), happened=right)


def compare(model: Rows, naive: Rows, y: Array, weights: Array | None = None) -> Comparison:
    """The measures of both; means go by the weights."""
    gain = model.log_prob - naive.log_prob
    w = np.ones(len(y)) if weights is None else weights
    with np.errstate(invalid="ignore"):
        mean = float(np.average(gain, weights=w))
        deviation = np.sqrt(np.sum(w**2 * (gain - mean) ** 2)) / w.sum() if len(y) > 1 else math.nan
    return Comparison(len(y), _figures(model, y, weights), _figures(naive, y, weights), mean, float(deviation))


def _figures(rows: Rows, y: Array, weights: Array | None) -> Figures:
    ll = float(np.average(rows.log_prob, weights=weights))
    if rows.right is not None:
        assert rows.event is not None
        assert rows.happened is not None
        error = expected_calibration_error(np.clip(rows.event, 0, 1), rows.happened, weights)
        return Figures(ll, accuracy=float(np.average(rows.right, weights=weights)), calibration_error=error)
    assert rows.mean is not None
    assert rows.low is not None
    assert rows.high is not None
    rmse = float(np.sqrt(np.average((y - rows.mean) ** 2, weights=weights)))
    return Figures(ll, rmse=rmse, coverage=coverage(y, rows.low, rows.high, weights))
