"""Embedding:  x (n, p) with C columns of codes, h (n, p − C + Σ d_k)."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from likeliest import initializers
from likeliest.initializers import Initializer, Normal, Zeros
from likeliest.layers.base import Layer, check_rows
from likeliest.program import INPUT, Builder, Value


@dataclass(frozen=True)
class Embedding(Layer):
    """Replaces columns of codes by learned vectors; the other columns pass, and come first.

    A column of a table with K categories, coded 0 … K − 1, becomes d numbers a category: what one-hot columns and a
    linear layer would compute, without the columns. Guo and Berkhahn 2016, https://arxiv.org/abs/1604.06737.

    Parameters
    ----------
    columns : sequence of (column, categories, width)
        Which column of x, K and d, for each.
    initializer : Initializer or str, optional
        Where the vectors start; by default standard normal, scaled by 1/√d.

    Raises
    ------
    ValueError
        When a column is named twice, is not there, or a number is not positive; when something else changed the codes
        before. ``fit`` and ``predict`` raise it for a number in such a column that is no code.

    Examples
    --------
    A table whose third column is one of 7 cities, each to become 4 numbers:

    >>> from likeliest.layers import Embedding
    >>> Embedding([(2, 7, 4)])
    Embedding(columns=((2, 7, 4),), initializer=None)
    """

    columns: tuple[tuple[int, int, int], ...]
    initializer: Initializer | str | None = None

    def __post_init__(self) -> None:
        try:
            columns = tuple((operator.index(c), operator.index(K), operator.index(d)) for c, K, d in self.columns)
        except (TypeError, ValueError):
            raise ValueError(
                f"columns: expected (column, categories, width) for each, found {self.columns!r}"
            ) from None
        for c, K, d in columns:
            if c < 0 or K < 1 or d < 1:
                raise ValueError(f"columns: expected a column from 0, categories and width from 1, found {(c, K, d)}")
        if len({c for c, _, _ in columns}) < len(columns):
            raise ValueError(f"columns: a column is named twice in {columns}")
        object.__setattr__(self, "columns", columns)
        initializers.resolve(self.initializer, "initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """One table a column, one operation for all."""
        p = check_rows(net, x)
        reshaped = {step.output: step.inputs[0] for step in net.steps if step.operation == "reshape"}
        source = x.name
        while source in reshaped:
            source = reshaped[source]
        if source != INPUT:
            raise ValueError(f"{net.layer}: codes are read from the inputs; make it the first layer, for all columns")
        wrong = [c for c, _, _ in self.columns if c >= p]
        if wrong:
            raise ValueError(f"{net.layer}: there is no column {wrong[0]} in x (n, {p}); columns count from 0")
        if not self.columns:
            return x
        tables = [
            net.parameter(
                f"E{c}",
                (K, d),
                initializers.resolve(self.initializer, "initializer", Normal(d**-0.5)),
                weight=True,
            )
            for c, K, d in self.columns
        ]
        return net.emit("embedding", x, *tables, name="h", columns=tuple(c for c, _, _ in self.columns))
