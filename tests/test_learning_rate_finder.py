"""The learning-rate finder: which steps it takes, what it suggests, and that the network stays as it was."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from cases import OPTIMIZERS, Array

import likeliest as ll
from likeliest.learning_rate_finder import LearningRateFinder, find_learning_rate
from likeliest.optimizers import LBFGS, Adam, GradientAscent

RATES = np.geomspace(1e-6, 1, 100)


def data(n: int = 300) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    return X, (X @ [1, -2, 0.5, 0] + 0.3 * rng.normal(size=n) > 0).astype(int)


def network(**options: Any) -> ll.Network:
    return ll.Network([ll.Dense(8, "tanh")], likelihood=ll.likelihoods.Bernoulli(), **options)


def test_the_suggestion_is_the_steepest_rise_before_the_best() -> None:
    decades = np.log10(RATES)
    rise = -1 / (1 + np.exp(4 * (decades + 3)))  # steepest at 1e-3
    finder = LearningRateFinder(RATES, rise)
    assert finder.suggestion == pytest.approx(1e-3, rel=0.15)
    np.testing.assert_allclose(finder.smoothed[20:30], rise[20:30], atol=5e-3)
    fall = np.where(decades > -1, -(10.0 ** (20 * (decades + 1))), 0)  # and it may run away later
    assert LearningRateFinder(RATES, rise + fall).suggestion == pytest.approx(1e-3, rel=0.15)
    after = np.where(decades > -0.5, 1.5, 0) - np.where(decades > -1, 1.8, 0)  # a fall, and nearly back at once
    assert LearningRateFinder(RATES, rise + after).suggestion == pytest.approx(1e-3, rel=0.15)


def test_noise_is_smoothed_away() -> None:
    rng = np.random.default_rng(1)
    rise = -1 / (1 + np.exp(3 * (np.log10(RATES) + 3)))
    for _ in range(20):
        finder = LearningRateFinder(RATES, rise + 0.05 * rng.normal(size=100))
        assert 1e-4 < finder.suggestion < 1e-2
        assert np.std(np.diff(finder.smoothed)) < 0.5 * np.std(np.diff(finder.log_likelihood))


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_few_steps_and_falling_ones_give_a_suggestion_too(count: int) -> None:
    finder = LearningRateFinder(RATES[:count], -np.arange(count, dtype=float))
    assert finder.suggestion == RATES[0]
    assert np.isfinite(finder.smoothed).all()


def test_plot() -> None:
    pytest.importorskip("matplotlib")
    finder = LearningRateFinder(RATES, -1 / (1 + RATES / 1e-3) - 1e6 * (RATES > 0.5))
    ax = finder.plot()
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "log-likelihood per example (nats)"
    assert ax.get_ylim()[0] > -10
    assert f"{finder.suggestion:.2g}" in ax.get_legend().get_texts()[2].get_text()
    assert finder.plot(ax=ax) is ax
    ax.figure.savefig(__import__("io").BytesIO(), format="png", dpi=40)
    LearningRateFinder(RATES[:2], np.array([-1.0, -1.1])).plot()


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("case", OPTIMIZERS.values(), ids=lambda case: case.id)
def test_the_steps_are_those_of_the_optimizer_at_rising_rates(engine: str, case: Any) -> None:
    X, y = data(50)
    net = network(engine=engine, dtype="float64").build(4, seed=0)
    finder = find_learning_rate(net, X, y, case.optimizer, low=1e-3, high=0.1, steps=8, batch_size=50)
    theta = dict(net.parameters)
    state = {name: case.optimizer.init(value) for name, value in theta.items()}
    twin = network(engine=engine, dtype="float64").build(4, seed=0)
    for t, rate in enumerate(np.geomspace(1e-3, 0.1, 8), 1):
        assert finder.learning_rates[t - 1] == pytest.approx(rate)
        assert finder.log_likelihood[t - 1] == pytest.approx(twin.log_likelihood(X, y) / 50, rel=1e-9)
        for name, g in twin.gradient(X, y).items():
            factor = rate / case.optimizer.learning_rate
            rule = case.optimizer if name.endswith("W") else case.optimizer.free()
            theta[name], state[name] = rule.update(theta[name], g / 50, state[name], t, factor)
            twin.parameters[name] = theta[name]


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_network_without_theta_starts_where_fit_would(engine: str) -> None:
    """With targets far from 0, the biases of the output start at them."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.normal(1000, 3, size=60)
    make = lambda: ll.Network([ll.Dense(5, "tanh")], likelihood="normal", engine=engine, dtype="float64")  # noqa: E731
    found = ll.find_learning_rate(make(), X, y, steps=5, batch_size=60, seed=2)
    history = make().fit(X, y, epochs=1, batch_size=None, seed=2, threads=1)
    assert found.log_likelihood[0] == pytest.approx(history.log_likelihood[0], rel=1e-12)


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_sequences_go_through_as_in_a_fit(padded: bool, steps: bool, engine: str) -> None:
    """Lists, and arrays with lengths: at rates that do nothing, log-likelihoods are those of the minibatches."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, 20)
    X = [rng.normal(size=(t, 2)) for t in lengths]
    y: Any = [(x[:, 0] > 0).astype(int) for x in X] if steps else (lengths > 4).astype(int)
    layers = [ll.GRU(4, return_sequences=steps)]
    make = lambda: ll.Network(layers, likelihood="bernoulli", engine=engine, dtype="float64")  # noqa: E731
    given: dict[str, Any] = {"X": X, "y": y}
    if padded:
        given = {"X": np.full((20, 9, 2), np.nan), "y": y, "lengths": lengths}
        for row, x in zip(given["X"], X, strict=True):
            row[: len(x)] = x
    seen: list[int] = []
    net = make().build((5, 2), seed=3)
    kind = type(net._engine)
    train = kind.train  # type: ignore[union-attr]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "train", lambda *a: (seen.extend(a[4].order), train(*a))[1])
        found = find_learning_rate(net, **given, low=1e-12, high=1e-11, steps=5, batch_size=4, seed=1)
    each = net.log_likelihood(X, y, per_example=True)
    np.testing.assert_allclose(found.log_likelihood, each[seen].reshape(5, 4).mean(axis=1), rtol=1e-9)
    assert sorted(seen) == list(range(20))
    assert all((np.diff(lengths[batch]) <= 0).all() for batch in np.reshape(seen, (5, 4)))
    assert net.program.form == ((5, 2), False)  # the network is as it was
    fresh, history = find_learning_rate(make(), **given, steps=5, batch_size=20, seed=2), make()
    first = history.fit(**given, epochs=1, batch_size=None, seed=2).log_likelihood[0]
    assert fresh.log_likelihood[0] == pytest.approx(first, rel=1e-10)


def test_gradients_are_clipped_as_in_a_fit() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 4, 2)) * 100, rng.integers(0, 2, 8)
    net = ll.Network([ll.RNN(4, "relu")], likelihood="bernoulli", dtype="float64").build((4, 2), seed=0)
    found = [
        find_learning_rate(net, X, y, GradientAscent(), low=1e-3, steps=6, batch_size=8, **how).log_likelihood
        for how in ({}, {"clip_norm": 8 / np.sqrt(8)}, {"clip_norm": None}, {"clip_norm": np.inf})
    ]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[2], found[3])
    assert not np.array_equal(found[0], found[2])


def test_the_network_stays_as_it_was() -> None:
    X, y = data()
    net, twin = network().build(4, seed=0), network().build(4, seed=0)
    options: dict[str, Any] = {"optimizer": Adam(0.01), "epochs": 2, "seed": 3}
    net.fit(X, y, **options)
    twin.fit(X, y, **options)
    find_learning_rate(net, X, y, GradientAscent())
    net.fit(X, y, **options)
    twin.fit(X, y, **options)
    for name, value in twin.parameters.items():
        assert np.array_equal(net.parameters[name], value)
    fresh = network()
    assert len(find_learning_rate(fresh, X, y, steps=30).learning_rates) == 30
    with pytest.raises(RuntimeError, match="no θ yet"):
        _ = fresh.parameters


@pytest.mark.parametrize("optimizer", [None, Adam(123.0), GradientAscent(1e-9)])
def test_the_suggestion_is_a_good_learning_rate(optimizer: Any) -> None:
    X, y = data()
    net = network().build(4, seed=0)
    found = find_learning_rate(net, X, y, optimizer, low=1e-5, high=10)
    kind = type(optimizer or Adam())
    start = net.log_likelihood(X, y)
    history = net.fit(X, y, optimizer=kind(found.suggestion), epochs=5, seed=0)
    assert history.log_likelihood[-1] > 0.7 * start / len(X)


def test_more_steps_than_an_epoch_has_and_seeds() -> None:
    X, y = data(37)
    net = network().build(4, seed=0)
    first, again, other = (find_learning_rate(net, X, y, steps=20, batch_size=10, seed=seed) for seed in (1, 1, 2))
    assert len(first.log_likelihood) == 20
    assert np.array_equal(first.log_likelihood, again.log_likelihood)
    assert not np.array_equal(first.log_likelihood, other.log_likelihood)
    assert len(find_learning_rate(net, X, y, batch_size=1000).log_likelihood) == 100


def test_it_ends_where_the_log_likelihood_is_no_number() -> None:
    X, y = data()
    net = ll.Network([ll.Dense(8)], likelihood=ll.likelihoods.Bernoulli()).build(4, seed=0)
    finder = find_learning_rate(net, X, y, GradientAscent(), low=1e-3, high=1e30)
    assert 5 < len(finder.log_likelihood) == len(finder.learning_rates) < 100
    assert np.isfinite(finder.log_likelihood).all()
    assert np.isfinite(finder.suggestion)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": LBFGS()}, "optimizer: expected one that has a learning rate, such as Adam(); found LBFGS("),
        ({"optimizer": "adam"}, "optimizer: expected one that has a learning rate"),
        ({"low": 0}, "low, high: expected positive numbers with low < high, found 0 and 1.0"),
        ({"low": 1, "high": 1}, "low, high: expected positive numbers with low < high"),
        ({"high": np.nan}, "low, high: expected positive numbers with low < high"),
        ({"steps": 1}, "steps: expected a whole number of at least 2, found 1"),
        ({"steps": 2.5}, "steps: expected a whole number of at least 2, found 2.5"),
        ({"clip_norm": -1}, "clip_norm: expected a positive number, found -1"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1, found 0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        find_learning_rate(network(), *data(), **options)
