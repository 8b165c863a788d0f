"""L-BFGS: to the top that SciPy finds, in spite of overflow, and the best θ in the end."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from cases import Array

import likeliest as ll
from likeliest.optimizers import LBFGS


def poisson(n: int = 200, size: int = 5, spread: float = 1.0) -> tuple[Any, Array]:
    """The mean log-likelihood of Poisson regression with its gradient, and X."""
    rng = np.random.default_rng(0)
    X = spread * rng.normal(size=(n, size))
    y = rng.poisson(np.exp(X @ np.linspace(-0.5, 0.5, size) / spread))

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.exp(X @ theta)
            return float(np.mean(y * (X @ theta) - rate)), X.T @ (y - rate) / n

    return value_and_gradient, X


def test_it_reaches_the_top_that_newtons_method_finds() -> None:
    f, X = poisson()
    theta = LBFGS(tolerance=1e-10).climb(f, np.zeros(5), 100)
    newton = np.zeros(5)
    for _ in range(20):
        information = X.T @ (np.exp(X @ newton)[:, None] * X) / len(X)
        newton += np.linalg.solve(information, f(newton)[1])
    np.testing.assert_allclose(theta, newton, rtol=1e-7)


def test_it_takes_the_steps_of_scipy() -> None:
    def down(theta: Array) -> tuple[float, Array]:
        return float(scipy.optimize.rosen(theta)), scipy.optimize.rosen_der(theta)

    seen: list[Array] = []
    expected: list[Array] = []
    start = np.array([-1.2, 1.0, 0.5])
    LBFGS(4, 1e-9).climb(
        lambda theta: (-down(theta)[0], -down(theta)[1]), start, 12, lambda value, theta: seen.append(theta)
    )
    options = {"maxcor": 4, "maxiter": 12, "gtol": 1e-9, "ftol": 1e-13}
    scipy.optimize.minimize(down, start, jac=True, method="L-BFGS-B", callback=expected.append, options=options)
    assert len(seen) == 12
    np.testing.assert_array_equal(seen, [np.array(theta) for theta in expected])


def test_memory_and_tolerance_count() -> None:
    f, _ = poisson()

    def iterations(**options: Any) -> int:
        values: list[float] = []
        LBFGS(**options).climb(f, np.ones(5), 1000, lambda value, theta: values.append(value))
        assert values == sorted(values)
        return len(values)

    assert iterations(memory=1) > iterations()
    assert iterations(tolerance=1e-3) < iterations() < iterations(tolerance=1e-12)


@pytest.mark.parametrize("spread", [30.0, 1000.0, 1e5])
def test_a_trial_that_overflows_is_taken_back(spread: float) -> None:
    """SciPy alone gives up here: the first step, of length 1, is enough for exp to overflow."""
    f, _ = poisson(spread=spread)
    looks: list[bool] = []

    def watched(theta: Array) -> tuple[float, Array]:
        value, gradient = f(theta)
        looks.append(bool(np.isfinite(value)))
        return value, gradient

    theta = LBFGS(tolerance=1e-8).climb(watched, np.zeros(5), 200)
    assert spread < 1000 or not all(looks)
    f1, _ = poisson()
    expected = LBFGS(tolerance=1e-12).climb(f1, np.zeros(5), 200)
    np.testing.assert_allclose(theta * spread, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("broken", [np.nan, -np.inf, np.inf])
@pytest.mark.parametrize("part", ["value", "gradient"])
def test_it_climbs_up_to_the_edge_of_what_is_defined(broken: float, part: str) -> None:
    """log θ for θ < 2 and nothing beyond."""

    def f(theta: Array) -> tuple[float, Array]:
        beyond = theta[0] >= 2
        value, gradient = float(np.log(np.abs(theta[0]))), 1 / theta
        if beyond and part == "value":
            value = broken
        if beyond and part == "gradient":
            gradient = np.full(1, broken)
        return value, gradient

    theta = LBFGS().climb(f, np.array([0.1]), 100)
    assert 1.9 < theta[0] < 2


def test_the_trial_after_one_that_overflows_goes_a_quarter_of_the_way() -> None:
    f, _ = poisson(spread=1e5)
    looked: list[Array] = []

    def watched(theta: Array) -> tuple[float, Array]:
        looked.append(theta.copy())
        return f(theta)

    LBFGS().climb(watched, np.zeros(5), 1)
    trials = [theta for theta in looked if theta.any()]  # the start itself is 0
    lost = [theta for theta in trials if not np.isfinite(f(theta)[0])]
    assert len(lost) > 3
    for before, after in pairwise(trials[: len(lost) + 1]):
        np.testing.assert_allclose(after, before / 4, rtol=1e-9)


def test_the_best_is_kept_where_the_line_search_gives_up() -> None:
    """With a gradient that is wrong SciPy finds no step that it likes, and goes back to the start."""
    looked: list[float] = []

    def f(theta: Array) -> tuple[float, Array]:
        value = float(min(theta[0], 3 - theta[0]))
        looked.append(value)
        return value, np.ones(1)

    theta = LBFGS().climb(f, np.zeros(1), 100)
    assert f(theta)[0] == max(looked) > 0.9


def test_the_best_of_all_that_it_looked_at_is_returned() -> None:
    f, _ = poisson()
    looked: list[tuple[float, Array]] = []

    def watched(theta: Array) -> tuple[float, Array]:
        value, gradient = f(theta)
        looked.append((value, theta.copy()))
        return value, gradient

    theta = LBFGS().climb(watched, np.full(5, 0.3), 3)
    np.testing.assert_array_equal(theta, max(looked, key=lambda look: look[0])[1])


def test_it_stops_when_told_and_after_its_iterations() -> None:
    f, _ = poisson()
    values: list[float] = []

    def stop(value: float, theta: Array) -> bool:
        assert value == f(theta)[0]
        values.append(value)
        return len(values) == 3

    theta = LBFGS().climb(f, np.zeros(5), 100, stop)
    assert len(values) == 3
    assert f(theta)[0] == values[-1]
    values.clear()
    LBFGS().climb(f, np.zeros(5), 2, stop)
    assert len(values) == 2


def test_the_start_is_left_alone_and_must_be_finite() -> None:
    f, _ = poisson()
    start = np.zeros(5)
    LBFGS().climb(f, start, 3)
    assert not start.any()
    with pytest.raises(ValueError, match="theta: expected a start where the value and its gradient are finite"):
        LBFGS().climb(lambda theta: (np.nan, theta), start, 3)


def test_it_fits_a_network_through_its_gradient() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    likelihood = ll.likelihoods.Bernoulli()
    net = ll.Network([ll.Dense(4, "tanh")], likelihood=likelihood, engine="reference", dtype="float64").build(3, seed=0)
    names = list(net.parameters)
    shapes = [net.parameters[name].shape for name in names]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])

    def f(theta: Array) -> tuple[float, Array]:
        for name, part, shape in zip(names, np.split(theta, ends[:-1]), shapes, strict=True):
            net.parameters[name] = part.reshape(shape)
        gradient = net.gradient(X, y)
        return net.log_likelihood(X, y) / 50, np.concatenate([gradient[name].ravel() for name in names]) / 50

    start = np.concatenate([net.parameters[name].ravel() for name in names])
    before = f(start)[0]
    assert f(LBFGS().climb(f, start, 50))[0] > before + 0.1


@pytest.mark.parametrize("memory", [0, -1, 1.5, None, True])
def test_a_memory_that_cannot_be_is_refused(memory: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"memory: expected a whole number of at least 1, found {memory!r}")):
        LBFGS(memory)


@pytest.mark.parametrize("tolerance", [0, -1, np.nan, np.inf, None])
def test_a_tolerance_that_cannot_be_is_refused(tolerance: Any) -> None:
    with pytest.raises(ValueError, match="tolerance: expected a positive number, found"):
        LBFGS(tolerance=tolerance)


def test_it_has_no_step_for_one_gradient() -> None:
    with pytest.raises(NotImplementedError, match="`climb`"):
        LBFGS().update(np.zeros(1), np.zeros(1), (), 1)
    assert LBFGS.full_batch
    assert LBFGS().hyperparameters() == (10.0, 1e-5)
    assert LBFGS().free() == LBFGS()
