"""Training that runs away stops, says where and why, and keeps the last good θ."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest import fit
from likeliest.optimizers import Adam, GradientAscent, Momentum

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 5)), RNG.integers(0, 3, 60)


def network(engine: str, activation: str = "relu") -> ll.Network:
    return ll.Network([ll.Dense(8, activation)], likelihood=ll.likelihoods.Categorical(3), engine=engine)


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("optimizer", [GradientAscent(1e9), Momentum(1e9), Adam(1e9)], ids=repr)
@pytest.mark.parametrize(("batch_size", "epochs"), [(7, 5), (None, 50), (None, 1), (60, 1), (1, 2)])
def test_a_huge_learning_rate(engine: str, optimizer: Any, batch_size: Any, epochs: int) -> None:
    """Also when there is one step only, after which nothing else would look at θ."""
    net = network(engine)
    net.fit(X, Y, optimizer=Adam(0.01), epochs=3, seed=0, threads=1)
    before = net.log_likelihood(X, Y)
    with pytest.raises(ll.DivergenceError) as caught:
        net.fit(X, Y, optimizer=optimizer, epochs=epochs, batch_size=batch_size, threads=1)
    message = str(caught.value)
    assert re.match(r"training diverged at step \d+, in epoch \d+: the log-likelihood of its minibatch is ", message)
    assert "(operation affine)" in message or "(operation relu)" in message or "is not finite any more" in message
    assert "a smaller learning_rate than 1e+09, or inputs scaled to about 1, will help" in message
    assert isinstance(caught.value.history, ll.History)
    assert all(np.isfinite(value).all() for value in net.parameters.values())
    assert net.log_likelihood(X, Y) == pytest.approx(before)  # the first chunk is at fault, so θ is that before it
    history = net.fit(X, Y, optimizer=Adam(0.01), epochs=20, threads=1)
    assert history.log_likelihood[-1] > history.log_likelihood[0]
    assert np.isfinite(history.log_likelihood).all()


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize(("batch_size", "per_epoch"), [(7, 9), (None, 1)])
@pytest.mark.parametrize("chunk_seconds", [0.0, 1e9])
def test_the_message_counts_right(
    engine: str, batch_size: Any, per_epoch: int, chunk_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 31 is spoiled; it is told with its epoch, and θ is that from before its chunk, whose last step is told."""
    net, twin = (network(engine, "tanh").build(5, seed=0) for _ in range(2))
    kind = type(net._engine)
    train, chunks = kind.train, []

    def spoiled(self: Any, X: Any, y: Any, w: Any, chunk: Any, t: int, *rest: Any) -> Any:
        totals = train(self, X, y, w, chunk, t, *rest)
        chunks.append(t)
        if t <= 31 < t + len(totals):
            totals = totals[: 31 - t + 1]
            totals[-1] = np.nan
        return totals

    options: dict[str, Any] = {"batch_size": batch_size, "threads": 1, "seed": 0}
    with monkeypatch.context() as patch:
        patch.setattr(fit, "CHUNK_SECONDS", chunk_seconds)
        patch.setattr(kind, "train", spoiled)
        with pytest.raises(ll.DivergenceError) as caught:
            net.fit(X, Y, epochs=40, **options)
    kept = chunks[-1] - 1
    assert f"at step 31, in epoch {1 + 30 // per_epoch}: " in str(caught.value)
    assert "the log-likelihood of its minibatch is nan per example" in str(caught.value)
    assert f"θ is back where it was after step {kept};" in str(caught.value)
    assert (kept == 30) == (chunk_seconds == 0)
    if kept % per_epoch == 0:
        assert caught.value.history.epochs == kept // per_epoch
        if kept:
            twin.fit(X, Y, epochs=kept // per_epoch, **options)
        for _ in range(2):  # θ is as it was, and then the optimizer's state, too
            for name, value in twin.parameters.items():
                assert np.array_equal(net.parameters[name], value)
            for each in (net, twin):
                each.fit(X, Y, epochs=1, **options)


def test_a_nan_in_theta_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("reference")
    net.fit(X, Y, epochs=1, seed=0)
    net._engine.theta["dense_1.b"][2] = np.nan
    with pytest.raises(ValueError, match="the log-likelihood is nan before the first step"):
        net.fit(X, Y, epochs=1)
    assert net.diagnose(X) == "dense_1.b is not finite any more"
