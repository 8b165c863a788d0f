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
from likeliest.ops import ACTIVATIONS, OPERATIONS
from likeliest.ops.windows import Padding
from likeliest.xp import numpy_namespace


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
    z, rest = first(x), {"epsilon": float(epsilon), "momentum": momentum}
    return last(x.graph.emit("BatchNormalization", z, gamma, beta, mean, variance, shape=z.shape, **rest))


# Images ---------------------------------------------------------------------------------------------------------------
#
# ONNX has channels first, (n, c, *space). A symbol remembers that it is another one with its channels moved to the end,
# so that from one of these nodes to the next nothing is moved; moves that nobody needs are dropped from the file.


def first(x: Symbol) -> Symbol:
    """X (n, *space, c) with its channels first; rows (n, c) are so already."""
    if x.ndim == 2 or x.first is not None:
        return x if x.first is None else x.first
    return transposed(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def last(x: Symbol) -> Symbol:
    """X (n, c, *space) with its channels last."""
    if x.ndim == 2:
        return x
    moved = transposed(x, (0, *range(2, x.ndim), 1))
    moved.first = x
    return moved


def transposed(x: Symbol, order: tuple[int, ...]) -> Symbol:
    """X with its axes in another order; a constant is kept in that order."""
    if x.name in x.graph.constants:
        return x.graph.constant(x.graph.constants[x.name].transpose(order), name=f"{x.name}.{''.join(map(str, order))}")
    return x.graph.emit("Transpose", x, shape=tuple(x.shape[k] for k in order), perm=list(order))


def _ends(padding: Padding) -> list[int]:
    return [before for before, _ in padding] + [after for _, after in padding]


def _pages_shape(name: str, x: Symbol, *parameters: Symbol, **attributes: Any) -> tuple[Any, ...]:
    """The shape of a result with channels first: n of x, the rest from the page itself on no examples."""
    blanks = [np.zeros((0, *x.shape[1:])), *(np.zeros(one.shape) for one in parameters)]
    *space, c = OPERATIONS[name].forward(numpy_namespace, *blanks, **attributes).shape[1:]
    return (x.shape[0], c, *space)


def convolution(x: Symbol, W: Symbol, *b: Symbol, **attributes: Any) -> Symbol:
    """Conv, whose W is (q, c/groups, *kernel)."""
    d = x.ndim - 2
    filters = transposed(W, (d + 1, d, *range(d)))
    return last(
        x.graph.emit(
            "Conv",
            first(x),
            filters,
            *b,
            shape=_pages_shape("convolution", x, W, **attributes),
            strides=list(attributes["stride"]),
            pads=_ends(attributes["padding"]),
            dilations=list(attributes["dilation"]),
            group=attributes["groups"],
        )
    )


def transposed_convolution(x: Symbol, W: Symbol, *b: Symbol, **attributes: Any) -> Symbol:
    """ConvTranspose, whose W is (c, q/groups, *kernel)."""
    d = x.ndim - 2
    filters = transposed(W, (d + 1, d, *range(d)))
    return last(
        x.graph.emit(
            "ConvTranspose",
            first(x),
            filters,
            *b,
            shape=_pages_shape("transposed_convolution", x, W, **attributes),
            strides=list(attributes["stride"]),
            pads=_ends(attributes["padding"]),
            dilations=list(attributes["dilation"]),
            group=attributes["groups"],
            output_padding=list(attributes["output_padding"]),
        )
    )


def _pool(operator: str, name: str, x: Symbol, more: dict[str, Any], attributes: dict[str, Any]) -> Symbol:
    shape = _pages_shape(name, x, **attributes)
    window = {"kernel_shape": list(attributes["window"]), "strides": list(attributes["stride"])}
    return last(x.graph.emit(operator, first(x), shape=shape, pads=_ends(attributes["padding"]), **window, **more))


def max_pool(x: Symbol, **attributes: Any) -> Symbol:
    """MaxPool."""
    return _pool("MaxPool", "max_pool", x, {}, attributes)


def average_pool(x: Symbol, **attributes: Any) -> Symbol:
    """AveragePool, without its padding."""
    return _pool("AveragePool", "average_pool", x, {"count_include_pad": 0}, attributes)


def global_max_pool(x: Symbol) -> Symbol:
    """GlobalMaxPool."""
    return _global("GlobalMaxPool", x)


def global_average_pool(x: Symbol) -> Symbol:
    """GlobalAveragePool."""
    return _global("GlobalAveragePool", x)


def _global(operator: str, x: Symbol) -> Symbol:
    n, *space, c = x.shape
    h: Symbol = x.graph.emit(operator, first(x), shape=(n, c, *(1 for _ in space)))
    result: Symbol = xp.reshape(h, (n, c))
    return result


ALWAYS: dict[str, Callable[..., Symbol]] = {f.__name__: f for f in (logistic, relu)}
SINGLE: dict[str, Callable[..., Symbol]] = {
    f.__name__: f for f in (affine, silu, leaky_relu, elu, softplus, gelu, layer_norm, batch_norm, convolution)
} | {f.__name__: f for f in (transposed_convolution, max_pool, average_pool, global_max_pool, global_average_pool)}


def operation(name: str, *values: Symbol, **attributes: Any) -> Symbol:
    """An operation, by its node or from its page."""
    if name in ACTIVATIONS and values[0].first is not None:
        return last(operation(name, values[0].first, **attributes))
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
