"""PerStep: against its base step by step, steps that do not count, and networks that have it by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    Independent,
    Likelihood,
    Normal,
    Ordinal,
    PerStep,
    Poisson,
    StudentT,
    Weibull,
)
from likeliest.xp import numpy_namespace as xp

T = 4


def _name(one: Any) -> str:
    return repr(one) if isinstance(one, Likelihood) else "draw"


BASES: list[tuple[Likelihood, Any]] = [
    (Bernoulli(), lambda rng, n: rng.integers(0, 2, n)),
    (Categorical(3), lambda rng, n: rng.integers(0, 3, n)),
    (Categorical(3, label_smoothing=0.1), lambda rng, n: rng.integers(0, 3, n)),
    (Ordinal(4), lambda rng, n: rng.integers(0, 4, n)),
    (Normal(), lambda rng, n: rng.normal(size=n)),
    (Normal(scale="learned"), lambda rng, n: rng.normal(size=n)),
    (StudentT(df="function"), lambda rng, n: rng.normal(size=n)),
    (Poisson(), lambda rng, n: rng.poisson(3, n)),
    (Poisson(exposure=True), lambda rng, n: np.stack([rng.poisson(3, n), rng.uniform(1, 2, n)], axis=1)),
    (Beta(), lambda rng, n: rng.uniform(0.1, 0.9, n)),
    (Weibull(censored=True), lambda rng, n: np.stack([rng.uniform(1, 2, n), rng.integers(0, 2, n)], axis=1)),
    (Independent(Normal(), 2), lambda rng, n: rng.normal(size=(n, 2))),
]


class Exponential(Likelihood):
    """A user's own."""

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log P(y | η)."""
        return eta[:, 0] - y * xp.exp(eta[:, 0])


def _drawn(base: Likelihood, draw: Any, missing: bool = True) -> tuple[PerStep, Any, Any]:
    """The likelihood, η (3, T·k) and y (3, T, …), the second example two steps shorter, the third without its first."""
    rng = np.random.default_rng(0)
    y = np.asarray(draw(rng, 3 * T), float).reshape(3, T, *base.row)
    if missing:
        y[1, 2:] = y[2, 0] = np.nan
    return PerStep(base, T), rng.normal(size=(3, T * base.width)), y


@pytest.mark.parametrize(("base", "draw"), [*BASES, (Exponential(), lambda rng, n: rng.uniform(1, 2, n))], ids=_name)
@pytest.mark.parametrize("missing", [False, True])
def test_it_is_its_base_at_every_step(base: Likelihood, draw: Any, missing: bool) -> None:
    """log P, its score and what training climbs, added up in a loop over the steps that count."""
    likelihood, eta, y = _drawn(base, draw, missing)
    y = likelihood.check(y)
    k = base.width
    for whole, one in ((likelihood, base), (likelihood.training(), base.training())):
        log_prob, score = np.zeros(3), np.zeros_like(eta)
        for i, t in np.ndindex(3, T):
            if not np.isnan(y[i, t]).any():
                row, columns = one.check(y[i, t][None]), slice(t * k, (t + 1) * k)
                log_prob[i] += one.log_prob(xp, eta[i : i + 1, columns], row)[0]
                score[i, columns] = one.score(eta[i : i + 1, columns], row)[0]
        np.testing.assert_allclose(whole.log_prob(xp, eta, y), log_prob, rtol=1e-13)
        np.testing.assert_allclose(whole.score(eta, y), score, rtol=1e-13)
        flat = y.reshape(3, -1)  # as engines hand it over
        np.testing.assert_array_equal(whole.log_prob(xp, eta, flat), whole.log_prob(xp, eta, y))
        np.testing.assert_array_equal(whole.score(eta, flat), whole.score(eta, y))
    assert (likelihood.width, likelihood.targets, likelihood.steps) == (T * k, T * base.targets, T)
    assert likelihood.kernel() == base.kernel()
    assert base.steps == 1
    assert base.of_step is base
    assert likelihood.of_step is base


@pytest.mark.parametrize(("base", "draw"), [row for row in BASES if row[0].targets == 1], ids=_name)
def test_what_it_predicts_is_of_each_step(base: Likelihood, draw: Any) -> None:
    """Mean, variance, quantile, cdf, parameters, samples, and the distribution: each step as its base has it."""
    likelihood, eta, _ = _drawn(base, draw)
    d, u = likelihood.distribution(eta), np.random.default_rng(1).uniform(size=(3, T * base.draws))
    assert len(d) == 3
    assert d.ppf(0.5).shape == (3, T)
    assert d.ppf(np.array([0.1, 0.9])[:, None, None]).shape == (2, 3, T)
    y = d.rvs(random_state=0)
    assert y.shape == (3, T)
    assert d.rvs(5).shape == (5, 3, T)
    for t in range(T):
        step = eta[:, t * base.width : (t + 1) * base.width]
        of_step = base.distribution(step)
        for name in ("mean", "var", "std", "median"):
            np.testing.assert_allclose(getattr(d, name)()[:, t], getattr(of_step, name)(), err_msg=name)
        for name in ("cdf", "sf", "logpmf" if base.discrete else "logpdf"):
            np.testing.assert_allclose(getattr(d, name)(y)[:, t], getattr(of_step, name)(y[:, t]), err_msg=name)
        np.testing.assert_allclose(d.interval(0.9)[1][:, t], of_step.interval(0.9)[1])
        for name, value in of_step.parameters().items():
            np.testing.assert_allclose(d.parameters()[name][:, t], value)
            np.testing.assert_allclose(likelihood.parameters(xp, eta)[name][:, t], value)
        np.testing.assert_allclose(likelihood.mean(xp, eta)[:, t], base.mean(xp, step))
        np.testing.assert_allclose(likelihood.variance(eta)[:, t], base.variance(step))
        np.testing.assert_allclose(likelihood.quantile(eta, np.full((3, T), 0.3))[:, t], of_step.ppf(0.3))
        np.testing.assert_allclose(likelihood.cdf(eta, y)[:, t], of_step.cdf(y[:, t]))
        columns = u[:, t * base.draws : (t + 1) * base.draws]
        expected = base.sample(step, columns[:, 0] if base.draws == 1 else columns)
        np.testing.assert_array_equal(likelihood.sample(eta, u)[:, t], expected)
        if base.classes is not None:
            np.testing.assert_allclose(likelihood.probabilities(xp, eta)[:, t], base.probabilities(xp, step))
    assert d[1].mean().shape[:2] == (1, T)
    assert "steps=4" in repr(d)
    np.testing.assert_array_equal(d[1].ppf(0.2)[0], d.ppf(0.2)[1])


def test_distributions_of_steps_are_moved_as_others() -> None:
    """A forecast in the units of y."""
    eta = np.random.default_rng(2).normal(size=(3, T))
    d = PerStep(Normal(scale=1.0), T).distribution(eta, loc=10.0, scale=2.0)
    np.testing.assert_allclose(d.mean(), 10 + 2 * eta)
    np.testing.assert_allclose(d.parameters()["loc"], 10 + 2 * eta)
    np.testing.assert_allclose(d.std(), 2.0)
    np.testing.assert_allclose(d.logpdf(d.mean()), -0.5 * np.log(2 * np.pi * 4))
    two = PerStep(Independent(Normal(scale=1.0), 2), T).distribution(
        np.zeros((3, 2 * T)), loc=[1.0, 2.0], scale=[1.0, 3.0]
    )
    assert two.mean().shape == (3, T, 2)
    assert two.logpdf(two.mean()).shape == (3, T)
    np.testing.assert_allclose(two.mean()[1, 2], [1.0, 2.0])
    assert two.rvs(2).shape == (2, 3, T, 2)
    assert two.support()[0].shape == (3, T, 2)


def test_the_start_is_that_of_all_steps_that_count() -> None:
    """With weights, and without what is missing."""
    y = np.array([[1.0, 2.0, np.nan], [4.0, np.nan, np.nan]])
    likelihood = PerStep(Normal(scale="function"), 3)
    expected = Normal(scale="function").start(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 3.0]))
    np.testing.assert_allclose(likelihood.start(y, np.array([1.0, 3.0])), np.tile(expected, 3))
    labels = PerStep(Categorical(3), 2).start(np.array([[0, 1], [1, np.nan]]))
    np.testing.assert_allclose(labels, np.tile(Categorical(3).start(np.array([0, 1, 1])), 2))


def test_labels_stay_whole_numbers_unless_some_are_missing() -> None:
    """And what is missing stays NaN."""
    likelihood = PerStep(Categorical(3), 2)
    assert likelihood.check([[0, 1], [2, 2]]).dtype == np.int64
    found = likelihood.check([[0, 1], [2, None]])
    assert found.dtype == np.float64
    assert np.isnan(found[1, 1])
    assert likelihood.check(np.zeros((3, 2, 1))).shape == (3, 2)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1], r"expected shape \(n, 2\), found \(2,\); .*Last\(\), return_sequences=False"),
        ([[0, 1, 1]], r"expected shape \(n, 2\), found \(1, 3\)"),
        ([[0, 1], [1]], "found a ragged list; fill the shorter ones up with NaN"),
        ([[np.nan, 1], [1, 3]], "found 3.0 in row 1, step 1"),
        ([[0, 1], [np.nan, -1]], "found -1.0 in row 1, step 1"),
        ([[np.nan, np.nan]], "no step counts"),
        ([["a", "b"]], "numbers"),
    ],
)
def test_targets_that_do_not_fit(y: Any, message: str) -> None:
    """Each is named by its row and its step."""
    with pytest.raises(ValueError, match=message):
        PerStep(Categorical(3), 2).check(y)


def test_a_step_counts_with_all_targets_or_with_none() -> None:
    """Half a step is an error."""
    with pytest.raises(ValueError, match="row 1, step 0 has NaN for some of its 2 targets"):
        PerStep(Independent(Normal(), 2), 2).check([[[0, 0], [0, 0]], [[0, np.nan], [0, 0]]])


def test_arguments() -> None:
    """What makes no sense by itself."""
    with pytest.raises(ValueError, match="base: PerStep expected a likelihood such as Normal"):
        PerStep("normal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the likelihood of one step"):
        PerStep(PerStep(Normal()))
    with pytest.raises(ValueError, match="steps"):
        PerStep(Normal(), 0)
    with pytest.raises(ValueError, match="does not know how many there are: build the network first"):
        _ = PerStep(Normal()).width


def _tags() -> tuple[Any, Any]:
    """Is the running sum positive? Some sequences end early."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 6, 2))
    y = (X[..., 0].cumsum(axis=1) > 0).astype(float)
    y[::3, 4:] = np.nan
    return X, y


