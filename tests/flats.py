"""A table for the tests of the command line: flats, with a number, strings, gaps, a constant, classes and a rent."""

from __future__ import annotations

from typing import Any

import numpy as np

QUICK = ("--hidden", "4", "--epochs", "15")


def flats(n: int = 120, seed: int = 0) -> dict[str, list[Any]]:
    """Flats: their number, size, town, floor (with gaps), whether they are let, and the rent."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 120, n).round(1)
    town = rng.choice(["Bern", "Genf", "Zug"], n)
    floor: list[Any] = rng.integers(0, 9, n).tolist()
    for row in range(0, n, 11):
        floor[row] = None
    rent = (15 * size + 300 * (town == "Zug") + rng.normal(0, 60, n)).round(2)
    let = np.where(rent + rng.normal(0, 100, n) > 1100, "yes", "no")
    return {
        "number": list(range(1, n + 1)),
        "size": size.tolist(),
        "town": town.tolist(),
        "floor": floor,
        "country": ["CH"] * n,
        "let": let.tolist(),
        "rent": rent.tolist(),
    }


def csv(columns: dict[str, list[Any]], separator: str = ",", point: str = ".") -> str:
    """CSV, written by hand."""

    def written(value: Any) -> str:
        text = "" if value is None else str(value)
        return text.replace(".", point) if isinstance(value, float) else text

    rows = zip(*columns.values(), strict=True)
    lines = [separator.join(columns), *(separator.join(map(written, row)) for row in rows)]
    return "\n".join(lines) + "\n"
