"""What the columns of a table are: numbers, categories, dates; with gaps, constant, or counting the rows.

The values of CSV are text, and what they are is guessed: numbers where all but a few are (with decimal commas and
thousands marked, if need be), else categories. The columns of Parquet and Arrow have types, which stand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from likeliest.cli.csv_text import shortened
from likeliest.cli.data import Data
from likeliest.cli.decimals import with_points
from likeliest.cli.extras import need_polars

GAPS = ("", "na", "n/a", "#n/a", "nan", "<na>", "null", "none", "nil", "missing")  # in any case
GAPS_AMONG_NUMBERS = ("?", "-", "--", ".", "*", "x", "unknown")
MOST_STRANGE = 0.05  # of the values, that may be no numbers in a column of numbers
FEW_ROWS = 20  # below which values that all differ are no sign of an identifier
TEXT = 0.95  # of the values differ from all others: names or free text, which say nothing about other rows

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
CODE = r"^[+-]?0\d"  # 01234: digits, but no number
CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
ZONE = r"\s*(Z|UTC|[+-]\d{2}:?(\d{2})?)?"
DAY = r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))"
DATE = rf"^{DAY}([T ]\s*{CLOCK}{ZONE})?$|^{CLOCK}$"

NUMBERS, CATEGORIES, DATES, EMPTY, UNUSABLE = "numbers", "categories", "dates", "empty", "unusable"


@dataclass(frozen=True)
class Column:
    """A column and what is known of it.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        ``"numbers"``, ``"categories"``, ``"dates"``, ``"empty"`` or ``"unusable"``.
    values : polars.Series
        Float64 with nulls for gaps, or String with nulls for gaps; as it was where it cannot be used.
    gaps : int
        How many values are missing.
    distinct : int
        How many different values there are, gaps left aside.
    whole : bool
        Whether the numbers are whole.
    strange : tuple of str
        Some of the values that are no numbers in a column of numbers, and count as gaps.
    strangers : int
        How many there are.
    left_out : str
        Why it is left out of X, or ``""``.
    """

    name: str
    kind: str
    values: Any
    gaps: int
    distinct: int
    whole: bool = False
    strange: tuple[str, ...] = ()
    strangers: int = 0
    left_out: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be a part of X."""
        return self.kind in (NUMBERS, CATEGORIES)


def columns_of(data: Data, categorical: frozenset[str] = frozenset()) -> list[Column]:
    """All columns, with a guess at each; those of the names given are categories in any case."""
    assert data.frame is not None
    return [column_of(series, data, series.name in categorical) for series in data.frame.get_columns()]


def column_of(series: Any, data: Data, categorical: bool = False) -> Column:
    """One column, with a guess at what it is."""
    pl = need_polars()
    if data.text:
        text = without_gaps(series)
        found = None if categorical else numbers_in(text, data.mark)
        if found is None:
            return _categories(text, dates=not categorical)
        numbers, strange = found
        return _numbers(numbers, strange)
    kind = series.dtype
    if kind == pl.Null or series.null_count() == len(series):
        return Column(series.name, EMPTY, series, len(series), 0)
    if kind == pl.Boolean or kind.is_numeric():
        if categorical:
            return _categories(as_text(series), dates=False)
        return _numbers(series.cast(pl.Float64), None)
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _categories(without_gaps(series.cast(pl.String)), dates=not categorical)
    if kind.is_temporal():
        return Column(series.name, DATES, series, series.null_count(), series.n_unique())
    return Column(series.name, UNUSABLE, series, series.null_count(), 0, left_out=f"of type {kind}, which has no place")


def as_text(series: Any) -> Any:
    """The values as text: whole numbers without a decimal point."""
    pl = need_polars()
    if series.dtype.is_float():
        whole = series.drop_nulls().drop_nans()
        if (whole == whole.floor()).all() and (len(whole) == 0 or whole.abs().max() < 2**53):
            series = series.fill_nan(None).cast(pl.Int64)
    return without_gaps(series.cast(pl.String))


