"""Mixture against integrals, SciPy's own distributions, and sums by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from likeliest.likelihoods import (
    Beta,
    Categorical,
    Distribution,
    Gamma,
    Independent,
    Laplace,
    Likelihood,
    LogNormal,
    Mixture,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    NormalMixture,
    Ordinal,
    Poisson,
    Quantile,
    StudentT,
    Weibull,
    ZeroInflatedPoisson,
)

RNG = np.random.default_rng(0)
CONTINUOUS: list[Likelihood] = [
    Normal(),
    StudentT(),
    Laplace(),
    LogNormal(),
    Gamma(),
    Weibull(),
    Beta(),
    Quantile(),
    NormalMixture(),
]
DISCRETE: list[Likelihood] = [
    Poisson(),
    NegativeBinomial(),
    ZeroInflatedPoisson(),
    Categorical(5),
    Ordinal(4),
]


def mixture(likelihood: Likelihood, n: int = 7, members: int = 4, spread: float = 1.0, **place: Any) -> Mixture:
    rng = np.random.default_rng(1)
    return Mixture(
        tuple(likelihood.distribution(spread * rng.normal(size=(n, likelihood.width)), **place) for _ in range(members))
    )


def by_kind(likelihood: Likelihood) -> str:
    return type(likelihood).__name__


@pytest.mark.parametrize("likelihood", CONTINUOUS, ids=by_kind)
def test_density_distribution_function_and_moments_by_integration(likelihood: Likelihood) -> None:
    d = mixture(likelihood, n=2, spread=0.4)
    for i in range(2):
        one = d[i]
        inner = one.ppf([[0.001], [0.2], [0.5], [0.8], [0.999]])
        for a, b in zip(inner[:-1, 0], inner[1:, 0], strict=True):
            # Corners of the members' densities are where nobody but they knows.
            corners = sorted({float(x) for m in one.members for x in m.ppf([[0.05], [0.5], [0.95]])[:, 0] if a < x < b})
            found = integrate.quad(lambda y, one=one: one.pdf(y)[0], a, b, points=corners or None, limit=200)[0]
            np.testing.assert_allclose(found, (one.cdf(b) - one.cdf(a))[0], atol=1e-7)
        np.testing.assert_allclose(one.logpdf(inner), np.log(one.pdf(inner)), rtol=1e-9)
        np.testing.assert_allclose(one.sf(inner), 1 - one.cdf(inner), atol=1e-15)


def test_against_scipy() -> None:
    loc, scale = RNG.normal(size=(3, 5)), RNG.uniform(0.2, 2, (3, 5))
    d = Mixture([Distribution(Normal(), np.stack([m, 2 * np.log(s)], axis=1)) for m, s in zip(loc, scale, strict=True)])
    y = RNG.normal(size=(4, 5))
    parts = stats.norm(loc[:, None], scale[:, None])
    np.testing.assert_allclose(d.pdf(y), parts.pdf(y).mean(axis=0))
    np.testing.assert_allclose(d.logpdf(y), np.log(parts.pdf(y).mean(axis=0)))
    np.testing.assert_allclose(d.cdf(y), parts.cdf(y).mean(axis=0))
    np.testing.assert_allclose(d.sf(y), parts.sf(y).mean(axis=0))
    np.testing.assert_allclose(d.mean(), loc.mean(axis=0))
    np.testing.assert_allclose(d.var_within(), (scale**2).mean(axis=0))
    np.testing.assert_allclose(d.var_between(), loc.var(axis=0))
    np.testing.assert_allclose(d.std() ** 2, (scale**2 + loc**2).mean(axis=0) - loc.mean(axis=0) ** 2)
    draws = d.rvs(20_000, random_state=0)
    assert draws.shape == (20_000, 5)
    for j in range(5):
        assert stats.kstest(draws[:, j], lambda y, j=j: d[j].cdf(y[:, None])[:, 0]).pvalue > 1e-3
    assert np.array_equal(d.rvs(3, random_state=1), d.rvs(3, random_state=np.random.default_rng(1)))
    assert d.rvs(random_state=0).shape == (5,)


@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("likelihood", CONTINUOUS, ids=by_kind)
def test_quantiles_turn_the_distribution_function_around(likelihood: Likelihood, spread: float) -> None:
    d = mixture(likelihood, n=100, spread=spread)
    q = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])[:, None]
    y = d.ppf(q)
    assert y.shape == (6, 100)
    with np.errstate(over="ignore"):
        above, below = y + 1e-9 * np.abs(y) + 1e-300, y - 1e-9 * np.abs(y) - 1e-300
    low, high = d.support()
    right = (d.cdf(np.clip(below, low, high)) <= q * (1 + 1e-12)) & (d.cdf(above) >= q * (1 - 1e-12))
    edge = (y <= 1e-300) | (y >= 1 - 1e-15) if isinstance(likelihood, Beta) else y <= 1e-300
    at_the_edge = edge & (likelihood.support[0] == 0)
    assert (right | at_the_edge).all()
    np.testing.assert_allclose(d.interval(0.8), d.ppf([[[0.1]], [[0.9]]])[:, 0], rtol=1e-9, atol=1e-300)
    np.testing.assert_array_equal(d.median(), d.ppf(0.5))
    np.testing.assert_array_equal(d.isf(0.25), d.ppf(0.75))


@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("likelihood", DISCRETE, ids=by_kind)
def test_quantiles_of_whole_numbers(likelihood: Likelihood, spread: float) -> None:
    d = mixture(likelihood, n=60, spread=spread)
    q = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])[:, None]
    y = d.ppf(q)
    assert (y == np.round(y)).all()
    assert (d.cdf(y) >= q).all()
    assert (d.cdf(y - 1) < q).all()
    k = np.arange(4.0)[:, None]
    certain = d.cdf(k) > d.cdf(k - 1)
    again = d.ppf(np.minimum(d.cdf(k), 1.0))
    assert (again == np.broadcast_to(k, again.shape))[certain & (d.cdf(k) < 1)].all()
    np.testing.assert_allclose(d.logpmf(k), np.log(d.pmf(k)))
    np.testing.assert_allclose(np.cumsum(d.pmf(k), axis=0), d.cdf(k), atol=1e-12)


def test_far_humps_and_members_that_agree() -> None:
    d = Mixture([Normal(scale=1e-3).distribution([[m]], loc=m, scale=1.0) for m in (-50.0, 50.0)])
    np.testing.assert_allclose(d.ppf([[0.25], [0.5], [0.75]])[:, 0], [-100, 0, 100], atol=1e-6)
    one = StudentT().distribution(RNG.normal(size=(5, StudentT().width)))
    np.testing.assert_allclose(Mixture([one] * 3).ppf(0.7), one.ppf(0.7), rtol=1e-14)


@pytest.mark.parametrize("likelihood", [Normal(), Gamma(), Poisson(), Categorical(3)], ids=by_kind)
def test_ends_and_what_is_no_probability(likelihood: Likelihood) -> None:
    d = mixture(likelihood)
    low, high = likelihood.support
    np.testing.assert_array_equal(d.ppf(0.0), np.min([one.ppf(0.0) for one in d.members], axis=0))
    np.testing.assert_array_equal(d.ppf(1.0), np.full(7, high))
    assert np.isnan(d.ppf([[-0.1], [1.1], [np.nan]])).all()
    np.testing.assert_array_equal(d.support(), [np.full(7, low), np.full(7, high)])
    broken = Mixture([likelihood.distribution(np.full((1, likelihood.width), np.nan))])
    assert likelihood.discrete or np.isnan(broken.ppf(0.5)).all()


def test_several_targets_are_drawn_from_one_member() -> None:
    centers = np.array([[-100.0, -100.0], [100.0, 100.0]])
    for likelihood in (Independent(Normal(scale=1.0), 2), MultivariateNormal(2)):
        d = Mixture(
            [likelihood.distribution(np.r_[center, np.zeros(likelihood.width - 2)][None]) for center in centers]
        )
        draws = d.rvs(400, random_state=0)[:, 0]
        assert (np.sign(draws[:, 0]) == np.sign(draws[:, 1])).all()
        assert 120 < (draws[:, 0] > 0).sum() < 280
        assert d.mean().shape == d.ppf(0.3).shape == (1, 2)
        alone = d.members[0].logpdf(centers[:1])[0]
        np.testing.assert_allclose(d.logpdf(centers[:, None])[:, 0], alone - np.log(2))


def test_classes() -> None:
    d = mixture(Categorical(3))
    np.testing.assert_allclose(d.mean(), np.mean([one.mean() for one in d.members], axis=0))
    np.testing.assert_allclose(d.var(), d.mean() * (1 - d.mean()))  # of an indicator, however it comes about
    np.testing.assert_allclose(d.pmf(np.arange(3)[:, None]).T, d.mean())


def test_impossible_values_and_wrong_members() -> None:
    d = mixture(Gamma())
    with np.errstate(all="raise"):
        assert (d.logpdf(-1.0) == -np.inf).all()
    with pytest.raises(AttributeError, match="is continuous and has no pmf; use pdf"):
        d.pmf(1.0)
    with pytest.raises(ValueError, match="members: expected distributions, at least one, found"):
        Mixture([])
    with pytest.raises(ValueError, match="members: expected distributions of one kind of y"):
        Mixture([*mixture(Normal(), n=2).members, *mixture(Normal(), n=3).members])
    with pytest.raises(ValueError, match="members: expected distributions of one kind of y"):
        Mixture([*mixture(Normal()).members, *mixture(Poisson()).members])
    assert repr(d) == "Mixture(Gamma(), members=4, n=7)"
    assert [len(one) for one in d] == [1] * 7
    np.testing.assert_array_equal(d[2:4].mean(), d.mean()[2:4])
    np.testing.assert_array_equal(d[-1].ppf(0.3), d.ppf(0.3)[-1:])


def test_distributions_at_every_step() -> None:
    eta = RNG.normal(size=(3, 4, 5, 2))
    d = Mixture([Distribution(Normal(), one) for one in eta])
    assert d.mean().shape == d.ppf(0.2).shape == (4, 5)
    assert d.rvs(6, random_state=0).shape == (6, 4, 5)
    np.testing.assert_allclose(d.cdf(d.ppf(0.2)), 0.2)
