"""Which columns become X: those that can say something, but as the user says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.columns import Column, column_of, columns_of, described, reason
from likeliest.cli.csv_text import shortened
from likeliest.cli.data import Data
from likeliest.cli.extras import need_polars
from likeliest.cli.features import Features, named_column
from likeliest.cli.options import BadData, FitChoices
from likeliest.cli.targets import Target

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Chosen:
    """What becomes of the columns.

    Attributes
    ----------
    X : frame, or (n, ...) array
        The examples.
    features : Features
        What X is made of.
    used : tuple of Column
        The columns of X.
    left_out : tuple of (Column, str)
        The other columns, but the target and the weights, each with why.
    names : tuple of str
        The names of all columns.
    """

    X: Any
    features: Features
    used: tuple[Column, ...] = ()
    left_out: tuple[tuple[Column, str], ...] = ()
    names: tuple[str, ...] = ()


def choose_columns(data: Data, target: Target, choices: FitChoices) -> Chosen:
    """Takes into X what can say something of other rows, and what the user wants to keep.

    Raises
    ------
    BadData
        When a column that the user names is not there or cannot be used, or none is left.
    """
    options = (("--keep", choices.keep), ("--drop", choices.drop), ("--categorical", choices.categorical))
    if data.frame is None:
        given = [option for option, names in options if names]
        if given:
            raise BadData(f"{given[0]}: {data.source} has no columns with names")
        assert data.X is not None
        shape = data.X.shape[1:]
        names = tuple(str(j) for j in range(int(np.prod(shape))))
        if not names:
            raise BadData(f"{data.source} has no column to predict {shortened(target.name)} from")
        return Chosen(data.X, Features(names, ("numbers",) * len(names), False, shape))
    for option, names in options:
        for name in names:
            named_column(name, data.frame.columns, option, data.source)
            if name in (target.name, choices.weights):
                role = "the target" if name == target.name else "the column of weights"
                raise BadData(f"{option}: {shortened(name)} is {role}")
    kept = {*choices.keep, *choices.categorical}
    if kept & set(choices.drop):
        raise BadData(f"--drop: {shortened(min(kept & set(choices.drop)))} is also to be kept")
    used: list[Column] = []
    left: list[tuple[Column, str]] = []
    for column in columns_of(data, frozenset(choices.categorical)):
        if column.name in (target.name, choices.weights):
            continue
        why = reason(column)
        if column.name in choices.drop:
            left.append((column, "--drop"))
        elif column.name in kept and not column.usable:
            raise BadData(f"--keep: column {shortened(column.name)} cannot be used: {why or described(column)}")
        elif why and column.name not in kept:
            left.append((column, why))
        else:
            _refuse_infinite(column, data, target)
            used.append(column)
    if not used:  # better a column that counts the rows than none
        used = [column for column, why in left if why == "counts the rows"]
        left = [(column, why) for column, why in left if why != "counts the rows"]
    if not used:
        first = f": {shortened(left[0][0].name)} is left out ({left[0][1]})" if left else ""
        raise BadData(f"{data.source} has no column to predict {shortened(target.name)} from{first}")
    X = need_polars().DataFrame([column.values for column in used])
    return Chosen(X, Features.of_columns(used), tuple(used), tuple(left), tuple(data.frame.columns))


def _refuse_infinite(column: Column, data: Data, target: Target) -> None:
    """A BadData that names the first infinity, by its row in the file."""
    if column.kind == "numbers" and column.values.is_infinite().any():
        row = int(column.values.is_infinite().arg_max())
        raise BadData(
            f"{data.source}: column {shortened(column.name)} holds {column.values[row]} in row "
            f"{int(np.flatnonzero(target.known)[row])}; drop the row, correct it, or --drop the column"
        )


def weights_of(data: Data, name: str | None) -> Array | None:
    """The column of weights, (n,).

    Raises
    ------
    BadData
        When it holds something else than numbers of at least 0.
    """
    if name is None:
        return None
    if data.frame is None:
        raise BadData(f"--weights: {data.source} has no columns with names")
    column = column_of(data.frame[named_column(name, data.frame.columns, "--weights", data.source)], data)
    what = f"--weights: column {shortened(name)} of {data.source}"
    if column.kind != "numbers" or column.gaps:
        raise BadData(f"{what} holds {described(column)}; expected numbers without gaps")
    weights = np.asarray(column.values.to_numpy(), np.float64)
    if not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
        raise BadData(f"{what} holds {described(column)}; expected numbers of at least 0, and some above")
    return weights
