"""NumPy's functions on symbols, under NumPy's names: what `likeliest.xp.Namespace` needs of an array library.

What ONNX has no operator for is written out in ones it has, without losing precision near 0 or overflowing far out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np

from likeliest.export import special
from likeliest.export.graph import TRUTH, WHOLE, Rows, Shape, Size, Symbol, broadcast, elementwise, laid_out, together
from likeliest.xp import Namespace


def _unary(operator: str, z: Symbol, dtype: Any = None) -> Symbol:
    return z.graph.emit(operator, z, shape=z.shape, dtype=dtype)


def exp(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Exp", z)


def log(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Log", z)


def sqrt(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Sqrt", z)


def absolute(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Abs", z)


def sign(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Sign", z)


def floor(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Floor", z)


def tanh(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("Tanh", z)


def isnan(z: Any) -> Any:
    """The ONNX operator."""
    return _unary("IsNaN", z, TRUTH)


def minimum(a: Any, b: Any) -> Any:
    """The ONNX operator."""
    return elementwise("Min", a, b)


def maximum(a: Any, b: Any) -> Any:
    """The ONNX operator."""
    return elementwise("Max", a, b)


def expm1(z: Any) -> Any:
    """e^z − 1 = tanh(z/2) (e^z + 1), which is right near 0 too."""
    return tanh(0.5 * z) * (exp(z) + 1)


def log1p(z: Any) -> Any:
    """log(1 + z): with u = 1 + z as rounded, log(u) z/(u − 1) makes up for the rounding."""
    u = 1 + z
    d = u - 1
    none = d == 0
    return where(none, z, log(u) * (z / where(none, 1, d)))


def logaddexp(a: Any, b: Any) -> Any:
    """log(e^a + e^b) = the larger + log(1 + e^(−distance))."""
    return maximum(a, b) + log1p(exp(-absolute(a - b)))


def clip(z: Any, low: Any, high: Any) -> Any:
    """The ONNX operator; a NaN stays one."""
    bounds = [z.graph.constant(bound, z.dtype) for bound in (low, high)]
    return z.graph.emit("Clip", z, *bounds, shape=z.shape)


def where(condition: Any, a: Any, b: Any) -> Any:
    """A where the condition holds, else b."""
    if not isinstance(a, Symbol) and not isinstance(b, Symbol):
        dtype = condition.graph.dtype
        a, b = condition.graph.constant(a, dtype), condition.graph.constant(b, dtype)
    a, b = together(a, b)
    shape = broadcast(condition.shape, a.shape, b.shape)
    return condition.graph.emit("Where", condition, a, b, shape=shape, dtype=a.dtype)


def zeros_like(z: Any) -> Any:
    """Zeros in the shape of z."""
    return broadcast_to(z.graph.constant(0, z.dtype), z.shape)


def ones_like(z: Any) -> Any:
    """Ones in the shape of z."""
    return broadcast_to(z.graph.constant(1, z.dtype), z.shape)


# Along axes -----------------------------------------------------------------------------------------------------------


def _axes(z: Symbol, axis: Any) -> list[int]:
    chosen = range(z.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return [k % z.ndim for k in chosen]


def _without(z: Symbol, axes: list[int], keepdims: bool) -> Shape:
    kept = [1 if k in axes else size for k, size in enumerate(z.shape) if keepdims or k not in axes]
    return tuple(kept)


def _reduced(operator: str, z: Symbol, axis: Any, keepdims: bool) -> Symbol:
    axes = _axes(z, axis)
    if any(isinstance(z.shape[k], Rows) for k in axes):
        raise NotImplementedError(f"{operator} over the examples: what one example gives would hang on the others")
    return z.graph.emit(operator, z, shape=_without(z, axes, keepdims), axes=axes, keepdims=int(keepdims))


def mean(z: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes of one example."""
    return _reduced("ReduceMean", z, axis, keepdims)


