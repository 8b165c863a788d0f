"""likeliest, as its users call it: `fit`, which continues where the last one stopped.

The time is that of the whole call, checks of the arguments included, not the one that the history reports.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import likeliest as ll
from benchmarks.data import X, Y
from benchmarks.layers import Convolution, Dense, GlobalAverage, Layer, MaxPool, Recurrence
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload


class Likeliest(Peer):
    """ll.Network on its native engine."""

    engine = "native"

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        self.inputs, self.labels, self.threads = inputs, labels, threads
        hidden = [likeliest_layer(layer, workload.axes) for layer in workload.layers[:-1]]
        self.net = ll.Network(hidden, likelihood=likelihood(workload), initializer="glorot", engine=self.engine)
        self.optimizer = (
            ll.optimizers.GradientAscent(workload.learning_rate)
            if workload.optimizer == "gradient ascent"
            else ll.optimizers.Adam(workload.learning_rate)
        )

    def epoch(self) -> None:
        self.epochs(1)

    def epochs(self, count: int) -> None:
        self.net.fit(
            self.inputs,
            self.labels,
            optimizer=self.optimizer,
            epochs=count,
            batch_size=self.workload.batch_size,
            seed=0,
            threads=self.threads,
            clip_norm=None,  # as the peers: networks with recurrences would have their gradients clipped
            verbose=False,
        )

    def eta(self, inputs: X) -> NDArray[Any]:
        raise NotImplementedError("likeliest evaluates itself: see evaluate")

    def evaluate(self, inputs: X, labels: Y) -> tuple[float, float]:
        predicted = self.net.predict(inputs)
        rmse, accuracy = np.sqrt(np.mean((labels - predicted) ** 2)), np.mean(predicted == labels)
        score = rmse if self.workload.is_normal else accuracy
        return float(score), float(self.net.log_likelihood(inputs, labels)) / len(labels)

    def predictor(self, row: X) -> Callable[[], object]:
        return lambda: self.net.predict_proba(row)

    def streamer(self, step: X) -> Callable[[], object]:
        stream = self.net.stream()
        return lambda: stream.predict_proba(step)


def likelihood(workload: Workload) -> ll.likelihoods.Likelihood:
    if workload.is_normal:
        return ll.likelihoods.Normal(scale=1.0)
    return ll.likelihoods.Bernoulli() if workload.is_bernoulli else ll.likelihoods.Categorical(workload.outputs)


def likeliest_layer(layer: Layer, axes: int) -> ll.layers.Layer:
    match layer:
        case Dense():
            return ll.Dense(layer.width, layer.activation)
        case Convolution():
            kind = (ll.Conv1D, ll.Conv2D, ll.Conv3D)[axes - 1]
            groups = layer.width if layer.depthwise else 1
            return kind(layer.width, layer.kernel, layer.activation, groups=groups)
        case Recurrence():
            return ll.LSTM(layer.width) if layer.kind == "lstm" else ll.GRU(layer.width)
        case MaxPool():
            return (ll.MaxPool1D, ll.MaxPool2D, ll.MaxPool3D)[axes - 1](2)
        case GlobalAverage():
            return ll.GlobalAvgPool()
    return ll.Flatten()


PEER = Likeliest
