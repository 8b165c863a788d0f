"""A `Table` in a graph: the columns of X as a user has them, to the numbers (n, m) that the network takes.

All in float64, as in ``tables.py``, and only then in the network's precision: of a year 2020.25 ± 0.001, float32 would
keep the year.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from likeliest.export.graph import WHOLE, Graph, Rows, Symbol
from likeliest.export.library import onnx_namespace as xp
from likeliest.grids import Grid
from likeliest.tables import BEND, Table

GAP = ""  # among strings, which have no NaN


def prepared(graph: Graph, table: Table | Grid, shape: tuple[int, ...], taken: set[str]) -> Symbol:
    """Declares the inputs and returns what the network takes, (n, *shape).

    Parameters
    ----------
    graph : Graph
        To write in.
    table : Table or Grid
        How the estimator prepares X; nothing is to be done for a grid, whose network does it.
    shape : tuple of int
        Of one example, as the network takes it.
    taken : set of str
        Names that columns cannot have as inputs, because outputs have them.
    """
    if isinstance(table, Grid):
        return graph.input("X", (Rows(), *shape), graph.dtype)
    if not table.categories:
        images = table.center.shape == (1,) and len(shape) > 1
        X = graph.input("X", (Rows(), *(shape if images else (len(table.numeric),))), np.float64)
        with graph.within("table"):
            return _numbers(table, X)[0].astype(graph.dtype) if images else _joined(graph, [*_numbers(table, X)])
    names = input_names(table, taken)
    categories = dict(table.categories)
    inputs = [
        graph.input(name, (Rows(), 1), _kind(table.names[j], categories[j]) if j in categories else np.float64)
        for j, name in enumerate(names)
    ]
    with graph.within("table"):
        parts = []
        if table.numeric:
            parts.extend(_numbers(table, xp.concatenate([inputs[j] for j in table.numeric], axis=1)))
        parts.extend(_codes(inputs[j], values) for j, values in table.categories)
        return _joined(graph, parts)


def input_names(table: Table, taken: set[str]) -> list[str]:
    """A name for the input of each column: the column's, unless it is empty or taken."""
    names: list[str] = []
    for j, name in enumerate(table.names):
        name = name or f"column_{j}"
        while name in taken or name in names:
            name = f"X_{name}"
        names.append(name)
    return names


def _joined(graph: Graph, parts: list[Symbol]) -> Symbol:
    joined: Symbol = xp.concatenate([part.astype(graph.dtype) for part in parts], axis=1)
    return joined


def _numbers(table: Table, X: Symbol) -> list[Symbol]:
    """Standardized numbers, and indicators of gaps. An infinity, which the library refuses, gives NaN."""
    gaps = xp.isnan(X)
    z = X
    if table.standardize:
        z = xp.clip((X - table.center) / table.scale, -1e300, 1e300)
        z = xp.clip(z, -BEND, BEND) + xp.sign(z) * xp.log(xp.maximum(xp.abs(z) - (BEND - 1), 1.0))
    z = z + (X - X)
    if table.missing == "indicator":
        z = xp.where(gaps, 0.0, z)
    if not table.indicated:
        return [z]
    return [z, gaps[:, np.array(table.indicated, dtype=int)]]


def _kind(name: str, values: tuple[Any, ...]) -> Any:
    """The type of the input of a column of categories: double where they are numbers, else string."""
    kinds = {"number" if isinstance(v, numbers.Real) else type(v).__name__ for v in values if v is not None}
    if kinds == {"number"}:
        if len({float(v) for v in values if v is not None}) < sum(v is not None for v in values):
            raise ValueError(f"X: numbers in column {name!r} cannot be told apart as double; make them strings")
        return np.float64
    if kinds <= {"str"}:
        if None in values and GAP in values:
            raise ValueError(
                f"X: column {name!r} has gaps and empty strings, each often enough to be a category, and in ONNX a gap "
                'among strings is ""; fill in one of them before fitting'
            )
        return object
    raise ValueError(
        f"X: column {name!r} holds categories of several types ({', '.join(sorted(kinds))}), and a column of an ONNX "
        "model has one: make them all strings before fitting"
    )


def _codes(x: Symbol, values: tuple[Any, ...]) -> Symbol:
    """1, 2, … for the values that have a code of their own, 0 for all others: (n, 1)."""
    code = {value: float(k) for k, value in enumerate(values, 1)}
    gap = code.pop(None, 0.0)
    if x.dtype == object:
        code = {GAP: gap, **code}  # unless "" is a value of its own, and gaps were not
        return x.graph.emit(
            "LabelEncoder",
            x,
            shape=x.shape,
            dtype=WHOLE,
            domain="ai.onnx.ml",
            keys_strings=list(code),
            values_int64s=[int(k) for k in code.values()],
            default_int64=0,
        )
    equal = (x == np.array([list(code)], np.float64)).astype(np.float64)
    found: Symbol = xp.where(xp.isnan(x), gap, equal @ np.array([[k] for k in code.values()]))
    return found
