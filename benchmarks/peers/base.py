"""What a peer is: something that can train one epoch of a workload, and predict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import X, Y
from benchmarks.workloads import Workload


class Peer(ABC):
    """A network and its data, resident in whatever form the framework likes best.

    Building one makes the network and takes the data over; whatever is compiled is compiled in the first epoch.
    """

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        self.workload = workload

    @abstractmethod
    def epoch(self) -> None:
        """Shuffle, visit every example once, and return when the last update is done."""

    def epochs(self, count: int) -> None:
        """So many epochs in a row; a framework whose `fit` takes their number is given it."""
        for _ in range(count):
            self.epoch()

    @abstractmethod
    def eta(self, inputs: X) -> NDArray[Any]:
        """The log-odds of each class, or the mean, (n, p) → (n, outputs)."""

    @abstractmethod
    def predictor(self, row: X) -> Callable[[], object]:
        """A call that turns one row (1, 784), already in the framework's own array, into its probability."""

    def streamer(self, step: X) -> Callable[[], object]:
        """A call that reads one more step (p,) of a sequence, keeps the state, and gives the probabilities by now."""
        raise NotImplementedError("it keeps no state between calls")

    def evaluate(self, inputs: X, labels: Y) -> tuple[float, float]:
        """The accuracy, or for a Normal the root of the mean squared error; and the log-likelihood per example."""
        eta = np.asarray(self.eta(inputs), np.float64)
        if self.workload.is_normal:
            mse = float(np.mean((labels - eta[:, 0]) ** 2))
            return mse**0.5, -0.5 * (mse + float(np.log(2 * np.pi)))
        if self.workload.is_bernoulli:
            eta = np.hstack([np.zeros_like(eta), eta])
        log_p = eta - np.logaddexp.reduce(eta, axis=1, keepdims=True)
        accuracy = np.mean(log_p.argmax(1) == labels)
        return float(accuracy), float(log_p[np.arange(len(labels)), labels].mean())
