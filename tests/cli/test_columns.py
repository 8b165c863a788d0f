"""What columns are taken for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from likeliest.cli.columns import Column, column_of, columns_of, described, reason
from likeliest.cli.data import Data
from likeliest.cli.decimals import decimal_mark
from likeliest.cli.reading import read


def guess(values: list[str | None], separator: str = ",", categorical: bool = False) -> Column:
    series = pl.Series("c", values, dtype=pl.String)
    return column_of(series, Data("file", series.to_frame(), True, decimal_mark([series], separator)[0]), categorical)


def numbers(column: Column) -> list[Any]:
    assert column.kind == "numbers"
    found: list[Any] = column.values.to_list()
    return found


@pytest.mark.parametrize(
    ("values", "separator", "expected"),
    [
        (["1", "-2.5", "+3", "1e3", ".5", "5."], ",", [1, -2.5, 3, 1000, 0.5, 5]),
        ([" 1 ", "2\t"], ",", [1, 2]),
        (["1", "NA", "nan", "", None, "N/A", "None", "null"], ",", [1] + [None] * 7),
        (["1", "2", "?"], ",", [1, 2, None]),
        (["1,5", "-2,25", "3"], ";", [1.5, -2.25, 3]),
        (["1.234,5", "2.000", "7,0"], ";", [1234.5, 2000, 7]),
        (["1,234", "56", "1,234,567.5"], ",", [1234, 56, 1234567.5]),
        (["1,5", "2,25"], ",", [1.5, 2.25]),
        (["1,234", "2,000"], ",", [1234, 2000]),
        (["1,234", "2,000"], ";", [1.234, 2]),
        (["1,234", "2,000", "7.5"], ";", [1234, 2000, 7.5]),
        (["1,234,567", "2.5"], "\t", [1234567, 2.5]),
        (["1.234", "2.000"], ";", [1.234, 2]),
        (["0", "0.5", "10", "-0.25"], ",", [0, 0.5, 10, -0.25]),
    ],
)
def test_numbers(values: list[str | None], separator: str, expected: list[Any]) -> None:
    column = guess(values, separator)
    assert numbers(column) == expected
    assert column.gaps == expected.count(None)


def test_the_decimal_mark_is_the_file_s(tmp_path: Path) -> None:
    """2.000 is two thousand beside 1,5 in another column, or the same file would be read in two ways."""
    path = tmp_path / "t.csv"
    for text, expected in (("a;b\n2.000;1,5\n1.234;2,5\n", [2000, 1234]), ("a;b\n2.000;1.5\n1.234;2.5\n", [2, 1.234])):
        path.write_text(text)
        data = read(str(path))
        assert numbers(columns_of(data)[0]) == expected
        assert "taken for" not in " ".join(data.notes)
    path.write_text("a;b\n2.000;x\n1.234;y\n")
    data = read(str(path))
    assert "2.000 is taken for 2" in data.notes
    path.write_text("a;b\n2,000;x\n1,234;y\n")
    assert "2,000 is taken for 2" in read(str(path)).notes


def test_a_few_values_that_are_no_numbers_are_gaps_and_told_of() -> None:
    column = guess([str(k * k) for k in range(60)] + ["ab", "ab"])
    assert numbers(column)[60:] == [None, None]
    assert column.strange == ("ab",)
    assert column.strangers == 2
    assert guess([str(k) for k in range(9)] + ["ab"]).kind == "categories"  # one of ten is more than a few


@pytest.mark.parametrize(
    "values",
    [
        ["01234", "10115", "00501"],
        ["red", "blue", "red"],
        ["true", "false"],
        ["1_000", "2"],
        ["0x10", "1"],
        ["12 kg"] * 3,
    ],
)
def test_categories(values: list[str]) -> None:
    assert guess(values).kind == "categories"


def test_categories_keep_their_text_but_for_blanks_around() -> None:
    column = guess([" a", "b ", "NA", "a", ""])
    assert column.values.to_list() == ["a", "b", None, "a", None]
    assert (column.gaps, column.distinct) == (2, 2)


def test_numbers_said_to_be_categories() -> None:
    assert guess(["1", "2", "01"], categorical=True).values.to_list() == ["1", "2", "01"]
    series = pl.Series("c", [1.0, 2.0, None])
    assert column_of(series, Data("file", series.to_frame()), True).values.to_list() == ["1", "2", None]
    series = pl.Series("c", [1.5, 2.0])
    assert column_of(series, Data("file", series.to_frame()), True).values.to_list() == ["1.5", "2.0"]


@pytest.mark.parametrize(
    "value",
    [
        "2020-01-31",
        "31.01.2020",
        "1/31/20",
        "2020-01-31T12:30",
        "2020-01-31 12:30:05.25Z",
        "2020/1/3 1:02:03 +02:00",
        "12:30",
    ],
)
def test_dates_are_left_out_and_the_cure_is_named(value: str) -> None:
    column = guess([value, value, "NA"])
    assert column.kind == "dates"
    assert "days since the first" in reason(column)


def test_what_counts_or_names_the_rows_or_is_constant_is_left_out() -> None:
    n = 30
    order = np.random.default_rng(0).permutation(n)
    assert reason(guess([str(k + 7) for k in order])) == "counts the rows"
    assert reason(guess([f"P{k}" for k in order])) == "different in every row"
    assert reason(guess([f"P{k}" for k in order] + ["P0"])) == "text"
    assert reason(guess(["x"] * n)) == "constant"
    assert reason(guess(["3.5"] * n)) == "constant"
    assert reason(guess(["", "NA"])) == "empty"
    # none of these do
    assert reason(guess([str(2 * k) for k in range(n)])) == ""
    assert reason(guess([str(k / 3) for k in range(n)])) == ""
    assert reason(guess([str(k) for k in range(n - 1)] + [""])) == ""
    assert reason(guess([str(k) for k in range(5)])) == ""
    assert reason(guess(["x", ""] * n)) == ""  # whether there is a gap says something
    assert reason(guess([f"P{k % 15}" for k in range(n)])) == ""


def test_descriptions() -> None:
    assert described(guess(["1", "2", "4", ""])) == "whole numbers, 1 to 4, 1 gap"
    assert described(guess(["1.5", "2"])) == "numbers, 1.5 to 2"
    assert described(guess(["b", "a", "b", "c", "d"])) == "4 categories (b, a, c, …)"
    assert described(guess(["x" * 50, "a\nb"])) == "2 categories (xxxxxxxxxxxxx…, a b)"
