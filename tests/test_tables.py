"""Tables made ready for a network, against NumPy and pandas."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from likeliest import tables
from likeliest.tables import RARE, Table, bend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(101, 3)) * [1, 100, 1e-3] + [0, 5, 1]


def by_hand(x: Any, center: float, scale: float) -> Any:
    """(x − centre) / scale, from ±5 on bent."""
    z = (np.asarray(x, float) - center) / scale
    return np.where(np.abs(z) <= 5, z, np.sign(z) * (5 + np.log1p(np.maximum(np.abs(z) - 5, 0))))


def place(x: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of x (n, ...) with outliers drawn in to 8 robust deviations from the median."""
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0, method="averaged_inverted_cdf")
    reach = 8 * (high - low) / 1.3489795003921634
    drawn_in = np.clip(x, middle - reach, middle + reach)
    return drawn_in.mean(axis=0), drawn_in.std(axis=0)


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outlier", [0.0, 1e3, 1e200, -1e9])
def test_numbers_lie_by_their_mean_and_deviation_without_outliers(outlier: float) -> None:
    x = X.copy()
    x[5] += outlier
    table, (center, scale) = Table.fit(x), place(x)
    np.testing.assert_allclose(table.center, center, rtol=1e-10)
    np.testing.assert_allclose(table.scale, scale, rtol=1e-10)
    expected = np.stack([by_hand(x[:, j], center[j], scale[j]) for j in range(3)], axis=1)
    np.testing.assert_allclose(table.transform(x, np.float64), expected, rtol=1e-9, atol=1e-12)
    assert table.transform(X).dtype == np.float32
    assert table.width == 3
    assert table.codes == ()


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "int64", "uint64", "bool", "longdouble", ">f8", "O"])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_every_type_and_layout_of_an_array(dtype: str, order: str) -> None:
    given = np.asarray(
        RNG.integers(0, 2 if dtype == "bool" else 9, (40, 3)).astype(dtype), order="F" if order == "F" else "C"
    )
    if order == "strided":
        given = np.repeat(given, 2, axis=0)[::-2]
    plain = np.array(given.tolist(), np.float64)
    table, other = Table.fit(given), Table.fit(plain)
    assert np.array_equal(table.center, other.center)
    assert np.array_equal(table.scale, other.scale)
    assert np.array_equal(table.transform(given), other.transform(plain))


def test_integers_written_as_objects_of_any_real_kind() -> None:
    column = np.array([1, 2.5, Decimal("3.5"), Fraction(9, 2), np.float32(5), True, None], object)[:, None]
    table = Table.fit(column)
    assert table.indicated == (0,)
    plain = np.array([[1, 2.5, 3.5, 4.5, 5, 1, np.nan]]).T
    assert np.array_equal(table.transform(column), Table.fit(plain).transform(plain))


def test_few_values_have_their_standard_deviation_for_a_scale() -> None:
    """Quartiles say nothing of a column that is mostly one number."""
    x = np.zeros((100, 1))
    x[:7] = 3.0
    table = Table.fit(x)
    assert table.center == pytest.approx(x.mean())
    assert table.scale == pytest.approx(x.std())


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e300, -1e300, 1e-300, 5e-324, 0.1, 1e16])
@pytest.mark.parametrize("rows", [1, 2, 50])
def test_a_constant_becomes_zero_and_another_value_does_not_explode(value: float, rows: int) -> None:
    x = np.full((rows, 1), value)
    table = Table.fit(x)
    assert np.isfinite(table.scale).all()
    assert (table.transform(x) == 0).all()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        other = table.transform(np.array([[0.0], [2 * value if abs(value) < 1e300 else 0.5 * value], [1.0]]))
    assert np.abs(other).max() < 1000


def test_a_constant_but_for_rounding_is_a_constant() -> None:
    x = np.array([[0.1 + 0.2], [0.3]] * 9)
    assert x[0, 0] != x[1, 0]
    assert np.abs(Table.fit(x).transform(x)).max() < 1e-9


@pytest.mark.parametrize("factor", [1e-305, 1e-300, 1e-30, 1e30, 1e300])
def test_the_unit_of_a_column_does_not_matter(factor: float) -> None:
    x = RNG.normal(size=(60, 1))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        z, expected = Table.fit(x * factor).transform(x * factor), Table.fit(x).transform(x)
    np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-6)


def test_the_largest_and_the_smallest_numbers_there_are() -> None:
    largest = np.finfo(float).max
    for values in (
        [-largest, largest, 0, 1],
        [5e-324, 0, -5e-324, 1e-323],
        [5e-324, largest, 1, 0],
        [1e-310, 0, 0, 0],
        [0, 0, 5e-324],
    ):
        x = np.array(values)[:, None]
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            z = Table.fit(x).transform(x)
        assert np.isfinite(z).all()
        assert np.abs(z).max() < 800


