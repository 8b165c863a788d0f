"""Special functions and roundabout ways against SciPy and NumPy, also near 0 and far out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import scipy.special
from cases import Array

from likeliest.export import special
from likeliest.export.graph import Graph, Rows
from likeliest.export.library import onnx_namespace as xp
from likeliest.export.onnx_file import to_bytes

both = pytest.mark.parametrize("dtype", ["float32", "float64"])
REAL = np.concatenate([np.linspace(-30, 30, 4001), [-1e4, -1e-3, -1e-9, 0, 1e-9, 1e-3, 1e4]])
POSITIVE = np.concatenate([np.geomspace(1e-9, 1e9, 4001), np.linspace(0.5, 20, 1001)])


def run(function: Callable[[Any], Any], z: Array) -> Array:
    graph = Graph(z.dtype)
    x = graph.input("x", (Rows(), *z.shape[1:]), z.dtype)
    with graph.within("it"):
        graph.output("y", function(x))
    found: Array = onnxruntime.InferenceSession(to_bytes(graph, "it", "", {})).run(None, {"x": z})[0]
    return found


def test_erfc_is_precise_in_the_tail() -> None:
    z = np.linspace(-6, 26, 10001)
    np.testing.assert_allclose(special.erfc(z), scipy.special.erfc(z), rtol=1e-13)


def test_gammaln() -> None:
    expected = scipy.special.gammaln(POSITIVE)
    np.testing.assert_allclose(special.gammaln(POSITIVE), expected, rtol=1e-13, atol=1e-13)


@both
@pytest.mark.parametrize(
    ("function", "expected", "z"),
    [
        (xp.erfc, scipy.special.erfc, REAL),
        (xp.gammaln, scipy.special.gammaln, POSITIVE),
        (xp.expm1, np.expm1, REAL[REAL < 80]),
        (xp.log1p, np.log1p, np.concatenate([REAL[REAL > -0.9], [1e30]])),
        (xp.softplus, lambda z: np.logaddexp(z, 0), REAL),
        (xp.logistic, scipy.special.expit, REAL),
        (xp.stirling, lambda a: scipy.special.gammaln(a) - a * np.log(a) + a, np.geomspace(1e-3, 100, 301)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_number_is_precise_by_itself(function: Any, expected: Any, z: Array, dtype: str) -> None:
    z = z.astype(dtype)
    epsilon = float(np.finfo(dtype).eps)
    exact = expected(z.astype(np.float64))
    small = np.finfo(dtype).tiny / epsilon  # what is smaller is not held to all its digits
    bound = 100 * epsilon * np.maximum(np.abs(exact), np.abs(z) * epsilon) + small
    if function == xp.gammaln:
        bound += 30 * epsilon  # which is 0 at 1 and 2
    if function == xp.stirling:
        bound += 300 * epsilon  # a difference of larger numbers, here and there
    if function in (xp.erfc, xp.logistic):
        bound += 2 * epsilon * np.minimum(z.astype(np.float64) ** 2, 800) * np.abs(exact)
    with np.errstate(invalid="ignore"):
        assert (np.abs(run(function, z) - exact) <= bound).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda xp, x: x[:, 1],
        lambda xp, x: x[:, -1:],
        lambda xp, x: x[:, ::2],
        lambda xp, x: x[:, np.array([3, 0])],
        lambda xp, x: x[:, None, 1:3] * x[:, :2, None],
        lambda xp, x: (2 - x) / (x * x + 1) + x**3 - x**2,
        lambda xp, x: np.arange(4.0) * x - np.ones((1, 4)),
        lambda xp, x: xp.where((x > 0) & ~(x > 1) | (x != x), 1.0, 2.0),
        lambda xp, x: (x > 0) * x + (x <= 0) * 0.5 + (x == x),
        lambda xp, x: (x >= 0) + 1,
        lambda xp, x: x.astype(int) + 1,
        lambda xp, x: xp.sum(x, axis=1),
        lambda xp, x: xp.mean(x, axis=-1, keepdims=True) + xp.max(x, axis=1, keepdims=True),
        lambda xp, x: xp.cumsum(x, axis=1),
        lambda xp, x: xp.stack([x[:, 0], x[:, 2]], axis=1),
        lambda xp, x: xp.concatenate([x, x[:, 4:], np.zeros((1, 4)) * x], axis=1),
        lambda xp, x: xp.broadcast_to(x[:, :1], (x.shape[0], 3)),
        lambda xp, x: xp.reshape(xp.swapaxes(xp.reshape(x, (-1, 2, 2)), 1, 2), (-1, 2)),
        lambda xp, x: xp.reshape(xp.reshape(x, (-1,)), (x.shape[0], -1)),
        lambda xp, x: xp.zeros_like(x) + xp.ones_like(x[:, 0])[:, None],
        lambda xp, x: xp.minimum(x, 0) + xp.maximum(0, xp.clip(x, -0.5, 0.7)) - xp.abs(-x),
        lambda xp, x: xp.log_sum_exp(1e4 * x),
        lambda xp, x: xp.matmul(x, np.arange(8.0).reshape(4, 2)) @ np.ones(2),
        lambda xp, x: x + xp.exp(np.arange(4.0)) + xp.pi,
        lambda xp, x: xp.floor(x) + xp.sign(x) * xp.sqrt(xp.abs(x)) + xp.tanh(x),
    ],
)
@pytest.mark.parametrize("n", [1, 3])
def test_symbols_do_what_arrays_do(function: Any, n: int) -> None:
    from likeliest.xp import numpy_namespace

    x = np.random.default_rng(0).normal(size=(n, 4))
    expected = np.asarray(function(numpy_namespace, x))
    found = run(lambda symbol: function(xp, symbol), x)
    assert found.shape == expected.shape
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_what_has_no_meaning_for_one_example_is_refused() -> None:
    graph = Graph(np.dtype(np.float32))
    x = graph.input("x", (Rows(), 4), np.float32)
    for wrong in (lambda: xp.sum(x), lambda: xp.mean(x, axis=0), lambda: x[1:]):
        with pytest.raises(NotImplementedError, match="examples"):
            wrong()
    with pytest.raises(TypeError, match=r"use xp\.where instead of if"):
        bool(x[0, 0] > 0)
    with pytest.raises(NotImplementedError, match="backwards"):
        _ = x[:, ::-1]
    with pytest.raises(ValueError, match="do not broadcast"):
        _ = x + np.ones(3)
    with pytest.raises(AttributeError):
        xp.no_such_name(x)


def test_a_constant_is_kept_once() -> None:
    graph = Graph(np.dtype(np.float32))
    x = graph.input("x", (Rows(), 4), np.float32)
    _ = (x + 2.0) * 2 + 1.0 - 0.0
    assert len(graph.constants) == 2
    assert len(graph.nodes) == 3
