"""scikit-learn's MLPClassifier and MLPRegressor; `partial_fit` is one epoch, shuffled, without the checks for
convergence.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.data import X, Y
from benchmarks.layers import Dense
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload

SMALLEST = float(np.finfo(np.float32).tiny)


class SklearnMLP(Peer):
    """Both start from Glorot's uniform distribution; without their L2 penalty, which others lack."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        if not workload.is_dense:
            raise NotImplementedError("scikit-learn has dense layers only")
        self.inputs, self.labels = inputs, labels
        hidden = [layer for layer in workload.layers[:-1] if isinstance(layer, Dense)]
        kind = MLPRegressor if workload.is_normal else MLPClassifier
        self.net = kind(
            hidden_layer_sizes=[layer.width for layer in hidden],
            activation=hidden[0].activation,
            solver="sgd" if workload.optimizer == "gradient ascent" else "adam",
            learning_rate_init=workload.learning_rate,
            momentum=0,
            nesterovs_momentum=False,
            beta_1=workload.beta1,
            beta_2=workload.beta2,
            epsilon=workload.epsilon,
            alpha=0,
            batch_size=workload.batch_size,
            random_state=0,
        )

    def epoch(self) -> None:
        if self.workload.is_normal:
            self.net.partial_fit(self.inputs, self.labels)
        else:
            self.net.partial_fit(self.inputs, self.labels, classes=np.array(self.workload.digits))

    def eta(self, inputs: X) -> NDArray[Any]:
        """The mean; or log-odds, read back from the probabilities, which are all it gives; an exact 0 has no log."""
        if self.workload.is_normal:
            return np.asarray(self.net.predict(inputs))[:, None]
        log_p: NDArray[Any] = np.log(np.maximum(self.net.predict_proba(inputs), SMALLEST))
        return log_p[:, 1:] - log_p[:, :1] if self.workload.is_bernoulli else log_p

    def predictor(self, row: X) -> Callable[[], NDArray[Any]]:
        return lambda: np.asarray(self.net.predict_proba(row))


PEER = SklearnMLP