@pytest.mark.parametrize("outlier", [1e6, 1e12, 1e100, 1e307])
def test_no_outlier_makes_all_other_numbers_alike(outlier: float) -> None:
    x = X.copy()
    x[7] = outlier
    z = Table.fit(x).transform(x, np.float64)
    assert (z[:7].std(axis=0) > 0.3).all()
    assert np.isfinite(z).all()


def test_far_numbers_are_drawn_in_and_keep_their_order() -> None:
    z = np.array([-1e300, -1e3, -6, -5, -1, 0, 2, 5, 5.5, 1e3, 1e300])
    bent = bend(z.copy())
    inside = np.abs(z) <= 5
    assert np.array_equal(bent[inside], z[inside])
    assert (np.diff(bent) > 0).all()
    np.testing.assert_allclose(bent[~inside], np.sign(z[~inside]) * (5 + np.log(np.abs(z[~inside]) - 4)), rtol=1e-12)
    assert bend(np.array([5 + 1e-6]))[0] - 5 == pytest.approx(1e-6, rel=1e-5)  # of slope 1 at the bend
    assert np.isnan(bend(np.array([np.nan]))[0])


@pytest.mark.parametrize("standardize", [True, False])
def test_a_weight_is_so_many_rows(standardize: bool) -> None:
    w = RNG.integers(0, 4, 101)
    gaps = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
    frame = pd.DataFrame(gaps).assign(text=RNG.choice(list("abcdefgh"), 101))
    repeats = np.repeat(np.arange(101), w)
    weighted = Table.fit(frame, w.astype(float), standardize=standardize)
    counted = Table.fit(frame.iloc[repeats], standardize=standardize)
    np.testing.assert_allclose(weighted.center, counted.center, rtol=1e-12)
    np.testing.assert_allclose(weighted.scale, counted.scale, rtol=1e-12)
    assert [dict(weighted.categories)[3], weighted.numeric] == [dict(counted.categories)[3], counted.numeric]


def test_standardize_false_leaves_the_numbers_and_fills_gaps_with_zero() -> None:
    given = np.array([[1.0, 1e6], [np.nan, -2.0], [3.0, 0.0]])
    z = Table.fit(given, standardize=False).transform(given)
    assert np.array_equal(z, np.array([[1, 1e6, 0], [0, -2, 1], [3, 0, 0]], np.float32))
    with pytest.raises(ValueError, match=re.escape("X: found 1e+39 in row 0, column '1', too large for float32")):
        Table.fit(given, standardize=False).transform(np.array([[1.0, 1e39]]))
    assert Table.fit(given, standardize=False).transform(np.array([[1.0, 1e39]]), np.float64)[0, 1] == 1e39


# Gaps ----------------------------------------------------------------------------------------------------------------


def test_gaps_have_an_indicator_and_lie_at_the_centre() -> None:
    gaps = X.copy()
    gaps[::4, 1] = np.nan
    table = Table.fit(gaps)
    assert table.indicated == (1,)
    z = table.transform(gaps, np.float64)
    assert np.array_equal(z[:, 3], np.isnan(gaps[:, 1]))
    assert (z[::4, 1] == 0).all()
    seen = gaps[~np.isnan(gaps[:, 1]), 1]
    assert (table.center[1], table.scale[1]) == pytest.approx(place(seen))


def test_gaps_that_come_only_later_lie_at_the_centre() -> None:
    table = Table.fit(X)
    z = table.transform(np.array([[np.nan, 5.0, 1.0]]), np.float64)
    assert z.shape == (1, 3)
    assert z[0, 0] == 0


@pytest.mark.parametrize("standardize", [True, False])
def test_a_column_of_nothing_but_gaps(standardize: bool) -> None:
    given = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    table = Table.fit(given, standardize=standardize)
    assert np.array_equal(table.transform(given)[:, [0, 2]], [[0, 1], [0, 1]])
    assert np.isfinite(table.transform(np.array([[3.0, 1.0]]))).all()


def test_gaps_may_be_refused() -> None:
    message = re.escape("X: found NaN in row 1, column 'b'; drop the row")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.nan]})
    with pytest.raises(ValueError, match=message):
        Table.fit(frame, missing="error")
    table = Table.fit(frame.fillna(0.0), missing="error")
    with pytest.raises(ValueError, match=message):
        table.transform(frame)
    # A gap among categories is a value as any other.
    assert Table.fit(pd.DataFrame({"a": ["x", None, "x", None]}), missing="error").categories == ((0, ("x", None)),)