@pytest.mark.parametrize(
    "likelihood",
    [Bernoulli(), Categorical(2, label_smoothing=0.1), Normal(), Normal(scale="learned"), PerStep(Normal())],
)
def test_a_network_has_it_by_itself(likelihood: Likelihood) -> None:
    """Shapes, gradients, the start, files; the likelihood is the user's, at every step."""
    X, y = _tags()
    net = ll.Network([ll.GRU(5, return_sequences=True)], likelihood=likelihood, engine="reference", dtype="float64")
    history = net.fit(X, y, epochs=2, seed=0)
    base = likelihood.of_step
    assert net.likelihood == PerStep(base, 6)
    assert history.log_likelihood[1] > history.log_likelihood[0]
    assert net.check_gradient(X[:7], y[:7]).ok
    assert net.parameters["output.W"].shape == (5, base.width - base.shared)
    assert net.output(X).shape == (60, 6 * base.width)
    assert net.predict(X).shape == (60, 6)
    assert net.predict_dist(X).median().shape == (60, 6)
    assert net.hidden(X).shape == (60, 6, 5)
    if base.classes is not None:
        assert net.predict_proba(X).shape == (60, 6, 2)
        np.testing.assert_array_equal(net.predict(X), net.predict_proba(X).argmax(axis=-1))
    each = net.log_likelihood(X, y, per_example=True)
    dist = net.predict_dist(X)
    steps = (dist.logpmf if base.discrete else dist.logpdf)(y)
    np.testing.assert_allclose(each, np.nansum(steps, axis=1))
    assert np.isnan(steps[0, 4])
    assert not np.isnan(steps[0, 3])
    trace = net.trace(X[:2], y[:2])
    np.testing.assert_allclose(trace.log_likelihood, each[:2])


