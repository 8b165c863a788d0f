"""Whether a file writes 1.5 or 1,5: found out from all its columns, as 2.000 is 2 in the one and 2000 in the other."""

from __future__ import annotations

from typing import Any

ROWS = 10_000  # that are looked at
# What follows these commas and points is not three digits, which could be thousands.
COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d*),(\d{1,2}|\d{4,})$"
POINT = r"^[+-]?(\d{1,3}(,\d{3})+|\d*)\.(\d{1,2}|\d{4,})([eE][+-]?\d+)?$"
EITHER = r"^[+-]?\d{1,3}[.,]\d{3}$"  # 2.000 and 2,000
THOUSANDS_BY_COMMA = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
THOUSANDS_BY_POINT = r"^[+-]?\d{1,3}(\.\d{3})+(,\d+)?$"
DECIMAL_COMMA = r"^[+-]?\d*,\d+$"


def decimal_mark(columns: Any, separator: str) -> tuple[str, str]:
    """``"."`` or ``","``, or ``""`` where columns differ; and an example of a number that could be read either way.

    Parameters
    ----------
    columns : iterable of polars.Series
        Text.
    separator : str
        What stands between values: where it is a semicolon, a comma is likelier in numbers than between thousands.
    """
    comma = point = False
    example = ""
    for column in columns:
        text = column.head(ROWS).str.strip_chars()
        comma = comma or bool(text.str.contains(COMMA).any())
        point = point or bool(text.str.contains(POINT).any())
        if not example and not (comma or point):
            unclear = text.filter(text.str.contains(EITHER))
            example = unclear[0] if len(unclear) else ""
    if comma or point:
        return ("" if comma and point else "," if comma else "."), ""
    if "," in example:
        return ("," if separator == ";" else "."), example
    return ".", example if separator == ";" else ""


def with_points(text: Any, mark: str) -> Any:
    """Numbers written with that mark, as text with a decimal point and nothing between thousands.

    Where ``mark`` is ``""`` the column itself decides.
    """
    if mark == "":
        with_comma = text.filter(text.str.contains(",", literal=True))
        mark = "." if with_comma.str.contains(THOUSANDS_BY_COMMA).all() else ","
    if mark == ".":
        grouped = text.str.contains(THOUSANDS_BY_COMMA).fill_null(False)
        return text.str.replace_all(",", "", literal=True).zip_with(grouped, text) if grouped.any() else text
    grouped = text.str.contains(THOUSANDS_BY_POINT).fill_null(False)
    text = text.str.replace_all(".", "", literal=True).zip_with(grouped, text) if grouped.any() else text
    decimal = text.str.contains(DECIMAL_COMMA).fill_null(False)
    return text.str.replace(",", ".", literal=True).zip_with(decimal, text) if decimal.any() else text