@pytest.mark.parametrize("wrong", [np.inf, -np.inf])
def test_infinity_is_refused(wrong: float) -> None:
    given = X.copy()
    given[7, 2] = wrong
    message = re.escape(f"X: found {wrong} in row 7, column '2'")
    with pytest.raises(ValueError, match=message):
        Table.fit(given)
    with pytest.raises(ValueError, match=message):
        Table.fit(X).transform(given)


# Frames --------------------------------------------------------------------------------------------------------------

NUMBERS = [1.0, 2.0, None, 4.0, 7.0]
WORDS = ["a", "b", None, "a", "b"]


def frames() -> dict[str, Any]:
    plain = {"x": NUMBERS, "word": WORDS, "yes": [True, False, True, True, False]}
    pandas = pd.DataFrame(plain)
    objects = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in plain.items()})
    return {
        "pandas": pandas,
        "pandas nullable": pandas.astype({"x": "Int64", "word": "string", "yes": "boolean"}),
        "pandas Float32": pandas.astype({"x": "Float32", "word": "string"}),
        "pandas str": pandas.astype({"word": "str"}) if pd.__version__ >= "3" else pandas,
        "pandas category": pandas.astype({"word": "category"}),
        "pandas arrow": pandas.convert_dtypes(dtype_backend="pyarrow"),
        "pandas objects": objects,
        "pandas objects, NaN": objects.where(objects.notna(), np.nan),
        "pandas objects, NA": objects.where(objects.notna(), pd.NA),
        "polars": pl.DataFrame(plain),
        "polars categorical": pl.DataFrame(plain).with_columns(pl.col("word").cast(pl.Categorical)),
        "polars enum": pl.DataFrame(plain).with_columns(pl.col("word").cast(pl.Enum(["b", "a"]))),
        "polars decimal": pl.DataFrame(plain).with_columns(pl.col("x").cast(pl.Decimal(10, 2))),
        "polars int": pl.DataFrame(plain).with_columns(pl.col("x").cast(pl.Int64)),
        "arrow": pa.table(plain),
        "arrow dictionary": pa.table(plain).set_column(1, "word", pa.array(WORDS).dictionary_encode()),
        "arrow chunks": pa.concat_tables([pa.table(plain).slice(0, 2), pa.table(plain).slice(2)]),
        "array of objects": np.array([NUMBERS, WORDS, plain["yes"]], object).T,
    }


@pytest.mark.parametrize("kind", frames())
def test_every_kind_of_frame_is_the_same_table(kind: str) -> None:
    frame = frames()[kind]
    table = Table.fit(frame)
    assert table.numeric == (0, 2)
    assert table.indicated == (0,)
    assert table.categories == ((1, ("a", "b")),)
    assert table.codes == ((3, 3),)
    plain = np.array([[1, 1], [2, 0], [np.nan, 1], [4, 1], [7, 0]])
    expected = np.column_stack([Table.fit(plain).transform(plain), [1, 2, 0, 1, 2]]).astype(np.float32)
    assert np.array_equal(table.transform(frame), expected)
    for other in frames().values():  # what is learned of one is good for all others
        assert np.array_equal(table.transform(other), expected)


def test_names_may_be_numbers_and_stand_twice() -> None:
    frame = pd.DataFrame([[1.0, "a", 2.0], [3.0, "a", 5.0]], columns=[0, "x", "x"])
    table = Table.fit(frame)
    assert table.names == ("0", "x", "x")
    assert table.numeric == (0, 2)
    assert table.transform(frame).shape == (2, 3)


def test_what_comes_out_has_names() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "x"], "c": [1.0, None]})
    table = Table.fit(frame)
    assert table.names_out == ("a", "c", "no c", "b")
    assert len(table.names_out) == table.width == table.transform(frame).shape[1]


# Categories ----------------------------------------------------------------------------------------------------------


def test_rare_and_unknown_categories_have_code_0() -> None:
    assert RARE == 2
    frame = pd.DataFrame({"word": ["b", "a", "c", "a", "b"]})
    table = Table.fit(frame)
    assert table.categories == ((0, ("a", "b")),)
    later = pd.DataFrame({"word": ["a", "b", "c", "never", None]})
    assert table.transform(later)[:, 0].tolist() == [1, 2, 0, 0, 0]


def test_a_gap_that_is_not_rare_is_a_category() -> None:
    frame = pd.DataFrame({"word": ["a", "a", None, np.nan]}, dtype=object)
    table = Table.fit(frame)
    assert table.categories == ((0, ("a", None)),)
    assert table.transform(frame)[:, 0].tolist() == [1, 1, 2, 2]


def test_rare_goes_by_weight() -> None:
    frame = pd.DataFrame({"word": ["a", "b", "c"]})
    assert Table.fit(frame, np.array([2.0, 1.0, 0.0])).categories == ((0, ("a",)),)


