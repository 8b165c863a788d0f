"""A trace shows the numbers that the chain rule multiplies: by hand for the handout's network."""

from __future__ import annotations

import numpy as np
import pytest
from cases import AWKWARD, NetworkCase

import likeliest as ll
from likeliest import handout


def example(dtype: str = "float32", engine: str = "native") -> tuple[ll.Network, np.ndarray, np.ndarray]:
    net = ll.Network([ll.Dense(4, "logistic")], likelihood=ll.likelihoods.Bernoulli(), dtype=dtype, engine=engine)
    net.build(3, seed=2)
    net.parameters["dense_1.b"], net.parameters["output.b"] = [0.1, -0.2, 0.3, 0.4], [0.25]
    rng = np.random.default_rng(0)
    return net, rng.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0])


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_the_handouts_network_by_hand(engine: str) -> None:
    net, X, y = example(engine=engine)
    theta = {name: value.astype(np.float64) for name, value in net.parameters.items()}
    trace = net.trace(X, y)
    v, f, d = trace.values, trace.factors, trace.derivatives
    assert list(v) == ["x", "dense_1.z", "dense_1.h", "eta", "y_hat"]
    assert list(f) == ["dLL/dy_hat", "dy_hat/deta", "dLL/deta", "ddense_1.h/ddense_1.z"]
    assert list(d) == ["x", "dense_1.z", "dense_1.h", "eta"]
    assert all(value.dtype == np.float64 for part in (v, f, d, trace.gradient) for value in part.values())

    h = handout.logistic(X @ theta["dense_1.W"] + theta["dense_1.b"])
    y_hat = handout.logistic(h @ theta["output.W"][:, 0] + theta["output.b"])
    close = {"rtol": 1e-12, "atol": 1e-15}
    np.testing.assert_allclose(v["x"], X)
    np.testing.assert_allclose(v["dense_1.h"], h, **close)
    np.testing.assert_allclose(v["y_hat"], y_hat, **close)
    np.testing.assert_allclose(trace.log_likelihood, np.log(np.where(y == 1, y_hat, 1 - y_hat)), **close)

    # ∂LL/∂ŷ, ∂ŷ/∂η, ∂h/∂z: the factors; their products: the derivatives; summed over the examples: the gradient.
    np.testing.assert_allclose(f["dLL/dy_hat"][:, 0], y / y_hat - (1 - y) / (1 - y_hat), **close)
    np.testing.assert_allclose(f["dy_hat/deta"][:, 0], y_hat * (1 - y_hat), **close)
    np.testing.assert_allclose(f["dLL/deta"], f["dLL/dy_hat"] * f["dy_hat/deta"], **close)
    np.testing.assert_allclose(f["ddense_1.h/ddense_1.z"], h * (1 - h), **close)
    np.testing.assert_allclose(d["eta"], f["dLL/deta"])
    np.testing.assert_allclose(d["dense_1.h"], f["dLL/deta"] * theta["output.W"][:, 0], **close)
    np.testing.assert_allclose(d["dense_1.z"], d["dense_1.h"] * f["ddense_1.h/ddense_1.z"], **close)
    np.testing.assert_allclose(d["x"], d["dense_1.z"] @ theta["dense_1.W"].T, **close)
    np.testing.assert_allclose(trace.gradient["output.W"], v["dense_1.h"].T @ d["eta"], **close)
    np.testing.assert_allclose(trace.gradient["output.b"], d["eta"].sum(axis=0), **close)
    np.testing.assert_allclose(trace.gradient["dense_1.W"], v["x"].T @ d["dense_1.z"], **close)
    np.testing.assert_allclose(trace.gradient["dense_1.b"], d["dense_1.z"].sum(axis=0), **close)


@pytest.mark.parametrize("case", AWKWARD[:8], ids=lambda case: case.id)
def test_a_trace_agrees_with_the_engine(case: NetworkCase) -> None:
    net, (X, y) = case.network(), case.data()
    trace = net.trace(X, y)
    np.testing.assert_allclose(trace.log_likelihood, net.log_likelihood(X, y, per_example=True, threads=1), rtol=1e-12)
    p = net.predict_proba(X, threads=1)
    shown = trace.values["y_hat"]
    np.testing.assert_allclose(shown, p if shown.ndim == 2 else p[:, 1], rtol=1e-12)
    gradient = net.gradient(X, y, threads=1)
    assert list(trace.gradient) == list(gradient)
    for name, g in gradient.items():
        np.testing.assert_allclose(trace.gradient[name], g, rtol=1e-10, atol=1e-12)
    assert ("dLL/dy_hat" in trace.factors) == (case.likelihood.classes == 2)


def test_without_y_there_is_the_forward_pass_only() -> None:
    net, X, _ = example()
    trace = net.trace(X[2:3])
    assert list(trace.values) == ["x", "dense_1.z", "dense_1.h", "eta", "y_hat"]
    assert trace.values["dense_1.h"].shape == (1, 4)
    assert trace.log_likelihood is None
    assert trace.factors == trace.derivatives == trace.gradient == {}


def test_a_trace_changes_nothing() -> None:
    net, X, y = example()
    before = {name: np.array(value) for name, value in net.parameters.items()}
    trace = net.trace(X, y)
    for value in (*trace.values.values(), *trace.gradient.values()):
        value[...] = 0
    assert all(np.array_equal(before[name], value) for name, value in net.parameters.items())
    assert X.any()  # the trace shows a copy
