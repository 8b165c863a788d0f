"""Clipped gradients and columns of bounded length: the steps against loops written here, and PyTorch's."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from cases import Array

import likeliest as ll
from likeliest import random
from likeliest.likelihoods import Categorical
from likeliest.optimizers import Adam, GradientAscent, Momentum
from likeliest.priors import Normal

RNG = np.random.default_rng(0)
N = 43
X, Y = RNG.normal(size=(N, 6)), RNG.integers(0, 3, N)
ENGINES = pytest.mark.parametrize("engine", ["native", "reference"])


def network(
    engine: str = "native", dtype: str = "float64", max_norm: float | None = None, **options: Any
) -> ll.Network:
    layers = [ll.Dense(40, "tanh", max_norm=max_norm), ll.Dense(5, "tanh")]
    return ll.Network(layers, likelihood=Categorical(3), engine=engine, dtype=dtype, **options).build(6, seed=1)


def minibatches(epochs: int, size: int) -> list[Array]:
    return [
        batch for order in random.permutations(1, range(epochs), N) for batch in np.split(order, range(size, N, size))
    ]


def by_hand(net: ll.Network, rate: float, epochs: int, size: int, clip: float = math.inf, longest: float = math.inf,
            prior: Normal | None = None) -> list[float]:  # fmt: skip
    """Gradient ascent in a loop over Network.gradient; returns the length of each minibatch's gradient."""
    lengths = []
    for batch in minibatches(epochs, size):
        g = {name: value / len(batch) for name, value in net.gradient(X[batch], Y[batch], threads=1).items()}
        for name in g:
            if prior and name.endswith("W"):
                g[name] = g[name] + prior.score(net.parameters[name]) / N
        lengths.append(math.sqrt(math.fsum(float((value**2).sum()) for value in g.values())))
        factor = min(1.0, clip / lengths[-1])
        for name, value in g.items():
            net.parameters[name] = net.parameters[name] + rate * factor * value
        W = np.array(net.parameters["dense_1.W"])
        for j in range(W.shape[1]):
            length = math.sqrt(math.fsum(W[:, j] ** 2))
            if length > longest:
                W[:, j] *= longest / length
        net.parameters["dense_1.W"] = W
    return lengths


# Clipping ------------------------------------------------------------------------------------------------------------


@ENGINES
@pytest.mark.parametrize("prior", [None, Normal(0.3)])
@pytest.mark.parametrize("size", [10, N])
def test_a_gradient_that_is_too_long_is_scaled_back(engine: str, prior: Any, size: int) -> None:
    """The whole gradient, biases and the prior's share included; a shorter one stays as it is."""
    twin = network()
    lengths = by_hand(twin, 0.5, 4, size, prior=prior)
    clip = float(np.median(lengths))
    twin.build(6, seed=1)
    lengths = by_hand(twin, 0.5, 4, size, clip, prior=prior)
    assert min(lengths) < clip < max(lengths)
    net = network(engine, prior=prior)
    net.fit(X, Y, optimizer=GradientAscent(0.5), epochs=4, batch_size=size, clip_norm=clip, seed=1, threads=1)
    for name, value in twin.parameters.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=1e-9, atol=1e-12)


@ENGINES
@pytest.mark.parametrize("share", [1.0001, 0.9999, 0.5, 1e-4])
def test_a_step_is_as_long_as_the_clip_allows(engine: str, share: float) -> None:
    """Also where the gradient is hardly longer than the clip, or hardly shorter."""
    net = network(engine)
    before = {name: np.array(value) for name, value in net.parameters.items()}
    gradient = net.gradient(X, Y, threads=1)
    length = math.sqrt(math.fsum(float((g * g).sum()) for g in gradient.values())) / N
    net.fit(X, Y, optimizer=GradientAscent(1.0), epochs=1, batch_size=None, clip_norm=share * length, seed=1, threads=1)
    step = math.sqrt(math.fsum(float(((net.parameters[name] - value) ** 2).sum()) for name, value in before.items()))
    assert step == pytest.approx(min(share, 1) * length, rel=1e-9)