@pytest.mark.parametrize(
    "chosen", [["code"], [1], (1,), np.array([1]), np.array([False, True]), [False, True], ["code", 1]]
)
def test_numbers_are_categories_when_said_so(chosen: Any) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "code": [10, 20, 10, 20]})
    table = Table.fit(frame, categorical=chosen)
    assert table.numeric == (0,)
    assert table.categories == ((1, (10, 20)),)
    assert table.transform(frame)[:, 1].tolist() == [1, 2, 1, 2]
    array = frame.to_numpy()
    if not isinstance(chosen[0], str):
        assert Table.fit(array, categorical=chosen).transform(array)[:, 1].tolist() == [1, 2, 1, 2]
        assert table.transform(pl.DataFrame(frame.to_dict("list"))).tolist() == table.transform(frame).tolist()


def test_categories_may_be_refused() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "word": ["a", "b"]})
    with pytest.raises(ValueError, match=r"X: expected real numbers, found 'a' in row 0, column 'word'"):
        Table.fit(frame, categorical=None)
    Table.fit(frame[["x"]], categorical=None)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("word", "expected \"from_dtype\", None or a list of columns, found 'word'"),
        (1, 'expected "from_dtype", None or a list of columns, found 1'),
        (np.array(1), 'expected "from_dtype", None or a list of columns'),
        (["none"], "there is no column 'none'; the columns are x, word"),
        ([2], "there is no column 2"),
        ([-1], "there is no column -1"),
        ([True], "there is no column True"),
        ([1.0], "there is no column 1.0"),
        ([[1]], "there is no column [1]"),
    ],
)
def test_columns_that_there_are_not(chosen: Any, message: str) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "word": ["a", "b"]})
    with pytest.raises(ValueError, match=re.escape(f"categorical_features: {message}")):
        Table.fit(frame, categorical=chosen)


def test_a_string_among_numbers_comes_too_late() -> None:
    table = Table.fit(pd.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(ValueError, match=r"X: expected real numbers, found 'b' in row 1, column 'x'"):
        table.transform(pd.DataFrame({"x": [1.0, "b"]}))


# What is neither -----------------------------------------------------------------------------------------------------

DAYS = [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 2)]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"day": DAYS}),
        pd.DataFrame({"day": pd.to_datetime(DAYS).tz_localize("UTC")}),
        pd.DataFrame({"day": pd.to_timedelta([1, 2])}),
        pd.DataFrame({"day": pd.to_datetime(DAYS).to_period("D")}),
        pd.DataFrame({"day": DAYS}, dtype=object),
        pl.DataFrame({"day": DAYS}),
        pl.DataFrame({"day": [day.date() for day in DAYS]}),
        pl.DataFrame({"day": [datetime.time(1), datetime.time(2)]}),
        pa.table({"day": DAYS}),
    ],
    ids=range(9),
)
def test_dates_are_refused_with_a_cure(frame: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"X: .*column 'day'"):
        Table.fit(frame)


@pytest.mark.parametrize("value", [1j, [1], {"a": 1}, (), object(), 10**400])
def test_things_that_are_no_numbers(value: Any) -> None:
    column = np.empty((2, 1), object)
    column[:, 0] = [value, 1.0]
    with pytest.raises((ValueError, TypeError), match=r"^X: .*column '0'"):
        Table.fit(column)


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"X: Complex data not supported, in column 'z'"):
        Table.fit(pd.DataFrame({"z": [1j, 2.0]}))


# Images and many rows ------------------------------------------------------------------------------------------------


def test_blocks_of_rows_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = np.where(RNG.random((1000, 3)) < 0.1, np.nan, RNG.normal(size=(1000, 3)))
    table = Table.fit(gaps, categorical=None)
    at_once = table.transform(gaps)
    monkeypatch.setattr(tables, "ROWS", 64)
    assert np.array_equal(table.transform(gaps), at_once)
    gaps[700, 1] = np.inf
    with pytest.raises(ValueError, match=r"found inf in row 700, column '1'"):
        table.transform(gaps)
    codes = np.column_stack([RNG.normal(size=1000), RNG.integers(0, 3, 1000)])
    table = Table.fit(codes, categorical=[1])
    assert np.array_equal(table.transform(codes)[:, 1], codes[:, 1] + 1)


def test_more_rows_than_one_block() -> None:
    many = RNG.normal(size=(tables.ROWS + 5, 2)).astype(np.float32)
    table = Table.fit(many)
    expected = np.stack([by_hand(many[:, j], table.center[j], table.scale[j]) for j in range(2)], axis=1)
    np.testing.assert_allclose(table.transform(many), expected, rtol=1e-5, atol=1e-6)
