"""Label smoothing: what training climbs, against the formula written here and PyTorch's; nothing else sees it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.special
from cases import Array

import likeliest as ll
from likeliest.likelihoods import Bernoulli, Categorical
from likeliest.optimizers import GradientAscent

RNG = np.random.default_rng(0)
N = 40
X = RNG.normal(size=(N, 5))
ENGINES = pytest.mark.parametrize("engine", ["native", "reference"])
LIKELIHOODS = pytest.mark.parametrize(
    ("kind", "classes"), [(Bernoulli, 2), (lambda **o: Categorical(2, **o), 2), (lambda **o: Categorical(17, **o), 17)]
)


def log_probabilities(eta: Array) -> Array:
    """log P(Y = k): (n, K); η (n, 1) is the log-odds of two classes."""
    if eta.shape[1] == 1:
        return np.hstack([scipy.special.log_expit(-eta), scipy.special.log_expit(eta)])
    return scipy.special.log_softmax(eta, axis=1)


def smoothed(eta: Array, y: Array, epsilon: float) -> Array:
    """Σ_k t_k log P(Y = k) with t = (1 − ε) one-hot + ε/K."""
    log_p = log_probabilities(eta)
    t = (1 - epsilon) * np.eye(log_p.shape[1])[y] + epsilon / log_p.shape[1]
    return (t * log_p).sum(axis=1)


def labels(classes: int) -> Array:
    return np.concatenate([np.arange(classes), RNG.integers(0, classes, N - classes)])


@LIKELIHOODS
@ENGINES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("epsilon", [0.1, 0.7])
def test_a_step_climbs_the_smoothed_labels(engine: str, dtype: str, kind: Any, classes: int, epsilon: float) -> None:
    """From the first θ: the log-likelihood that history tells, and the step, by central differences of the formula."""
    y, w = labels(classes), RNG.uniform(0.5, 2, N)
    net = ll.Network([], likelihood=kind(label_smoothing=epsilon), engine=engine, dtype=dtype).build(5, seed=1)
    W, b = (np.array(net.parameters[f"output.{name}"], np.float64) for name in "Wb")
    history = net.fit(
        X, y, sample_weight=w, optimizer=GradientAscent(1.0), epochs=1, batch_size=None, seed=1, threads=1
    )
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    weights = w / w.mean()
    assert history.log_likelihood == pytest.approx([np.mean(weights * smoothed(X @ W + b, y, epsilon))], rel=tolerance)

    def mean(W: Array) -> float:
        return float(np.mean(weights * smoothed(X @ W + b, y, epsilon)))

    for _ in range(3):
        d = RNG.normal(size=W.shape)
        quotient = (mean(W + 1e-5 * d) - mean(W - 1e-5 * d)) / 2e-5
        step = float(((net.parameters["output.W"] - W) * d).sum())
        assert step == pytest.approx(quotient, rel=100 * tolerance, abs=10 * tolerance)


@LIKELIHOODS
@ENGINES
def test_nothing_but_training_sees_it(engine: str, kind: Any, classes: int) -> None:
    y = labels(classes)
    net = ll.Network([], likelihood=kind(label_smoothing=0.3), engine=engine, dtype="float64").build(5, seed=1)
    plain = ll.Network([], likelihood=kind(), engine=engine, dtype="float64").build(5, seed=1)
    assert net.log_likelihood(X, y) == plain.log_likelihood(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba(X))
    for name, g in plain.gradient(X, y).items():
        np.testing.assert_array_equal(net.gradient(X, y)[name], g)
    history = net.fit(X, y, validation=(X, y), epochs=1, seed=1, threads=1)
    assert history.validation_log_likelihood == pytest.approx([net.log_likelihood(X, y) / N], rel=1e-12)
    assert net.check_gradient(X, y).ok


@LIKELIHOODS
@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_the_best_fit_is_not_sure_of_its_training_labels(kind: Any, classes: int, epsilon: float) -> None:
    """One example a class, told apart: its probability becomes 1 − ε + ε/K."""
    net = ll.Network([], likelihood=kind(label_smoothing=epsilon), dtype="float64")
    net.fit(np.eye(classes), np.arange(classes), optimizer=ll.optimizers.Adam(0.05), epochs=1500, batch_size=None,
            schedule="cosine", seed=0)  # fmt: skip
    sure = net.predict_proba(np.eye(classes))[np.arange(classes), np.arange(classes)]
    np.testing.assert_allclose(sure, 1 - epsilon + epsilon / classes, rtol=1e-4)


def test_it_is_torchs_label_smoothing() -> None:
    torch = pytest.importorskip("torch")
    y = labels(3)
    net = ll.Network([], likelihood=Categorical(3, label_smoothing=0.2), dtype="float64").build(5, seed=1)
    W, b = (torch.tensor(np.array(net.parameters[f"output.{name}"]), requires_grad=True) for name in "Wb")
    sgd = torch.optim.SGD([W, b], lr=0.3)
    for _ in range(10):
        sgd.zero_grad()
        eta = torch.tensor(X) @ W + b
        torch.nn.functional.cross_entropy(eta, torch.tensor(y), label_smoothing=0.2).backward()
        sgd.step()
    net.fit(X, y, optimizer=GradientAscent(0.3), epochs=10, batch_size=None, seed=1, threads=1)
    np.testing.assert_allclose(net.parameters["output.W"], W.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(net.parameters["output.b"], b.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("epsilon", [-0.1, 1, 1.5, np.nan, "0.1", None, True])
@pytest.mark.parametrize("kind", [Bernoulli, lambda **o: Categorical(3, **o)])
def test_a_share_outside_0_to_1_is_refused(kind: Any, epsilon: Any) -> None:
    message = f"label_smoothing: expected a number of at least 0 and below 1, found {epsilon!r}; 0.1 is common"
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(label_smoothing=epsilon)
