"""Each optimizer: its page against the published rule and PyTorch's, the native step against the page."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import OPTIMIZERS, Array, OptimizerCase
from trajectories import GRADIENTS, KEPT, THETA, stored

import likeliest as ll
from likeliest.optimizers import AdaGrad, Adam, AdamW, GradientAscent, Lion, Momentum, NAdam, Nesterov, RMSProp

every = pytest.mark.parametrize("case", OPTIMIZERS.values(), ids=lambda case: case.id)
STEPS = 50


def trajectory(optimizer: Any, theta: Array, gradients: Array) -> Array:
    """θ after the steps t = 1, 2, ..."""
    state = optimizer.init(theta)
    for t, g in enumerate(gradients, 1):
        theta, state = optimizer.update(theta, g, state, t)
    return theta


@every
@pytest.mark.parametrize("steps", [1, 2, STEPS])
def test_update_follows_the_published_rule(case: OptimizerCase, steps: int) -> None:
    rng = np.random.default_rng(0)
    theta, gradients = rng.normal(size=3), rng.normal(size=(steps, 3)) * [1.0, 1e-3, 100.0]
    expected = [case.published(theta[i], list(gradients[:, i])) for i in range(3)]
    np.testing.assert_allclose(trajectory(case.optimizer, theta, gradients), expected, rtol=1e-12)


def thetas(optimizer: Any) -> Array:
    """θ after each of the 50 steps that the other libraries took."""
    return np.array([trajectory(optimizer, THETA, GRADIENTS[:t]) for t in range(1, STEPS + 1)])


@every
def test_update_follows_the_stored_steps_of_pytorch_and_optax(case: OptimizerCase) -> None:
    expected = stored()[case.optimizer.name]
    np.testing.assert_allclose(thetas(case.optimizer)[np.array(KEPT) - 1], expected, rtol=1e-11)


@every
def test_update_follows_pytorch_and_optax(case: OptimizerCase) -> None:
    peer = case.peer(THETA, GRADIENTS)
    np.testing.assert_allclose(thetas(case.optimizer), peer, rtol=1e-11)
    np.testing.assert_allclose(peer[np.array(KEPT) - 1], stored()[case.optimizer.name], rtol=1e-11)


@every
def test_factor_multiplies_the_learning_rate(case: OptimizerCase) -> None:
    optimizer, g = case.optimizer, GRADIENTS[0]
    state = tuple(np.full(3, 0.1 + i) for i in range(optimizer.slots))
    other: Any = replace(optimizer, learning_rate=0.25 * optimizer.learning_rate)
    for mine, expected in zip(
        optimizer.update(THETA, g, state, 3, 0.25), other.update(THETA, g, state, 3), strict=True
    ):
        np.testing.assert_allclose(mine, expected, rtol=1e-15)
    theta, after = optimizer.update(THETA, g, state, 3, 0.0)
    assert np.array_equal(theta, THETA)  # and the state goes on
    for mine, expected in zip(after, optimizer.update(THETA, g, state, 3)[1], strict=True):
        assert np.array_equal(mine, expected)


@pytest.mark.parametrize(
    ("optimizer", "means"),
    [
        (Adam(0.1, 0.8, 0.9), ((0.8, 1), (0.9, 2))),
        (AdamW(0.1, 0.8, 0.9), ((0.8, 1), (0.9, 2))),
        (NAdam(0.1, 0.8, 0.9), ((0.8, 1), (0.9, 2))),
        (RMSProp(0.1, 0.8), ((0.8, 2),)),
        (Lion(0.1, 0.8, 0.9), ((0.9, 1),)),  # of which θ takes the sign only
    ],
)
def test_the_state_is_running_means_of_the_gradient_and_its_square(optimizer: Any, means: Any) -> None:
    theta, state = THETA, optimizer.init(THETA)
    for t, g in enumerate(GRADIENTS[:10], 1):
        theta, state = optimizer.update(theta, g, state, t)
    for value, (decay, power) in zip(state, means, strict=True):
        weights = (1 - decay) * decay ** np.arange(9, -1, -1)
        np.testing.assert_allclose(value, weights @ GRADIENTS[:10] ** power, rtol=1e-12)


@every
def test_zeros_stay_zeros(case: OptimizerCase) -> None:
    """The native engine's padding: θ = g = state = 0 must not move."""
    zeros = np.zeros(2)
    theta, state = case.optimizer.update(zeros, zeros, case.optimizer.init(zeros), 1)
    assert not np.any([theta, *state])


@every
def test_a_nan_in_the_gradient_shows_in_theta(case: OptimizerCase) -> None:
    theta, _ = case.optimizer.update(np.ones(1), np.array([np.nan]), case.optimizer.init(np.ones(1)), 1)
    assert np.isnan(theta[0])


@every
def test_free_is_the_same_rule_without_weight_decay(case: OptimizerCase) -> None:
    free = case.optimizer.free()
    assert type(free) is type(case.optimizer)
    if hasattr(free, "weight_decay"):
        assert free == replace(case.optimizer, weight_decay=0)
        start = np.full(1, 5.0)
        assert free.update(start, 0 * start, free.init(start), 1)[0] == start
        assert case.optimizer.update(start, 0 * start, free.init(start), 1)[0] < start
    else:
        assert free == case.optimizer


def test_adamw_without_decay_is_adam() -> None:
    np.testing.assert_array_equal(thetas(AdamW(0.1, 0.8, 0.9, weight_decay=0)), thetas(Adam(0.1, 0.8, 0.9)))


