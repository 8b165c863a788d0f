"""Each likelihood: against SciPy or by hand, and what every likelihood obeys."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats
from cases import LIKELIHOODS, Array, LikelihoodCase, huge_eta, ordinary_targets

import likeliest as ll
from likeliest import likelihoods as lk
from likeliest import random
from likeliest.likelihoods import Bernoulli, Categorical, Likelihood
from likeliest.likelihoods.columns import weighted_quantiles
from likeliest.xp import Namespace
from likeliest.xp import numpy_namespace as xp

ROWS = [row for rows in LIKELIHOODS.values() for row in rows]
every = pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
with_frozen = pytest.mark.parametrize("case", [row for row in ROWS if row.frozen is not None], ids=lambda case: case.id)
labelled = pytest.mark.parametrize(
    "case", [row for name in ("bernoulli", "categorical") for row in LIKELIHOODS[name]], ids=lambda case: case.id
)
N = 6

# Every likelihood -----------------------------------------------------------------------------------------------------


def targets_and_eta(case: LikelihoodCase, n: int = 40) -> tuple[Array, Array]:
    eta = case.eta(n)
    return eta, case.likelihood.check(case.y(eta))


def from_frozen(case: LikelihoodCase, eta: Array, compute: Any) -> Array:
    """compute(frozen distribution, row, target) for each number that is predicted: (n,) or (n, d)."""
    rows = []
    for i, row in enumerate(eta):
        frozen = case.frozen(row)
        rows.append(
            [compute(f, i, t) for t, f in enumerate(frozen)] if isinstance(frozen, list) else compute(frozen, i, 0)
        )
    return np.array(rows, dtype=np.float64)


@every
def test_log_prob_is_that_of_scipy(case: LikelihoodCase) -> None:
    eta, y = targets_and_eta(case)
    log_prob = case.likelihood.log_prob(xp, eta, y)
    assert log_prob.shape == (len(eta),)
    np.testing.assert_allclose(log_prob, [case.log_prob(eta[i], y[i]) for i in range(len(eta))], rtol=1e-10, atol=1e-12)


@with_frozen
def test_moments_are_those_of_scipy(case: LikelihoodCase) -> None:
    eta = case.eta()
    likelihood = case.likelihood
    mean, variance = likelihood.mean(xp, eta), likelihood.variance(eta)
    if likelihood.classes is not None and likelihood.name != "bernoulli":
        k = np.arange(likelihood.classes)
        mean, second = mean @ k, likelihood.mean(xp, eta) @ k**2
        variance = second - mean**2
    if likelihood.name == "student_t":  # the location stands in for the mean where there is none
        exists = likelihood.degrees(np, eta) > 1
        eta, mean, variance = eta[exists], mean[exists], variance[exists]
    np.testing.assert_allclose(mean, from_frozen(case, eta, lambda f, i, t: f.mean()), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(variance, from_frozen(case, eta, lambda f, i, t: f.var()), rtol=1e-9)


@with_frozen
def test_cdf_and_quantile_are_those_of_scipy(case: LikelihoodCase) -> None:
    eta = case.eta()
    likelihood = case.likelihood
    for p in (0.003, 0.2, 0.5, 0.77, 0.999):
        y = likelihood.quantile(eta, np.full(len(eta), p) if likelihood.predictive().targets == 1 else p)
        np.testing.assert_allclose(y, from_frozen(case, eta, lambda f, i, t, p=p: f.ppf(p)), rtol=1e-9, atol=1e-12)
        for moved in (y, y + 1.5, y - 1.5):
            cdf = likelihood.cdf(eta, moved)
            expected = from_frozen(
                case, eta, lambda f, i, t, m=moved: f.cdf(m[i] if likelihood.predictive().targets == 1 else m[i, t])
            )
            np.testing.assert_allclose(cdf, expected, rtol=1e-10, atol=1e-15)


@every
def test_score_is_the_derivative_of_log_prob_by_four_points(case: LikelihoodCase) -> None:
    eta, y = targets_and_eta(case)
    score = case.likelihood.score(eta, y)
    assert score.shape == eta.shape
    np.testing.assert_allclose(score, Likelihood.score(case.likelihood, eta, y), rtol=1e-8, atol=1e-8)


@every
def test_score_is_jax_s_derivative_of_log_prob(case: LikelihoodCase) -> None:
    jax = pytest.importorskip("jax", reason="JAX differentiates log_prob where it is installed")
    jax.config.update("jax_enable_x64", True)
    namespace = Namespace(jax.numpy, "jax.scipy.special")
    eta, y = targets_and_eta(case)
    gradient = jax.grad(lambda eta: case.likelihood.log_prob(namespace, eta, jax.numpy.asarray(y)).sum())(eta)
    np.testing.assert_allclose(case.likelihood.score(eta, y), gradient, rtol=1e-9, atol=1e-11)


def outcomes(case: LikelihoodCase, eta: Array) -> tuple[Array, Array]:
    """Values y (q, ...) and their weights (q,), which sum to 1, to take expectations with: for one η (1, width)."""
    likelihood = case.likelihood.predictive()
    if likelihood.classes is not None:
        y = np.arange(likelihood.classes)
        return y, likelihood.probabilities(xp, eta)[0]
    if likelihood.discrete and likelihood.targets == 1:
        y = np.arange(likelihood.quantile(eta, np.array([1 - 1e-15]))[0] + 1)
        return y, np.exp(likelihood.log_prob(xp, np.repeat(eta, len(y), axis=0), y))
    if likelihood.discrete:
        y = np.array(list(itertools.product((0, 1), repeat=likelihood.targets)))
        return y, np.exp(likelihood.log_prob(xp, np.repeat(eta, len(y), axis=0), y))
    # y is a smooth function of a standard Normal z: sums over an even grid of z converge faster than any power.
    if likelihood.targets == 1:
        z = np.linspace(-8, 8, 40001)[1::2]
        return likelihood.quantile(np.repeat(eta, len(z), axis=0), scipy.stats.norm.cdf(z)), _weights(z)
    z = np.linspace(-7, 7, 57 if likelihood.targets == 2 else 17)
    z = np.array(list(itertools.product(z, repeat=likelihood.targets)))
    return likelihood.sample(np.repeat(eta, len(z), axis=0), scipy.stats.norm.cdf(z)), _weights(z)


def _weights(z: Array) -> Array:
    w = np.exp(-0.5 * (z**2 if z.ndim == 1 else (z**2).sum(axis=1)))
    return np.asarray(w / w.sum())


@every
def test_expected_score_is_0_and_its_variance_the_fisher_information(case: LikelihoodCase) -> None:
    likelihood = case.likelihood.predictive()
    if likelihood.name == "interpolated":  # whose quantiles are all that the score knows
        likelihood = case.likelihood
    for eta in np.split(case.eta(4), 4):
        if case.id == "Beta()":  # with less concentration, much of y is closer to 1 than float64 comes
            eta = eta + np.array([0.0, 3.0])
        y, p = outcomes(case, eta)
        np.testing.assert_allclose(p.sum(), 1, rtol=1e-9)
        score = likelihood.score(np.repeat(eta, len(y), axis=0), y)
        fisher = likelihood.fisher(eta)[0]
        assert fisher.shape == (likelihood.width, likelihood.width)
        # The corner of Laplace's density and the steps of Quantile's score fall between points of the grid.
        loose = 1e-3 if likelihood.name in ("laplace", "quantile") else 1e-6
        size = np.sqrt(np.diag(fisher).max())
        np.testing.assert_allclose(p @ score, 0, atol=loose * max(size, 1))
        variance = np.einsum("q,qi,qj->ij", p, score, score)
        np.testing.assert_allclose(fisher, variance, rtol=loose, atol=loose * np.diag(fisher).max())


@pytest.mark.parametrize(
    "case",
    [
        row
        for row in ROWS
        if not row.likelihood.discrete and row.likelihood.targets == 1 and row.likelihood.name != "quantile"
    ],
    ids=lambda case: case.id,
)
def test_a_density_integrates_to_1_between_quantiles(case: LikelihoodCase) -> None:
    for eta in np.split(case.eta(4), 4):
        p = np.linspace(0.01, 0.99, 50)
        edges = case.likelihood.quantile(np.repeat(eta, 50, axis=0), p)
        nodes, weights = np.polynomial.legendre.leggauss(20)
        half = np.diff(edges) / 2
        y = edges[:-1, None] + half[:, None] * (1 + nodes)
        density = np.exp(case.likelihood.log_prob(xp, np.repeat(eta, y.size, axis=0), y.ravel())).reshape(y.shape)
        np.testing.assert_allclose(half * (density @ weights), np.diff(p), rtol=1e-4)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_eta_gives_finite_numbers(case: LikelihoodCase, dtype: Any) -> None:
    likelihood = case.likelihood
    corners, y = huge_eta(likelihood), ordinary_targets(likelihood)
    eta = np.repeat(corners, len(y), axis=0).astype(dtype)
    y = np.concatenate([likelihood.check(y)] * len(corners))
    y = y if likelihood.classes is not None else y.astype(dtype)
    log_prob, score = likelihood.log_prob(xp, eta, y), likelihood.score(eta, y)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(score).all()
    assert score.dtype == dtype
    assert np.asarray(likelihood.training().log_prob(xp, eta, y)).dtype in (dtype, np.float64)


@every
def test_float32_keeps_to_float64(case: LikelihoodCase) -> None:
    eta, y = targets_and_eta(case)
    eta = eta.astype(np.float32)
    y = y if case.likelihood.classes is not None else y.astype(np.float32)
    for compute in (case.likelihood.score, lambda eta, y: case.likelihood.log_prob(xp, eta, y)):
        exact = compute(eta.astype(np.float64), y)
        np.testing.assert_allclose(compute(eta, y), exact, rtol=2e-4, atol=2e-4)


@every
def test_a_nan_shows(case: LikelihoodCase) -> None:
    eta, y = targets_and_eta(case)
    with np.errstate(invalid="ignore"):
        assert np.isnan(case.likelihood.log_prob(xp, np.full_like(eta, np.nan), y)).all()
        for column in range(case.likelihood.width):
            some = eta.copy()
            some[:, column] = np.nan
            assert np.isnan(case.likelihood.log_prob(xp, some, y)).any()
            assert np.isnan(case.likelihood.score(some, y)).any()


@every
def test_the_start_fits_better_than_zeros_and_constants_do_not_upset_it(case: LikelihoodCase) -> None:
    likelihood = case.likelihood
    n = 400
    eta = np.repeat(case.eta(1, seed=3), n, axis=0)
    y = likelihood.check(case.y(eta))
    w = np.ones(n)
    start = likelihood.start(y, w)
    assert start.shape == (likelihood.width,)
    assert start.dtype == np.float64
    np.testing.assert_allclose(start, likelihood.start(y, None), rtol=1e-9)

    def fit(eta: Array) -> float:
        return float(likelihood.log_prob(xp, np.repeat(eta[None, :], n, axis=0), y).mean())

    if likelihood.name != "student_t" or not isinstance(likelihood.df, str):  # of which the start knows nothing
        assert fit(start) >= fit(np.zeros(likelihood.width)) - 1e-9
    half = likelihood.start(y[: n // 2], np.ones(n // 2))
    np.testing.assert_allclose(likelihood.start(y, w * (np.arange(n) < n // 2)), half, rtol=0.05, atol=0.05)
    for constant in (y[:1], np.repeat(y[:1], 7, axis=0)):
        eta = np.repeat(likelihood.start(constant, np.ones(len(constant)))[None, :], len(constant), axis=0)
        assert np.isfinite(likelihood.log_prob(xp, eta, constant)).all()
        assert np.isfinite(likelihood.score(eta, constant)).all()


@every
def test_samples_follow_the_cdf(case: LikelihoodCase) -> None:
    likelihood, n = case.likelihood.predictive(), 4000
    eta = np.repeat(case.eta(1), n, axis=0)
    shape = (n,) if likelihood.draws == 1 else (n, likelihood.draws)
    y = likelihood.sample(eta, np.random.default_rng(7).random(shape))
    assert y.shape == ((n,) if likelihood.targets == 1 else (n, likelihood.targets))
    cdf = likelihood.cdf(eta, y)
    if likelihood.discrete:  # P(Y < y), and a uniform share of P(Y = y)
        before = likelihood.cdf(eta, y - 1)
        cdf = before + (cdf - before) * np.random.default_rng(8).random(cdf.shape)
    for column in cdf.reshape(n, -1).T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4


def test_the_targets_of_a_multivariate_normal_are_drawn_together() -> None:
    likelihood, n = lk.MultivariateNormal(3), 200_000
    eta = np.random.default_rng(0).normal(size=(1, likelihood.width))
    y = likelihood.sample(np.repeat(eta, n, axis=0), np.random.default_rng(1).random((n, 3)))
    covariance = likelihood.covariance(eta)[0]
    np.testing.assert_allclose(np.cov(y.T), covariance, atol=0.02 * covariance.max())


@every
def test_shared_columns_are_the_last_and_widths_add_up(case: LikelihoodCase) -> None:
    likelihood = case.likelihood
    assert 0 <= likelihood.shared < likelihood.width
    name, constants, groups = likelihood.kernel()
    assert name == getattr(likelihood, "base", likelihood).name
    assert all(type(c) is float for c in constants)
    assert groups == (likelihood.targets if likelihood.name == "independent" else 1)


@every
def test_pickling_copying_comparing_and_repr(case: LikelihoodCase) -> None:
    likelihood = case.likelihood
    for twin in (pickle.loads(pickle.dumps(likelihood)), copy.deepcopy(likelihood), replace(likelihood)):
        assert twin == likelihood
        assert hash(twin) == hash(likelihood)
        assert repr(twin) == repr(likelihood)
    assert eval(repr(likelihood), vars(lk)) == likelihood


def test_repr_shows_what_is_not_the_default() -> None:
    assert repr(Bernoulli()) == "Bernoulli()"
    assert repr(lk.StudentT(df=3.0)) == "StudentT(df=3.0)"
    assert repr(lk.Independent(Categorical(3), 2)) == "Independent(base=Categorical(classes=3), count=2)"


@pytest.mark.parametrize(
    "likelihood",
    [
        lk.Gamma(shape=1e8),
        lk.StudentT(df=1e8, scale=1.0),
        lk.NegativeBinomial(dispersion=1e-8),
        lk.Beta(concentration=1e8),
    ],
    ids=repr,
)
def test_large_shapes_lose_no_digits_to_cancellation(likelihood: Likelihood) -> None:
    """By mpmath, or by the distribution that the limit is."""
    eta = np.array([[0.3]])
    if isinstance(likelihood, lk.StudentT):
        y, expected = 1.0, scipy.stats.norm(0.3).logpdf(1.0)
    elif isinstance(likelihood, lk.NegativeBinomial):
        y, expected = 3.0, scipy.stats.poisson(np.exp(0.3)).logpmf(3)
    else:
        mean, sd = likelihood.mean(xp, eta)[0], np.sqrt(likelihood.variance(eta))[0]
        y, expected = mean + sd, scipy.stats.norm(mean, sd).logpdf(mean + sd)
    tolerance = 1e-7 if likelihood.discrete or isinstance(likelihood, lk.StudentT) else 3e-4
    np.testing.assert_allclose(likelihood.log_prob(xp, eta, np.array([y])), expected, rtol=tolerance)


# Special functions ----------------------------------------------------------------------------------------------------


def test_stirling_is_what_is_left_of_log_gamma_on_both_sides_of_16() -> None:
    a = np.array([1e-8, 0.1, 1.0, 7.0, 15.999999, 16.0, 16.000001, 50.0])
    np.testing.assert_allclose(xp.stirling(a), scipy.special.gammaln(a) - a * np.log(a) + a, rtol=1e-11)
    np.testing.assert_allclose(xp.stirling_slope(a), scipy.special.digamma(a) - np.log(a), rtol=1e-11)
    np.testing.assert_allclose(xp.stirling(1e9), 0.5 * np.log(2 * np.pi / 1e9) + 1 / 12e9, rtol=1e-15)
    np.testing.assert_allclose(xp.stirling_slope(1e9), -0.5e-9, rtol=1e-9)


# Labels ---------------------------------------------------------------------------------------------------------------


def example(case: LikelihoodCase) -> tuple[Array, list[Array]]:
    """η (n, width), and y (n,) all of class k, for every class k."""
    eta = 2 * np.random.default_rng(0).normal(size=(N, case.likelihood.width))
    return eta, [np.full(N, k) for k in range(case.likelihood.classes)]


@labelled
def test_log_prob_equals_the_other_source(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    for y in ys:
        expected = [case.log_prob(eta[i], y[i]) for i in range(N)]
        np.testing.assert_allclose(case.likelihood.log_prob(xp, eta, y), expected, rtol=1e-12)


@labelled
def test_probabilities_sum_to_1_and_are_those_of_log_prob(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    p = np.exp([case.likelihood.log_prob(xp, eta, y) for y in ys]).T
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(case.likelihood.probabilities(xp, eta), p, rtol=1e-12)
    mean = case.likelihood.mean(xp, eta)
    np.testing.assert_allclose(mean, p[:, 1] if mean.ndim == 1 else p, rtol=1e-12)


@labelled
def test_score_is_the_derivative_of_log_prob(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    for y in ys:
        score = case.likelihood.score(eta, y)
        assert score.shape == eta.shape
        for k in range(case.likelihood.width):
            step = 1e-5 * (np.arange(case.likelihood.width) == k)
            up, down = (case.likelihood.log_prob(xp, eta + s * step, y) for s in (1, -1))
            np.testing.assert_allclose(score[:, k], (up - down) / 2e-5, rtol=1e-7, atol=1e-9)


@labelled
def test_expected_score_and_fisher_information_of_labels_are_exact(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    p = case.likelihood.probabilities(xp, eta)
    scores = np.stack([case.likelihood.score(eta, y) for y in ys], axis=1)  # (n, classes, width)
    np.testing.assert_allclose(np.einsum("nk,nki->ni", p, scores), 0, atol=1e-14)
    variance = np.einsum("nk,nki,nkj->nij", p, scores, scores)
    np.testing.assert_allclose(case.likelihood.fisher(eta), variance, rtol=1e-10, atol=1e-15)


@labelled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_a_huge_eta_is_finite_and_right(case: LikelihoodCase, dtype: str, engine: str) -> None:
    """With η = ±1e4 one class is certain: log P is 0 or the gap, the score 0 or ±1, with no NaN on the way."""
    width, classes = case.likelihood.width, case.likelihood.classes
    net = ll.Network([], likelihood=case.likelihood, engine=engine, dtype=dtype).build(width)
    net.parameters["output.W"] = np.eye(width)  # so x is η, and the gradient of the bias is the score
    for certain in range(classes):
        eta = np.where(np.arange(width) == certain, 1e4, -1e4) if width > 1 else np.array([2e4 * certain - 1e4])
        gap = -2e4 if width > 1 else -1e4
        for y in range(classes):
            log_prob = net.log_likelihood(eta[None, :], [y], per_example=True, threads=1)
            assert log_prob == (0 if y == certain else gap)
            score = net.gradient(eta[None, :], [y], threads=1)["output.b"]
            sure = np.arange(width) == certain if width > 1 else np.array([certain == 1])
            seen = np.arange(width) == y if width > 1 else np.array([y == 1])
            np.testing.assert_array_equal(score, seen.astype(float) - sure)
        np.testing.assert_array_equal(net.predict_proba(eta[None, :], threads=1)[0], np.arange(classes) == certain)


@labelled
def test_a_tail_keeps_its_relative_precision(case: LikelihoodCase) -> None:
    """P of an all but impossible class is e^-30, not 1 − 1; and so is the score of the all but certain one."""
    eta = np.full((1, case.likelihood.width), -30.0)
    if case.likelihood.width > 1:
        eta[0, 0] = 0
    p = case.likelihood.probabilities(xp, eta)[0]
    np.testing.assert_allclose(p[1:], np.exp(-30) / (1 + (len(p) - 1) * np.exp(-30)), rtol=1e-12)
    if case.likelihood.width == 1:
        np.testing.assert_allclose(case.likelihood.score(eta, np.array([0])), -np.exp(-30), rtol=1e-12)


@labelled
def test_samples_are_as_frequent_as_they_should_be(case: LikelihoodCase) -> None:
    n = 20000
    eta = np.repeat(np.random.default_rng(5).normal(size=(1, case.likelihood.width)), n, axis=0)
    y = case.likelihood.sample(eta, random.uniform(random.stream(1, random.CHECK), (n,)))
    expected = n * case.likelihood.probabilities(xp, eta[:1])[0]
    chi_square = (((np.bincount(y, minlength=len(expected)) - expected) ** 2) / expected).sum()
    assert chi_square < len(expected) - 1 + 5 * np.sqrt(2 * len(expected))


def test_a_sample_is_the_class_at_which_the_running_sum_passes_u() -> None:
    eta, u = np.log([[0.1, 0.2, 0.3, 0.4]] * 7), np.array([1e-9, 0.09, 0.11, 0.29, 0.31, 0.61, 1 - 1e-9])
    assert Categorical(4).sample(eta, u).tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert Bernoulli().sample(np.zeros((3, 1)), np.array([1e-9, 0.49, 0.51])).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 1],
        np.array([False, True, True]),
        np.array([0.0, 1.0, 1.0]),
        np.array([[0], [1], [1]]),
        np.array([0, 1, 1], np.uint8),
        pd.Series([0, 1, 1], index=[7, 8, 9]),
        pd.Series([0, 1, 1], dtype="int64[pyarrow]"),
    ],
    ids=lambda y: f"{getattr(y, 'dtype', 'list')}-{np.ndim(y)}d",
)
def test_labels_of_many_types_are_taken(y: Any) -> None:
    labels = Bernoulli().check(y)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("likelihood", "y", "message"),
    [
        (
            Bernoulli(),
            [0, 1, 2],
            "y: Bernoulli() needs labels 0 to 1, found 2 in row 2; for 3 classes use Categorical(3)",
        ),
        (Bernoulli(), [1, 2, 1], "found 2 in row 1; code the two classes as 0 and 1: y = (y == 2)"),
        (Bernoulli(), [-1, 1, 1], "found -1 in row 0; code the two classes as 0 and 1: y = (y == 1)"),
        (Bernoulli(), [0, 1, np.nan], "found nan in row 2; drop the examples without a label"),
        (Bernoulli(), [0, 1, np.inf], "found inf in row 2"),
        (Bernoulli(), [0.0, 0.5, 1.0], "found 0.5 in row 1; number the classes from 0"),
        (Categorical(3), [0, 1, 3], "y: Categorical(3) needs labels 0 to 2, found 3 in row 2; for 4 classes use"),
        (Categorical(3), [0, -1, 5], "found -1 in row 1; number the classes from 0"),
        (Categorical(3), ["a", "b", "c"], "as numbers, found dtype <U1; number them first: classes, y = numpy.unique"),
        (Categorical(3), np.array([None, 1, 2]), "as numbers, found dtype object"),
        (Categorical(3), np.eye(3), "y: expected shape (n,), found (3, 3); one label an example"),
        (Categorical(3), 1, "y: expected shape (n,), found ()"),
        (Categorical(3), np.array([0, 1, 2**63], np.uint64), "in row 2"),
        (Categorical(3), [0, 1, 1j], "as numbers, found dtype complex128"),
    ],
    ids=str,
)
def test_labels_that_do_not_fit_say_where_and_what_to_do(likelihood: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        likelihood.check(y)


@pytest.mark.parametrize("classes", [1, 0, -2, 2.0, True, "3", None])
def test_categorical_needs_at_least_two_classes(classes: Any) -> None:
    with pytest.raises(ValueError, match="classes: Categorical needs a whole number of at least 2"):
        Categorical(classes)


# Label smoothing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", [Bernoulli(label_smoothing=0.1), Categorical(5, label_smoothing=0.3)], ids=repr)
def test_training_climbs_smoothed_labels_and_reports_honest_ones(likelihood: Any) -> None:
    plain = replace(likelihood, label_smoothing=0.0)
    training, K, epsilon = likelihood.training(), likelihood.classes, likelihood.label_smoothing
    eta = np.random.default_rng(0).normal(size=(20, likelihood.width))
    y = np.arange(20) % K
    log_p = np.stack([plain.log_prob(xp, eta, np.full(20, k)) for k in range(K)], axis=1)
    t = (1 - epsilon) * np.eye(K)[y] + epsilon / K
    np.testing.assert_allclose(training.log_prob(xp, eta, y), (t * log_p).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(training.score(eta, y), Likelihood.score(training, eta, y), atol=1e-9)
    np.testing.assert_array_equal(likelihood.log_prob(xp, eta, y), plain.log_prob(xp, eta, y))
    assert plain.training() is plain
    assert (training.width, training.classes) == (likelihood.width, K)
    assert training.kernel() == (likelihood.name, (epsilon,), 1)
    assert likelihood.kernel() == (likelihood.name, (0.0,), 1)
    np.testing.assert_array_equal(training.check(y), y)
    np.testing.assert_array_equal(training.probabilities(xp, eta), plain.probabilities(xp, eta))
    several = lk.Independent(likelihood, 3).training()
    assert several.kernel() == (likelihood.name, (epsilon,), 3)


# Which is meant -------------------------------------------------------------------------------------------------------


class Exponential:
    """Your own, with the least that one must have."""

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[:, 0] - y * xp.exp(eta[:, 0])


class Own(Exponential):
    """With some more."""

    width, shared, discrete, standardizes = 3, 1, False, True

    def check(self, y: Any) -> Array:
        return np.asarray(y) * 2.0

    def mean(self, xp: Any, eta: Any) -> Any:
        return xp.exp(-eta[:, 0])


def test_resolve_takes_names_classes_objects_and_your_own() -> None:
    for name, kind in lk.LIKELIHOODS.items():
        assert kind.name == name
        if name not in ("categorical", "independent", "ordinal", "multivariate_normal", "per_step"):
            assert lk.resolve(name) == lk.resolve(kind) == kind()
    likelihood = lk.Gamma(shape=2.0)
    assert lk.resolve(likelihood) is likelihood
    assert lk.resolve(Exponential()).width == 1
    assert isinstance(lk.resolve(Exponential), lk.Custom)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("norml", "likelihood: expected one of bernoulli, categorical,"),
        ("categorical", "likelihood: Categorical needs arguments; give an object such as Categorical(10)"),
        (lk.MultivariateNormal, "MultivariateNormal needs arguments; give an object such as MultivariateNormal(3)"),
        ("independent", "such as Independent(Normal(), 3)"),
        (3, "an object with log_prob(xp, eta, y); found 3"),
        (None, "found None"),
    ],
    ids=str,
)
def test_resolve_refuses_the_rest_by_name(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        lk.resolve(value)


def test_custom_uses_what_your_object_has() -> None:
    plain, own = lk.Custom(Exponential()), lk.Custom(Own())
    assert (plain.width, plain.shared, plain.targets, plain.classes) == (1, 0, 1, None)
    assert (own.width, own.shared, own.standardizes) == (3, 1, True)
    assert own.check([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert plain.check([1, 2]).tolist() == [1.0, 2.0]
    assert plain.kernel() == ("custom", (), 1)
    eta, y = np.zeros((2, 1)), np.array([1.0, 3.0])
    np.testing.assert_allclose(plain.score(eta, y), [[0], [-2]], atol=1e-10)
    assert plain.score(eta.astype(np.float32), y).dtype == np.float32
    np.testing.assert_array_equal(own.mean(xp, np.zeros((2, 3))), [1, 1])
    with pytest.raises(NotImplementedError, match="Custom has no variance: write one to use what needs it"):
        plain.variance(eta)
    assert pickle.loads(pickle.dumps(own)).width == 3
    assert plain.start(y).tolist() == [0.0]
    assert plain.training() is plain
    with pytest.raises(ValueError, match="likelihood: expected an object with log_prob"):
        lk.Custom(3)


def test_a_subclass_with_its_own_log_prob_inherits_no_score_and_no_kernel() -> None:
    class Twice(lk.Normal):
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return 2 * super().log_prob(xp, eta, y)

    eta, y = np.array([[0.3, 0.1]]), np.array([1.0])
    np.testing.assert_allclose(Twice().score(eta, y), 2 * lk.Normal().score(eta, y), rtol=1e-8)
    assert Twice().kernel() == ("custom", (), 1)
    assert type("Same", (lk.Normal,), {})().kernel() == lk.Normal().kernel()


# Layout ---------------------------------------------------------------------------------------------------------------


def test_component_j_of_target_i_is_in_column_j_d_plus_i() -> None:
    d, base = 3, lk.StudentT(df="learned")
    likelihood = lk.Independent(base, d)
    assert (likelihood.width, likelihood.shared, likelihood.targets) == (9, 3, 3)
    rng = np.random.default_rng(0)
    eta, y = rng.normal(size=(5, 9)), rng.normal(size=(5, 3))
    total = sum(base.log_prob(xp, eta[:, i::d], y[:, i]) for i in range(d))
    np.testing.assert_allclose(likelihood.log_prob(xp, eta, y), total, rtol=1e-13)
    for i in range(d):
        np.testing.assert_array_equal(likelihood.score(eta, y)[:, i::d], base.score(eta[:, i::d], y[:, i]))
        np.testing.assert_array_equal(likelihood.variance(eta)[:, i], base.variance(eta[:, i::d]))
    assert likelihood.kernel() == ("student_t", base.kernel()[1], 3)
    assert lk.Independent(Categorical(4), 2).probabilities(xp, np.zeros((5, 8))).shape == (5, 2, 4)


# Targets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "y", "message"),
    [
        (lk.Normal(), [1.0, np.nan], "y: Normal() needs finite numbers, found nan in row 1; drop the examples without"),
        (lk.Normal(), [1e39, 1.0], "y: Normal() needs finite numbers, found 1e+39 in row 0"),
        (lk.Normal(), ["a", "b"], "y: Normal() expected numbers, found dtype <U1; convert them first"),
        (lk.Normal(), [1j], "expected numbers, found dtype complex128"),
        (lk.Normal(), [[1.0], [1.0, 2.0]], "y: expected rows of one length, found a ragged list"),
        (lk.Normal(), [[1.0, 2.0]], "y: expected shape (n,), found (1, 2); for 2 targets use Independent(Normal(), 2)"),
        (lk.Normal(), 3.0, "y: expected shape (n,), found (); reshape it"),
        (lk.Gamma(), [1.0, 0.0], "y: Gamma() needs numbers above 0, found 0 in row 1; shift y,"),
        (lk.LogNormal(), [-1.0], "y: LogNormal() needs numbers above 0, found -1 in row 0"),
        (
            lk.Weibull(censored=True),
            [1.0, 2.0],
            "expected shape (n, 2), time and 1 if observed, found (2,); stack them",
        ),
        (
            lk.Weibull(censored=True),
            [[1.0, 1], [2.0, 2]],
            "needs 0 (censored) or 1 (observed), found 2 in row 1, column 1",
        ),
        (lk.LogNormal(censored=True), [[0.0, 1]], "LogNormal(censored=True) needs numbers above 0, found 0 in row 0"),
        (
            lk.Beta(),
            [0.5, 1.0],
            "y: Beta() needs numbers strictly between 0 and 1, found 1 in row 1; move 0 and 1 inside",
        ),
        (lk.Poisson(), [1, 2, 1.5], "y: Poisson() needs counts 0, 1, 2, ..., found 1.5 in row 2; round"),
        (lk.Poisson(), [-1], "found -1 in row 0"),
        (lk.Poisson(exposure=True), [1, 2], "expected shape (n, 2), count and exposure, found (2,); stack them"),
        (lk.Poisson(exposure=True), [[1, 0.0]], "needs exposures above 0, found 0 in row 0, column 1"),
        (lk.NegativeBinomial(), [0.5], "y: NegativeBinomial() needs counts"),
        (lk.Ordinal(3), [0, 3], "y: Ordinal(3) needs labels 0 to 2, found 3 in row 1; for 4 classes use Ordinal(4)"),
        (lk.Independent(Bernoulli(), 2), [0, 1], "expected shape (n, 2), found (2,); one column for each target"),
        (
            lk.Independent(Bernoulli(), 2),
            [[0, 1], [1, 2]],
            "y: in column 1, Bernoulli() needs labels 0 to 1, found 2 in row 1",
        ),
        (lk.MultivariateNormal(2), [[0, 1, 2]], "y: expected shape (n, 2), found (1, 3); reshape it"),
        (lk.MultivariateNormal(2), [[0, np.inf]], "found inf in row 0, column 1"),
    ],
    ids=str,
)
def test_targets_that_do_not_fit_say_where_and_what_to_do(likelihood: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        likelihood.check(y)


@pytest.mark.parametrize("y", [[1, 2], np.array([[1], [2]]), pd.Series([1.0, 2.0]), np.array([1, 2], object)], ids=repr)
def test_numbers_of_many_types_are_taken(y: Any) -> None:
    checked = lk.Normal().check(y)
    assert checked.dtype == np.float64
    assert checked.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: lk.Normal(scale="fixed"),
            'scale: Normal expected a positive number, "learned" (one number) or "function"',
        ),
        (lambda: lk.Normal(scale=0.0), "scale: Normal expected a positive number"),
        (lambda: lk.Normal(scale=True), "found True"),
        (lambda: lk.Laplace(min_scale=-1), "min_scale: Laplace expected 0 or a positive number, found -1"),
        (lambda: lk.StudentT(df=-1), "df: StudentT expected a positive number"),
        (lambda: lk.Gamma(shape=np.inf), "shape: Gamma expected a positive number"),
        (lambda: lk.Beta(concentration=None), "concentration: Beta expected a positive number"),
        (lambda: lk.NegativeBinomial(dispersion="x"), "dispersion: NegativeBinomial expected"),
        (lambda: lk.MultivariateNormal(1), "count: MultivariateNormal expected a whole number of at least 2, found 1"),
        (lambda: lk.MultivariateNormal(2, scale=1.0), 'scale: MultivariateNormal expected "learned" (one number)'),
        (lambda: lk.NormalMixture(0), "components: NormalMixture expected a whole number of at least 1, found 0"),
        (lambda: lk.Independent(lk.Normal(), 1), "count: Independent expected a whole number of at least 2, found 1"),
        (
            lambda: lk.Independent("normal", 2),
            "base: Independent expected a likelihood such as Normal(), found 'normal'",
        ),
        (lambda: lk.Independent(lk.Poisson(exposure=True), 2), "base: Independent expected a likelihood of one target"),
        (lambda: lk.Quantile((0.5, 0.5)), "probabilities: Quantile expected increasing numbers between 0 and 1"),
        (lambda: lk.Quantile(0.5), "probabilities: Quantile expected increasing numbers"),
        (lambda: lk.Quantile(scale=0), "scale: Quantile expected a positive number, found 0"),
        (lambda: lk.Ordinal(1), "classes: Ordinal needs a whole number of at least 2, found 1"),
        (
            lambda: Bernoulli(label_smoothing=1.0),
            "label_smoothing: expected a number of at least 0 and below 1, found 1.0",
        ),
        (lambda: Categorical(3, label_smoothing="x"), "label_smoothing: expected a number"),
    ],
    ids=range(20),
)
def test_settings_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("scale", [1.2, 1 / 3, 1e-7, 1e150])
def test_quantiles_do_not_depend_on_the_scale_of_the_weights(scale: float) -> None:
    """Sums of weights that should be half of it all are so only but for rounding."""
    y, p = np.random.default_rng(0).normal(size=1000), [0.05, 0.25, 0.5, 0.75]
    expected = np.quantile(y, p, method="averaged_inverted_cdf")
    assert np.array_equal(weighted_quantiles(y, p, None), expected)
    assert np.array_equal(weighted_quantiles(y, p, np.full(1000, scale)), expected)
