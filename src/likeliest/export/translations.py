"""Where ONNX has a node for what a page says, it is used: runtimes have fast kernels for it, and people know it.

All else is recorded from the pages. Most nodes are for float32 networks only: numbers in attributes are in single
precision, and runtimes have few of these nodes in double. onnxruntime up to 1.22 even makes such nodes of others, by
fusing Gemm and what follows it, or z · Sigmoid(z), and then has no kernel for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from likeliest.export.graph import Symbol
from likeliest.export.library import onnx_namespace as xp
from likeliest.likelihoods import Bernoulli, Categorical, Likelihood
from likeliest.ops import OPERATIONS


def affine(x: Symbol, W: Symbol, b: Symbol | None = None) -> Symbol:
    """Gemm."""
    return x @ W if b is None else x.graph.emit("Gemm", x, W, b, shape=(x.shape[0], W.shape[1]))


def logistic(z: Symbol) -> Symbol:
    """Sigmoid."""
    return z.graph.emit("Sigmoid", z, shape=z.shape)


def relu(z: Symbol) -> Symbol:
    """Relu."""
    return z.graph.emit("Relu", z, shape=z.shape)


def silu(z: Symbol) -> Symbol:
    """Sigmoid, times z; the node Swish came with opset 24."""
    return z * logistic(z)


def leaky_relu(z: Symbol, *, slope: float = 0.01) -> Symbol:
    """LeakyRelu."""
    return z.graph.emit("LeakyRelu", z, shape=z.shape, alpha=float(slope))


def elu(z: Symbol, *, alpha: float = 1.0) -> Symbol:
    """Elu."""
    return z.graph.emit("Elu", z, shape=z.shape, alpha=float(alpha))


def softplus(z: Symbol) -> Symbol:
    """Softplus."""
    return z.graph.emit("Softplus", z, shape=z.shape)


def gelu(z: Symbol) -> Symbol:
    """By Erf, in the form that runtimes recognise; the node Gelu came with opset 20."""
    return z * (1 + z.graph.emit("Erf", z / math.sqrt(2), shape=z.shape)) * 0.5


def layer_norm(x: Symbol, gamma: Symbol, beta: Symbol, *, epsilon: float = 1e-5) -> Symbol:
    """LayerNormalization."""
    return x.graph.emit("LayerNormalization", x, gamma, beta, shape=x.shape, axis=-1, epsilon=float(epsilon))


def batch_norm(
    x: Symbol,
    gamma: Symbol,
    beta: Symbol,
    mean: Symbol,
    variance: Symbol,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
) -> Symbol:
    """BatchNormalization, with the running statistics."""
    return x.graph.emit(
        "BatchNormalization", x, gamma, beta, mean, variance, shape=x.shape, epsilon=float(epsilon), momentum=momentum
    )


ALWAYS: dict[str, Callable[..., Symbol]] = {f.__name__: f for f in (logistic, relu)}
SINGLE: dict[str, Callable[..., Symbol]] = {
    f.__name__: f for f in (affine, silu, leaky_relu, elu, softplus, gelu, layer_norm, batch_norm)
}


def operation(name: str, *values: Symbol, **attributes: Any) -> Symbol:
    """An operation, by its node or from its page."""
    single = values[0].dtype == np.float32
    node = ALWAYS.get(name) or (SINGLE.get(name) if single else None)
    if node is not None:
        return node(*values, **attributes)
    result: Symbol = OPERATIONS[name].forward(xp, *values, **attributes)
    return result


def probabilities(likelihood: Likelihood, eta: Symbol) -> Symbol:
    """P(Y = k | η) of each class, (n, classes): Softmax where that is what it is.

    σ(η) is the second of softmax(0, η), which unlike Sigmoid keeps its precision far out.
    """
    if type(likelihood) in (Bernoulli, Categorical):
        if type(likelihood) is Bernoulli:
            pads = eta.graph.constant([0, 1, 0, 0], np.int64)
            eta = eta.graph.emit("Pad", eta, pads, shape=(eta.shape[0], 2))
        return eta.graph.emit("Softmax", eta, shape=eta.shape, axis=1)
    result: Symbol = likelihood.probabilities(xp, eta)
    return result
