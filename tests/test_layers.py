"""Layers refuse what cannot be, by name, and say what to do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest.layers import Layer
from likeliest.program import Builder, Value


def build(*layers: Layer, shape: Any = (4, 5)) -> ll.Network:
    return ll.Network(layers, likelihood=ll.likelihoods.Bernoulli()).build(shape)


@pytest.mark.parametrize("layers", [[ll.Dense(3)], [ll.Activation("tanh"), ll.Dense(3)], []], ids=str)
def test_rows_of_images_are_steps_unless_there_is_a_flatten(layers: list[Layer]) -> None:
    net = ll.Network(layers, likelihood=ll.likelihoods.Bernoulli())
    with pytest.raises(ValueError, match=r"y: .* expected shape \(n, 4\), found \(2,\); .* or Flatten\(\)"):
        net.fit(np.zeros((2, 4, 5)), [0, 1])
    with pytest.raises(RuntimeError, match="no θ yet"):
        _ = net.parameters


def test_images_ask_for_a_flatten() -> None:
    with pytest.raises(ValueError, match=re.escape("got (n, 4, 5, 3): is a Flatten missing?")):
        build(shape=(4, 5, 3))


def test_the_second_of_a_kind_is_named() -> None:
    class Unflatten(Layer):
        def build(self, net: Builder, x: Value) -> Value:
            return net.emit("reshape", x, name="h", shape=(2, 3, 1))

    with pytest.raises(ValueError, match=re.escape("dense_2 expects (n, p), got (n, 2, 3, 1): is a Flatten missing?")):
        build(ll.Dense(6), Unflatten(), ll.Dense(3), shape=6)


@pytest.mark.parametrize("width", [0, -1, 2.5, 3.0, "3", None, True])
def test_width_is_a_positive_whole_number(width: Any) -> None:
    with pytest.raises(ValueError, match="width: expected a whole number of cells, at least 1"):
        ll.Dense(width)


def test_width_of_numpy() -> None:
    assert build(ll.Dense(np.int64(3)), shape=2).program.parameters["dense_1.W"] == (2, 3)


@pytest.mark.parametrize("make", [lambda name: ll.Dense(3, name), ll.Activation])
@pytest.mark.parametrize("name", ["sigmoid", "", None])
def test_unknown_activations_are_refused_with_the_list(make: Any, name: Any) -> None:
    with pytest.raises(ValueError, match="activation: expected one of identity, logistic, tanh, relu"):
        make(name)


@pytest.mark.parametrize(
    ("name", "constants", "message"),
    [
        ("tanh", {"slope": 0.1}, "constants: tanh has none, found 'slope'"),
        ("leaky_relu", {"alpha": 0.1}, "constants: leaky_relu has ['slope'], found 'alpha'"),
        ("leaky_relu", {"slope": 0}, "constants: slope must be a positive number, found 0"),
        ("elu", {"alpha": -1.0}, "constants: alpha must be a positive number, found -1.0"),
        ("elu", {"alpha": "1"}, "constants: alpha must be a positive number, found '1'"),
    ],
)
def test_constants_that_do_not_fit(name: str, constants: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ll.Activation(name, constants)


def test_a_layer_is_a_value() -> None:
    assert ll.Dense(3, "tanh") == ll.Dense(3, "tanh") != ll.Dense(3, "relu")
    with pytest.raises(AttributeError):
        ll.Dense(3).width = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [32]}, "layers: expected layers such as Dense(32, 'relu'), found 32"),
        ({"layers": ["relu"]}, "layers: expected layers"),
        ({"layers": [ll.Dense]}, "layers: expected layers"),
        ({"likelihood": "bernouli"}, "likelihood: expected one of bernoulli, categorical"),
        ({"likelihood": ll.likelihoods.Categorical}, "likelihood: Categorical needs arguments; give an object such as"),
        ({"likelihood": 3}, "likelihood: expected one of likeliest.likelihoods"),
        ({"prior": 1.0}, "prior: expected one of likeliest.priors, such as Normal(1.0); found 1.0"),
        ({"prior": {"dense_1": "normal"}}, "prior: expected one of likeliest.priors"),
        ({"engine": "gpu"}, "engine: expected one of ('native', 'reference', 'jax'), found 'gpu'"),
        (
            {"dtype": "float16"},
            'dtype: expected "float32" or "float64", or with engine="jax" "bfloat16"; found \'float16\'',
        ),
        ({"dtype": "int32"}, "dtype: expected"),
    ],
)
def test_a_network_of_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ll.Network(**{"layers": [], "likelihood": ll.likelihoods.Bernoulli(), **options})


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float64"), float, "f4"])
def test_dtypes_by_any_name(dtype: Any) -> None:
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli(), dtype=dtype).build(2)
    assert net.parameters["output.W"].dtype == dtype


@pytest.mark.parametrize("shape", [0, (), (3, 0), (-1,)])
def test_input_shapes_are_positive(shape: Any) -> None:
    with pytest.raises(ValueError, match="input_shape: expected positive sizes"):
        build(ll.Flatten(), shape=shape)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, None])
def test_seeds_are_whole_numbers(seed: Any) -> None:
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli())
    with pytest.raises(ValueError, match="seed: expected a whole number of at least 0"):
        net.build(2, seed=seed)
