"""Classifiers with nothing said but the seed, each behind the preparation that its own documentation recommends.

A peer is a function that imports its package and gives ``fit``: X, an array (n, p) or a frame, and y (n,) → a fitted
classifier with scikit-learn's names.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.estimators import labelled

Fit = Callable[[Any, Any], Any]

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities below count as this, as in scikit-learn's log_loss; for everyone alike."""


def likeliest() -> Fit:
    import likeliest as ll

    return lambda X, y: ll.Classifier(random_state=0).fit(X, y)


def mlp() -> Fit:
    """MLPClassifier: numbers imputed, with a column that says so, and scaled; strings one-hot, a missing one too."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def fit(X: Any, y: Any) -> Any:
        prepare = StandardScaler()
        if hasattr(X, "columns"):
            numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
            strings = OneHotEncoder(handle_unknown="ignore")
            chosen = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
            prepare = make_column_transformer((numbers, chosen[0]), (strings, chosen[1]))
        return make_pipeline(prepare, MLPClassifier(random_state=0)).fit(X, y)

    return fit


def boosting() -> Fit:
    """HistGradientBoostingClassifier: missing numbers as they are, strings as its native categories."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def categories(X: Any) -> Any:
        """Its "from_dtype" knows the category type of pandas only; a category it has not seen counts as missing."""
        if not hasattr(X, "columns"):
            return X
        return X.astype({name: "category" for name in X.columns if X[name].dtype.kind not in "iuf"})

    def fit(X: Any, y: Any) -> Any:
        model = HistGradientBoostingClassifier(random_state=0)
        return make_pipeline(FunctionTransformer(categories), model).fit(X, y)

    return fit


PEERS: dict[str, Callable[[], Fit]] = {"likeliest": likeliest, "mlp": mlp, "boosting": boosting}


def measure(fit: Fit, name: str, fold: int) -> dict[str, Any]:
    """One fold: seconds of the fit; for each test row log P(its label), P(the likeliest label) and if that is right."""
    X, y, X_test, y_test = labelled.split(name, fold)
    start = perf_counter()
    model = fit(X, y)
    seconds = perf_counter() - start
    p = np.asarray(model.predict_proba(X_test), np.float64)
    classes = np.asarray(model.classes_)
    of_label = p[np.arange(len(y_test)), np.searchsorted(classes, y_test)]
    return {
        "seconds": seconds,
        "log_prob": np.log(np.clip(of_label, SMALLEST, 1)).tolist(),
        "confidence": p.max(axis=1).tolist(),
        "right": (classes[p.argmax(axis=1)] == y_test).tolist(),
    }


def warm_up(fit: Fit) -> None:
    """A fit of a table too small to take long."""
    X = np.random.default_rng(0).standard_normal((64, 3))
    fit(X, (X[:, 0] > 0).astype(int)).predict_proba(X)
