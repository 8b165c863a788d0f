"""Add and Concatenate:  h = x_1 + … + x_k  and  h = [x_1, …, x_k],  several values x_i (n, ...) to one."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.layers.base import Merge
from likeliest.layers.space import written
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Add(Merge):
    """The sum of values of one shape, number by number: a node of a `Graph` with several inputs.

    Raises
    ------
    ValueError
        When the network is built, when the shapes differ.

    Examples
    --------
    >>> from likeliest.layers import Add, Dense, Graph
    >>> Graph([("left", Dense(8), "x"), ("right", Dense(8, "tanh"), "x"), ("sum", Add(), ["left", "right"])]).names
    ('left', 'right', 'sum')
    """

    def merge(self, net: Builder, *values: Value) -> Value:
        """One operation."""
        if len({value.shape for value in values}) > 1:
            raise ValueError(
                f"{net.layer}: only values of one shape can be added, got {listed(values)}: make their widths equal"
                f'{_same_places(values)}, or use Concatenate (in a Parallel, merge="concatenate")'
            )
        return net.emit("add", *values, name="h")


@dataclass(frozen=True)
class Concatenate(Merge):
    """Values side by side along their last axis, as wide as all of them together: a node of a `Graph`.

    Of images (n, H, W, c) the channels are put together; H and W must be equal.

    Raises
    ------
    ValueError
        When the network is built, when other sizes than the last differ.

    Examples
    --------
    >>> import likeliest as ll
    >>> both = ll.Graph([("a", ll.Dense(3), "x"), ("b", ll.Dense(5), "x"), ("both", ll.Concatenate(), ["a", "b"])])
    >>> ll.Network([both], likelihood="bernoulli").build(2).program.values["graph_1.both.h"]
    (8,)
    """

    def merge(self, net: Builder, *values: Value) -> Value:
        """One operation."""
        if len({value.shape[:-1] for value in values}) > 1:
            raise ValueError(
                f"{net.layer}: values that stand side by side may differ in their last size only, got {listed(values)}"
                f"{_same_places(values) or ': is a Flatten missing?'}"
            )
        return net.emit("concatenate", *values, name="h")


def listed(values: tuple[Value, ...]) -> str:
    """Values with their shapes: "a.h (n, 8) and x (n, 4)"."""
    each = [f"{value.name} {written(value.shape)}" for value in values]
    return f"{', '.join(each[:-1])} and {each[-1]}"


def _same_places(values: tuple[Value, ...]) -> str:
    """What to do where images are of different sizes."""
    ranks = {len(value.shape) for value in values}
    space = {value.shape[:-1] for value in values}
    cure = ', and their sizes, with padding="same" and the same strides'
    return cure if len(ranks) == 1 and len(space) > 1 else ""