def test_a_shared_scale_is_one_for_all_steps() -> None:
    """One number, whose gradient is the sum over the steps."""
    X, y = _tags()
    net = ll.Network([], likelihood=Normal(scale="learned"), engine="reference", dtype="float64").build((6, 2))
    assert net.parameters["output.c"].shape == (1,)
    eta = net.output(X[:3])
    score = net.likelihood.score(eta, y[:3]).reshape(3, 6, 2)
    np.testing.assert_allclose(net.gradient(X[:3], y[:3])["output.c"], score[..., 1].sum())


def test_the_first_start_fits_the_mean_of_what_counts() -> None:
    """Before any step, the output is where all steps together are likeliest."""
    X, y = _tags()
    net = ll.Network([ll.RNN(3, return_sequences=True)], likelihood=Normal(), engine="reference", dtype="float64")
    net.fit(X, y, epochs=1, seed=0, optimizer=ll.optimizers.GradientAscent(1e-12))
    np.testing.assert_allclose(net.parameters["output.b"], [np.nanmean(y), np.log(np.nanvar(y))])


def test_what_is_missing_changes_nothing() -> None:
    """Zero weight to the gradient: whatever X has at a last step that does not count, forward in time."""
    X, y = _tags()
    net = ll.Network([ll.LSTM(4, return_sequences=True)], likelihood=Bernoulli(), engine="reference", dtype="float64")
    net.build((6, 2))
    other = np.where(np.isnan(y)[..., None], 9.0, X)
    for name, g in net.gradient(X, y).items():
        np.testing.assert_array_equal(net.gradient(other, y)[name], g)


