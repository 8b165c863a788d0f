"""The same seed gives the same bits: run after run, whatever the number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import likeliest as ll

# Layers, inputs, examples, batch size: shapes that are cut among threads in different ways, the last minibatch partial.
SHAPES: dict[str, tuple[list[ll.layers.Layer], int, int, int | None]] = {
    "wide": ([ll.Dense(512, "relu")], 784, 300, 128),
    "thin, cut along the inputs": ([ll.Dense(30, "logistic")], 784, 300, 128),
    "thin, to one cell": ([ll.Dense(1, "tanh")], 300, 70, 33),
    "one example at a time": ([ll.Dense(300, "tanh")], 200, 12, 1),
    "odd": ([ll.Dense(257, "gelu"), ll.Dense(99, "silu")], 101, 200, 33),
    "deep": ([ll.Dense(128, "tanh"), ll.Dense(128, "elu"), ll.Activation("tanh"), ll.Dense(64)], 64, 200, 64),
    "blocks": ([ll.Dense(64, "tanh")], 80, 3100, 1500),
    "blocks, cut along the inputs": ([ll.Dense(20, "tanh")], 300, 2600, None),
    "no hidden layer": ([], 784, 1030, 257),
    "recurrent": ([ll.LSTM(20, bidirectional=True, recurrent_dropout=0.2)], 9, 200, 33),
    "recurrent, wide": ([ll.GRU(60, return_sequences=True), ll.Dense(7, "tanh"), ll.RNN(70)], 5, 100, 64),
}


def fitted(shape: str, dtype: str, threads: int, zeros: bool) -> bytes:
    layers, inputs, n, batch_size = SHAPES[shape]
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, inputs)), rng.integers(0, 10, n)
    if zeros:
        X *= rng.random(X.shape) < 0.02
    net = ll.Network(layers, likelihood=ll.likelihoods.Categorical(10), dtype=dtype)
    options: dict[str, Any] = {"batch_size": batch_size, "seed": 1, "threads": threads}
    history = net.fit(X, y, epochs=2, optimizer=ll.optimizers.Adam(0.01), **options)
    g = net.gradient(X, y, threads=threads)
    parts = [*net.parameters.values(), *g.values(), net.predict_proba(X, threads=threads), history.log_likelihood]
    return b"".join(np.asarray(part).tobytes() for part in parts)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_theta_is_the_same_for_any_number_of_threads(shape: str, zeros: bool, dtype: str) -> None:
    once = fitted(shape, dtype, 1, zeros)
    for threads in (1, 2, 3, 8):
        assert fitted(shape, dtype, threads, zeros) == once, f"{threads} threads"


def test_threads_may_change_between_fits_of_one_network() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 100)), rng.integers(0, 10, 500)
    nets = [ll.Network([ll.Dense(256, "tanh")], likelihood=ll.likelihoods.Categorical(10)) for _ in range(2)]
    for threads in (1, 3, 2, 1):
        nets[0].fit(X, y, epochs=1, seed=0, threads=threads)
    nets[1].fit(X, y, epochs=4, seed=0, threads=1)
    for name, value in nets[1].parameters.items():
        assert np.array_equal(nets[0].parameters[name], value)


@pytest.mark.parametrize("layer", [ll.Dense(40, "tanh"), ll.LSTM(40), ll.GRU(9), ll.RNN(17, bidirectional=True)])
def test_a_prediction_does_not_depend_on_the_other_examples(layer: ll.layers.Layer) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 50))
    net = ll.Network([layer], likelihood=ll.likelihoods.Categorical(7)).build(50)
    together = net.predict_proba(X)
    assert np.array_equal(together, np.concatenate([net.predict_proba(X[i : i + 1]) for i in range(300)]))
    assert np.array_equal(together[::-1], net.predict_proba(X[::-1]))