def network(engine: str, width: int = 20, inputs: int = 9, seed: int = 1) -> ll.Network:
    net = ll.Network(
        [ll.Dense(width, "tanh")], likelihood=ll.likelihoods.Categorical(3), engine=engine, dtype="float64"
    )
    return net.build(inputs, seed=seed)


def data(n: int = 37, inputs: int = 9) -> tuple[Array, Array]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(n, inputs)), rng.integers(0, 3, n)


@every
@pytest.mark.parametrize(("inputs", "batch_size"), [(9, None), (9, 10), (300, 10)])
def test_native_steps_follow_the_page(case: OptimizerCase, inputs: int, batch_size: int | None) -> None:
    X, y = data(37, inputs)
    epochs = STEPS if batch_size is None else 13  # 4 minibatches an epoch, the last of 7
    nets = [network(engine, inputs=inputs) for engine in ("native", "reference")]
    for net in nets:
        net.fit(X, y, optimizer=case.optimizer, epochs=epochs, batch_size=batch_size, seed=3, threads=1)
    for name, expected in nets[1].parameters.items():
        assert np.linalg.norm(nets[0].parameters[name] - expected) <= 1e-10 * np.linalg.norm(expected)


@every
def test_native_step_by_step_equals_update_on_the_networks_gradient(case: OptimizerCase) -> None:
    """Without the reference engine: Network.gradient into the page's update is what fit does."""
    X, y = data()
    net, twin = network("native"), network("native")
    state = {name: case.optimizer.init(value) for name, value in twin.parameters.items()}
    for t in range(1, 11):
        gradient = twin.gradient(X, y, threads=1)
        for name, g in gradient.items():
            rule = case.optimizer if name.endswith("W") else case.optimizer.free()  # biases do not decay
            theta, state[name] = rule.update(twin.parameters[name], g / len(X), state[name], t)
            twin.parameters[name] = theta
    net.fit(X, y, optimizer=case.optimizer, epochs=10, batch_size=None, threads=1, seed=0)
    for name, expected in twin.parameters.items():
        np.testing.assert_allclose(net.parameters[name], expected, rtol=1e-9, atol=1e-12)


@every
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_state_is_kept_across_fits_and_restarts_with_another_optimizer(case: OptimizerCase, engine: str) -> None:
    X, y = data()
    once, twice, changed, fresh = (network(engine) for _ in range(4))
    options: dict[str, Any] = {"batch_size": 10, "seed": 3, "threads": 1}
    once.fit(X, y, optimizer=case.optimizer, epochs=4, **options)
    twice.fit(X, y, optimizer=case.optimizer, epochs=1, **options)
    twice.fit(X, y, epochs=2, **options)  # None is the optimizer of the last fit
    twice.fit(X, y, optimizer=type(case.optimizer)(*case.optimizer.hyperparameters()), epochs=1, **options)  # equal
    assert all(np.array_equal(once.parameters[name], twice.parameters[name]) for name in once.parameters)
    other = Adam(0.5) if case.optimizer != Adam(0.5) else Momentum(0.5)
    changed.fit(X, y, optimizer=other, epochs=1, **options)
    for name in changed.parameters:
        fresh.parameters[name] = changed.parameters[name]
    changed.fit(X, y, optimizer=case.optimizer, epochs=1, batch_size=None, threads=1)
    fresh.fit(X, y, optimizer=case.optimizer, epochs=1, batch_size=None, threads=1)
    for name in fresh.parameters:
        np.testing.assert_allclose(changed.parameters[name], fresh.parameters[name], rtol=1e-13, atol=1e-15)


@every
def test_ascent_goes_up(case: OptimizerCase) -> None:
    X, y = data()
    net = network("native")
    before = net.log_likelihood(X, y)
    net.fit(X, y, optimizer=case.optimizer, epochs=STEPS, batch_size=None, threads=1)
    assert net.log_likelihood(X, y) > before + 1


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf, "0.1", None, True])
@pytest.mark.parametrize("kind", [type(case.optimizer) for case in OPTIMIZERS.values()])
def test_a_learning_rate_that_cannot_be_is_refused(kind: Any, rate: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"learning_rate: expected a positive number, found {rate!r}")):
        kind(rate)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda value: Momentum(0.1, value), "momentum"),
        (lambda value: Nesterov(0.1, value), "momentum"),
        (lambda value: RMSProp(0.1, value), "decay"),
        (lambda value: Adam(0.1, value), "beta1"),
        (lambda value: Adam(0.1, 0.9, value), "beta2"),
        (lambda value: AdamW(0.1, value), "beta1"),
        (lambda value: NAdam(0.1, 0.9, value), "beta2"),
        (lambda value: Lion(0.1, value), "beta1"),
        (lambda value: Lion(0.1, 0.9, value), "beta2"),
    ],
)
@pytest.mark.parametrize("value", [1, 1.5, -0.1, np.nan, None])
def test_a_fraction_outside_0_to_1_is_refused(make: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{name}: expected a number in \[0, 1\)"):
        make(value)


@pytest.mark.parametrize("kind", [AdaGrad, RMSProp, Adam, AdamW, NAdam])
def test_epsilon_must_be_positive(kind: Any) -> None:
    with pytest.raises(ValueError, match="epsilon: expected a positive number, found 0"):
        kind(epsilon=0)


@pytest.mark.parametrize("kind", [AdamW, Lion])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, None, True])
def test_weight_decay_must_not_be_negative(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="weight_decay: expected a number of at least 0, found"):
        kind(weight_decay=value)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_numbers_of_numpy_are_numbers(kind: Any) -> None:
    assert GradientAscent(kind(2)).hyperparameters() == (2.0,)
    assert Momentum(kind(2), kind(0)).hyperparameters() == (2.0, 0.0)
