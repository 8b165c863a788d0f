"""Network.check_gradient: passes what is right, catches what is wrong, and leaves θ alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest.engines.native import Native
from likeliest.ops import ACTIVATIONS, affine, tanh


def example(activation: str = "tanh", engine: str = "native", dtype: str = "float32") -> Any:
    net = ll.Network(
        [ll.Dense(12, activation), ll.Dense(7, activation)],
        likelihood=ll.likelihoods.Categorical(3),
        engine=engine,
        dtype=dtype,
    )
    rng = np.random.default_rng(0)
    return net.build(5, seed=1), rng.normal(size=(30, 5)), rng.integers(0, 3, 30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_what_is_right_passes_and_is_shown(engine: str, dtype: str) -> None:
    net, X, y = example(engine=engine, dtype=dtype)
    before = {name: np.array(value) for name, value in net.parameters.items()}
    check = net.check_gradient(X, y)
    assert check.ok
    assert list(check.errors) == list(net.parameters)
    assert check.max_error == max(check.errors.values()) <= check.tolerance == 1e-7
    assert str(check).count(" ok") == 6
    assert "WRONG" not in str(check)
    assert all(np.array_equal(before[name], value) for name, value in net.parameters.items())


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_running_statistics_are_left_out(engine: str) -> None:
    layers = [ll.Dense(6, "tanh"), ll.BatchNorm(), ll.Dense(4, "gelu"), ll.BatchNorm()]
    net = ll.Network(layers, likelihood="bernoulli", engine=engine)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), rng.integers(0, 2, 40)
    net.fit(X, y, epochs=2, seed=0)  # so that they are not what they were at the start
    check = net.check_gradient(X, y)
    assert check.ok, str(check)
    assert set(check.errors) == set(net.parameters) - set(net.program.statistics)
    assert "batch_norm_2.gamma" in check.errors
    assert "batch_norm_2.mean" not in str(check)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_kink_is_no_false_alarm(activation: str) -> None:
    """relu has no derivative at 0: a difference quotient across the corner would say that a right gradient is wrong."""
    for seed in range(10):
        net, X, y = example(activation)
        assert net.build(5, seed=seed).check_gradient(X, y, seed=seed).ok, seed


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("wrong", ["factor", "one", "sign", "swap"])
def test_what_is_wrong_is_caught_and_named(engine: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, X, y = example(engine=engine)
    kind = type(net._engine)
    right = kind.gradient

    def gradient(self: Any, *arguments: Any) -> Any:
        g = right(self, *arguments)
        W = g["dense_2.W"]
        g["dense_2.W"] = {"factor": 1.001 * W, "one": W + 0.01 * (W.max() == W), "sign": -W, "swap": W[::-1]}[wrong]
        return g

    monkeypatch.setattr(kind, "gradient", gradient)
    check = net.check_gradient(X, y)
    assert not check.ok
    assert [name for name, error in check.errors.items() if error > check.tolerance] == ["dense_2.W"]
    assert "dense_2.W" in next(line for line in str(check).splitlines() if "WRONG" in line)


@pytest.mark.parametrize(
    ("page", "backward"),
    [
        (tanh, lambda g, h, z: (g * (1 - h),)),
        (affine, lambda g, z, x, W, b: (g @ W.T, x.T @ g, g.mean(axis=0))),
        (affine, lambda g, z, x, W, b: (g @ np.roll(W, 1, 1).T, x.T @ g, g.sum(axis=0))),
    ],
)
def test_a_wrong_page_is_caught(page: Any, backward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net, X, y = example(engine="reference")
    monkeypatch.setattr(page, "backward", backward)
    assert not net.check_gradient(X, y).ok


def test_more_directions_and_other_seeds_find_no_less(monkeypatch: pytest.MonkeyPatch) -> None:
    net, X, y = example()
    right = Native.gradient
    monkeypatch.setattr(Native, "gradient", lambda *a: {name: g * 1.0001 for name, g in right(*a).items()})
    few, many = net.check_gradient(X, y, directions=1), net.check_gradient(X, y, directions=8)
    assert not few.ok
    assert all(many.errors[name] >= few.errors[name] for name in few.errors)
    assert net.check_gradient(X, y, seed=1).errors != few.errors
