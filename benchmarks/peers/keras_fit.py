"""Keras's `fit` on JAX, its fastest backend.

On PyTorch, where there can be only one step per execution, an epoch of W1 takes 8 times as long as on JAX with one, and
20 times as long as on JAX with 128 (which few users set); an epoch of W2, 1.7 and 3 times. Conv1D is quickest with one
step per execution; keras_on_torch.py has what is quicker on PyTorch. children.py sets the backend, which Keras reads
when it is imported.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.data import X, Y
from benchmarks.layers import Convolution, Dense, GlobalAverage, Layer, MaxPool, Recurrence
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload

STEPS_PER_EXECUTION = 128
ACTIVATIONS = {"logistic": "sigmoid", "relu": "relu", "identity": None}


class Keras(Peer):
    """keras.Sequential, compile, fit."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        keras.utils.set_random_seed(0)
        self.inputs = inputs
        self.labels = labels.astype(np.float32)[:, None] if workload.outputs == 1 else labels.astype(np.int32)
        layers = [keras_layer(layer, workload.axes) for layer in workload.layers]
        self.net = keras.Sequential([keras.Input(workload.inputs), *layers])
        self.net.compile(optimizer=optimizer(workload), loss=loss(workload), **self.execution())

    def execution(self) -> dict[str, Any]:
        """How its steps are compiled."""
        return {"steps_per_execution": STEPS_PER_EXECUTION if self.workload.is_dense else 1, "jit_compile": True}

    def epoch(self) -> None:
        self.epochs(1)

    def epochs(self, count: int) -> None:
        batch_size = self.workload.batch_size
        self.net.fit(self.inputs, self.labels, epochs=count, batch_size=batch_size, shuffle=True, verbose=0)

    def eta(self, inputs: X) -> NDArray[Any]:
        return np.asarray(self.net.predict_on_batch(inputs))

    def predictor(self, row: X) -> Callable[[], jax.Array]:
        x = jnp.asarray(row)
        return lambda: jax.nn.sigmoid(self.net(x)).block_until_ready()


def keras_layer(layer: Layer, axes: int) -> keras.layers.Layer:
    kinds = keras.layers
    match layer:
        case Dense():
            return kinds.Dense(layer.width, ACTIVATIONS[layer.activation])
        case Convolution(depthwise=True):
            return kinds.DepthwiseConv2D(layer.kernel, activation=ACTIVATIONS[layer.activation])
        case Convolution():
            kind = (kinds.Conv1D, kinds.Conv2D, kinds.Conv3D)[axes - 1]
            return kind(layer.width, layer.kernel, activation=ACTIVATIONS[layer.activation])
        case Recurrence():
            kind = kinds.LSTM if layer.kind == "lstm" else kinds.GRU
            return kind(
                layer.width,
                kernel_initializer=by_gate(keras.initializers.GlorotUniform, layer.gates),
                recurrent_initializer=by_gate(keras.initializers.Orthogonal, layer.gates),
            )
        case MaxPool():
            return (kinds.MaxPooling1D, kinds.MaxPooling2D, kinds.MaxPooling3D)[axes - 1](2)
        case GlobalAverage():
            return (kinds.GlobalAveragePooling1D, kinds.GlobalAveragePooling2D, kinds.GlobalAveragePooling3D)[
                axes - 1
            ]()
    return kinds.Flatten()


def by_gate(kind: type[keras.initializers.Initializer], gates: int) -> Callable[..., Any]:
    """Weights (p, gates · q), each gate's drawn by themselves."""

    def draw(shape: tuple[int, int], dtype: Any = None) -> Any:
        p, width = shape
        return keras.ops.concatenate([kind()((p, width // gates), dtype) for _ in range(gates)], axis=1)

    return draw


def optimizer(workload: Workload) -> keras.optimizers.Optimizer:
    if workload.optimizer == "gradient ascent":
        return keras.optimizers.SGD(workload.learning_rate)
    # The squared error lacks the ½ of the log-likelihood: with g and ε both doubled, Adam's steps are the same.
    epsilon = 2 * workload.epsilon if workload.is_normal else workload.epsilon
    return keras.optimizers.Adam(workload.learning_rate, workload.beta1, workload.beta2, epsilon)


def loss(workload: Workload) -> keras.losses.Loss:
    if workload.is_normal:
        return keras.losses.MeanSquaredError()
    kind = keras.losses.BinaryCrossentropy if workload.is_bernoulli else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=True)


PEER = Keras