def without_gaps(series: Any) -> Any:
    """Text without blanks around it, and null where it says that there is nothing."""
    text = series.str.strip_chars()
    gap = text.str.to_lowercase().is_in(list(GAPS)) & text.is_not_null()
    return text.set(gap, None).alias(series.name) if gap.any() else text


def numbers_in(text: Any, mark: str) -> tuple[Any, Any] | None:
    """The numbers (Float64, null for gaps), and what was found instead of some of them; None when it is no such column.

    At most 5 % may be no numbers, besides signs for a gap such as ``"?"``. ``mark`` is the decimal one.
    """
    pl = need_polars()
    present = len(text) - text.null_count()
    if not present:
        return None
    numbers = with_points(text, mark).cast(pl.Float64, strict=False)
    failed = text.filter(numbers.is_null() & text.is_not_null())
    if len(failed):
        strange = failed.filter(~failed.str.to_lowercase().is_in(list(GAPS_AMONG_NUMBERS)))
        if len(failed) == present or len(strange) > MOST_STRANGE * present:
            return None
    else:
        strange = failed
    if text.str.contains(CODE).any():
        return None
    return numbers.fill_nan(None), strange


def _numbers(numbers: Any, strange: Any) -> Column:
    numbers = numbers.fill_nan(None)
    plain = numbers.drop_nulls()
    if not len(plain):
        return Column(numbers.name, EMPTY, numbers, len(numbers), 0)
    examples = () if strange is None else tuple(strange.unique(maintain_order=True).head(3).to_list())
    column = Column(
        numbers.name,
        NUMBERS,
        numbers,
        len(numbers) - len(plain),
        plain.n_unique(),
        bool((plain == plain.floor()).all()),
        examples,
        0 if strange is None else len(strange),
    )
    if column.distinct == 1 and not column.gaps:
        return replace(column, left_out="constant")
    if (
        column.whole
        and not column.gaps
        and len(numbers) >= FEW_ROWS
        and column.distinct == len(numbers)
        and plain.max() - plain.min() == len(numbers) - 1
    ):
        return replace(column, left_out="counts the rows")
    return column


def _categories(text: Any, dates: bool) -> Column:
    plain = text.drop_nulls()
    if not len(plain):
        return Column(text.name, EMPTY, text, len(text), 0)
    column = Column(text.name, CATEGORIES, text, len(text) - len(plain), plain.n_unique())
    if dates and plain.str.contains(DATE).all():
        return replace(column, kind=DATES)
    if column.distinct == 1 and not column.gaps:
        return replace(column, left_out="constant")
    if len(plain) >= FEW_ROWS and column.distinct > TEXT * len(plain):
        return replace(column, left_out="different in every row" if column.distinct == len(plain) else "text")
    return column


def described(column: Column) -> str:
    """What a column was taken for, in words."""
    gaps = f", {column.gaps} gap{'s' * (column.gaps != 1)}" if column.gaps else ""
    if column.kind == NUMBERS:
        low, high = column.values.min(), column.values.max()
        if column.distinct == 1:
            return f"always {low:.6g}{gaps}"
        kind = "whole numbers" if column.whole else "numbers"
        return f"{kind}, {low:.6g} to {high:.6g}{gaps}"
    if column.kind == CATEGORIES:
        if column.distinct == 1:
            return f"always {shortened(column.values.drop_nulls()[0], 24)}{gaps}"
        head = column.values.drop_nulls().unique(maintain_order=True).head(3).to_list()
        examples = ", ".join(_cut(value) for value in head)
        more = ", …" if column.distinct > 3 else ""
        return f"{column.distinct} categories ({examples}{more}){gaps}"
    if column.kind == DATES:
        return f"dates or times{gaps}"
    return "nothing but gaps" if column.kind == EMPTY else f"of type {column.values.dtype}"


def _cut(value: str, most: int = 14) -> str:
    value = " ".join(value.split()) or "''"
    return value if len(value) <= most else value[: most - 1] + "…"


def reason(column: Column) -> str:
    """Why a column is left out of X unless the user says otherwise; ``""`` when it is not."""
    if column.kind == DATES:
        return "dates: make numbers of them to use them, such as days since the first, month, weekday"
    if column.kind == EMPTY:
        return "empty"
    return column.left_out
