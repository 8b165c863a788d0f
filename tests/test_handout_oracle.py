"""The handout's own page gives what the engines give: ŷ, LL and every ∂LL/∂θ, to 1e-12."""

from __future__ import annotations

import numpy as np
import pytest

import likeliest as ll
from likeliest import handout


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize(("m_x", "m_h", "n"), [(1, 1, 1), (3, 5, 20), (64, 30, 50), (300, 20, 1100)])
def test_engines_equal_the_handout(engine: str, m_x: int, m_h: int, n: int) -> None:
    rng = np.random.default_rng(m_x)
    theta_h, theta_y = rng.normal(size=(m_x + 1, m_h)) / np.sqrt(m_x), rng.normal(size=m_h + 1)
    X, y = rng.normal(size=(n, m_x)), rng.integers(0, 2, n).astype(float)
    net = ll.Network([ll.Dense(m_h, "logistic")], likelihood=ll.likelihoods.Bernoulli(), engine=engine, dtype="float64")
    net.build(m_x)
    net.parameters["dense_1.b"], net.parameters["dense_1.W"] = theta_h[0], theta_h[1:]
    net.parameters["output.b"], net.parameters["output.W"] = theta_y[:1], theta_y[1:, None]

    y_hat = handout.predict_proba(theta_h, theta_y, X)
    np.testing.assert_allclose(net.predict_proba(X, threads=1)[:, 1], y_hat, rtol=1e-12)
    assert net.log_likelihood(X, y, threads=1) == pytest.approx(handout.log_likelihood(y, y_hat), rel=1e-12)
    g_h, g_y = handout.gradient(theta_h, theta_y, X, y)
    g = net.gradient(X, y, threads=1)
    for actual, expected in (
        (g["dense_1.b"], g_h[0]),
        (g["dense_1.W"], g_h[1:]),
        (g["output.b"], g_y[:1]),
        (g["output.W"], g_y[1:, None]),
    ):
        assert actual.shape == expected.shape
        assert np.linalg.norm(actual - expected) <= 1e-12 * np.linalg.norm(expected)


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_full_batch_fit_is_the_handouts_ascent(engine: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    net = ll.Network([ll.Dense(4, "logistic")], likelihood=ll.likelihoods.Bernoulli(), engine=engine, dtype="float64")
    net.build(3, seed=1)
    start = {name: np.array(value) for name, value in net.parameters.items()}
    theta_h, theta_y, LL = handout.ascend(
        np.vstack([start["dense_1.b"], start["dense_1.W"]]),
        np.concatenate([start["output.b"], start["output.W"][:, 0]]),
        X,
        y.astype(float),
        learning_rate=0.7,
        epochs=30,
    )
    history = net.fit(X, y, optimizer=ll.optimizers.GradientAscent(0.7), epochs=30, batch_size=None, threads=1, seed=0)
    np.testing.assert_allclose(net.parameters["dense_1.W"], theta_h[1:], rtol=1e-10)
    np.testing.assert_allclose(net.parameters["output.b"], theta_y[:1], rtol=1e-10)
    np.testing.assert_allclose(history.log_likelihood, LL[:-1] / 40, rtol=1e-12)  # each before its own step
