"""Unit variance layer by layer: what it promises, on the forward pass of the network itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import Array

import likeliest as ll
from likeliest.data_dependent import unit_variance

BERNOULLI = ll.likelihoods.Bernoulli()


def network(*layers: Any, inputs: Any = 6, **options: Any) -> ll.Network:
    options = {"dtype": "float64", "engine": "reference"} | options
    return ll.Network(layers, likelihood=BERNOULLI, **options).build(inputs, seed=1)


def examples(n: int = 200, *shape: int) -> Array:
    rng = np.random.default_rng(2)
    return rng.normal(size=(n, *(shape or (6,)))) * 30 + 100


DEEP = [ll.Dense(9, "tanh"), ll.Dense(7, "relu"), ll.Dense(5), ll.Dense(4, "logistic")]
AFFINE = ["dense_1.z", "dense_2.z", "dense_3.h", "dense_4.z"]


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_every_hidden_z_has_mean_0_and_variance_1(engine: str, dtype: str, tolerance: float) -> None:
    net, X = network(*DEEP, engine=engine, dtype=dtype), examples()
    output = net.parameters["output.W"].copy(), net.parameters["output.b"].copy()
    assert unit_variance(net, X) is net
    trace = net.trace(X).values
    for name in AFFINE:
        np.testing.assert_allclose(trace[name].mean(axis=0), 0, atol=tolerance)
        np.testing.assert_allclose(trace[name].var(axis=0), 1, rtol=tolerance)
    assert np.array_equal(net.parameters["output.W"], output[0])
    assert np.array_equal(net.parameters["output.b"], output[1])


def test_only_scale_and_shift_change() -> None:
    net, X = network(ll.Dense(5, "tanh")), examples()
    W, z = net.parameters["dense_1.W"].copy(), net.trace(X).values["dense_1.z"]
    unit_variance(net, X)
    np.testing.assert_allclose(net.parameters["dense_1.W"], W / z.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(net.parameters["dense_1.b"], -z.mean(axis=0) / z.std(axis=0), rtol=1e-9)


def test_without_a_bias_only_the_variance_is_set() -> None:
    net, X = network(ll.Dense(5, "tanh", bias=False)), examples()
    z = unit_variance(net, X).trace(X).values["dense_1.z"]
    np.testing.assert_allclose(z.var(axis=0), 1, rtol=1e-12)
    assert np.abs(z.mean(axis=0)).max() > 0.1


def test_a_cell_that_says_the_same_for_every_example_is_left_alone() -> None:
    net, X = network(ll.Dense(5, "tanh")), examples()
    W = net.parameters["dense_1.W"].copy()
    W[:, 2] = 0
    net.parameters["dense_1.W"], net.parameters["dense_1.b"] = W, np.full(5, 0.3)
    unit_variance(net, X)
    assert not net.parameters["dense_1.W"][:, 2].any()
    assert net.parameters["dense_1.b"][2] == 0.3
    np.testing.assert_allclose(net.trace(X).values["dense_1.z"].std(axis=0), [1, 1, 0, 1, 1], atol=1e-12)
    one, before = examples(1), {name: value.copy() for name, value in net.parameters.items()}
    unit_variance(net, one)
    assert all(np.array_equal(net.parameters[name], value) for name, value in before.items())


def test_other_layers_and_shapes() -> None:
    net = network(ll.Flatten(), ll.Dense(5), ll.Activation("softplus"), inputs=(2, 3))
    X = examples(50, 2, 3).astype(np.float32)
    np.testing.assert_allclose(unit_variance(net, X).trace(X).values["dense_1.h"].std(axis=0), 1, rtol=1e-5)
    bare = network()
    before = bare.parameters["output.W"].copy()
    assert np.array_equal(unit_variance(bare, examples()).parameters["output.W"], before)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_steps_beyond_an_end_do_not_count(engine: str) -> None:
    rng = np.random.default_rng(3)
    X = [5 + 3 * rng.normal(size=(t, 2)) for t in (1, 9, 4, 6, 6, 30)]
    layers = [
        ll.Dense(4, "tanh"),
        ll.GRU(5, return_sequences=True),
        ll.Dense(3, "relu"),
        ll.GlobalAvgPool(),
        ll.Dense(2),
    ]
    net = network(*layers, inputs=(6, 2), engine=engine)
    before = net.parameters["gru_1.W"].copy(), net.parameters["output.W"].copy()
    unit_variance(net, X)
    for name in ("dense_1.z", "dense_2.z"):
        z = np.concatenate([net.trace(x[None]).values[name][0] for x in X])
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)
    z = net.trace(X).values["dense_3.h"]
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)
    assert np.array_equal(net.parameters["gru_1.W"], before[0])
    padded = np.full((6, 40, 2), np.nan)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    twin = unit_variance(network(*layers, inputs=(6, 2), engine=engine), padded, [len(x) for x in X])
    for name, value in net.parameters.items():
        np.testing.assert_allclose(twin.parameters[name], value, rtol=1e-12)


@pytest.mark.parametrize("likelihood", ["normal", ll.likelihoods.PerStep(BERNOULLI)])
def test_the_output_is_left_alone_whatever_it_is_called(likelihood: Any) -> None:
    steps = not isinstance(likelihood, str)
    net = ll.Network([ll.RNN(3, return_sequences=steps), ll.Dense(3)], likelihood=likelihood).build((6, 2), seed=1)
    before = net.parameters["output.W"].copy(), net.parameters["dense_1.W"].copy()
    unit_variance(net, examples(20, 6, 2))
    assert np.array_equal(net.parameters["output.W"], before[0])
    assert not np.array_equal(net.parameters["dense_1.W"], before[1])


def test_what_does_not_fit_is_refused() -> None:
    net = network(ll.Dense(5))
    with pytest.raises(ValueError, match=r"X: this network takes examples of shape \(6,\), found \(4,\)"):
        unit_variance(net, examples(10, 4))
    with pytest.raises(ValueError, match=r"dense_1\.h is not finite for some examples"):
        unit_variance(net, np.full((3, 6), np.nan))
    with pytest.raises(RuntimeError, match="no θ yet"):
        unit_variance(ll.Network([], likelihood=BERNOULLI), examples())
