"""Regressors with nothing said but the seed, each from its own package.

A peer is a function that imports its package and gives ``fit``: X (n, p), y (n,) → ``predict``, which takes X and y of
the test rows and gives their mean log-likelihood per row and the predicted means (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.estimators import uci

Array = NDArray[Any]
Predict = Callable[[Array, Array], tuple[float, Array]]
Fit = Callable[[Array, Array], Predict]


def likeliest() -> Fit:
    import likeliest as ll

    def fit(X: Array, y: Array) -> Predict:
        model = ll.Regressor(random_state=0).fit(X, y)
        return lambda X, y: (float(model.log_likelihood(X, y)) / len(y), model.predict(X))

    return fit


def ngboost() -> Fit:
    """Its defaults: a Normal, 500 trees; the published figure stopped by a held-out fifth instead."""
    from ngboost import NGBRegressor

    def fit(X: Array, y: Array) -> Predict:
        np.random.seed(0)  # noqa: NPY002 (its trees break ties with the global generator, whatever random_state is)
        model = NGBRegressor(random_state=0, verbose=False).fit(X, y)
        return lambda X, y: (float(model.pred_dist(X).logpdf(y).mean()), model.predict(X))

    return fit


def scikit_learn() -> Fit:
    """MLPRegressor on standardized X and y; it gives a mean only, so a Normal with the residuals' variance is added."""
    from scipy.stats import norm
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit(X: Array, y: Array) -> Predict:
        network = make_pipeline(StandardScaler(), MLPRegressor(random_state=0))
        model = TransformedTargetRegressor(network, transformer=StandardScaler()).fit(X, y)
        scale = float(np.std(y - model.predict(X)))

        def predict(X: Array, y: Array) -> tuple[float, Array]:
            mean = model.predict(X)
            return float(norm.logpdf(y, mean, scale).mean()), mean

        return predict

    return fit


PEERS: dict[str, Callable[[], Fit]] = {"likeliest": likeliest, "ngboost": ngboost, "scikit-learn": scikit_learn}


def measure(fit: Fit, name: str, split: int) -> dict[str, float]:
    """One split: seconds of the fit, mean test log-likelihood per row, and the root of the mean squared error."""
    X, y, X_test, y_test = uci.split(name, split)
    start = perf_counter()
    predict = fit(X, y)
    seconds = perf_counter() - start
    log_likelihood, mean = predict(X_test, y_test)
    rmse = float(np.sqrt(np.mean((y_test - mean) ** 2)))
    return {"seconds": seconds, "log_likelihood": log_likelihood, "rmse": rmse}


def warm_up(fit: Fit) -> None:
    """A fit of a table too small to take long."""
    X = np.random.default_rng(0).standard_normal((64, 3))
    fit(X, X[:, 0] + 0.1 * X[:, 1] * X[:, 2])(X, X[:, 0])
