"""The kernels of likelihoods whose η has any number of columns: classes, quantiles, components, several targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import LIKELIHOODS, Array
from test_gradients import difference, error_against_central_differences

from likeliest.engines import native
from likeliest.layers import Activation, Dense, Layer, LayerNorm
from likeliest.likelihoods import (
    Bernoulli,
    Categorical,
    Independent,
    Likelihood,
    MultivariateNormal,
    Normal,
    NormalMixture,
    Ordinal,
    Quantile,
)
from likeliest.network import Network
from likeliest.optimizers import GradientAscent
from likeliest.xp import numpy_namespace


def taus(count: int) -> tuple[float, ...]:
    return tuple(np.arange(1, count + 1) / (count + 1))


# Numbers of columns around those of registers, and far beyond.
WIDE = [
    *(Ordinal(K) for K in (16, 17, 64, 1000)),
    *(Categorical(K) for K in (15, 16, 65)),
    *(Quantile(taus(K), scale=0.3) for K in (1, 9, 20, 100)),
    *(MultivariateNormal(d) for d in (3, 5, 12)),
    MultivariateNormal(5, scale="learned", min_scale=0.2),
    *(NormalMixture(K) for K in (1, 8, 70)),
    NormalMixture(4, scale="learned", min_scale=0.4),
    NormalMixture(1, scale=0.8),
    *(Independent(Bernoulli(), d) for d in (7, 33)),
    *(Independent(Normal(), d) for d in (2, 7, 33)),
    Independent(Normal(scale=0.5), 3),
    Independent(Categorical(3), 5),
    Independent(Ordinal(4), 3),
    Independent(Quantile(taus(3)), 6),
    Independent(NormalMixture(2, scale="learned"), 3),
]
SMOOTHED = [
    Bernoulli(label_smoothing=0.1),
    Categorical(2, label_smoothing=0.3),
    Categorical(21, label_smoothing=0.1),
    Independent(Bernoulli(label_smoothing=0.2), 7),
    Independent(Categorical(3, label_smoothing=0.1), 4),
]
NAMES = ("bernoulli", "categorical", "independent", "ordinal", "quantile", "multivariate_normal", "normal_mixture")
ALL = [case.likelihood for name in NAMES for case in LIKELIHOODS[name]] + WIDE + SMOOTHED
every = pytest.mark.parametrize("likelihood", ALL, ids=repr)


def targets(likelihood: Likelihood, n: int, seed: int = 2) -> Array:
    """Targets of ordinary size, exact in float32."""
    rng = np.random.default_rng(seed)
    shape = n if likelihood.targets == 1 else (n, likelihood.targets)
    if likelihood.discrete:
        return rng.integers(0, int(likelihood.support[1]) + 1, shape)
    return rng.normal(size=shape).astype(np.float32)


def data(likelihood: Likelihood, n: int = 37) -> tuple[Array, Array]:
    return np.random.default_rng(4).normal(size=(n, 4)).astype(np.float32), targets(likelihood, n)


def network(likelihood: Likelihood, engine: str = "native", dtype: str = "float64") -> Network:
    """The same θ, which float32 holds, for every engine and number type; the columns of η are of size 1."""
    net = Network([Dense(5, "tanh")], likelihood=likelihood, engine=engine, dtype=dtype).build((4,), seed=3)
    rng = np.random.default_rng(1)
    for name, value in net.parameters.items():
        net.parameters[name] = (0.5 * rng.normal(size=value.shape)).astype(np.float32)
    return net


def plain(likelihood: Likelihood, dtype: str) -> Network:
    """η is x, and then the shared parameters."""
    own = likelihood.width - likelihood.shared
    net = Network([], likelihood=likelihood, dtype=dtype).build((own,), seed=0)
    for name, value in net.parameters.items():
        net.parameters[name] = np.eye(own) if value.ndim == 2 else np.zeros(value.shape)
    return net


def score(net: Network, eta: Array, y: Array) -> tuple[float, Array]:
    """Log P and the score of one example, through a network whose η is x; past its checks, since η may be NaN."""
    own, engine = net.likelihood.width - net.likelihood.shared, net._engine
    assert isinstance(engine, native.Native)
    names = [name for name, value in net.parameters.items() if value.ndim == 1]
    if net.likelihood.shared:
        engine.set(names[1], eta[own:])
    X = eta[None, :own].astype(engine.dtype)
    gradient = engine.gradient(X, y[None], None, 1)
    return float(engine.log_likelihood(X, y[None], 1)[0]), np.concatenate([gradient[name] for name in names])


@every
def test_native_equals_reference_in_float64(likelihood: Likelihood) -> None:
    (X, y), mine, expected = data(likelihood), network(likelihood), network(likelihood, "reference")
    np.testing.assert_allclose(
        mine.log_likelihood(X, y, per_example=True, threads=1),
        expected.log_likelihood(X, y, per_example=True),
        rtol=1e-12,
    )
    w = np.random.default_rng(0).uniform(0, 3, len(X))
    for weights in (None, w):
        gradient = mine.gradient(X, y, sample_weight=weights, threads=1)
        assert difference(gradient, expected.gradient(X, y, sample_weight=weights)) <= 1e-12
    if likelihood.classes is not None:
        p = mine.predict_proba(X, threads=1)
        np.testing.assert_allclose(p, expected.predict_proba(X), rtol=1e-12)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@every
def test_native_trains_as_the_reference_does(likelihood: Likelihood) -> None:
    """Smoothed labels too, which nothing but training sees; in minibatches with a smaller last one."""
    X, y = data(likelihood)
    nets = [network(likelihood), network(likelihood, "reference")]
    for net in nets:
        net.fit(X, y, optimizer=GradientAscent(1e-3), epochs=2, batch_size=17, seed=0, verbose=False)
    assert difference(*(dict(net.parameters) for net in nets)) <= 1e-12


@pytest.mark.parametrize("normalization", [[], [LayerNorm()]], ids=["plain", "normalized"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("batch_size", [17, 200])  # whole, and in blocks whose gradients are added up
def test_narrow_hidden_layers_train_as_the_reference_does(
    batch_size: int, activation: str, normalization: list[Layer]
) -> None:
    """Each parameter is moved once a step, where one pass computes the gradients of several."""
    X = np.random.default_rng(0).normal(size=(400, 3))
    layers = [Dense(8, activation), Dense(2, activation), *normalization, Activation(activation), Dense(1, activation)]
    nets = [
        Network(layers, likelihood="normal", engine=engine, dtype="float64").build(3, seed=0)
        for engine in ("native", "reference")
    ]
    for net in nets:
        net.fit(X, X[:, 0], optimizer=GradientAscent(0.01), epochs=2, batch_size=batch_size, seed=0, verbose=False)
    assert difference(*(dict(net.parameters) for net in nets)) <= 1e-9  # a norm of two columns is steep: 1.05e-10


def test_several_targets_of_a_likelihood_without_a_kernel_call_back() -> None:
    class Own(Normal):
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return super().log_prob(xp, eta, y)

    kernel, own = (network(Independent(base, 3)) for base in (Normal(), Own()))
    X, y = data(kernel.likelihood)
    assert difference(own.gradient(X, y, threads=1), kernel.gradient(X, y, threads=1)) <= 1e-9
    assert own.log_likelihood(X, y, threads=1) == pytest.approx(kernel.log_likelihood(X, y, threads=1))


@every
def test_float32_is_close_to_float64(likelihood: Likelihood) -> None:
    (X, y), single, double = data(likelihood), network(likelihood, dtype="float32"), network(likelihood)
    assert difference(single.gradient(X, y, threads=1), double.gradient(X, y, threads=1)) <= 1e-5
    both = [net.log_likelihood(X, y, per_example=True, threads=1) for net in (single, double)]
    np.testing.assert_allclose(*both, rtol=1e-5, atol=1e-5)
    if likelihood.classes is not None:
        np.testing.assert_allclose(single.predict_proba(X), double.predict_proba(X), atol=2e-6)


@pytest.mark.parametrize("isa", native._native.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_instruction_set_gives_the_same(isa: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "instruction_set", lambda: isa)
    exact = dtype == "float64"
    for likelihood in ALL:
        (X, y), actual, expected = data(likelihood), network(likelihood, dtype=dtype), network(likelihood, "reference")
        error = difference(actual.gradient(X, y, threads=1), expected.gradient(X, y))
        assert error <= (1e-12 if exact else 1e-5), likelihood
        if likelihood.classes is not None:
            tolerance = {"rtol": 1e-12} if exact else {"atol": 2e-6}
            np.testing.assert_allclose(actual.predict_proba(X), expected.predict_proba(X), **tolerance)


@every
def test_gradient_equals_central_differences(likelihood: Likelihood) -> None:
    assert error_against_central_differences(network(likelihood), *data(likelihood)) <= 1e-7


@every
def test_bits_depend_neither_on_threads_nor_on_the_place_in_a_block(likelihood: Likelihood) -> None:
    X, y = data(likelihood, 131)
    net = network(likelihood, dtype="float32")
    log_p = net.log_likelihood(X, y, per_example=True, threads=1)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(net.log_likelihood(X[order], y[order], per_example=True, threads=2), log_p[order])
    np.testing.assert_array_equal(net.log_likelihood(X[50:51], y[50:51], per_example=True, threads=1), log_p[50:51])
    if likelihood.classes is not None:
        p = net.predict_proba(X, threads=1)
        np.testing.assert_array_equal(net.predict_proba(X[order], threads=2), p[order])
    thetas = []
    for threads in (1, 2, 3):
        net = network(likelihood, dtype="float32")
        net.fit(X, y, epochs=2, batch_size=50, seed=0, threads=threads, verbose=False)
        thetas.append(dict(net.parameters))
    for theta in thetas[1:]:
        for name, value in theta.items():
            np.testing.assert_array_equal(value, thetas[0][name])


@every
def test_huge_eta_in_float32(likelihood: Likelihood) -> None:
    """At ±10⁴ in any columns log P is that of the page in float64, and the score is a number."""
    net, rng = plain(likelihood, "float32"), np.random.default_rng(5)
    y = targets(likelihood, 24)
    eta = rng.choice([-1e4, 1e4, 0, 1], (24, likelihood.width))
    eta[:4] = np.array([-1e4, 1e4, -1e4, 1e4])[:, None]
    eta[2:4, ::2] *= -1
    expected = likelihood.log_prob(numpy_namespace, eta, y)
    for row in range(len(eta)):
        mine, slope = score(net, eta[row], y[row])
        # At 10⁴ float32 has steps of a thousandth, and a residual may be what two such numbers differ by.
        np.testing.assert_allclose(mine, expected[row], rtol=1e-2, atol=3e-3)
        assert np.isfinite(slope).all()


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_nan_shows(likelihood: Likelihood, dtype: str) -> None:
    net = plain(likelihood, dtype)
    y = targets(likelihood, 5)
    for j in np.unique(np.linspace(0, likelihood.width - 1, 5).astype(int)):
        for row in y:
            eta = np.random.default_rng(j).normal(size=likelihood.width)
            log_p, slope = score(net, eta, row)
            assert np.isfinite(log_p)
            assert np.isfinite(slope).all()
            eta[j] = np.nan
            log_p, slope = score(net, eta, row)
            assert np.isnan(log_p)
            assert np.isnan(slope[j])
