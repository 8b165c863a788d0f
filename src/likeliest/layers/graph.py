"""Graph: layers as nodes of a directed graph, each with a name and the names of what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from likeliest.layers.base import Layer, Merge, as_layers, chain, numbered
from likeliest.program import INPUT, Builder, Value

Node = tuple[str, Layer | tuple[Layer, ...], tuple[str, ...]]
"""A name, a layer or several in a row, and the names of its inputs."""


@dataclass(frozen=True, repr=False)
class Graph(Layer):
    """Layers connected in any way that has no cycle, written like the steps of scikit-learn's Pipeline.

    Parameters
    ----------
    nodes : list of (name, layer) or (name, layer, inputs)
        In the order in which they are computed. A layer may be a list of layers, one after another. Inputs are the
        name of a node that stands before, ``"x"`` for what the graph gets, or a list of such names for `Add` and
        `Concatenate`; where they are left out, the node before it (the first takes x). The last node is the output.
        Parameters are called ``"graph_1.NAME.W"``, and where a node is a list ``"graph_1.NAME.dense_1.W"``.

    Raises
    ------
    ValueError
        When a node is not of this form, names stand twice, an input is not there or stands later, or a node is not
        used; when the network is built, when shapes do not fit.

    Examples
    --------
    A gate that is open or closed by itself would be two branches of one x; here the third node takes both:

    >>> import likeliest as ll
    >>> diamond = ll.Graph([
    ...     ("wide", ll.Dense(8, "relu"), "x"),
    ...     ("left", ll.Dense(4, "tanh"), "wide"),
    ...     ("right", [ll.Dense(6, "relu"), ll.Dense(4)], "wide"),
    ...     ("sum", ll.Add(), ["left", "right"]),
    ...     ("all", ll.Concatenate(), ["x", "wide", "sum"]),
    ... ])
    >>> net = ll.Network([diamond], likelihood="bernoulli").build(3)
    >>> net.program.values["graph_1.all.h"], net.parameters["graph_1.right.dense_1.W"].shape
    ((15,), (8, 6))
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        given: Any = self.nodes
        if isinstance(given, Mapping):
            given = [(name, *(node if isinstance(node, tuple) else (node,))) for name, node in given.items()]
        if isinstance(given, str | Layer) or not isinstance(given, Iterable):
            raise ValueError(f'nodes: expected a list such as [("a", Dense(8), "x")], found {given!r}')
        nodes: list[Node] = []
        for one in given:
            nodes.append(_node(one, nodes[-1][0] if nodes else INPUT))
        _check_names(nodes)
        object.__setattr__(self, "nodes", tuple(nodes))

    def __repr__(self) -> str:
        rows = [
            (name, list(layer) if isinstance(layer, tuple) else layer, inputs[0] if len(inputs) == 1 else list(inputs))
            for name, layer, inputs in self.nodes
        ]
        return f"Graph({rows!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """What the nodes are called."""
        return tuple(name for name, _, _ in self.nodes)

    def parts(self) -> list[tuple[str, Layer]]:
        """The layers of every node."""
        found: list[tuple[str, Layer]] = []
        for name, layer, _ in self.nodes:
            if isinstance(layer, Layer):
                found.append((name, layer))
            else:
                found += [(f"{name}.{inner}", one) for inner, one in numbered(layer)]
        return found

    def build(self, net: Builder, x: Value) -> Value:
        """Node by node."""
        values = {INPUT: x}
        for name, layer, inputs in self.nodes:
            arguments = [values[one] for one in inputs]
            with net.within(name):
                if isinstance(layer, Merge):
                    values[name] = layer.merge(net, *arguments)
                elif isinstance(layer, Layer):
                    values[name] = layer.build(net, arguments[0])
                else:
                    values[name] = chain(net, layer, arguments[0])
        return values[self.nodes[-1][0]]


def _node(given: Any, before: str) -> Node:
    """One node, checked by itself."""
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ValueError(f"nodes: expected (name, layer) or (name, layer, inputs), found {given!r}")
    name, layer, inputs = (*given, before) if len(given) == 2 else given
    if not isinstance(name, str) or not name.isidentifier() or name == INPUT:
        raise ValueError(
            f'nodes: expected a name such as "left", of letters, digits and _, other than "{INPUT}", found {name!r}'
        )
    layer = as_layers(f"nodes: {name!r}", layer)
    names = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    if not names or not all(isinstance(one, str) for one in names):
        raise ValueError(f"nodes: {name!r}: expected the name of its input, or a list of names, found {inputs!r}")
    if isinstance(layer, Merge) and not layer.alone and len(names) < 2:
        raise ValueError(f"nodes: {name!r}: {type(layer).__name__}() takes two inputs or more, found {inputs!r}")
    if not isinstance(layer, Merge) and len(names) > 1:
        what = type(layer).__name__ if isinstance(layer, Layer) else "a list of layers"
        raise ValueError(
            f"nodes: {name!r}: {what} takes one input, found {list(names)}: put them together first, in a node with "
            "Add() or Concatenate()"
        )
    return name, layer, names


def _check_names(nodes: list[Node]) -> None:
    """A ValueError unless every input is there, before it is used, and everything is used."""
    if not nodes:
        raise ValueError('nodes: expected at least one, such as ("a", Dense(8), "x"), found none')
    names = [name for name, _, _ in nodes]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"nodes: there are {names.count(name)} of the name {name!r}: give each its own")
    takes = {name: inputs for name, _, inputs in nodes}
    for k, (name, _, inputs) in enumerate(nodes):
        for one in inputs:
            if one not in (INPUT, *names):
                close = get_close_matches(one, [INPUT, *names], 1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise ValueError(
                    f"nodes: {name!r} takes {one!r}, which is not there; {hint}there are {', '.join([INPUT, *names])}"
                )
            if one in names[k:]:
                cycle = _way(takes, one, name)
                if cycle:
                    raise ValueError(
                        f"nodes: {' takes '.join(map(repr, [name, *cycle]))}, which is a cycle: a network cannot wait "
                        "for itself; leave out one of these inputs"
                    )
                raise ValueError(f"nodes: {name!r} takes {one!r}, which stands after it: move {one!r} before {name!r}")
    used = {one for _, _, inputs in nodes for one in inputs}
    unused = [name for name in (INPUT, *names[:-1]) if name not in used]
    if unused:
        raise ValueError(
            f"nodes: nothing takes {unused[0]!r}, and only the last node, {names[-1]!r}, is the output: leave it out, "
            "or let a node such as Concatenate() take it"
        )


def _way(takes: Mapping[str, tuple[str, ...]], start: str, end: str) -> list[str] | None:
    """The nodes from one to another that it takes, directly or not; None if it does not."""
    ways, seen = [[start]], {start}
    for way in ways:
        if way[-1] == end:
            return way
        for one in takes.get(way[-1], ()):
            if one not in seen:
                seen.add(one)
                ways.append([*way, one])
    return None
