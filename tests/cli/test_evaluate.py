"""`likeliest evaluate`: a model on labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from flats import csv, flats

import likeliest as ll


def X_of(columns: dict[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame(columns).select("size", "town", pl.col("floor").cast(float))


def test_the_target_is_known_to_the_model(run: Any, classifier: Path, tmp_path: Path) -> None:
    columns = flats(50, seed=3)
    path = tmp_path / "t.csv"
    path.write_text(csv(columns))
    found = run("evaluate", classifier, path, "--json").json
    model = ll.load(classifier)
    y = np.array(columns["let"])
    assert found["target"] == "let"
    assert found["rows"] == 50
    assert found["model"]["accuracy"] == pytest.approx(model.score(X_of(columns), y))
    expected = model.log_likelihood(X_of(columns), y) / 50
    assert found["model"]["log_likelihood"] == pytest.approx(expected, rel=1e-6)
    share = (y == "yes").mean()
    assert found["naive"]["log_likelihood"] == pytest.approx(share * np.log(share) + (1 - share) * np.log(1 - share))
    ran = run("evaluate", classifier, path)
    assert "50 rows of t.csv" in ran.out
    assert f"{found['model']['log_likelihood']:.4f}" in ran.out


def test_another_column_and_gaps_in_it(run: Any, regressor: Path, tmp_path: Path) -> None:
    columns = flats(50, seed=3)
    columns["price"] = columns.pop("rent")
    columns["price"][4] = None
    path = tmp_path / "t.csv"
    path.write_text(csv(columns))
    assert "has no column 'rent'" in run("evaluate", regressor, path, code=2).err
    ran = run("evaluate", regressor, path, "--target", "price", "--json")
    assert ran.json["rows"] == 49
    assert "1 rows without a target" in ran.err or "1 row without a target" in ran.err


def test_classes_that_the_model_does_not_know(run: Any, classifier: Path, tmp_path: Path) -> None:
    columns = flats(50, seed=3)
    columns["let"][:3] = ["perhaps"] * 3
    path = tmp_path / "t.csv"
    path.write_text(csv(columns))
    ran = run("evaluate", classifier, path, "--json")
    assert ran.json["rows"] == 47
    assert "such as 'perhaps'" in ran.err
    path.write_text(csv({**columns, "let": ["perhaps"] * 50}))
    assert "no row has a target" in run("evaluate", classifier, path, code=2).err


def test_classes_that_are_numbers(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "t.csv"
    columns = {"a": rng.normal(size=60).tolist(), "y": rng.integers(0, 2, 60).tolist()}
    path.write_text(csv(columns))
    run("fit", path, "--target", "y", "--out", tmp_path / "m", "--epochs", "3", "--hidden", "2")
    first = run("evaluate", tmp_path / "m", path, "--json").json
    path.write_text(csv({**columns, "y": [float(value) for value in columns["y"]]}))
    assert run("evaluate", tmp_path / "m", path, "--json").json["model"] == first["model"]
    path.write_text(csv({**columns, "y": ["high"] * 60}))
    assert "expected numbers, found 'high' in row 0" in run("evaluate", tmp_path / "m", path, code=2).err


def test_one_row(run: Any, regressor: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size,town,floor,rent\n50,Zug,2,1000\n")
    found = run("evaluate", regressor, path, "--json").json
    assert found["rows"] == 1
    assert found["gain_standard_error"] is None
    run("evaluate", regressor, path)


def test_pictures(run: Any, regressor: Path, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = run("evaluate", regressor, table, "--pictures", tmp_path / "p", "--json").json
    assert {Path(name).name for name in found["pictures"]} == {path.name for path in (tmp_path / "p").iterdir()}
    assert (tmp_path / "p" / "coverage.png").exists()
