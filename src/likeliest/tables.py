"""Tables: X (n, p) of numbers, strings and gaps, as a user has it, to numbers (n, m) that a network takes.

Numbers are brought to about 1: z = (x − centre) / scale, and beyond ±5 only as the logarithm of the distance grows, so
that no single number can run away with the fit. A column with gaps gets a second one that says where. Columns of
strings become codes, for an `Embedding`.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.columns import weighted_quantiles

Array = npt.NDArray[Any]

BEND = 5.0  # standardized numbers grow as they are up to here, and logarithmically beyond
ROWS = 1 << 16  # of an array that are made ready at a time, which bounds the memory
RARE = 2  # a category seen less often is taken together with those never seen
FAR = 8.0  # robust deviations from the median, beyond which a number does not count for the scale as it is
QUARTILES = 1.3489795003921634  # the distance between the quartiles of a Normal with standard deviation 1
TINIEST = 1e-307  # a scale, so that nothing divided by it overflows
DIGITS = 1e-9  # a column that varies by less than this part of itself is constant, but for rounding


@dataclass(frozen=True)
class Table:
    """How the columns of a table become numbers, learned from one table and applied to others.

    What comes out has the numbers first, then an indicator for each column that had gaps, then the codes.

    Attributes
    ----------
    numeric : tuple of int
        The columns that are numbers.
    center, scale : (len(numeric),) array
        Their centre and scale; (1,) in files of version 0.1, of arrays of more axes, which had one for all numbers.
    indicated : tuple of int
        Which of the numeric columns had gaps.
    categories : tuple of (column, values)
        For each column of strings the values that have a code of their own: 1, 2, … in this order. All others have 0.
    names : tuple of str
        What to call the columns in messages.
    """

    numeric: tuple[int, ...]
    center: Array
    scale: Array
    indicated: tuple[int, ...]
    categories: tuple[tuple[int, tuple[Any, ...]], ...]
    names: tuple[str, ...]
    standardize: bool
    missing: str

    def __post_init__(self) -> None:
        whole = (*self.numeric, *self.indicated, *(j for j, _ in self.categories))
        if not all(isinstance(name, str) for name in self.names) or not all(type(j) is int and j >= 0 for j in whole):
            raise ValueError("names: expected strings, and whole numbers for the columns")
        values = [value for _, of_column in self.categories for value in of_column]
        if not all(value is None or isinstance(value, str | bytes | numbers.Real) for value in values):
            raise ValueError("categories: expected strings and numbers")
        used = [*self.numeric, *(j for j, _ in self.categories)]
        if sorted(used) != list(range(len(self.names))) or any(k >= len(self.numeric) for k in self.indicated):
            raise ValueError("numeric, categories: expected each column once")
        shapes = {(1,), (len(self.numeric),)}
        if self.center.shape != self.scale.shape or self.center.shape not in shapes:
            raise ValueError(f"center, scale: expected {len(self.numeric)} each, found {self.center.shape}")
        if not (np.isfinite(self.center).all() and np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ValueError("center, scale: expected finite numbers, scales above 0")
        if type(self.standardize) is not bool or self.missing not in ("indicator", "error"):
            raise ValueError("standardize, missing: expected a boolean and a word")

    @property
    def width(self) -> int:
        """m, how many numbers an example becomes."""
        return len(self.numeric) + len(self.indicated) + len(self.categories)

    @property
    def codes(self) -> tuple[tuple[int, int], ...]:
        """For each column of codes in what comes out: where it is, and how many codes there are."""
        first = self.width - len(self.categories)
        return tuple((first + k, len(values) + 1) for k, (_, values) in enumerate(self.categories))

    @property
    def names_out(self) -> tuple[str, ...]:
        """What the columns that come out are called, (m,): numbers and codes as in X, and ``"no …"`` for indicators."""
        numbers = self._numeric_names
        return (*numbers, *(f"no {numbers[k]}" for k in self.indicated), *(self.names[j] for j, _ in self.categories))

    @classmethod
    def fit(
        cls,
        X: Any,
        weights: Array | None = None,
        *,
        standardize: bool = True,
        categorical: str | Sequence[Any] | None = "from_dtype",
        missing: str = "indicator",
    ) -> Table:
        """Looks at a table: which columns are numbers, where they lie, which values the others have.

        Parameters
        ----------
        X : data frame, or (n, p) array
            Of numbers, strings, booleans and gaps (NaN, None, NA).
        weights : (n,) array, optional
            How often each row counts.
        standardize : bool
            Whether numbers are centred and scaled.
        categorical : "from_dtype", None, or sequence of columns
            Which columns are categories: those of strings or of a categorical type; none, so that strings are refused;
            or these, by name, by number or as a mask.
        missing : {"indicator", "error"}
            What to do about gaps in numbers.

        Raises
        ------
        ValueError
            When a column is neither, or there is a gap where none is allowed.
        """
        columns = columns_of(X)
        chosen = _chosen(categorical, tuple(name for name, _ in columns))
        numeric: list[int] = []
        indicated: list[int] = []
        categories, places = [], []
        for j, (name, column) in enumerate(columns):
            values = _values(column, name, j in chosen, categorical is not None)
            if values.dtype == object:
                categories.append((j, _common(values, weights)))
                continue
            _refuse_infinite(values[:, None], (name,))
            if np.isnan(values).any():
                if missing == "error":
                    _refuse_gaps(np.isnan(values)[:, None], (name,))
                indicated.append(len(numeric))
            numeric.append(j)
            places.append(_place(values, weights) if standardize else (0.0, 1.0))
        center, scale = np.array(places, np.float64).reshape(-1, 2).T
        names = tuple(name for name, _ in columns)
        return cls(tuple(numeric), center, scale, tuple(indicated), tuple(categories), names, standardize, missing)

    def transform(self, X: Any, dtype: Any = np.float32) -> Array:
        """The table as numbers (n, m).

        Raises
        ------
        ValueError
            When there is something in it that does not fit, such as infinity, or a string among numbers.
        """
        out = np.empty((len(X), self.width), dtype)
        count, indicators = len(self.numeric), len(self.indicated)
        for rows, stack in self._blocks(X):
            _refuse_infinite(stack, self._numeric_names, rows.start)
            gaps = np.isnan(stack)
            if self.missing == "error":
                _refuse_gaps(gaps, self._numeric_names, rows.start)
            z = self._standardized(stack)
            z[gaps] = 0
            with np.errstate(over="ignore"):
                out[rows, :count] = z
            wrong = ~np.isfinite(out[rows, :count])
            if wrong.any():
                row, k = (int(i) for i in np.argwhere(wrong)[0])
                raise ValueError(
                    f"X: found {stack[row, k]} in row {rows.start + row}, column {self._numeric_names[k]!r}, too large "
                    f"for {np.dtype(dtype)}; scale the data, or leave standardize=True"
                )
            out[rows, count : count + indicators] = gaps[:, list(self.indicated)]
        if self.categories:
            columns = columns_of(X)
            for k, (j, values) in enumerate(self.categories):
                code = {value: i + 1 for i, value in enumerate(values)}
                name, column = columns[j]
                out[:, count + indicators + k] = [code.get(v, 0) for v in _values(column, name, True, True)]
        return out.reshape(X.shape) if isinstance(X, np.ndarray) and X.ndim > 2 else out

    @property
    def _numeric_names(self) -> tuple[str, ...]:
        return tuple(self.names[j] for j in self.numeric)

    def _blocks(self, X: Any) -> Iterator[tuple[slice, Array]]:
        """Blocks of rows, with their numbers as float64 (rows, len(numeric)), NaN where there is a gap."""
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
            for first in range(0, len(X), ROWS):
                rows = slice(first, min(first + ROWS, len(X)))
                block = X[rows].reshape(rows.stop - first, -1).astype(np.float64)
                yield rows, block[:, list(self.numeric)] if self.categories else block
            return
        columns = columns_of(X)
        stack = np.empty((len(X), len(self.numeric)))
        for k, j in enumerate(self.numeric):
            name, column = columns[j]
            stack[:, k] = _values(column, name, False, False)
        yield slice(0, len(X)), stack

    def _standardized(self, stack: Array) -> Array:
        """Z = (x − centre) / scale, bent beyond ±5: (n, len(numeric))."""
        if not self.standardize:
            return stack
        with np.errstate(over="ignore"):  # the difference of two numbers near the largest there are
            z = stack - self.center
            z /= self.scale
        return bend(np.clip(z, -1e300, 1e300, out=z))


def bend(z: Array) -> Array:
    """Z where |z| ≤ 5, else sign(z) (5 + log(1 + |z| − 5)): of slope 1 at the bend, and never at an end. In place."""
    beyond = np.abs(z) > BEND
    if beyond.any():
        far = z[beyond]
        z[beyond] = np.sign(far) * (BEND + np.log1p(np.abs(far) - BEND))
    return z


def columns_of(X: Any) -> list[tuple[str, Any]]:
    """The columns of a data frame (pandas, polars, Arrow) or of an array (n, p), with their names."""
    if hasattr(X, "column_names"):  # Arrow
        return [(str(name), X[name]) for name in X.column_names]
    if hasattr(X, "columns"):
        if hasattr(X, "iloc"):  # names may stand twice
            return [(str(name), X.iloc[:, j]) for j, name in enumerate(X.columns)]
        return [(str(name), X[name]) for name in X.columns]
    return [(str(j), X[:, j]) for j in range(X.shape[1])]


def _chosen(categorical: Any, names: tuple[str, ...]) -> set[int]:
    """The columns that are said to be categories."""
    if categorical is None or (isinstance(categorical, str) and categorical == "from_dtype"):
        return set()
    if (
        isinstance(categorical, str)
        or not isinstance(categorical, Iterable)
        or getattr(categorical, "shape", None) == ()
    ):
        raise ValueError(
            f'categorical_features: expected "from_dtype", None or a list of columns, found {categorical!r}'
        )
    listed = list(categorical)
    if len(listed) == len(names) and all(isinstance(one, bool | np.bool_) for one in listed):
        return {j for j, one in enumerate(listed) if one}
    found = set()
    for one in listed:
        if isinstance(one, str) and one in names:
            found.add(names.index(one))
        elif isinstance(one, int | np.integer) and not isinstance(one, bool) and 0 <= one < len(names):
            found.add(int(one))
        else:
            raise ValueError(f"categorical_features: there is no column {one!r}; the columns are {', '.join(names)}")
    return found


def is_categorical(column: Any) -> bool:
    """Whether a column of a data frame has a type of its own for categories."""
    return (
        str(getattr(column, "dtype", getattr(column, "type", ""))).lower().startswith(("categ", "enum", "dictionary"))
    )


def _values(column: Any, name: str, is_category: bool, may_be: bool) -> Array:
    """The column as float64 with NaN for gaps, or as objects with None for gaps when it holds categories."""
    category = is_category or (may_be and is_categorical(column))
    if hasattr(column, "to_pylist") and is_categorical(column):  # Arrow's to_numpy forgets the gaps among these
        array = np.array([*column.to_pylist(), None], dtype=object)[:-1]
    else:
        array = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
    if array.dtype.kind in "biuf" and not category:
        return array.astype(np.float64)
    if array.dtype.kind in "Mm":
        raise ValueError(
            f"X: column {name!r} holds dates or times ({array.dtype}); turn them into numbers, such as days since the "
            "first, or parts such as month and weekday"
        )
    if array.dtype.kind == "c":
        raise ValueError(
            f"X: Complex data not supported, in column {name!r}; give real and imaginary part a column each"
        )
    objects = [None if _is_gap(value) else value for value in array.tolist()]
    if not category:
        plain = [value for value in objects if value is not None]
        if all(isinstance(value, numbers.Real | Decimal | np.number) for value in plain):
            try:
                return np.array([np.nan if value is None else float(value) for value in objects])
            except OverflowError:
                raise ValueError(f"X: column {name!r} holds a number too large for float64; scale it") from None
        if not may_be:
            row, wrong = next(
                (i, v) for i, v in enumerate(objects) if v is not None and not isinstance(v, numbers.Real)
            )
            raise ValueError(
                f"X: expected real numbers, found {wrong!r} in row {row}, column {name!r}; a column of strings is "
                'taken for categories when the model is fitted to it (categorical_features="from_dtype")'
            )
    for row, value in enumerate(objects):
        if value is not None and not isinstance(value, str | bytes | numbers.Real):
            raise TypeError(
                f"X: expected numbers or strings, found {value!r} in row {row}, column {name!r}: argument must be a "
                "string or a real number"
            )
    out = np.empty(len(objects), dtype=object)
    out[:] = objects
    return out


def _is_gap(value: Any) -> bool:
    """None, NaN, NaT or pandas's NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | Decimal) and value != value


