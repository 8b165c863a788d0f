"""Where θ starts: moments and bounds of large draws, and the same θ wherever the seed is the same."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.stats
from cases import FANS, INITIALIZERS, Array, InitializerCase

import likeliest as ll
from likeliest import initializers, random
from likeliest.initializers import Constant, Glorot, He, Normal, Orthogonal, TruncatedNormal, Uniform

every = pytest.mark.parametrize("case", INITIALIZERS, ids=lambda case: case.id)


def draw(case: InitializerCase, index: int = 0) -> Array:
    return case.initializer.sample(random.stream(1, random.PARAMETERS, index), FANS, *FANS)


@every
def test_mean_variance_and_bounds(case: InitializerCase) -> None:
    W = draw(case)
    n = W.size
    assert W.shape == FANS
    assert W.mean() == pytest.approx(case.mean, abs=5 * np.sqrt(case.variance / n) + 1e-15)
    assert W.var() == pytest.approx(case.variance, rel=5 * np.sqrt(2 / n), abs=1e-15)  # uniform has less than normal
    assert np.abs(W - case.mean).max() <= case.bound + 1e-15
    if np.isfinite(case.bound):
        assert np.abs(W - case.mean).max() >= 0.999 * case.bound
    elif case.drawn:
        z = np.abs(W - case.mean) / np.sqrt(case.variance)  # normal: 4.55 % beyond 2, none of 60 000 beyond 6
        assert np.mean(z > 2) == pytest.approx(0.0455, abs=0.005)
        assert 3.5 < z.max() < 6


@every
def test_the_stream_decides(case: InitializerCase) -> None:
    assert np.array_equal(draw(case), draw(case))
    assert np.array_equal(draw(case), draw(case, index=1)) != case.drawn


@pytest.mark.parametrize(("low", "high"), [(-2, 2), (-1, 0.3), (-9, -5), (5, 9), (30, 31), (-0.1, 40)])
def test_truncated_normal_has_the_distribution_of_scipys(low: float, high: float) -> None:
    draws = TruncatedNormal(0.1, low, high).sample(random.stream(3, random.PARAMETERS), (20000,), 1, 1)
    assert draws.min() >= 0.1 * low
    assert draws.max() <= 0.1 * high
    assert scipy.stats.kstest(draws, scipy.stats.truncnorm(low, high, scale=0.1).cdf).pvalue > 0.01


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (1, 1), (1, 6), (6, 1), (6,), (3, 3, 2, 8), (1, 1, 2, 8)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    W = Orthogonal(0.5).sample(random.stream(3, random.PARAMETERS), shape, 1, 1)
    assert W.shape == shape
    W = W.reshape(-1, shape[-1])
    product = W.T @ W if len(W) >= shape[-1] else W @ W.T
    np.testing.assert_allclose(product, 0.25 * np.eye(len(product)), atol=1e-15)


def test_identity() -> None:
    W = initializers.Identity(2.0).sample(random.stream(3, random.PARAMETERS), (2, 3), 2, 3)
    assert W.tolist() == [[2, 0, 0], [0, 2, 0]]


def test_orthogonal_matrices_are_equally_likely() -> None:
    """Turned by any fixed angle, the draws of W (2, 2) look the same: its first column is even on the circle."""
    W = np.array([Orthogonal().sample(random.stream(s, random.PARAMETERS), (2, 2), 2, 2) for s in range(2000)])
    angle = np.arctan2(W[:, 1, 0], W[:, 0, 0]) / (2 * np.pi) + 0.5
    assert scipy.stats.kstest(angle, "uniform").pvalue > 0.01
    assert np.linalg.det(W).mean() == pytest.approx(0, abs=0.1)  # turns and mirrors alike


def network(engine: str = "native", seed: int = 5, **options: Any) -> ll.Network:
    layers = [ll.Dense(40, "relu"), ll.Dense(30, "tanh")]
    return ll.Network(layers, likelihood=ll.likelihoods.Categorical(20), engine=engine, **options).build(50, seed=seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_engine_starts_at_the_same_theta_and_the_seed_decides_it(dtype: str) -> None:
    native, reference = network("native", dtype=dtype), network("reference", dtype=dtype)
    other = network("native", seed=6, dtype=dtype)
    for name, value in native.parameters.items():
        assert value.dtype == dtype
        assert np.array_equal(value, reference.parameters[name])
        assert np.array_equal(value, other.parameters[name]) == name.endswith("b")


def test_parameters_of_one_network_are_drawn_apart() -> None:
    net = ll.Network([ll.Dense(8), ll.Dense(8)], likelihood=ll.likelihoods.Categorical(8), initializer=Normal(1.0))
    W1, W2, W3 = (net.build(8, seed=0).parameters[f"{name}.W"] for name in ("dense_1", "dense_2", "output"))
    assert np.abs(np.corrcoef([W1.ravel(), W2.ravel(), W3.ravel()]) - np.eye(3)).max() < 0.5


def test_a_layer_chooses_he_for_relu_and_glorot_for_the_rest_unless_told() -> None:
    def spread(net: ll.Network, name: str) -> float:
        return float(np.abs(net.parameters[name]).max())

    net = network()
    assert spread(net, "dense_1.W") == pytest.approx(np.sqrt(6 / 50), rel=0.01)  # He
    assert spread(net, "dense_2.W") == pytest.approx(np.sqrt(6 / 70), rel=0.01)  # Glorot
    assert spread(net, "output.W") == pytest.approx(np.sqrt(6 / 50), rel=0.02)
    assert not any(net.parameters[name].any() for name in ("dense_1.b", "dense_2.b", "output.b"))
    net = network(initializer="lecun")
    assert spread(net, "dense_1.W") == pytest.approx(np.sqrt(3 / 50), rel=0.01)
    assert spread(net, "output.W") == pytest.approx(np.sqrt(3 / 30), rel=0.02)
    assert not net.parameters["dense_1.b"].any()
    own = ll.Dense(4, initializer=Constant(2), bias_initializer=Constant(-1.5))
    net = ll.Network([own], likelihood=ll.likelihoods.Bernoulli(), initializer="zeros").build(3)
    assert (net.parameters["dense_1.W"] == 2).all()
    assert (net.parameters["dense_1.b"] == -1.5).all()
    assert (net.parameters["output.W"] == 0).all()


@pytest.mark.parametrize(
    "name",
    [
        "zeros",
        "normal",
        "uniform",
        "glorot",
        "he",
        "lecun",
        "orthogonal",
        "identity",
        "truncated_normal",
        "He",
        "GLOROT",
    ],
)
def test_names(name: str) -> None:
    kind = type(initializers.resolve(name, "initializer", Constant(1))).__name__
    assert kind.lower() == name.lower().replace("_", "")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ll.Dense(3, initializer="xavier"), "initializer: expected an initializer or one of ['glorot', 'he'"),
        (lambda: ll.Dense(3, bias_initializer=0.0), "bias_initializer: expected an initializer or one of"),
        (lambda: ll.Network([], likelihood=ll.likelihoods.Bernoulli(), initializer=3), "initializer: expected an"),
        (lambda: Normal(0), "scale: expected a positive number, found 0"),
        (lambda: Normal(1, np.nan), "mean: expected a finite number, found nan"),
        (lambda: Constant(np.inf), "value: expected a finite number, found inf"),
        (lambda: Uniform(1, 1), "high: expected a number above low = 1, found 1"),
        (lambda: initializers.Identity(-1), "gain: expected a positive number, found -1"),
        (lambda: Orthogonal(0), "gain: expected a positive number, found 0"),
        (lambda: TruncatedNormal(0), "scale: expected a positive number, found 0"),
        (lambda: TruncatedNormal(1, 2, 2), "high: expected a number above low = 2, found 2"),
        (lambda: TruncatedNormal(1, -np.inf), "low: expected a finite number, found -inf"),
        (lambda: Glorot("gauss"), 'distribution: expected "uniform" or "normal", found \'gauss\''),
        (lambda: He("Normal"), "distribution"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
