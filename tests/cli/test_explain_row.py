"""`likeliest explain MODEL DATA`: one row of one's own data, each derivative against an independent one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from flats import csv, flats

import likeliest as ll


def nudged(model: Any, frame: pl.DataFrame, row: int, column: str, what: Any) -> float:
    """The derivative of something about one row in z of a column, by the estimator itself, in float64."""
    j = list(model.feature_names_in_).index(column)
    scale = model.table_.scale[model.table_.numeric.index(j)]
    one = frame[row]
    step = 1e-3
    ends = [what(one.with_columns((pl.col(column) + sign * step * scale).alias(column))) for sign in (1, -1)]
    return float((ends[0] - ends[1]) / (2 * step))


@pytest.fixture
def exact(table: Path, tmp_path: Path) -> Any:
    """Models in double precision, so that nudging the estimator says something."""
    columns = flats()
    frame = pl.DataFrame(columns).select("size", "town", pl.col("floor").cast(float))
    found = {}
    for name, kind in (("let", ll.Classifier), ("rent", ll.Regressor)):
        model = kind((5,), activation="tanh", max_iter=20, dtype="float64", random_state=0)
        found[name] = model.fit(frame, pl.Series(name, columns[name]))
        found[name].save(tmp_path / f"{name}.likeliest")
    return frame, found, tmp_path


@pytest.mark.parametrize("target", ["let", "rent"])
def test_derivatives_are_those_of_the_estimator(run: Any, exact: Any, table: Path, target: str) -> None:
    frame, models, folder = exact
    model, row = models[target], 5
    found = run("explain", folder / f"{target}.likeliest", table, "--row", row, "--json").json
    pushes = {push["column"]: push for push in found["pushes"]}
    assert set(pushes) == {"size", "floor", "no floor", "town"}
    y = np.array([flats()[target][row]])

    def prediction(X: pl.DataFrame) -> float:
        if target == "rent":
            return float(model.predict(X)[0])
        p = model.predict_proba(X)[0]
        place = list(model.classes_).index(found["label"])
        return float(np.log(p[place] / (1 - p[place])))

    name = "prediction" if target == "rent" else "log_odds"
    for column in ("size", "floor"):
        push = pushes[column]
        expected = nudged(model, frame, row, column, prediction)
        assert push[name] == pytest.approx(expected, rel=1e-4)
        assert push["by_nudging"] == pytest.approx(push[name], rel=1e-6)
        expected = nudged(model, frame, row, column, lambda X: float(model.log_likelihood(X, y)))
        assert push["log_likelihood"] == pytest.approx(expected, rel=1e-4)
    assert pushes["town"]["by_nudging"] == pytest.approx(
        pushes["town"]["prediction" if target == "rent" else "log_odds"]
    )
    assert found["log_likelihood"] == pytest.approx(float(model.log_likelihood(frame[row], y)))


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_page(run: Any, regressor: Path, table: Path, where: str) -> None:
    arguments = ("--row", "0", regressor, table) if where == "before" else (regressor, table, "--row", "0")
    ran = run("explain", *arguments)
    for text in ("observed:", "z = 0 in place of a gap, and a 1 for 'no floor'", "FORWARD PASS", "BACKPROPAGATION",
                 "∂LL/∂η", "WHICH COLUMNS PUSH", "category"):  # fmt: skip
        assert text in ran.out, text
    assert max(map(len, ran.out.splitlines())) <= 80


def test_dense_networks_for_classes_are_written_as_in_the_handout(run: Any, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    run("fit", table, "--target", "let", "--drop", "town", "--hidden", "3", "--activation", "logistic", "--out", out)
    ran = run("explain", out, table, "--row", "1")
    assert "(5)  ∂LL/∂θ_i,j⁽ʰ⁾ = ∂LL/∂ŷ · ∂ŷ/∂h_j · ∂h_j/∂θ_i,j⁽ʰ⁾" in ran.out
    assert "Backpropagation and the finite differences agree." in ran.out


def test_rows_without_a_target(run: Any, classifier: Path, regressor: Path, tmp_path: Path) -> None:
    columns = flats(10)
    path = tmp_path / "new.csv"
    path.write_text(csv({name: columns[name] for name in ("size", "town", "floor")}))
    ran = run("explain", classifier, path)
    assert "observed" not in ran.out
    assert "the likeliest class stands for it" in " ".join(ran.out.split())
    ran = run("explain", regressor, path)
    assert "BACKPROPAGATION" not in ran.out
    assert "WHICH COLUMNS PUSH" in ran.out
    assert run("explain", regressor, path, "--json").json["log_likelihood"] is None
    assert "has no column 'rent'" in run("explain", regressor, path, "--target", "rent", code=2).err


def test_mistakes_and_the_other_command(run: Any, classifier: Path, table: Path) -> None:
    assert "rows 0 to 119" in run("explain", classifier, table, "--row", "120", code=2).err
    assert "--row" in run("explain", classifier, table, "--row", "-1", code=2).err
    assert "DATA" in run("explain", classifier, code=2).err
    assert "--exampel" in run("explain", "digits", "--exampel", "1", code=2).err
    out = run("explain", "--help").out
    assert "MODEL DATA" in out
    assert "digits" in out
    assert run("explain").out == out
    assert "Which of the test digits" in run("explain", "digits", "--help").out


def test_a_category_is_held_against_the_average_one(run: Any, exact: Any, table: Path) -> None:
    frame, models, folder = exact
    model, row = models["rent"], 5
    found = run("explain", folder / "rent.likeliest", table, "--row", row, "--json").json
    push = next(push for push in found["pushes"] if push["column"] == "town")
    name = next(name for name in model.network_.parameters if name.startswith("embedding"))
    E = np.array(model.network_.parameters[name])
    code = 1 + model.table_.categories[0][1].index(flats()["town"][row])
    step = E[code] - E[1:].mean(axis=0)
    ends = []
    for nudge in (1e-4, -1e-4):
        other = E.copy()
        other[code] += nudge * step
        model.network_.parameters[name] = other
        ends.append(float(model.predict(frame[row])[0]))
    assert push["prediction"] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-5)
