"""The measures, against sums by hand, SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

import likeliest as ll
from likeliest.cli.measuring import compare, naive_classes, naive_numbers, rows_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 2))


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"]])
def test_classes(classes: list[str]) -> None:
    y = np.array(classes)[(np.abs(X[:, 0]) * len(classes) / 2).astype(int).clip(0, len(classes) - 1)]
    model = ll.Classifier((3,), max_iter=5, random_state=0).fit(X[:60], y[:60])
    test = y[60:]
    weights = RNG.integers(1, 4, 30).astype(float)
    found = compare(rows_of(model, X[60:], test), naive_classes(model.classes_, y[:60], test), test, weights)
    p = model.predict_proba(X[60:])
    assert found.model.log_likelihood == pytest.approx(-log_loss(test, p, sample_weight=weights), rel=1e-5)
    assert found.model.accuracy == pytest.approx(accuracy_score(test, model.predict(X[60:]), sample_weight=weights))
    shares = np.array([(y[:60] == label).mean() for label in classes])
    expected = -log_loss(test, np.tile(shares, (30, 1)), labels=classes, sample_weight=weights)
    assert found.naive.log_likelihood == pytest.approx(expected)
    assert found.gain == pytest.approx(found.model.log_likelihood - found.naive.log_likelihood)
    plots = pytest.importorskip("likeliest.plots")
    display = plots.ReliabilityDisplay.from_estimator(model, X[60:], test)
    unweighted = compare(rows_of(model, X[60:], test), naive_classes(model.classes_, y[:60], test), test)
    assert unweighted.model.calibration_error == pytest.approx(display.expected_calibration_error)


def test_numbers_beside_the_likeliest_normal() -> None:
    y = 3 * X[:, 0] + RNG.normal(size=90) + 100
    model = ll.Regressor((3,), likelihood="normal", max_iter=30, random_state=0).fit(X[:60], y[:60])
    test = y[60:]
    found = compare(rows_of(model, X[60:], test), naive_numbers("normal", y[:60], test), test)
    d = model.predict_dist(X[60:])
    low, high = d.interval(0.9)
    assert found.model.log_likelihood == pytest.approx(float(d.logpdf(test).mean()), rel=1e-5)
    assert found.model.rmse == pytest.approx(root_mean_squared_error(test, d.mean()))
    assert found.model.coverage == ((test >= low) & (test <= high)).mean()
    normal = stats.norm(y[:60].mean(), y[:60].std())  # the likeliest has these
    assert found.naive.log_likelihood == pytest.approx(normal.logpdf(test).mean(), rel=1e-5)
    assert found.naive.rmse == pytest.approx(root_mean_squared_error(test, np.full(30, y[:60].mean())), rel=1e-5)
    gains = d.logpdf(test) - normal.logpdf(test)
    assert found.gain_error == pytest.approx(gains.std() / np.sqrt(30), rel=1e-3)


def test_weights_of_numbers_are_counts() -> None:
    y = X[:, 0] + RNG.normal(size=90)
    model = ll.Regressor((3,), max_iter=5, random_state=0).fit(X, y)
    counts = RNG.integers(0, 4, 90)
    many = np.repeat(np.arange(90), counts)
    found = [
        compare(rows_of(model, X, y), naive_numbers("normal", y, y, counts.astype(float)), y, counts.astype(float)),
        compare(rows_of(model, X[many], y[many]), naive_numbers("normal", y[many], y[many]), y[many]),
    ]
    for one, other in ((found[0].model, found[1].model), (found[0].naive, found[1].naive)):
        for name in ("log_likelihood", "rmse", "coverage"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-5)
    assert found[0].gain == pytest.approx(found[1].gain, rel=1e-5)


@pytest.mark.parametrize("likelihood", ["poisson", "gamma", "quantile", "laplace", "negative_binomial", "log_normal"])
def test_the_naive_distribution_is_none_that_constants_beat(likelihood: str) -> None:
    """Of the same kind, it is the likeliest: no small change of its η does better on the rows it was made for."""
    y = RNG.poisson(4, 80).astype(float) + (0 if likelihood in ("poisson", "negative_binomial") else 0.5)
    found = naive_numbers(likelihood, y, y)
    least = {"poisson": stats.poisson(y.mean()).logpmf(y).mean()} if likelihood == "poisson" else {}
    for value in least.values():
        assert found.log_prob.mean() == pytest.approx(value, rel=1e-6)
    model = ll.Regressor((), likelihood=likelihood, prior=None, max_iter=500, random_state=0, dtype="float64")
    model.fit(np.zeros((80, 1)), y)
    other = float(model.log_likelihood(np.zeros((80, 1)), y)) / 80
    assert found.log_prob.mean() >= other - 1e-3
    assert np.isfinite(found.log_prob).all()
    assert found.mean is not None
    assert len(set(found.mean.tolist())) == 1


def test_a_class_that_was_never_seen_is_impossible() -> None:
    rows = naive_classes(np.array(["a", "b", "c"]), np.array(["a", "b"]), np.array(["a", "c"]))
    assert rows.log_prob.tolist() == [np.log(0.5), -np.inf]
