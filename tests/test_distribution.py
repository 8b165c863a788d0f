"""Predictive distributions: SciPy's names, broadcasting, the affine view, and what makes no sense."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
from cases import LIKELIHOODS, Array, LikelihoodCase

from likeliest import likelihoods as lk

# The distribution of steps is that of their likelihood: tests/test_per_step.py.
ROWS = [row for name, rows in LIKELIHOODS.items() for row in rows if name != "per_step"]
every = pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
PREDICTED_BESIDE = ("quantile",)  # what is predicted is not what is fitted


@every
def test_densities_are_those_of_log_prob(case: LikelihoodCase) -> None:
    if case.likelihood.name in PREDICTED_BESIDE:
        pytest.skip("the log-likelihood of quantiles is no density")
    eta = case.eta()
    d = case.likelihood.distribution(eta)
    y = d.rvs(random_state=0)
    frozen = [case.frozen(row) for row in eta]
    name = "logpmf" if case.likelihood.discrete else "logpdf"
    if case.likelihood.name == "multivariate_normal":
        expected = [case.log_prob(row, y_) for row, y_ in zip(eta, y, strict=True)]
    else:
        pairs = [(f if isinstance(f, list) else [f], np.atleast_1d(y_)) for f, y_ in zip(frozen, y, strict=True)]
        expected = [sum(float(getattr(f, name)(v)) for f, v in zip(fs, vs, strict=True)) for fs, vs in pairs]
    np.testing.assert_allclose(getattr(d, name)(y), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(getattr(d, name.removeprefix("log"))(y), np.exp(expected), rtol=1e-9)


@every
def test_shapes_broadcast_as_in_scipy(case: LikelihoodCase) -> None:
    n, k = 5, 3
    d = case.likelihood.distribution(case.eta(n))
    targets = d.likelihood.targets
    row = () if targets == 1 else (targets,)
    assert len(d) == n
    assert d.median().shape == d.ppf(0.3).shape == d.cdf(1.0).shape == (n, *row)
    assert d.ppf(np.full((k, 1, 1) if row else (k, 1), 0.3)).shape == (k, n, *row)
    assert d.cdf(np.zeros((k, n, *row))).shape == (k, n, *row)
    log = d.logpmf if d.likelihood.discrete else d.logpdf
    assert log(np.ones((n, *row))).shape == (n,)
    assert log(np.ones((k, n, *row))).shape == (k, n)
    assert d.rvs().shape == (n, *row)
    assert d.rvs(4, random_state=1).shape == (4, n, *row)
    assert d.rvs(0).shape == (0, n, *row)
    low, high = d.interval(0.9)
    assert (low <= high).all()
    np.testing.assert_array_equal(d.isf(0.25), d.ppf(0.75))
    assert np.isnan(d.ppf(1.5)).all()
    np.testing.assert_allclose(d.sf(0.7), 1 - d.cdf(0.7))
    np.testing.assert_allclose(d.std() ** 2, d.var())
    empty = d[:0]
    assert empty.mean().shape[0] == len(empty.ppf(0.5)) == len(empty.rvs()) == 0


@every
def test_rows_repr_and_pickling(case: LikelihoodCase) -> None:
    d = case.likelihood.distribution(case.eta(5))
    for rows in (slice(1, 3), [1, 2], np.array([False, True, True, False, False])):
        np.testing.assert_array_equal(d[rows].median(), d.median()[1:3])
    np.testing.assert_array_equal(d[-1].median(), d.median()[-1:])
    assert [len(one) for one in d] == [1] * 5
    assert repr(d) == f"Distribution({d.likelihood!r}, n=5)"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(d)).median(), d.median())
    np.testing.assert_array_equal(d.rvs(3, random_state=5), d.rvs(3, random_state=np.random.default_rng(5)))
    assert d.rvs(2, random_state=np.random.RandomState(0)).shape[0] == 2


MOVED = [row for row in ROWS if row.likelihood.standardizes]


@pytest.mark.parametrize("case", MOVED, ids=lambda case: case.id)
def test_the_affine_view_is_that_of_loc_plus_scale_times_y(case: LikelihoodCase) -> None:
    eta = case.eta()
    d = case.likelihood.distribution(eta)
    row = () if d.likelihood.targets == 1 else (d.likelihood.targets,)
    loc, scale = np.linspace(10, 12, max(row or (1,)))[: max(row or (1,))], np.linspace(2, 5, max(row or (1,)))
    if not row:
        loc, scale = float(loc[0]), float(scale[0])
    moved = case.likelihood.distribution(eta, loc=loc, scale=scale)
    y = d.rvs(random_state=0)
    np.testing.assert_allclose(moved.rvs(random_state=0), loc + scale * y)
    np.testing.assert_allclose(moved.mean(), loc + scale * d.mean())
    np.testing.assert_allclose(moved.std(), scale * d.std())
    np.testing.assert_allclose(moved.ppf(0.2), loc + scale * d.ppf(0.2))
    np.testing.assert_allclose(moved.cdf(loc + scale * y), d.cdf(y), rtol=1e-9)
    np.testing.assert_allclose(
        moved.logpdf(loc + scale * y), d.logpdf(y) - np.sum(np.log(np.broadcast_to(scale, row))), rtol=1e-8, atol=1e-8
    )
    assert "loc=" in repr(moved)


def test_a_fixed_scale_is_carried_over_to_standardized_targets() -> None:
    """N(y; μ, 3²) is what N(y/6; ., (3/6)²) says of y."""
    likelihood = lk.Normal(scale=3.0).standardized(6.0)
    assert likelihood == lk.Normal(scale=0.5)
    d = likelihood.distribution([[2.0]], loc=1.0, scale=6.0)
    np.testing.assert_allclose(d.logpdf(9.0), scipy.stats.norm(13, 3).logpdf(9))
    assert lk.StudentT(min_scale=0.2).standardized(2.0) == lk.StudentT(min_scale=0.1)
    assert lk.LogNormal(scale=3.0).standardized(2.0) == lk.LogNormal(scale=3.0)
    both = lk.Independent(lk.Normal(scale=1.0), 2)
    assert both.standardized([2.0, 2.0]) == lk.Independent(lk.Normal(scale=0.5), 2)
    with pytest.raises(ValueError, match="expected one scale for all targets"):
        both.standardized([2.0, 3.0])


def test_positive_families_may_be_scaled_but_not_shifted() -> None:
    eta = np.array([[0.3, -0.2]])
    for likelihood in (lk.Gamma(), lk.Weibull(), lk.LogNormal()):
        d, moved = likelihood.distribution(eta), likelihood.distribution(eta, scale=3.0)
        np.testing.assert_allclose(moved.mean(), 3 * d.mean())
        np.testing.assert_allclose(moved.logpdf(3.0), d.logpdf(1.0) - np.log(3))
        with pytest.raises(ValueError, match=re.escape(f"loc: {likelihood!r} cannot be shifted, found 1.0; give 0")):
            likelihood.distribution(eta, loc=1.0)
    with pytest.raises(ValueError, match=re.escape("scale: Poisson() cannot be scaled, found 2.0; give 1")):
        lk.Poisson().distribution([[0.0]], scale=2.0)


@pytest.mark.parametrize(
    ("likelihood", "width", "outside"),
    [
        (lk.Gamma(), 2, [-1.0, 0.0]),
        (lk.Beta(), 2, [-0.1, 0.0, 1.0, 1.2]),
        (lk.Weibull(), 2, [-2.0]),
        (lk.Poisson(), 1, [-1.0, 0.5, np.inf]),
        (lk.Bernoulli(), 1, [2.0, 0.5, -1.0]),
        (lk.Categorical(3), 3, [3.0, -1.0]),
        (lk.Normal(), 2, [np.inf, -np.inf]),
    ],
    ids=repr,
)
def test_outside_the_support_nothing_is_likely(likelihood: Any, width: int, outside: list[float]) -> None:
    d = likelihood.distribution(np.zeros((2, width)))
    log = d.logpmf if likelihood.discrete else d.logpdf
    for y in outside:
        assert (log(y) == -np.inf).all()
        assert d.cdf(y).tolist() in ([0.0, 0.0], [1.0, 1.0], d.cdf(np.floor(y)).tolist())
    assert np.isnan(log(np.nan)).all()
    low, high = d.support()
    assert (low == likelihood.support[0]).all()
    assert (high == likelihood.support[1]).all()


def test_censored_and_exposed_targets_are_predicted_plainly() -> None:
    eta = np.array([[0.5, 0.1], [1.0, -0.3]])
    for censored, plain in (
        (lk.LogNormal(censored=True), lk.LogNormal()),
        (lk.Weibull(censored=True), lk.Weibull()),
        (lk.Poisson(exposure=True), lk.Poisson()),
    ):
        e = eta[:, : plain.width]
        d = censored.distribution(e)
        assert d.likelihood == plain
        assert d.rvs(2).shape == (2, 2)
        np.testing.assert_array_equal(d.mean(), plain.distribution(e).mean())


def test_quantiles_are_those_that_were_learned_and_never_cross() -> None:
    taus = (0.05, 0.3, 0.5, 0.95)
    likelihood = lk.Quantile(taus)
    eta = 5 * np.random.default_rng(0).normal(size=(50, 4))
    d = likelihood.distribution(eta)
    q = d.ppf(np.array(taus)[:, None])
    assert (np.diff(q, axis=0) > 0).all()
    np.testing.assert_allclose(q[0], eta[:, 0])
    np.testing.assert_allclose(np.diff(q, axis=0).T, np.log1p(np.exp(eta[:, 1:])), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d.cdf(q), np.repeat(np.array(taus)[:, None], 50, axis=1), rtol=1e-7)
    # Mean and variance by sums over many quantiles.
    p = (np.arange(200_000) + 0.5) / 200_000
    y = d[:3].ppf(p[:, None])
    np.testing.assert_allclose(d[:3].mean(), y.mean(axis=0), atol=1e-4 * y.std())
    np.testing.assert_allclose(d[:3].var(), y.var(axis=0), rtol=1e-3)
    with pytest.raises(NotImplementedError, match="one quantile, which makes no distribution"):
        lk.Quantile((0.5,)).distribution([[0.0]])
    np.testing.assert_array_equal(lk.Quantile((0.5,)).mean(np, np.array([[3.0]])), [3.0])


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: lk.Poisson().distribution([[0.0]]).pdf(1),
            AttributeError,
            "Poisson() is discrete and has no pdf; use pmf",
        ),
        (
            lambda: lk.Normal().distribution([[0, 0]]).logpmf(1),
            AttributeError,
            "continuous and has no logpmf; use logpdf",
        ),
        (lambda: lk.Normal().distribution([[0.0]]), ValueError, "eta: Normal() expected shape (n, 2), found (1, 1)"),
        (lambda: lk.Normal().distribution([0.0, 0.0]), ValueError, "expected shape (n, 2), found (2,)"),
        (
            lambda: lk.Normal().distribution([[0, 0]], scale=-1),
            ValueError,
            "scale: Normal() expected a positive number, found -1",
        ),
        (
            lambda: lk.Normal().distribution([[0, 0]], loc=[1, 2]),
            ValueError,
            "loc: Normal() expected a finite number, found",
        ),
    ],
    ids=range(6),
)
def test_what_makes_no_sense_says_so(act: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        act()


def test_calibration_of_a_normal_by_its_interval() -> None:
    d = lk.Normal().distribution(np.array([[1.0, np.log(4)]]))
    low, high = d.interval(0.9)
    frozen = scipy.stats.norm(1, 2)
    np.testing.assert_allclose([low[0], high[0]], frozen.interval(0.9))
    several: tuple[Array, Array] = d.interval(np.array([[0.5], [0.9]]))
    np.testing.assert_allclose(several[1][:, 0], frozen.interval([0.5, 0.9])[1])


# Parameters by name ---------------------------------------------------------------------------------------------------

NAMED: dict[str, Any] = {
    "bernoulli": lambda probs: scipy.stats.bernoulli(probs),
    "categorical": lambda probs: _classes(probs),
    "ordinal": lambda probs: _classes(probs),
    "normal": lambda loc, scale: scipy.stats.norm(loc, scale),
    "laplace": lambda loc, scale: scipy.stats.laplace(loc, scale),
    "student_t": lambda df, loc, scale: scipy.stats.t(df, loc, scale),
    "log_normal": lambda loc, scale: scipy.stats.lognorm(scale, scale=np.exp(loc)),
    "gamma": lambda concentration, rate: scipy.stats.gamma(concentration, scale=1 / rate),
    "weibull": lambda scale, concentration: scipy.stats.weibull_min(concentration, scale=scale),
    "beta": lambda concentration1, concentration0: scipy.stats.beta(concentration1, concentration0),
    "poisson": lambda rate: scipy.stats.poisson(rate),
    "negative_binomial": lambda total_count, probs: scipy.stats.nbinom(total_count, 1 - probs),
}
"""From the parameters of one number, by PyTorch's names, to SciPy's distribution."""


def _classes(probs: Array) -> Any:
    return scipy.stats.rv_discrete(values=(np.arange(len(probs)), probs))


@pytest.mark.parametrize("case", [row for name in NAMED for row in LIKELIHOODS[name]], ids=lambda case: case.id)
def test_parameters_give_the_distribution(case: LikelihoodCase) -> None:
    eta = case.eta()
    parameters = case.likelihood.distribution(eta).parameters()
    assert all(len(value) == len(eta) for value in parameters.values())
    for i, row in enumerate(eta):
        found = NAMED[case.likelihood.name](**{name: value[i] for name, value in parameters.items()})
        expected = case.frozen(row)
        for measure in ("mean", "var", "median"):
            np.testing.assert_allclose(getattr(found, measure)(), getattr(expected, measure)(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.ppf([0.1, 0.93]), expected.ppf([0.1, 0.93]), rtol=1e-9)


@pytest.mark.parametrize(
    "likelihood",
    [
        *(lk.Normal(), lk.Laplace(), lk.StudentT(df="function"), lk.NormalMixture(2), lk.Quantile((0.1, 0.5, 0.9))),
        *(lk.LogNormal(), lk.Gamma(), lk.Weibull()),
        lk.Independent(lk.Normal(), 3),
        lk.Independent(lk.NormalMixture(2), 3),
        lk.Independent(lk.Quantile(), 3),
        lk.MultivariateNormal(3),
    ],
    ids=repr,
)
def test_parameters_move_with_the_distribution(likelihood: lk.Likelihood) -> None:
    """Of loc + scale · Y: what the moments, or the quantiles, of the distribution say."""
    several = likelihood.targets > 1
    loc: Any = np.array([10.0, -3.0, 0.5]) if several else 10.0
    scale: Any = np.array([2.0, 0.1, 30.0]) if several else 2.0
    if likelihood.support == (0, np.inf):
        loc = 0.0
    d = likelihood.distribution(np.random.default_rng(0).normal(size=(4, likelihood.width)), loc, scale)
    p = d.parameters()
    name = getattr(likelihood, "base", likelihood).name
    if name == "quantile":
        taus = getattr(likelihood, "base", likelihood).probabilities
        expected = np.stack([d.ppf(tau) for tau in taus], axis=-1)
        np.testing.assert_allclose(p["quantiles"], expected, rtol=1e-12)
        return
    if name == "normal_mixture":
        mean = (p["weights"] * p["loc"]).sum(axis=-1)
        variance = (p["weights"] * (p["scale"] ** 2 + p["loc"] ** 2)).sum(axis=-1) - mean**2
    elif name == "multivariate_normal":
        mean, variance = p["loc"], (p["scale_tril"] ** 2).sum(axis=-1)
        covariance = likelihood.covariance(d.eta) * np.multiply.outer(scale, scale)  # type: ignore[attr-defined]
        np.testing.assert_allclose(p["scale_tril"] @ p["scale_tril"].transpose(0, 2, 1), covariance, rtol=1e-12)
        assert (np.triu(p["scale_tril"], 1) == 0).all()
    else:
        frozen = NAMED[name](**p)
        np.testing.assert_allclose(frozen.ppf(0.3), d.ppf(0.3), rtol=1e-12)
        return
    np.testing.assert_allclose(mean, d.mean(), rtol=1e-12)
    np.testing.assert_allclose(variance, d.var(), rtol=1e-9)


def test_parameters_of_counts_with_more_zeros() -> None:
    d = lk.ZeroInflatedPoisson().distribution([[0.3, -1.0], [2.0, 1.5]])
    rate, gate = d.parameters()["rate"], d.parameters()["gate"]
    np.testing.assert_allclose(d.pmf(0), gate + (1 - gate) * np.exp(-rate))
    np.testing.assert_allclose(d.mean(), (1 - gate) * rate)


def test_parameters_of_several_labels() -> None:
    eta = np.random.default_rng(1).normal(size=(5, 6))
    d = lk.Independent(lk.Categorical(3), 2).distribution(eta)
    assert d.parameters()["probs"].shape == (5, 2, 3)
    np.testing.assert_allclose(d.parameters()["probs"][:, 1], scipy.special.softmax(eta[:, 1::2], axis=1))


def test_every_likelihood_has_parameters() -> None:
    for case in ROWS:
        p = case.likelihood.distribution(case.eta(3)).parameters()
        assert all(len(value) == 3 for value in p.values())
    nothing = lk.Custom(type("Own", (), {"log_prob": lambda self, xp, eta, y: eta[:, 0] * y})())
    with pytest.raises(NotImplementedError, match="Custom has no parameters: write one"):
        nothing.distribution([[0.0]]).parameters()
    with_them = type(
        "Own", (), {"log_prob": nothing.own.log_prob, "parameters": lambda self, xp, eta: {"u": eta[:, 0]}}
    )
    assert lk.Custom(with_them()).distribution([[2.0]]).parameters() == {"u": np.array([2.0])}