def _refuse_infinite(stack: Array, names: tuple[str, ...], first: int = 0) -> None:
    """A ValueError that names the first infinity."""
    infinite = np.isinf(stack)
    if infinite.any():
        row, column = (int(i) for i in np.argwhere(infinite)[0])
        raise ValueError(
            f"X: found {stack[row, column]} in row {first + row}, column {names[column]!r}; drop the row or fill in "
            "the value first"
        )


def _refuse_gaps(gaps: Array, names: tuple[str, ...], first: int = 0) -> None:
    """A ValueError that names the first gap."""
    if gaps.any():
        row, column = (int(i) for i in np.argwhere(gaps)[0])
        raise ValueError(
            f"X: found NaN in row {first + row}, column {names[column]!r}; drop the row, fill in the value, or say "
            'missing="indicator"'
        )


def _place(values: Array, weights: Array | None) -> tuple[float, float]:
    """Mean and standard deviation of a column with gaps, of what lies within 8 robust deviations of the median.

    What lies beyond counts as if it lay there, so that no outlier makes all other numbers alike. The robust deviation
    is that of a Normal with the column's quartiles; where they coincide, everything counts as it is.
    """
    seen = ~np.isnan(values)
    if weights is not None:
        seen &= weights > 0
    v, w = values[seen], None if weights is None else weights[seen]
    if not len(v):
        return 0.0, 1.0
    low, middle, high = weighted_quantiles(v / 4, (0.25, 0.5, 0.75), w)  # of quarters no sum or difference overflows
    if high - low > DIGITS * max(abs(low), abs(high)):
        with np.errstate(over="ignore"):
            reach = FAR * (high - low) / QUARTILES
            v = np.clip(v, 4 * (middle - reach), 4 * (middle + reach))
    largest = float(np.abs(v).max())
    if largest == 0:
        return 0.0, 1.0
    v = v / largest  # so that squares neither overflow nor vanish
    mean = float(np.average(v, weights=w))
    scale = float(np.sqrt(np.average((v - mean) ** 2, weights=w)))
    constant = scale <= DIGITS or scale * largest < TINIEST
    return mean * largest, 1.0 if constant else scale * largest


def _common(values: Array, weights: Array | None) -> tuple[Any, ...]:
    """The values that occur at least twice, in order; a gap is one of them."""
    counts: dict[Any, float] = {}
    for value, w in zip(values.tolist(), np.ones(len(values)) if weights is None else weights, strict=True):
        counts[value] = counts.get(value, 0.0) + float(w)
    common = [value for value, count in counts.items() if count >= RARE]
    return tuple(sorted(common, key=lambda value: (value is None, isinstance(value, str | bytes), str(value))))
