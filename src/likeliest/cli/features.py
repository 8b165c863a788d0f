"""Features: which columns a model takes, of which kinds; and any table brought to just these, by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.columns import NUMBERS, Column, as_text, numbers_in, without_gaps
from likeliest.cli.csv_text import is_number, shortened
from likeliest.cli.data import Data
from likeliest.cli.extras import need_polars
from likeliest.cli.options import BadData

Array = npt.NDArray[Any]

NAMED = 6  # columns that a message names at most


@dataclass(frozen=True)
class Features:
    """The columns that a model was fitted to.

    Attributes
    ----------
    names : tuple of str
        The columns in order; where the model was fitted to an array, ``"0"``, ``"1"``, ….
    kinds : tuple of str
        For each: ``"numbers"``, ``"text"`` (categories that are strings) or ``"codes"`` (categories that are numbers).
    named : bool
        Whether columns are found by name; else by their place.
    shape : tuple of int
        Of one example, where the model was fitted to an array.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    named: bool
    shape: tuple[int, ...] = ()

    @classmethod
    def of_columns(cls, columns: list[Column]) -> Features:
        """The features that these columns make."""
        return cls(tuple(c.name for c in columns), tuple(_kind(c) for c in columns), True)

    def take(self, data: Data, *, missing_ok: bool = False, besides: tuple[str, ...] = ()) -> tuple[Any, list[str]]:
        """X as the model takes it, a frame or an array, and what there is to say about it.

        Parameters
        ----------
        data : Data
            Any data.
        missing_ok : bool
            Whether a column that is not there counts as one of gaps.
        besides : tuple of str
            Columns of the data that are no features and need no mention, such as the target.

        Raises
        ------
        BadData
            When a column is missing, or holds something else than the model was fitted to.
        """
        if not len(data):
            raise BadData(f"{data.source} has no rows")
        if data.frame is None:
            return self._array(data), []
        if not self.named:
            return self._by_place(data, besides)
        missing = [name for name in self.names if name not in data.frame.columns]
        if len(missing) == len(self.names):
            raise BadData(f"{data.source} has none of the model's columns {_listed(self.names)}")
        if missing and not missing_ok:
            near = difflib.get_close_matches(missing[0], [c for c in data.frame.columns if c not in self.names], 1)
            like = f"; is {shortened(near[0])} meant?" if near else "; --missing-ok takes it for gaps"
            raise BadData(f"{data.source} has no column {_listed(missing)} that the model was fitted to{like}")
        known = {*self.names, *besides}
        extra = [name for name in data.frame.columns if name not in known]
        notes = [f"{_many(len(extra), 'column')} not used: {_listed(extra)}"] if extra else []
        if missing:
            notes.append(f"{_many(len(missing), 'column')} missing, taken for gaps: {_listed(missing)}")
        return self._frame(data, self.names, notes), notes

    def _frame(self, data: Data, names: tuple[str, ...], notes: list[str]) -> Any:
        pl = need_polars()
        columns = []
        for name, own, kind in zip(names, self.names, self.kinds, strict=True):
            if name not in data.frame.columns:  # type: ignore[union-attr]
                columns.append(pl.Series(own, [None] * len(data), dtype=pl.String if kind == "text" else pl.Float64))
                continue
            series = data.frame[name]  # type: ignore[index]
            column = _text(series) if kind == "text" else _numbers(series, data, notes)
            columns.append(column.alias(own))
        return pl.DataFrame(columns)

    def _by_place(self, data: Data, besides: tuple[str, ...]) -> tuple[Any, list[str]]:
        names = tuple(name for name in data.frame.columns if name not in besides)  # type: ignore[union-attr]
        if len(names) != len(self.names):
            raise BadData(
                f"{data.source}: the model was fitted to an array of {len(self.names)} columns without names, "
                f"found {len(names)} columns"
            )
        notes: list[str] = []
        frame = self._frame(data, names, notes)
        if any(kind != "numbers" for kind in self.kinds):
            return np.column_stack([np.array(column.to_list(), dtype=object) for column in frame]), notes
        return frame.to_numpy().reshape(len(data), *(self.shape or (-1,))), notes

    def _array(self, data: Data) -> Any:
        X: Any = data.X
        shape = self.shape or (len(self.names),)
        if X.shape[1:] != shape and X[0].size != np.prod(shape):
            raise BadData(f"{data.source}: the model takes rows {_shape(shape)}, found rows {_shape(X.shape[1:])}")
        X = X.reshape(len(X), *shape)
        if not self.named:
            return X
        pl = need_polars()
        if any(kind == "text" for kind in self.kinds):
            raise BadData(f"{data.source} is an array of numbers, but the model was fitted to a table with strings")
        return pl.DataFrame({name: X[:, j].astype(np.float64) for j, name in enumerate(self.names)})