@pytest.mark.parametrize("optimizer", [Adam(0.01), Momentum(0.1)], ids=lambda o: o.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_the_threads(optimizer: Any, dtype: str) -> None:
    found = []
    for threads in (1, 2, 3):
        net = network(dtype=dtype, max_norm=0.6, prior=Normal(1.0))
        net.fit(X, Y, optimizer=optimizer, epochs=3, batch_size=10, clip_norm=0.1, seed=1, threads=threads)
        found.append({name: value.tobytes() for name, value in net.parameters.items()})
    assert found[0] == found[1] == found[2]


def test_a_clip_that_never_bites_changes_next_to_nothing() -> None:
    nets = [network(), network()]
    for net, clip in zip(nets, (None, 1e6), strict=True):
        net.fit(X, Y, optimizer=Adam(0.01), epochs=5, batch_size=10, clip_norm=clip, seed=1, threads=1)
    for name, value in nets[0].parameters.items():
        np.testing.assert_allclose(nets[1].parameters[name], value, rtol=1e-10, atol=1e-13)


def test_clipping_is_torchs_clip_grad_norm() -> None:
    torch = pytest.importorskip("torch")
    net = network()
    theta = {name: torch.tensor(np.array(value), requires_grad=True) for name, value in net.parameters.items()}
    adam = torch.optim.Adam(theta.values(), lr=0.01)
    for batch in minibatches(3, 10):
        h = torch.tensor(X[batch])
        for layer in ("dense_1", "dense_2"):
            h = torch.tanh(h @ theta[f"{layer}.W"] + theta[f"{layer}.b"])
        eta = h @ theta["output.W"] + theta["output.b"]
        adam.zero_grad()
        torch.nn.functional.cross_entropy(eta, torch.tensor(Y[batch])).backward()
        torch.nn.utils.clip_grad_norm_(theta.values(), 0.05)
        adam.step()
    net.fit(X, Y, optimizer=Adam(0.01), epochs=3, batch_size=10, clip_norm=0.05, seed=1, threads=1)
    for name, value in theta.items():  # PyTorch adds 1e-6 to the length
        np.testing.assert_allclose(net.parameters[name], value.detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, "1", True])
def test_a_clip_that_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"clip_norm: expected a positive number, found {value!r}")):
        network().fit(X, Y, clip_norm=value)


# Max-norm ------------------------------------------------------------------------------------------------------------


@ENGINES
@pytest.mark.parametrize("averaging", [None, ll.averaging.EMA(0.0)])
def test_columns_that_are_too_long_are_cut_back(engine: str, averaging: Any) -> None:
    """After each step, and before the average takes θ in (with a decay of 0, it is θ)."""
    twin = network()
    before = np.linalg.norm(twin.parameters["dense_1.W"], axis=0)
    longest = float(np.median(before))
    by_hand(twin, 0.5, 3, 10, longest=longest)
    net = network(engine, max_norm=longest)
    net.fit(X, Y, optimizer=GradientAscent(0.5), epochs=3, batch_size=10, averaging=averaging, seed=1, threads=1)
    for name, value in twin.parameters.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=1e-9, atol=1e-12)
    after = np.linalg.norm(net.parameters["dense_1.W"], axis=0)
    assert after.max() == pytest.approx(longest, rel=1e-12)
    assert after.min() < 0.99 * longest  # those that are short enough stay as they are


@pytest.mark.parametrize("width", [1, 3, 8, 17, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_column_is_held_whatever_the_width(width: int, dtype: str) -> None:
    layers = [ll.Dense(width, "relu", max_norm=0.2), ll.Dense(4, "tanh", max_norm=0.1)]
    net = ll.Network(layers, likelihood=Categorical(3), dtype=dtype)
    net.fit(X, Y, optimizer=Adam(0.3), epochs=5, batch_size=10, seed=0, threads=2)
    for name, longest in (("dense_1.W", 0.2), ("dense_2.W", 0.1)):
        assert np.linalg.norm(net.parameters[name], axis=0).max() <= longest * (1 + 4 * np.finfo(dtype).eps)
    assert net.program.max_norm == {"dense_1.W": 0.2, "dense_2.W": 0.1}


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True])
def test_a_length_that_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"max_norm: expected a positive number, found {value!r}")):
        ll.Dense(3, max_norm=value)


# LBFGS chooses its steps itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "likelihood", "options", "message"),
    [
        ([ll.Dense(3, max_norm=1.0)], Categorical(3), {}, "optimizer: LBFGS knows no max_norm"),
        ([ll.Dropout(0.1)], Categorical(3), {}, "optimizer: LBFGS needs the same log-likelihood at every look"),
        ([ll.BatchNorm()], Categorical(3), {}, "optimizer: LBFGS needs the same log-likelihood at every look"),
        ([], Categorical(3), {"clip_norm": 1.0}, "clip_norm: LBFGS chooses its steps itself"),
        ([], Categorical(3), {"averaging": ll.averaging.EMA()}, "averaging: LBFGS chooses its steps itself"),
        ([], Categorical(3), {"schedule": "cosine"}, "schedule: LBFGS chooses its steps itself"),
        ([], Categorical(3, label_smoothing=0.1), {}, r"optimizer: LBFGS does not smooth labels; use Adam\(\)"),
    ],
)
def test_what_lbfgs_cannot_do_is_refused(layers: Any, likelihood: Any, options: Any, message: str) -> None:
    net = ll.Network(layers, likelihood=likelihood)
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y, optimizer=ll.optimizers.LBFGS(), seed=0, **options)
