"""A likelihood at every step: against the sum of its steps by hand, for all that a likelihood offers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import likeliest as ll
from likeliest.gradient_check import GradientCheck
from likeliest.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    Likelihood,
    LogNormal,
    MultivariateNormal,
    Normal,
    PerStep,
    Poisson,
    StudentT,
)
from likeliest.xp import numpy_namespace as xp

T = 4
CASES = {
    "bernoulli": (Bernoulli(), lambda r, n: r.integers(0, 2, (n, T))),
    "categorical": (Categorical(3), lambda r, n: r.integers(0, 3, (n, T))),
    "normal": (Normal(), lambda r, n: r.normal(size=(n, T))),
    "student_t": (StudentT(), lambda r, n: r.normal(size=(n, T))),
    "beta": (Beta(), lambda r, n: r.uniform(0.1, 0.9, (n, T))),
    "poisson": (Poisson(), lambda r, n: r.poisson(2, (n, T))),
    "censored": (LogNormal(censored=True), lambda r, n: np.stack([r.gamma(2, size=(n, T)), r.random((n, T)) < 0.5], 2)),
    "multivariate": (MultivariateNormal(2), lambda r, n: r.normal(size=(n, T, 2))),
}  # fmt: skip


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[Likelihood, np.ndarray, np.ndarray, np.ndarray]:
    """A likelihood of a step, η (n, T, k), y with some steps missing, and which are there."""
    base, draw = CASES[request.param]
    r = np.random.default_rng(3)
    eta, y = r.normal(size=(5, T, base.width)), draw(r, 5).astype(float)
    seen = r.random((5, T)) < 0.7
    seen[0], seen[1] = True, False
    y[~seen] = np.nan
    return base, eta, y, seen


def test_sums_over_the_steps_that_are_seen(case) -> None:
    base, eta, y, seen = case
    likelihood = PerStep(base, T)
    y = likelihood.check(y)
    found = likelihood.log_prob(xp, eta.reshape(5, -1), y)
    score = likelihood.score(eta.reshape(5, -1), y).reshape(eta.shape)
    for i in range(5):
        total = 0.0
        for t in range(T):
            if not seen[i, t]:
                assert not score[i, t].any()
                continue
            one = base.check(y[i, t][None])
            total += float(base.log_prob(xp, eta[i, t][None], one)[0])
            np.testing.assert_allclose(score[i, t], base.score(eta[i, t][None], one)[0], rtol=1e-12)
        assert found[i] == pytest.approx(total, rel=1e-12)
    assert found[1] == 0


def test_what_is_predicted_is_by_step(case) -> None:
    base, eta, _, _ = case
    likelihood = PerStep(base, T)
    flat, rows = eta.reshape(5, -1), eta.reshape(-1, base.width)
    for name in ("mean", "variance"):
        whole, one = getattr(likelihood, name), getattr(base, name)
        found, each = (whole(xp, flat), one(xp, rows)) if name == "mean" else (whole(flat), one(rows))
        assert found.shape[:2] == (5, T)
        np.testing.assert_array_equal(found.reshape(each.shape), each)
    u = np.random.default_rng(0).uniform(size=(5, likelihood.draws))
    drawn = likelihood.sample(flat, u)
    each = base.sample(rows, u.reshape(-1) if base.draws == 1 else u.reshape(len(rows), -1))
    np.testing.assert_array_equal(drawn.reshape(each.shape), each)


def test_distribution_has_intervals_at_each_step() -> None:
    eta = np.random.default_rng(1).normal(size=(2, T, 2))
    d = PerStep(Normal(), T).distribution(eta.reshape(2, -1))
    low, high = d.interval(0.8)
    assert low.shape == high.shape == d.mean().shape == (2, T)
    peer = scipy.stats.norm(d.mean(), d.std())
    np.testing.assert_allclose(low, peer.ppf(0.1), rtol=1e-6)
    np.testing.assert_allclose(d.cdf(high), 0.9, rtol=1e-6)


def test_start_is_that_of_the_steps_that_are_seen() -> None:
    y = np.array([[1.0, np.nan, 3.0, 2.0], [np.nan] * 4])
    np.testing.assert_allclose(
        PerStep(Normal(scale=1.0), T).start(y, np.array([1.0, 5.0])),
        np.full(T, Normal(scale=1.0).start(y[0, [0, 2, 3]])[0]),
    )


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3), r"expected shape \(n, 4\), a target at every step, found \(3,\)"),
        (np.array([[0, 1, 2, 0], [0, 0, 5, np.nan]]), r"in row 1, at step 2: .*found 5"),
    ],
)
def test_says_which_step_is_wrong(y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PerStep(Categorical(3), T).check(y)


@pytest.mark.parametrize("base", [1, PerStep(Normal(), 2), Normal])
def test_needs_the_likelihood_of_a_step(base: object) -> None:
    with pytest.raises(ValueError, match="base: PerStep expected the likelihood of one step"):
        PerStep(base)  # type: ignore[arg-type]


def test_steps_must_be_known() -> None:
    with pytest.raises(ValueError, match="does not know how many"):
        _ = PerStep(Normal()).width
    with pytest.raises(ValueError, match="whole number of at least 1"):
        PerStep(Normal(), 0)


ENGINES = ["reference"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "likelihood", [Bernoulli(), Normal(), Normal(scale="learned"), PerStep(Categorical(2))], ids=repr
)
def test_a_network_learns_at_every_step(likelihood: Likelihood, engine: str) -> None:
    r = np.random.default_rng(0)
    X = r.standard_normal((60, 6, 2))
    y = (np.cumsum(X[:, :, 0], axis=1) > 0).astype(float)
    y[::2, 4:] = np.nan
    net = ll.Network([ll.LSTM(8, return_sequences=True)], likelihood=likelihood, engine=engine, dtype="float64")
    history = net.fit(X, y, epochs=8, optimizer=ll.optimizers.Adam(0.03), seed=0, verbose=False)
    assert isinstance(net.likelihood, PerStep)
    assert net.likelihood.steps == 6
    assert history.log_likelihood[-1] > history.log_likelihood[0] + 0.5
    assert net.predict(X).shape == (60, 6)
    check = net.check_gradient(X[:4], y[:4])
    assert isinstance(check, GradientCheck)
    assert check.ok
    # A step that is missing is as if it were not there: whatever X is in a row without any, nothing is learned of it.
    assert not any(g.any() for g in net.gradient(X[:2], np.full((2, 6), np.nan)).values())


def test_hidden_values_must_be_a_sequence() -> None:
    net = ll.Network([ll.LSTM(3)], likelihood=PerStep(Normal()), engine="reference")
    with pytest.raises(ValueError, match="return_sequences=True for an output at every step"):
        net.build((5, 2))
    net = ll.Network([ll.LSTM(3, return_sequences=True)], likelihood=Normal(), engine="reference")
    with pytest.raises(ValueError, match=r"PerStep\(Normal\(\)\)"):
        net.build((5, 2))