def _kind(column: Column) -> str:
    return "numbers" if column.kind == NUMBERS else "text"


def _text(series: Any) -> Any:
    """Strings, whatever the file's own type is."""
    pl = need_polars()
    return without_gaps(series) if series.dtype == pl.String else as_text(series)


def _numbers(series: Any, data: Data, notes: list[str]) -> Any:
    """Float64 with nulls for gaps."""
    pl = need_polars()
    if series.dtype == pl.Null or series.null_count() == len(series):
        return pl.Series(series.name, [None] * len(series), dtype=pl.Float64)
    if series.dtype == pl.Boolean or series.dtype.is_numeric():
        return series.cast(pl.Float64).fill_nan(None)
    if series.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise BadData(f"{data.source}, column {shortened(series.name)}: expected numbers, found {series.dtype}")
    text = without_gaps(series.cast(pl.String))
    if text.null_count() == len(text):
        return pl.Series(series.name, [None] * len(text), dtype=pl.Float64)
    found = numbers_in(text, data.mark)
    if found is None:
        plain = text.cast(pl.Float64, strict=False)
        truths = text.str.to_lowercase().replace_strict({"true": 1.0, "false": 0.0}, default=None)
        if truths.null_count() == text.null_count():
            return truths.cast(pl.Float64)
        if plain.null_count() == text.null_count():  # codes such as 007, which were numbers to the model
            return plain.fill_nan(None)
        row = int((plain.is_null() & text.is_not_null()).arg_max() or 0)
        raise BadData(
            f"{data.source}, column {shortened(series.name)}: the model was fitted to numbers, "
            f"found {shortened(text[row])} in row {row}"
        )
    numbers, strange = found
    if len(strange):
        notes.append(strangers(series.name, len(strange), strange.unique(maintain_order=True).head(3).to_list()))
    return numbers


def strangers(name: str, count: int, examples: Any) -> str:
    """What to say of values that are no numbers in a column of numbers."""
    listed = ", ".join(shortened(value, 20) for value in examples)
    more = ", …" if count > len(examples) else ""
    return f"column {shortened(name)}: {_many(count, 'value')} no number, taken for gaps: {listed}{more}"


def _many(count: int, what: str) -> str:
    return f"{count} {what} is" if count == 1 else f"{count} {what}s are"


def _listed(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shortened(name) for name in names[:NAMED]) + more


def _shape(shape: tuple[int, ...]) -> str:
    return f"of {shape[0]} numbers" if len(shape) == 1 else " x ".join(map(str, shape))


def named_column(name: str, names: Any, option: str, source: str) -> str:
    """The name, if there is such a column.

    Raises
    ------
    BadData
        When there is none, with those that are close.
    """
    names = list(names)
    if name in names:
        return name
    folded = {other.casefold(): other for other in names}
    near = difflib.get_close_matches(name.casefold(), folded, 3)
    near = near or [other for other in folded if name and (name.casefold() in other or other in name.casefold())][:3]
    close = [folded[other] for other in near]
    if close:
        raise BadData(
            f"{option}: {source} has no column {shortened(name)}; is {' or '.join(map(shortened, close))} meant?"
        )
    header = "; --no-header, if the first line holds values" if any(map(is_number, names)) else ""
    raise BadData(f"{option}: {source} has no column {shortened(name)}; there are {_listed(names)}{header}")
