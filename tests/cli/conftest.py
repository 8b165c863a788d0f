"""Small tables, and the program run as a user runs it, but in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeliest import cli

pytest.importorskip("polars")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIKELIEST_DATA", "LIKELIEST_NUM_THREADS", "FORCE_COLOR", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


class Ran:
    """What a command said, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object, code: int = 0) -> Ran:
        capsys.readouterr()
        found = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert found == code, f"exit code {found}: {err}"
        assert "Traceback" not in out + err
        assert "\x1b" not in out + err
        if code:
            assert err.splitlines()[-1].startswith("likeliest: ")
        return Ran(found, out, err)

    return call


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


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "flats.csv"
    path.write_text(csv(flats()))
    return path


QUICK = ("--hidden", "4", "--epochs", "15")


@pytest.fixture
def classifier(table: Path, tmp_path: Path, run: Run) -> Path:
    path = tmp_path / "let.likeliest"
    run("fit", table, "--target", "let", "--drop", "rent", "--out", path, *QUICK)
    return path


@pytest.fixture
def regressor(table: Path, tmp_path: Path, run: Run) -> Path:
    path = tmp_path / "rent.likeliest"
    run("fit", table, "--target", "rent", "--drop", "let", "--out", path, *QUICK)
    return path
