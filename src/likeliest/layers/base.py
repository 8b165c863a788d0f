"""What every layer offers."""

from __future__ import annotations

import math
import numbers
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from likeliest.layers.padding import has_padding
from likeliest.ops import ACTIVATIONS
from likeliest.program import Builder, Value


class Layer(ABC):
    """A piece of a network: declares its parameters and emits operations; it holds no numbers."""

    @abstractmethod
    def build(self, net: Builder, x: Value) -> Value:
        """Emits the layer's operations on x and returns its output."""

    @classmethod
    def prefix(cls) -> str:
        """The layer's name in parameter names: Dense -> ``dense``, RMSNorm -> ``rms_norm``, Conv2D -> ``conv2d``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def parts(self) -> list[tuple[str, Layer]]:
        """The layers that this one is made of, by the names that they have in it; most are made of none."""
        return []


class Merge(Layer):
    """A layer of several inputs, for a `Graph`: a subclass says how it makes one of them."""

    alone: ClassVar[bool] = False
    """Whether it makes something of one input, too."""

    @abstractmethod
    def merge(self, net: Builder, *values: Value) -> Value:
        """Emits the layer's operations on two or more values and returns its output."""

    def build(self, net: Builder, x: Value) -> Value:
        """An error: in a list of layers, there is one input."""
        name = type(self).__name__
        raise ValueError(
            f"{net.layer}: {name}() takes several inputs, and in a list of layers there is one; use Residual, Parallel "
            f'or a Graph, such as Graph([("a", Dense(8), "x"), ("b", Dense(8), "x"), ("c", {name}(), ["a", "b"])])'
        )


def numbered(layers: Sequence[Layer]) -> list[tuple[str, Layer]]:
    """Layers in a row by their names: ``dense_1``, ``dropout_1``, ``dense_2`` …."""
    counts: dict[str, int] = {}
    named = []
    for layer in layers:
        kind = layer.prefix()
        counts[kind] = counts.get(kind, 0) + 1
        named.append((f"{kind}_{counts[kind]}", layer))
    return named


def chain(net: Builder, layers: Sequence[Layer], x: Value) -> Value:
    """Layers one after another, each on the output of the one before."""
    for name, layer in numbered(layers):
        with net.within(name):
            x = layer.build(net, x)
    return x


def all_of(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Layers, and those that they are made of."""
    for layer in layers:
        yield layer
        yield from all_of(part for _, part in layer.parts())


def as_layers(argument: str, given: Any) -> Layer | tuple[Layer, ...]:
    """A layer, or a list of layers as a tuple; a ValueError otherwise."""
    layers = given if isinstance(given, list | tuple) else (given,)
    for layer in layers:
        if not isinstance(layer, Layer):
            hint = "; write Dense(8), with its arguments" if isinstance(layer, type) else ""
            raise ValueError(f"{argument}: expected layers such as Dense(32, 'relu'), found {layer!r}{hint}")
    return given if isinstance(given, Layer) else tuple(layers)


NO_PADDING = "put Last(), GlobalAvgPool() or a recurrence such as LSTM(32) before it, or cut all to one length"


def check_no_padding(net: Builder, x: Value, cure: str = NO_PADDING) -> None:
    """A ValueError when x is a sequence with padding at its end, which this layer would take for numbers."""
    if has_padding(net, x):
        raise ValueError(
            f"{net.layer} would mix what stands beyond the end of shorter sequences into its numbers: {cure}"
        )


def check_activation(activation: Any) -> None:
    """A ValueError unless there is an activation of that name."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}; found {activation!r}")


def check_rows(net: Builder, x: Value) -> int:
    """p, the width of x (n, p), or a ValueError that names the layer and the cure."""
    if len(x.shape) != 1:
        shape = ", ".join(str(size) for size in x.shape)
        raise ValueError(f"{net.layer} expects (n, p), got (n, {shape}): is a Flatten missing?")
    return x.shape[0]


def check_steps(net: Builder, x: Value) -> int:
    """P, the width of x (n, p) or of every step of x (n, T, p), or a ValueError that names the layer and the cure."""
    if len(x.shape) == 2:
        return x.shape[1]
    return check_rows(net, x)


def check_positive(name: str, value: Any) -> None:
    """A ValueError unless value is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < float(value) < math.inf:
        raise ValueError(f"{name}: expected a positive number, found {value!r}")


def check_finite(name: str, value: Any) -> None:
    """A ValueError unless value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, found {value!r}")


def check_fraction(name: str, value: Any) -> None:
    """A ValueError unless 0 <= value < 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < 1:
        raise ValueError(f"{name}: expected a number in [0, 1), found {value!r}")


def check_width(width: Any) -> None:
    """A ValueError unless width is a whole number of at least 1."""
    if isinstance(width, bool) or not hasattr(width, "__index__") or int(width) < 1:
        raise ValueError(f"width: expected a whole number of cells, at least 1, found {width!r}")
