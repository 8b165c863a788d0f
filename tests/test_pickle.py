"""A network saved and loaded is the same network, also for what it does next."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import likeliest as ll

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(45, 6)), RNG.integers(0, 3, 45)
OPTIONS: dict[str, Any] = {"batch_size": 10, "threads": 1}


def network(engine: str = "native", dtype: str = "float32") -> ll.Network:
    return ll.Network([ll.Dense(9, "tanh")], likelihood=ll.likelihoods.Categorical(3), engine=engine, dtype=dtype)


def same(a: ll.Network, b: ll.Network) -> bool:
    return all(np.array_equal(a.parameters[name], b.parameters[name]) for name in a.parameters)


@pytest.mark.parametrize("duplicate", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy, copy.copy])
@pytest.mark.parametrize("optimizer", [ll.optimizers.Adam(0.01), ll.optimizers.Momentum(0.1), None])
@pytest.mark.parametrize(("engine", "dtype"), [("native", "float32"), ("native", "float64"), ("reference", "float64")])
def test_a_copy_predicts_and_continues_bit_for_bit(
    duplicate: Callable[[ll.Network], ll.Network], optimizer: Any, engine: str, dtype: str
) -> None:
    net = network(engine, dtype)
    net.fit(X, Y, optimizer=optimizer, epochs=2, seed=3, **OPTIONS)
    twin = duplicate(net)
    assert same(net, twin)
    assert np.array_equal(net.predict_proba(X, threads=1), twin.predict_proba(X, threads=1))
    assert repr(twin) == repr(net)
    net.fit(X, Y, epochs=2, **OPTIONS)
    assert not same(net, twin)  # they share nothing
    history = twin.fit(X, Y, epochs=2, **OPTIONS)
    assert same(net, twin)
    assert history.first_epoch == 2


def test_networks_that_were_never_fitted_can_be_copied() -> None:
    with pytest.raises(RuntimeError, match="no θ yet"):
        _ = pickle.loads(pickle.dumps(network())).parameters
    net = network().build(6, seed=4)
    twin = pickle.loads(pickle.dumps(net))
    assert same(net, twin)
    net.fit(X, Y, epochs=1, **OPTIONS)
    twin.fit(X, Y, epochs=1, **OPTIONS)
    assert same(net, twin)
