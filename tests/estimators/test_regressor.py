"""Regressor: every likelihood in the units of y, what a change of units does, several targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.exceptions import DataConversionWarning, NotFittedError

import likeliest as ll
from likeliest.likelihoods import (
    Independent,
    LogNormal,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    NormalMixture,
    Poisson,
    Quantile,
    StudentT,
    Weibull,
    ZeroInflatedPoisson,
)

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 2))
REAL = 50 + 20 * X[:, 0] + 5 * RNG.normal(size=N)
POSITIVE = np.exp(0.5 * X[:, 0] + 0.3 * RNG.normal(size=N) + 3)
COUNTS = RNG.poisson(np.exp(1 + 0.5 * X[:, 0]))
SHARES = 1 / (1 + np.exp(-X[:, 0] - RNG.normal(size=N)))

FAMILIES: dict[str, tuple[Any, Any]] = {
    "auto": ("auto", REAL),
    "normal": ("normal", REAL),
    "normal, learned": (Normal(scale="learned"), REAL),
    "normal, fixed": (Normal(scale=4.0), REAL),
    "laplace": ("laplace", REAL),
    "student_t": (StudentT(df="learned"), REAL),
    "mixture": (NormalMixture(2), REAL),
    "log_normal": ("log_normal", POSITIVE),
    "gamma": ("gamma", POSITIVE),
    "weibull": ("weibull", POSITIVE),
    "beta": ("beta", SHARES),
    "poisson": ("poisson", COUNTS),
    "negative_binomial": (NegativeBinomial(), COUNTS),
    "zero_inflated": (ZeroInflatedPoisson(), COUNTS),
    "independent": (Normal(), np.stack([REAL, POSITIVE], axis=1)),
    "multivariate": (MultivariateNormal(2), np.stack([REAL, POSITIVE], axis=1)),
    "counts": (Independent(Poisson(), 2), np.stack([COUNTS, COUNTS[::-1]], axis=1)),
}


def make(**options: Any) -> Any:
    options = {"max_iter": 20, "random_state": 0, "n_jobs": 1, "engine": engine(options.get("likelihood")), **options}
    return ll.Regressor(hidden=(4,), **options)


def engine(likelihood: Any) -> str:
    """The native one, unless it has no kernel for the likelihood."""
    try:
        ll.Network([], likelihood=likelihood).build(1)
    except ValueError as error:
        return "reference" if "no kernel" in str(error) else "native"
    return "native"


# Likelihoods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [N, 2 * N])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_log_likelihood_is_that_of_the_predicted_distribution(family: str, standardize: bool, rows: int) -> None:
    likelihood, y = FAMILIES[family]
    examples = np.tile(X, (rows // N, 1))
    y = np.concatenate([y] * (rows // N))
    options = {} if rows == N else {"max_iter": 2}
    model = make(likelihood=likelihood, standardize=standardize, **options).fit(examples, y)
    d = model.predict_dist(examples)
    log_prob = d.logpmf(y) if d.likelihood.discrete else d.logpdf(y)
    tolerance = 1e-10 if model.network_.dtype == "float64" else 2e-4
    np.testing.assert_allclose(
        model.log_likelihood(examples, y, per_example=True), log_prob, rtol=tolerance, atol=tolerance
    )
    w = RNG.uniform(0, 2, rows)
    assert model.log_likelihood(examples, y) == pytest.approx(log_prob.sum(), rel=tolerance)
    assert model.log_likelihood(examples, y, w) == pytest.approx(w @ log_prob, rel=tolerance)
    assert np.array_equal(model.predict(examples), d.mean())
    assert d.mean().shape == d.std().shape == y.shape
    low, high = d.interval(0.9)
    assert (low <= high).all()


def test_a_density_of_y_integrates_to_1_in_the_units_of_y() -> None:
    d = make().fit(X, REAL).predict_dist(X[:3])
    grid = np.linspace(-1000, 1000, 8001)
    density = d.pdf(grid[:, None])
    np.testing.assert_allclose(density.sum(axis=0) * (grid[1] - grid[0]), 1, rtol=1e-2)


def test_counts_with_exposures() -> None:
    exposure = RNG.uniform(0.5, 4, N)
    y = np.column_stack([RNG.poisson(exposure * np.exp(0.4 * X[:, 0])), exposure])
    model = make(likelihood=Poisson(exposure=True)).fit(X, y)
    rate = model.predict(X)  # for an exposure of 1
    assert rate.shape == (N,)
    expected = scipy.stats.poisson(rate * exposure).logpmf(y[:, 0]).sum()
    assert model.log_likelihood(X, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("likelihood", [LogNormal(censored=True), Weibull(censored=True)])
def test_censored_times(likelihood: Any) -> None:
    seen = RNG.random(N) < 0.7
    y = np.column_stack([POSITIVE, seen])
    model = make(likelihood=likelihood).fit(X, y)
    d = model.predict_dist(X)
    expected = np.where(seen, d.logpdf(POSITIVE), np.log(d.sf(POSITIVE)))
    np.testing.assert_allclose(model.log_likelihood(X, y, per_example=True), expected, rtol=1e-8)


def test_quantiles() -> None:
    model = make(likelihood=Quantile((0.1, 0.5, 0.9)), max_iter=100).fit(X, REAL)
    d = model.predict_dist(X)
    q = d.ppf(np.array([[0.1], [0.5], [0.9]]))
    assert (np.diff(q, axis=0) > 0).all()
    assert (q[0] > REAL).mean() < 0.3
    assert (q[2] > REAL).mean() > 0.7
    assert np.isfinite(model.log_likelihood(X, REAL))


def test_one_quantile_is_what_is_predicted() -> None:
    model = make(likelihood=Quantile((0.8,)), max_iter=100).fit(X, REAL)
    assert 0.6 < (model.predict(X) > REAL).mean() < 0.95
    with pytest.raises(NotImplementedError, match="give at least two"):
        model.predict_dist(X)


def test_a_likelihood_of_ones_own() -> None:
    class Exponential(ll.likelihoods.Likelihood):
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return eta[:, 0] - y * xp.exp(eta[:, 0])

        def mean(self, xp: Any, eta: Any) -> Any:
            return xp.exp(-eta[:, 0])

    model = make(likelihood=Exponential()).fit(X, POSITIVE)
    mean = model.predict(X)
    assert model.log_likelihood(X, POSITIVE) == pytest.approx((-np.log(mean) - POSITIVE / mean).sum(), rel=1e-6)


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", ll.likelihoods.Categorical(3), "nothing", 3, None])
def test_likelihoods_that_are_none_for_numbers(likelihood: Any) -> None:
    with pytest.raises(ValueError, match=r"^likelihood: "):
        make(likelihood=likelihood).fit(X, REAL)


@pytest.mark.parametrize(
    ("likelihood", "wrong"), [("gamma", -POSITIVE), ("poisson", REAL), ("beta", REAL), (MultivariateNormal(3), REAL)]
)
def test_targets_that_the_likelihood_does_not_take(likelihood: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^y: "):
        make(likelihood=likelihood).fit(X, wrong)


# Other units ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", ["auto", "normal", "laplace", StudentT(df="learned"), NormalMixture(2)])
@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(("a", "b", "exact"), [(4.0, 0.0, True), (2.0**-30, 0.0, True), (1e-3, 7.0, False)])
def test_y_in_other_units(likelihood: Any, few: bool, a: float, b: float, exact: bool) -> None:
    """A y + b: what is predicted moves along, and the log density of y falls by log a."""
    examples, y = (X, REAL) if few else (np.tile(X, (2, 1)), np.tile(REAL, 2))
    fits = [
        make(likelihood=likelihood, max_iter=5, dtype="float64").fit(examples, targets) for targets in (y, a * y + b)
    ]
    d, moved = (model.predict_dist(examples) for model in fits)
    tolerance = 0 if exact else 1e-6
    np.testing.assert_allclose(moved.mean(), a * d.mean() + b, rtol=tolerance)
    np.testing.assert_allclose(moved.interval(0.8), a * np.array(d.interval(0.8)) + b, rtol=tolerance)
    if np.isfinite(d.std()).all():
        np.testing.assert_allclose(moved.std(), a * d.std(), rtol=tolerance)
    shift = len(y) * np.log(a)
    assert fits[1].log_likelihood(examples, a * y + b) == pytest.approx(
        fits[0].log_likelihood(examples, y) - shift, rel=1e-6, abs=1e-6
    )
    np.testing.assert_allclose(
        np.array(fits[1].history_.log_likelihood), np.array(fits[0].history_.log_likelihood) - np.log(a), rtol=1e-6
    )


@pytest.mark.parametrize("few", [True, False])
def test_x_in_other_units_changes_nothing(few: bool) -> None:
    examples, y = (X, REAL) if few else (np.tile(X, (2, 1)), np.tile(REAL, 2))
    once = make(max_iter=5).fit(examples, y).predict_dist(examples)
    scaled = examples * [2.0**20, 2.0**-40]
    assert np.array_equal(make(max_iter=5).fit(scaled, y).predict_dist(scaled).eta, once.eta)
    moved = examples * [1e3, 1e-5] + [7, -1]
    d = make(max_iter=5).fit(moved, y).predict_dist(moved)
    np.testing.assert_allclose(d.mean(), once.mean(), rtol=1e-3)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e12, 1e-200, 1e299])
@pytest.mark.parametrize("rows", [1, 5, 120])
def test_a_constant_y_is_predicted(value: float, rows: int) -> None:
    examples = np.tile(X, (2, 1))[:rows]
    model = make(max_iter=30, early_stopping=False).fit(examples, np.full(rows, value))
    np.testing.assert_allclose(model.predict(examples), value, rtol=0.5, atol=0.5)
    assert np.isfinite(model.log_likelihood(examples, np.full(rows, value)))


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e298])
def test_tiny_and_huge_y(scale: float) -> None:
    model = make(max_iter=5).fit(X, REAL / 100 * scale)
    np.testing.assert_allclose(model.predict(X), make(max_iter=5).fit(X, REAL / 100).predict(X) * scale, rtol=1e-5)


def test_numbers_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^y: Regressor needs numbers up to 1e\+300, found 1.5e\+308 in row 3"):
        make().fit(X, np.where(np.arange(N) == 3, 1.5e308, REAL))


def test_standardize_false_leaves_x_and_y() -> None:
    model = make(standardize=False, likelihood="normal").fit(X, REAL)
    assert (model.target_center_, model.target_scale_) == (0, 1)
    assert np.array_equal(model.table_.transform(X, np.float64), X)


def test_what_is_positive_is_not_standardized() -> None:
    model = make(likelihood="gamma").fit(X, POSITIVE)
    assert (model.target_center_, model.target_scale_) == (0, 1)


def test_a_fixed_scale_is_in_the_units_of_y() -> None:
    d = make(likelihood=Normal(scale=4.0)).fit(X, REAL).predict_dist(X)
    np.testing.assert_allclose(d.std(), 4.0, rtol=1e-12)
    two = make(likelihood=Normal(scale=4.0)).fit(X, np.stack([REAL, REAL[::-1]], axis=1)).predict_dist(X)
    np.testing.assert_allclose(two.std(), 4.0, rtol=1e-12)


# Several targets -----------------------------------------------------------------------------------------------------


def test_several_targets() -> None:
    y = np.stack([REAL, POSITIVE * 1e6, SHARES * 1e-6], axis=1)
    model = make(max_iter=60).fit(X, y)
    assert model.predict(X).shape == (N, 3)
    assert model.target_scale_.shape == (3,)
    np.testing.assert_allclose(model.target_center_, y.mean(axis=0))
    np.testing.assert_allclose(model.target_scale_, y.std(axis=0))
    assert model.score(X, y) > 0.1
    frame = pd.DataFrame(y, columns=["p", "q", "r"])
    assert np.array_equal(make(max_iter=60).fit(X, frame).predict(X), model.predict(X))
    scaled = make(max_iter=60).fit(X, y * [4.0, 0.25, 2.0**20])
    assert np.array_equal(scaled.predict(X), model.predict(X) * [4.0, 0.25, 2.0**20])
    assert scaled.log_likelihood(X, y * [4.0, 0.25, 2.0**20]) == pytest.approx(
        model.log_likelihood(X, y) - N * 20 * np.log(2), rel=1e-9
    )


def test_one_target_as_a_column() -> None:
    with pytest.warns(DataConversionWarning):
        model = make().fit(X, REAL[:, None])
    assert np.array_equal(model.predict(X), make().fit(X, REAL).predict(X))


@pytest.mark.parametrize("y", [REAL[:, None].repeat(2, 1), REAL[:, None].repeat(3, 1)])
def test_as_many_targets_as_were_fitted(y: Any) -> None:
    model = make().fit(X, REAL)
    with pytest.raises(ValueError, match="y: expected 1 targets an example"):
        model.log_likelihood(X, y)
    with pytest.raises(ValueError, match="y: expected 1 targets an example"):
        model.partial_fit(X, y)


# Distributions -------------------------------------------------------------------------------------------------------


def test_a_distribution_is_frozen_and_has_scipys_names() -> None:
    d = make(likelihood="normal").fit(X, REAL).predict_dist(X)
    twin = scipy.stats.norm(d.mean(), d.std())
    for name, arguments in {
        "pdf": (REAL,), "logpdf": (REAL,), "cdf": (REAL,), "sf": (REAL,), "ppf": (0.3,), "isf": (0.3,),
        "interval": (0.9,), "median": (), "var": (),
    }.items():  # fmt: skip
        np.testing.assert_allclose(getattr(d, name)(*arguments), getattr(twin, name)(*arguments), rtol=1e-7, atol=1e-12)
    assert d.rvs(random_state=0).shape == (N,)
    sample = d.rvs(2000, random_state=0)
    np.testing.assert_allclose(sample.mean(axis=0), d.mean(), atol=6 * d.std().max() / np.sqrt(2000))
    assert len(d[:5]) == 5
    with pytest.raises(AttributeError):
        d.logpmf(REAL)


def test_score_is_the_share_of_the_variance() -> None:
    from sklearn.metrics import r2_score

    model, w = make().fit(X, REAL), RNG.uniform(0, 2, N)
    assert model.score(X, REAL, w) == pytest.approx(r2_score(REAL, model.predict(X), sample_weight=w))
    assert make(max_iter=200, prior=None).fit(X, REAL).score(X, REAL) > 0.8


def test_nothing_is_predicted_before_the_fit() -> None:
    for method in ("predict", "predict_dist", "transform"):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(X)
    with pytest.raises(NotFittedError):
        make().log_likelihood(X, REAL)