def maximum_of(z: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest over axes of one example."""
    return _reduced("ReduceMax", z, axis, keepdims)


def total(z: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes of one example."""
    axes = _axes(z, axis)
    if any(isinstance(z.shape[k], Rows) for k in axes):
        raise NotImplementedError("a sum over the examples: what one example gives would hang on the others")
    graph = z.graph
    shape = _without(z, axes, keepdims)
    return graph.emit("ReduceSum", z, graph.constant(axes, WHOLE), shape=shape, keepdims=int(keepdims))


def argmax(z: Any, axis: int) -> Any:
    """Where the largest is; the first of several."""
    axes = _axes(z, axis)
    return z.graph.emit("ArgMax", z, shape=_without(z, axes, False), dtype=WHOLE, axis=axes[0], keepdims=0)


def cumsum(z: Any, axis: int) -> Any:
    """Running sums."""
    return z.graph.emit("CumSum", z, z.graph.constant(_axes(z, axis)[0], WHOLE), shape=z.shape)


def matmul(a: Any, b: Any) -> Any:
    """The matrix product."""
    return a @ b


# Shapes ---------------------------------------------------------------------------------------------------------------


def reshape(z: Any, shape: Any) -> Any:
    """The same numbers in another shape; n need not be known."""
    if not isinstance(z, Symbol):
        return np.reshape(z, shape)
    wanted = (shape,) if isinstance(shape, int | Rows) else tuple(shape)
    whole = laid_out(z.shape, wanted)
    sizes = [-1 if isinstance(size, Rows) else size for size in whole]
    return z.graph.emit("Reshape", z, z.graph.constant(sizes, WHOLE), shape=whole)


def swapaxes(z: Any, a: int, b: int) -> Any:
    """Two axes exchanged."""
    order = list(range(z.ndim))
    order[a], order[b] = order[b], order[a]
    return z.graph.emit("Transpose", z, shape=tuple(z.shape[k] for k in order), perm=order)


def concatenate(values: Sequence[Any], axis: int = 0) -> Any:
    """Arrays side by side; those of width 0 are left out."""
    symbols = together(*values)
    axis = axis % symbols[0].ndim
    width = sum(one.shape[axis] for one in symbols)  # type: ignore[misc]
    shape = (*symbols[0].shape[:axis], width, *symbols[0].shape[axis + 1 :])
    some = [one for one in symbols if one.shape[axis] != 0]
    return some[0] if len(some) == 1 else some[0].graph.emit("Concat", *some, shape=shape, axis=axis)


def pad(z: Any, widths: Any, constant_values: float = 0.0) -> Any:
    """A border before and after each axis."""
    if not any(map(any, widths)):
        return z
    pads = [int(before) for before, _ in widths] + [int(after) for _, after in widths]
    shape = tuple(sum(width) + size if any(width) else size for size, width in zip(z.shape, widths, strict=True))
    constants = z.graph.constant(pads, WHOLE), z.graph.constant(constant_values, z.dtype)
    return z.graph.emit("Pad", z, *constants, shape=shape)


def repeat(z: Any, times: int, axis: int) -> Any:
    """Every place of an axis so many times."""
    shape = (*z.shape[: axis + 1], times, *z.shape[axis + 1 :])
    apart = broadcast_to(z[(*[slice(None)] * (axis + 1), None)], shape)
    return reshape(apart, (*z.shape[:axis], z.shape[axis] * times, *z.shape[axis + 1 :]))


def einsum(equation: str, *values: Any) -> Any:
    """Sums of products, of values whose first axes may be "..."."""
    inputs, result = equation.split("->")
    symbols, sizes = together(*values), dict[str, Size]()
    front: Shape = ()
    for labels, one in zip(inputs.split(","), symbols, strict=True):
        named = labels.removeprefix("...")
        front = one.shape[: one.ndim - len(named)] if named != labels else front
        sizes |= dict(zip(named, one.shape[one.ndim - len(named) :], strict=True))
    shape = (*front, *(sizes[label] for label in result.removeprefix("...")))
    return symbols[0].graph.emit("Einsum", *symbols, shape=shape, equation=equation)


def stack(values: Sequence[Any], axis: int = 0) -> Any:
    """Arrays along a new axis."""
    index = (*[slice(None)] * axis, None)
    return concatenate([one[index] for one in together(*values)], axis)


def broadcast_to(z: Any, shape: Any) -> Any:
    """The same numbers again and again; n may be among the sizes."""
    graph = z.graph
    return graph.emit("Expand", z, graph.sizes(tuple(shape)), shape=tuple(shape))


TRANSLATIONS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (exp, log, sqrt, sign, floor, tanh, isnan, minimum, maximum, expm1, log1p, logaddexp)},
    **{f.__name__: f for f in (clip, where, zeros_like, ones_like, mean, argmax, cumsum, matmul)},
    **{f.__name__: f for f in (reshape, swapaxes, concatenate, stack, broadcast_to, pad, repeat, einsum)},
    "abs": absolute,
    "absolute": absolute,
    "max": maximum_of,
    "sum": total,
}
"""By NumPy's names."""


class Library:
    """The functions above; what holds no symbol goes to NumPy."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        if not callable(value) or isinstance(value, type):
            return value  # pi, newaxis, float64

        @wraps(value)
        def function(*arguments: Any, **named: Any) -> Any:
            if not any(isinstance(one, Symbol) for one in _flat((*arguments, *named.values()))):
                return value(*arguments, **named)
            if name not in TRANSLATIONS:
                raise NotImplementedError(f"xp.{name} has no translation to ONNX: write it with others that xp has")
            return TRANSLATIONS[name](*arguments, **named)

        return function


def _flat(arguments: Sequence[Any]) -> Iterator[Any]:
    for one in arguments:
        yield from one if isinstance(one, list | tuple) else (one,)


class Recording(Namespace):
    """The namespace that pages run on to be recorded."""

    def _special(self, name: str) -> Any:
        if not hasattr(special, name):
            raise NotImplementedError(f"xp.{name} has no translation to ONNX yet")
        return getattr(special, name)


onnx_namespace = Recording(Library(), "likeliest.export.special")