def test_it_is_saved(tmp_path: Any) -> None:
    """And what was saved predicts the same."""
    X, y = _tags()
    net = ll.Network([ll.RNN(3, return_sequences=True)], likelihood="bernoulli", engine="reference")
    net.fit(X, y, epochs=1, seed=0)
    net.save(tmp_path / "net.likeliest")
    twin = ll.load(tmp_path / "net.likeliest")
    assert twin.likelihood == PerStep(Bernoulli(), 6)
    np.testing.assert_array_equal(twin.predict_proba(X), net.predict_proba(X))


def test_one_output_a_sequence_needs_a_row() -> None:
    """Errors say how to get one from the other."""
    X, y = _tags()
    net = ll.Network([ll.RNN(3, return_sequences=True)], likelihood="bernoulli", engine="reference")
    with pytest.raises(ValueError, match=r"y: .* found \(60,\); .*Last\(\)"):
        net.fit(X, y[:, 0])
    net = ll.Network([ll.RNN(3)], likelihood=PerStep(Bernoulli()), engine="reference")
    with pytest.raises(ValueError, match=r"output expects a sequence .* return_sequences=True"):
        net.fit(X, y)
    with pytest.raises(ValueError, match="one class only, 1"):
        ll.Network([ll.RNN(3, return_sequences=True)], likelihood="bernoulli", engine="reference").fit(
            X, np.where(np.isnan(y), y, 1)
        )


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(2, label_smoothing=0.1), Normal(scale="learned")])
def test_both_engines_train_to_the_same(likelihood: Likelihood) -> None:
    """With steps that do not count."""
    X, y = _tags()
    nets = [
        ll.Network([ll.GRU(3, return_sequences=True)], likelihood=likelihood, engine=engine, dtype="float64")
        for engine in ("native", "reference")
    ]
    for net in nets:
        net.fit(X, y, epochs=2, seed=0)
    native, reference = nets
    np.testing.assert_allclose(native.log_likelihood(X, y), reference.log_likelihood(X, y), rtol=1e-10)
    np.testing.assert_allclose(native.predict(X), reference.predict(X), rtol=1e-9)
