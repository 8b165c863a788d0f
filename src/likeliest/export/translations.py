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
    """Gemm, of rows; MatMul and Add at every step of a sequence."""
    if b is None or x.ndim > 2:
        return x @ W if b is None else x @ W + b
    return x.graph.emit("Gemm", x, W, b, shape=(x.shape[0], W.shape[1]))


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


# Sequences ------------------------------------------------------------------------------------------------------------
#
# ONNX has time first, an axis for the direction, weights turned round, and its gates in an order of its own.


def fill(x: Symbol, *, value: float, width: int) -> Symbol:
    """From the page; that it is filled is remembered."""
    h: Symbol = OPERATIONS["fill"].forward(xp, x, value=value, width=width)
    h.filled = value
    return h


def gate(x: Symbol, k: Symbol) -> Symbol:
    """Nothing where the gate is open for all, as a dropout's is in prediction."""
    return x if k.filled == 1 else OPERATIONS["gate"].forward(xp, x, k)


def rnn(x: Symbol, *values: Symbol, relu: bool = False, **given: Any) -> Symbol:
    """RNN."""
    return _recurrence("rnn", "RNN", (0,), x, values, given, {"relu": relu}, activations=["Relu" if relu else "Tanh"])


def lstm(x: Symbol, *values: Symbol, cell: bool = False, **given: Any) -> Symbol:
    """LSTM, whose gates are i, o, f and c there; a whole state is written out, since a node here has one output."""
    if cell:
        return _written_out("lstm", x, values, given, {"cell": True})
    return _recurrence("lstm", "LSTM", (0, 3, 1, 2), x, values, given, {})


def gru(x: Symbol, *values: Symbol, reset_after: bool = True, **given: Any) -> Symbol:
    """GRU, whose gates are z, r and h there."""
    more = {"linear_before_reset": int(reset_after)}
    return _recurrence("gru", "GRU", (1, 0, 2), x, values, given, {"reset_after": reset_after}, **more)


def layer_norm_lstm(x: Symbol, *values: Symbol, **given: Any) -> Symbol:
    """Written out, step by step."""
    return _written_out("layer_norm_lstm", x, values, given, {})


def _written_out(page: str, x: Symbol, values: tuple[Symbol, ...], given: Any, own: Any) -> Symbol:
    """From the page, without a mask that drops nothing; what is about gradients only is left out."""
    values, given = _without_mask(values, given)
    result: Symbol = OPERATIONS[page].forward(xp, x, *values, **{**given, **own, "truncate": 0})
    return result


def _without_mask(values: tuple[Symbol, ...], given: Any) -> tuple[tuple[Symbol, ...], dict[str, Any]]:
    at = given.get("lengths", False) + given.get("state", False)
    if given.get("keep") and values[at].filled == 1:
        return (*values[:at], *values[at + 1 :]), {**given, "keep": False}
    return values, given


def _recurrence(
    page: str, operator: str, order: tuple[int, ...], x: Symbol, values: tuple[Symbol, ...], given: Any, own: Any,
    **more: Any,
) -> Symbol:  # fmt: skip
    """A node for all steps, if there is one for what is given: single precision, and no mask."""
    values, given = _without_mask(values, given)
    if given.get("keep") or x.dtype != np.float32:
        return _written_out(page, x, values, given, own)
    graph, (n, T, _), rest = x.graph, x.shape, list(values)
    lengths = rest.pop(0) if given.get("lengths") else None
    state = rest.pop(0) if given.get("state") else None
    if lengths is not None:
        lengths = xp.reshape(xp.minimum(lengths, float(T)), (n,)).astype(np.int32)  # type: ignore[arg-type]
    arrays = [graph.constants[one.name] for one in rest]
    q = arrays[1].shape[0]
    W, U, *biases = (
        np.concatenate([one[..., k * q : (k + 1) * q] for k in order], axis=-1).T.astype(x.dtype) for one in arrays
    )
    b = np.concatenate([*biases, np.zeros_like(biases[0])][:2])  # one for x W and one for h U
    named = zip(rest, (W, U, b), strict=False)
    theta = [graph.constant(array[None], name=f"{one.name}.{operator}") for one, array in named]
    parts = range(0 if state is None else 2 if page == "lstm" else 1)
    starts = [xp.reshape(state[:, k * q : (k + 1) * q], (1, n, q)) for k in parts]  # type: ignore[index]
    every = given.get("every", False)
    shape = (T, 1, n, q) if every else (1, n, q)
    more |= {"hidden_size": q, "direction": "reverse" if given.get("reverse") else "forward"}
    h = graph.emit(
        operator, xp.swapaxes(x, 0, 1), *theta, lengths, *starts, shape=shape, place=0 if every else 1, **more
    )
    return xp.swapaxes(h[:, 0], 0, 1) if every else h[0]


ALWAYS: dict[str, Callable[..., Symbol]] = {
    f.__name__: f for f in (logistic, relu, fill, gate, rnn, lstm, gru, layer_norm_lstm)
}
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
