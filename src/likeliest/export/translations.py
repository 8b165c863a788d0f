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
    z, rest = first(x), (gamma, beta, mean, variance)
    return last(x.graph.emit("BatchNormalization", z, *rest, shape=z.shape, epsilon=float(epsilon), momentum=momentum))


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


def _node(operator: str, page: str, x: Symbol, *parameters: Symbol, kernel: Any, more: Any, given: Any) -> Symbol:
    """A node that slides over space, with what all of them have; ``given`` are the attributes of the page."""
    shapes: Any = (0, *x.shape[1:]), *(one.shape for one in parameters)
    *space, c = OPERATIONS[page].forward(numpy_namespace, *map(np.zeros, shapes), **given).shape[1:]
    d, values = x.ndim - 2, [first(x), *parameters]
    if parameters:  # W (*kernel, i, o) is (o, i, *kernel) in ONNX
        values[1] = transposed(parameters[0], (d + 1, d, *range(d)))
    padding = given["padding"]
    more["pads"] = [before for before, _ in padding] + [after for _, after in padding]
    more |= {"kernel_shape": list(kernel), "strides": list(given["stride"])}
    return last(x.graph.emit(operator, *values, shape=(x.shape[0], c, *space), **more))


def convolution(x: Symbol, W: Symbol, *b: Symbol, **given: Any) -> Symbol:
    """Conv."""
    more = {"dilations": list(given["dilation"]), "group": given["groups"]}
    return _node("Conv", "convolution", x, W, *b, kernel=W.shape[:-2], more=more, given=given)


def transposed_convolution(x: Symbol, W: Symbol, *b: Symbol, **given: Any) -> Symbol:
    """ConvTranspose."""
    more = {"dilations": list(given["dilation"]), "group": given["groups"]}
    more["output_padding"] = list(given["output_padding"])
    return _node("ConvTranspose", "transposed_convolution", x, W, *b, kernel=W.shape[:-2], more=more, given=given)


def max_pool(x: Symbol, **given: Any) -> Symbol:
    """MaxPool."""
    return _node("MaxPool", "max_pool", x, kernel=given["window"], more={}, given=given)


def average_pool(x: Symbol, **given: Any) -> Symbol:
    """AveragePool, without its padding."""
    more = {"count_include_pad": 0}
    return _node("AveragePool", "average_pool", x, kernel=given["window"], more=more, given=given)


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
    **{f.__name__: f for f in (affine, silu, leaky_relu, elu, softplus, gelu, layer_norm, batch_norm)},
    **{f.__name__: f for f in (convolution, transposed_convolution, max_pool, average_pool)},
    **{f.__name__: f for f in (global_max_pool, global_average_pool)},
}


def operation(name: str, *values: Symbol, **attributes: Any) -> Symbol:
    """An operation, by its node or from its page."""
    if name in (*ACTIVATIONS, "add") and all(value.first is not None for value in values):
        return last(operation(name, *map(first, values), **attributes))
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
