"""θ by name: readable, assignable, and safe from accidents."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import likeliest as ll

SHAPES = {"dense_1.W": (7, 33), "dense_1.b": (33,), "output.W": (33, 3), "output.b": (3,)}


@pytest.fixture(params=["native", "reference"])
def net(request: pytest.FixtureRequest) -> ll.Network:
    return ll.Network([ll.Dense(33, "tanh")], likelihood=ll.likelihoods.Categorical(3), engine=request.param).build(7)


def test_a_mapping_from_name_to_array(net: ll.Network) -> None:
    assert list(net.parameters) == list(SHAPES)
    assert len(net.parameters) == 4
    assert {name: value.shape for name, value in net.parameters.items()} == SHAPES
    assert repr(net.parameters) == f"Parameters({SHAPES})"
    assert "dense_1.W" in net.parameters
    assert "dense_3.W" not in net.parameters


def test_what_is_assigned_is_what_is_read_and_what_is_used(net: ll.Network) -> None:
    rng = np.random.default_rng(0)
    theta = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    net.parameters.update(theta)
    for name, value in theta.items():
        assert np.array_equal(net.parameters[name], value)
    X = rng.normal(size=(5, 7))
    eta = np.tanh(X @ theta["dense_1.W"] + theta["dense_1.b"]) @ theta["output.W"] + theta["output.b"]
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(X), p, atol=1e-5)


@pytest.mark.parametrize("order", ["F", "strided", "int", "list"])
def test_any_layout_may_be_assigned(net: ll.Network, order: str) -> None:
    value = np.arange(7 * 33.0).reshape(7, 33)
    given: Any = {
        "F": np.asfortranarray(value),
        "strided": np.repeat(value, 2, axis=1)[:, ::2],
        "int": value.astype(int),
        "list": value.tolist(),
    }[order]
    net.parameters["dense_1.W"] = given
    assert np.array_equal(net.parameters["dense_1.W"], value)


def test_reading_gives_a_copy_that_cannot_be_written_to(net: ll.Network) -> None:
    b = net.parameters["output.b"]
    with pytest.raises(ValueError, match="read-only"):
        b[0] = 1
    before = b.copy()
    given = np.ones(3)
    net.parameters["output.b"] = given
    given[0] = 5  # the network has its own copy
    assert np.array_equal(b, before)
    assert np.array_equal(net.parameters["output.b"], np.ones(3))


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("W", np.zeros(3), KeyError, "there is no parameter 'W'; there are dense_1.W, dense_1.b, output.W, output.b"),
        ("output.b", np.zeros(4), ValueError, "output.b: expected shape (3,), found (4,)"),
        ("output.b", 0.0, ValueError, "output.b: expected shape (3,), found ()"),
        ("dense_1.W", np.zeros((33, 7)), ValueError, "dense_1.W: expected shape (7, 33), found (33, 7)"),
        ("output.b", [0, 1, np.nan], ValueError, "output.b: found a number that is not finite"),
        ("output.b", [0, 1, 1e300], ValueError, "output.b: found a number that is not finite"),
        ("output.b", ["a", "b", "c"], ValueError, "output.b: expected real numbers, found dtype <U1"),
        ("output.b", [1j, 0, 0], ValueError, "output.b: expected real numbers, found dtype complex128"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    net: ll.Network, name: str, value: Any, error: Any, message: str
) -> None:
    before = {name: net.parameters[name] for name in SHAPES}
    with pytest.raises(error, match=re.escape(message)):
        net.parameters[name] = value
    assert all(np.array_equal(net.parameters[name], before[name]) for name in SHAPES)


def test_no_parameter_can_be_deleted(net: ll.Network) -> None:
    with pytest.raises(TypeError, match="cannot be deleted"):
        del net.parameters["output.b"]


def test_before_there_is_theta_the_error_says_how_to_get_it() -> None:
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli())
    for attempt in (
        lambda: net.parameters,
        lambda: net.program,
        lambda: net.predict([[1.0]]),
        lambda: net.summary(),
        lambda: net.gradient([[1.0]], [1]),
        lambda: net.trace([[1.0]]),
        lambda: net.check_gradient([[1.0]], [1]),
    ):
        with pytest.raises(RuntimeError, match=re.escape("no θ yet: call fit(X, y), or build(input_shape)")):
            attempt()
