"""`likeliest predict`: columns by name, rows in order, files whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from flats import QUICK, csv, flats

import likeliest as ll


def frame_of(text: str) -> pl.DataFrame:
    return pl.read_csv(text.encode())


def as_python_has_it(columns: dict[str, list[Any]], names: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame(columns).select(names)
    return frame.with_columns(pl.col("floor").cast(float)) if "floor" in names else frame


def test_classes_are_those_of_python(run: Any, classifier: Path, table: Path) -> None:
    found = frame_of(run("predict", classifier, table, "--id", "number").out)
    assert found.columns == ["number", "label", "p_no", "p_yes"]
    assert found["number"].to_list() == flats()["number"]
    model = ll.load(classifier)
    X = as_python_has_it(flats(), ["size", "town", "floor"])
    np.testing.assert_allclose(found.select("p_no", "p_yes").to_numpy(), model.predict_proba(X), rtol=1e-12)
    assert found["label"].to_list() == model.predict(X).tolist()


def test_numbers_are_those_of_python(run: Any, regressor: Path, table: Path) -> None:
    found = frame_of(run("predict", regressor, table, "--interval", "0.5").out)
    assert found.columns == ["mean", "std", "median", "low_50", "high_50"]
    model = ll.load(regressor)
    d = model.predict_dist(as_python_has_it(flats(), ["size", "town", "floor"]))
    low, high = d.interval(0.5)
    for name, expected in (("mean", d.mean()), ("std", d.std()), ("low_50", low), ("high_50", high)):
        np.testing.assert_allclose(found[name].to_numpy(), expected, rtol=1e-12)


def variants(columns: dict[str, list[Any]]) -> dict[str, tuple[dict[str, list[Any]], str]]:
    """The same table as others write it, and what has to be said about it."""
    used = {name: columns[name] for name in ("size", "town", "floor")}
    return {
        "reordered": (dict(reversed(used.items())), ""),
        "more columns": ({**columns, "colour": ["red"] * 120}, "'number', 'country', 'let', 'colour'"),
        "the target is there": ({**used, "rent": columns["rent"]}, ""),
    }


@pytest.mark.parametrize("variant", ["reordered", "more columns", "the target is there"])
def test_columns_are_found_by_name(run: Any, regressor: Path, table: Path, tmp_path: Path, variant: str) -> None:
    expected = run("predict", regressor, table).out
    columns, said = variants(flats())[variant]
    path = tmp_path / "other.csv"
    path.write_text(csv(columns))
    ran = run("predict", regressor, path)
    assert ran.out == expected
    assert said in ran.err
    assert bool(said) == bool(ran.err)
    assert run("predict", regressor, path, "--quiet").err == ""


@pytest.mark.parametrize("kind", ["parquet", "arrow", "german", "tsv", "gzip"])
def test_other_files_give_the_same(run: Any, regressor: Path, table: Path, tmp_path: Path, kind: str) -> None:
    import gzip

    expected = frame_of(run("predict", regressor, table).out)
    path = tmp_path / f"other.{kind}"
    if kind == "parquet":
        pl.DataFrame(flats()).write_parquet(path)
    elif kind == "arrow":
        pl.DataFrame(flats()).with_columns(pl.col("town").cast(pl.Categorical)).write_ipc(path)
    elif kind == "gzip":
        path.write_bytes(gzip.compress(csv(flats()).encode()))
    else:
        path.write_text(csv(flats(), *((";", ",") if kind == "german" else ("\t", "."))))
    assert frame_of(run("predict", regressor, path).out).equals(expected)


def test_codes_that_were_strings_stay_strings(run: Any, tmp_path: Path) -> None:
    """01 was a category when the model was fitted; in the new file all codes look like numbers."""
    rng = np.random.default_rng(0)
    code = rng.choice(["01", "02", "A1"], 300)
    columns = {"code": code.tolist(), "x": rng.normal(size=300).tolist(), "y": (code == "01").tolist()}
    (tmp_path / "t.csv").write_text(csv(columns))
    (tmp_path / "new.csv").write_text("code,x\n01,0\n02,0\n1,0\n2,0\n")
    run("fit", tmp_path / "t.csv", "--target", "y", "--out", tmp_path / "m", "--hidden", "4")
    found = frame_of(run("predict", tmp_path / "m", tmp_path / "new.csv").out)
    assert found.columns == ["label", "p_False", "p_True"]
    p = found["p_True"].to_list()
    assert p[0] > 0.9 > 0.1 > p[1]
    assert p[2] == p[3]  # both unknown: no number's neighbours


def test_numbers_said_to_be_categories_are_so_again(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    zone = rng.integers(1, 5, 120)
    columns = {"zone": zone.tolist(), "x": rng.normal(size=120).tolist(), "y": (10.0 * (zone == 2)).tolist()}
    (tmp_path / "t.csv").write_text(csv(columns))
    pl.DataFrame({"zone": [1.0, 2.0, 3.0], "x": [0.0, 0.0, 0.0]}).write_parquet(tmp_path / "new.parquet")
    (tmp_path / "new.csv").write_text("zone,x\n1,0\n2,0\n3,0\n")
    arguments = ("--target", "y", "--task", "regression", "--categorical", "zone", "--out", tmp_path / "m")
    run("fit", tmp_path / "t.csv", *arguments, "--likelihood", "normal", "--hidden", "8")
    for name in ("new.csv", "new.parquet"):
        mean = frame_of(run("predict", tmp_path / "m", tmp_path / name).out)["mean"].to_list()
        assert mean[1] > 5 > mean[0]


def test_a_missing_column(run: Any, regressor: Path, tmp_path: Path) -> None:
    columns = flats()
    columns["flor"] = columns.pop("floor")
    path = tmp_path / "t.csv"
    path.write_text(csv(columns))
    ran = run("predict", regressor, path, code=2)
    assert "'floor'" in ran.err
    assert "is 'flor' meant" in ran.err
    ran = run("predict", regressor, path, "--missing-ok")
    assert "missing, taken for gaps: 'floor'" in ran.err
    empty = {**flats(), "floor": [None] * 120}
    path.write_text(csv(empty))
    assert run("predict", regressor, path).out == ran.out


def test_a_column_of_another_kind(run: Any, regressor: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv({**flats(), "size": ["large"] * 120}))
    ran = run("predict", regressor, path, code=2)
    assert "column 'size': the model was fitted to numbers, found 'large' in row 0" in ran.err
    path.write_text("size,town,floor\n50,Zug,1\ninf,Zug,2\n")
    for command in (("predict",), ("explain", "--row", "1")):
        assert "found inf in row" in run(command[0], regressor, path, *command[1:], code=2).err
    size: list[Any] = flats()["size"]
    size[7] = "large"
    path.write_text(csv({**flats(), "size": size}))
    assert "1 value is no number, taken for gaps: 'large'" in run("predict", regressor, path).err


def test_one_row_gaps_and_unknown_categories(run: Any, classifier: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size,town,floor\n50,Zug,\n")
    assert len(run("predict", classifier, path).out.splitlines()) == 2
    path.write_text("size,town,floor\n,,\n50,Paris,3\n")
    found = frame_of(run("predict", classifier, path).out)
    assert len(found) in (1, 2)  # a row of nothing but gaps is a blank line
    np.testing.assert_allclose(found.select("p_no", "p_yes").to_numpy().sum(axis=1), 1, rtol=1e-6)
    path.write_text("size,town,floor\n")
    assert "has no rows" in run("predict", classifier, path, code=2).err


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "arrow", "feather", "npy"])
def test_every_way_to_write(run: Any, regressor: Path, table: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"p.{kind}"
    ran = run("predict", regressor, table, "--out", out)
    assert ran.out == ""
    assert "120 predictions written" in ran.err
    expected = frame_of(run("predict", regressor, table).out)
    if kind == "npy":
        np.testing.assert_array_equal(np.load(out), expected.to_numpy())
        return
    readers: dict[str, Any] = {"parquet": pl.read_parquet, "arrow": pl.read_ipc, "feather": pl.read_ipc}
    found = readers[kind](out) if kind in readers else pl.read_csv(out, separator="\t" if kind == "tsv" else ",")
    assert found.equals(expected)


def test_json(run: Any, classifier: Path, table: Path) -> None:
    rows = run("predict", classifier, table, "--json", "--id", "town").json
    assert len(rows) == 120
    assert set(rows[0]) == {"town", "label", "p_no", "p_yes"}
    assert rows[0]["town"] == flats()["town"][0]


def test_an_old_file_stays(run: Any, classifier: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    out.write_text("mine")
    assert "--force" in run("predict", classifier, table, "--out", out, code=2).err
    assert out.read_text() == "mine"
    broken = tmp_path / "broken.csv"
    broken.write_text("size,town,floor\nbig,Zug,1\n")
    run("predict", classifier, broken, "--out", out, "--force", code=2)
    assert out.read_text() == "mine"
    run("predict", classifier, table, "--out", out, "--force")
    assert out.read_text().startswith("label,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "p.xlsx"], "--out"),
        (["--interval", "90"], "--interval"),
        (["--id", "numbr"], "is 'number' meant"),
        (["--out", "p.npy", "--id", "number"], "--id"),
        (["--json", "--out", "p.csv"], "--json"),
    ],
)
def test_mistakes(run: Any, classifier: Path, table: Path, arguments: list[str], said: str) -> None:
    ran = run("predict", classifier, table, *arguments, code=2)
    assert said in ran.err
    assert ran.out == ""


def test_what_is_no_model(run: Any, table: Path, tmp_path: Path) -> None:
    for command in ("predict", "evaluate", "explain", "show"):
        data = () if command == "show" else (table,)
        assert "no model file" in run(command, table, *data, code=2).err
        assert "there is no file" in run(command, tmp_path / "none", *data, code=2).err
        assert "is a folder" in run(command, tmp_path, *data, code=2).err


def test_models_made_in_python(run: Any, tmp_path: Path, table: Path) -> None:
    """Fitted to an array, which has no names; with categories that are numbers; a bare network; several targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    ll.Regressor((3,), max_iter=3).fit(X, X[:, 0]).save(tmp_path / "array")
    (tmp_path / "t.csv").write_text(csv({"b": X[:, 0].tolist(), "a": X[:, 1].tolist()}))
    found = frame_of(run("predict", tmp_path / "array", tmp_path / "t.csv").out)
    np.testing.assert_allclose(found["mean"].to_numpy(), ll.load(tmp_path / "array").predict(X), rtol=1e-6)
    assert "of 2 columns without names" in run("predict", tmp_path / "array", table, code=2).err
    assert "--target" in run("evaluate", tmp_path / "array", tmp_path / "t.csv", code=2).err

    frame = pl.DataFrame({"k": [1, 2, 3, 1] * 10, "x": X[:, 0]})
    model = ll.Classifier((3,), max_iter=3, categorical_features=["k"], random_state=0)
    model.fit(frame, [0, 1] * 20).save(tmp_path / "codes")
    frame.write_csv(tmp_path / "k.csv")
    found = frame_of(run("predict", tmp_path / "codes", tmp_path / "k.csv").out)
    np.testing.assert_allclose(found["p_1"].to_numpy(), model.predict_proba(frame)[:, 1], rtol=1e-6)
    run("explain", tmp_path / "codes", tmp_path / "k.csv", "--row", 1)

    ll.Network([ll.Dense(2)], likelihood="normal").build(2).save(tmp_path / "network")
    assert "expected a Classifier or Regressor" in run("predict", tmp_path / "network", table, code=2).err
    assert "a Network" in run("show", tmp_path / "network").text
    ll.Regressor((3,), max_iter=3).fit(X, X).save(tmp_path / "two")
    assert "predicts 2 numbers a row" in run("predict", tmp_path / "two", table, code=2).err
    run("show", tmp_path / "two")


def test_without_anything_but_numpy_arrays(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    np.savez(tmp_path / "t.npz", X=X, y=X[:, 0] > 0)
    run("fit", tmp_path / "t.npz", "--out", tmp_path / "m", *QUICK)
    np.save(tmp_path / "x.npy", X[:5])
    assert len(json.loads(run("predict", tmp_path / "m", tmp_path / "x.npy", "--json").out)) == 5
    np.save(tmp_path / "wrong.npy", X[:, :2])
    assert (
        "the model takes rows of 3 numbers, found rows of 2"
        in run("predict", tmp_path / "m", tmp_path / "wrong.npy", code=2).err
    )
