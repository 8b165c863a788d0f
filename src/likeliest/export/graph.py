"""Graph: what an ONNX file will hold, as plain data; Symbol: an array that records what is done to it as nodes.

Every page of an operation or a likelihood is written on an array namespace, so that running it on symbols writes it out
in ONNX: the page is its own translation. Of the shapes, everything is known but n, the number of examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WHOLE, TRUTH = np.dtype(np.int64), np.dtype(bool)


NEUTRAL = {(op, side): n for op, n in (("Add", 0), ("Mul", 1)) for side in ("left", "right")}
NEUTRAL |= {("Sub", "right"): 0, ("Div", "right"): 1}


@dataclass(frozen=True)
class Rows:
    """The size of an axis that holds ``each`` rows for each of the n examples."""

    each: int = 1


Size = int | Rows
Shape = tuple[Size, ...]


@dataclass
class Node:
    """output = operator(*inputs, **attributes); values by name, "" for one that is left out.

    Of an operator with several outputs, the one at a ``place``.
    """

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]
    domain: str = ""
    place: int = 0


@dataclass
class Graph:
    """Nodes in order, constants, inputs and outputs. ``dtype`` is what numbers become that have no precision yet."""

    dtype: np.dtype[Any]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: list[Symbol] = field(default_factory=list)
    outputs: list[Symbol] = field(default_factory=list)
    scope: str = ""
    names: set[str] = field(default_factory=set)
    _known: dict[Any, Symbol] = field(default_factory=dict)
    _count: Symbol | None = None

    def unique(self, name: str) -> str:
        """The name, with a number behind it if it is taken."""
        free, k = name, 1
        while free in self.names:
            k += 1
            free = f"{name}_{k}"
        self.names.add(free)
        return free

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        """Values get names that begin with this."""
        before, self.scope = self.scope, scope
        yield
        self.scope = before

    def input(self, name: str, shape: Shape, dtype: Any) -> Symbol:
        """What a user of the file gives."""
        symbol = Symbol(self, self.unique(name), shape, np.dtype(dtype))
        self.inputs.append(symbol)
        return symbol

    def output(self, name: str, symbol: Symbol) -> None:
        """What a user of the file gets; the name has been kept free by `reserve`."""
        self.nodes.append(Node("Identity", [symbol.name], name, {}))
        self.outputs.append(Symbol(self, name, symbol.shape, symbol.dtype))

    def constant(self, value: Any, dtype: Any = None, name: str = "") -> Symbol:
        """A number or an array; the same one is kept once."""
        array = np.asarray(value)
        array = np.ascontiguousarray(array, array.dtype if dtype is None else dtype).reshape(array.shape)
        key = name or (array.dtype.str, array.shape, array.tobytes() if array.dtype != object else tuple(array.flat))
        if key not in self._known:
            symbol = Symbol(self, self.unique(name or "constant"), array.shape, array.dtype)
            self.constants[symbol.name] = array
            self._known[key] = symbol
        return self._known[key]

    def emit(
        self,
        operator: str,
        first: Symbol,
        *others: Symbol | None,
        shape: Shape,
        dtype: Any = None,
        domain: str = "",
        place: int = 0,
        **attributes: Any,
    ) -> Symbol:
        """Appends a node. Its dtype is by default that of the first input."""
        name = self.unique(f"{self.scope}.{operator}" if self.scope else operator)
        inputs = ["" if one is None else one.name for one in (first, *others)]
        self.nodes.append(Node(operator, inputs, name, attributes, domain, place))
        return Symbol(self, name, shape, np.dtype(first.dtype if dtype is None else dtype))

    def call(self, symbol: Symbol, name: str) -> Symbol:
        """The symbol under a better name, if it is what the last node gave."""
        if not self.nodes or self.nodes[-1].output != symbol.name:
            return symbol
        self.nodes[-1].output = self.unique(name)
        named = Symbol(self, self.nodes[-1].output, symbol.shape, symbol.dtype)
        named.first, named.filled = symbol.first, symbol.filled
        return named

    def prune(self) -> None:
        """Drops the nodes and constants that no output needs."""
        needed = {one.name for one in self.outputs}
        nodes = []
        for node in reversed(self.nodes):
            if node.output in needed:
                needed.update(node.inputs)
                nodes.append(node)
        self.nodes = nodes[::-1]
        self.constants = {name: array for name, array in self.constants.items() if name in needed}

    def sizes(self, shape: Shape) -> Symbol:
        """A shape as a vector of integers, n taken from the first input."""
        if not any(isinstance(size, Rows) for size in shape):
            return self.constant(shape, WHOLE)
        if self._count is None:
            whole = self.emit("Shape", self.inputs[0], shape=(len(self.inputs[0].shape),), dtype=WHOLE)
            self._count = whole[:1]
        parts = [self._count * size.each if isinstance(size, Rows) else self.constant([size], WHOLE) for size in shape]
        return self.emit("Concat", *parts, shape=(len(shape),), axis=0)


class Symbol:
    """An array in a graph: NumPy's operators and indexing, each of which appends nodes."""

    __array_ufunc__ = None  # so that NumPy leaves `array * symbol` to __rmul__

    def __init__(self, graph: Graph, name: str, shape: Shape, dtype: np.dtype[Any]) -> None:
        self.graph, self.name, self.shape, self.dtype = graph, name, shape, dtype
        self.first: Symbol | None = None  # of images, the same with the channels first, where there is such a symbol
        self.filled: float | None = None  # what all of its numbers are, if that is known

    def __repr__(self) -> str:
        return f"Symbol({self.name!r}, {self.shape}, {self.dtype})"

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    def astype(self, dtype: Any) -> Symbol:
        """In another type; ``int`` cuts off what is behind the point."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.graph.emit("Cast", self, shape=self.shape, dtype=dtype, to=dtype)

    def __getitem__(self, key: Any) -> Symbol:
        value, axis = self, 0
        for part in key if isinstance(key, tuple) else (key,):
            value, axis = value._indexed(part, axis)
        return value

    def _indexed(self, part: Any, axis: int) -> tuple[Symbol, int]:
        """One part of an index, applied to an axis; and the axis that the next part is for."""
        graph, shape = self.graph, self.shape
        if part is None:
            unsqueezed = (*shape[:axis], 1, *shape[axis:])
            return graph.emit("Unsqueeze", self, graph.constant([axis], WHOLE), shape=unsqueezed), axis + 1
        if isinstance(part, slice):
            if part == slice(None):
                return self, axis + 1
            size = shape[axis]
            if isinstance(size, Rows):
                raise NotImplementedError(f"{self} cannot be cut along its examples, whose number is not known")
            start, stop, step = part.indices(size)
            if step < 1:
                raise NotImplementedError(f"{self}[::{step}]: steps backwards have no translation")
            cut = (*shape[:axis], len(range(start, stop, step)), *shape[axis + 1 :])
            bounds = [graph.constant([value], WHOLE) for value in (start, max(start, stop), axis, step)]
            return graph.emit("Slice", self, *bounds, shape=cut), axis + 1
        index = part if isinstance(part, Symbol) else graph.constant(part, WHOLE)
        taken = (*shape[:axis], *index.shape, *shape[axis + 1 :])
        return graph.emit("Gather", self, index, shape=taken, axis=axis), axis + index.ndim

    def __bool__(self) -> bool:
        raise TypeError(f"{self} is not known before there are data: use xp.where instead of if")

    __hash__ = object.__hash__

    def __neg__(self) -> Symbol:
        return self.graph.emit("Neg", self, shape=self.shape)

    def __invert__(self) -> Symbol:
        return self.graph.emit("Not", self, shape=self.shape)

    def __add__(self, other: Any) -> Symbol:
        return elementwise("Add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Symbol:
        return elementwise("Sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return elementwise("Sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return elementwise("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Symbol:
        return elementwise("Div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return elementwise("Div", other, self)

    def __pow__(self, other: Any) -> Symbol:
        return self * self if isinstance(other, int) and other == 2 else elementwise("Pow", self, other)

    def __matmul__(self, other: Any) -> Symbol:
        b = other if isinstance(other, Symbol) else self.graph.constant(other, self.dtype)
        return self.graph.emit("MatMul", self, b, shape=(*self.shape[:-1], *b.shape[1:][-1:]))

    def __lt__(self, other: Any) -> Symbol:
        return elementwise("Less", self, other, TRUTH)

    def __le__(self, other: Any) -> Symbol:
        return elementwise("LessOrEqual", self, other, TRUTH)

    def __gt__(self, other: Any) -> Symbol:
        return elementwise("Greater", self, other, TRUTH)

    def __ge__(self, other: Any) -> Symbol:
        return elementwise("GreaterOrEqual", self, other, TRUTH)

    def __eq__(self, other: Any) -> Symbol:  # type: ignore[override]
        return elementwise("Equal", self, other, TRUTH)

    def __ne__(self, other: Any) -> Symbol:  # type: ignore[override]
        return ~elementwise("Equal", self, other, TRUTH)

    def __and__(self, other: Any) -> Symbol:
        return elementwise("And", self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Symbol:
        return elementwise("Or", self, other)

    __ror__ = __or__


def elementwise(operator: str, a: Any, b: Any, dtype: Any = None) -> Symbol:
    """A node for each pair of numbers, of one type and broadcast; at least one of a and b is a symbol."""
    symbol: Symbol
    for symbol, other, side in ((a, b, "right"), (b, a, "left")):
        if not isinstance(other, Symbol) and np.ndim(other) == 0 and NEUTRAL.get((operator, side)) == other:
            return symbol.astype(symbol.graph.dtype) if symbol.dtype == TRUTH else symbol
    left, right = together(a, b)
    return left.graph.emit(operator, left, right, shape=broadcast(left.shape, right.shape), dtype=dtype)


def together(*values: Any) -> list[Symbol]:
    """The values as symbols of one type: the widest of the symbols'. Numbers and arrays take the type they meet.

    So a page's float64 constants do not turn a float32 network into a float64 one.
    """
    symbols = [value for value in values if isinstance(value, Symbol)]
    graph = symbols[0].graph
    dtype = max((one.dtype for one in symbols), key=lambda one: (one.kind == "f", one.kind == "i", one.itemsize))
    rest = [np.asarray(value) for value in values if not isinstance(value, Symbol)]
    if dtype.kind != "f" and any(value.dtype.kind == "f" for value in rest):
        dtype = graph.dtype
    elif dtype == TRUTH and any(value.dtype != TRUTH for value in rest):
        dtype = WHOLE
    return [value.astype(dtype) if isinstance(value, Symbol) else graph.constant(value, dtype) for value in values]


def broadcast(*shapes: Shape) -> Shape:
    """The shape that these broadcast to."""
    whole: list[Size] = [1] * max(map(len, shapes))
    for shape in shapes:
        for k, size in enumerate(reversed(shape), 1):
            if whole[-k] == 1:
                whole[-k] = size
            elif size not in (1, whole[-k]):
                raise ValueError(f"shapes {' and '.join(map(str, shapes))} do not broadcast")
    return tuple(whole)


def laid_out(given: Shape, wanted: Sequence[Any]) -> Shape:
    """The shape that an array of shape ``given`` has as ``wanted``, in which one size may be −1."""
    rows, many = _count(given)
    if -1 not in wanted:
        return tuple(wanted)
    known_rows, known = _count([size for size in wanted if size != -1])
    if rows and not known_rows:
        left: Size = Rows(rows * many // known)
    else:
        left = many * max(rows, 1) // (known * max(known_rows, 1))
    return tuple(left if size == -1 else size for size in wanted)


def _count(shape: Sequence[Any]) -> tuple[int, int]:
    """Rows for each example (0 where the shape has no examples), and the product of the other sizes."""
    rows = [size.each for size in shape if isinstance(size, Rows)]
    return (rows[0] if rows else 0), int(np.prod([size for size in shape if not isinstance(size, Rows)], dtype=int))
