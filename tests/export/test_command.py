"""The command `likeliest export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

import likeliest as ll
from likeliest import cli

N = 60
RNG = np.random.default_rng(0)


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    X = pd.DataFrame({"size": RNG.normal(size=N), "[town]": RNG.choice(["Aarau", "Bern"], N)})
    ll.Classifier(hidden=(3,), max_iter=2, random_state=0).fit(X, np.array(["no", "yes"])[np.arange(N) % 2]).save(
        "m.ll"
    )
    return tmp_path


def test_it_says_what_goes_in_and_what_comes_out(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "m.ll", "m.onnx"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, *lines = out.splitlines()
    assert first.startswith("Wrote m.onnx, ")
    assert first.endswith("kB: Classifier, Bernoulli()")
    rows = [line.split() for line in lines]
    assert ["input", "size", "double", "n", "x", "1"] in rows
    assert ["input", "[town]", "string", "n", "x", "1"] in rows
    assert ["output", "label", "string", "n"] in rows
    assert ["output", "probabilities", "double", "n", "x", "2"] in rows
    assert max(map(len, out.splitlines())) <= 80
    feeds = {"size": np.array([[0.3]]), "[town]": np.array([["Bern"]], dtype=object)}
    label, p = onnxruntime.InferenceSession("m.onnx").run(None, feeds)
    expected = ll.load("m.ll").predict_proba(pd.DataFrame({name: value[:, 0] for name, value in feeds.items()}))
    np.testing.assert_allclose(p, expected, rtol=1e-5)
    assert label[0] == ["no", "yes"][int(expected.argmax())]


def test_a_table_of_many_columns_fits(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = pd.DataFrame({f"a column with a long name, number {j} " * 3: ["a", "b"] * (N // 2) for j in range(30)})
    ll.Regressor(hidden=(3,), max_iter=2, random_state=0).fit(X, RNG.normal(size=N)).save("wide.ll")
    assert cli.main(["export", "wide.ll", "wide.onnx"]) == 0
    out = capsys.readouterr().out
    assert "and 10 more" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_network(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ll.Network([ll.Flatten()], likelihood="normal").build((4, 3)).save("net.ll")
    assert cli.main(["export", "net.ll", "net.onnx"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["input", "x", "float", "n", "x", "4", "x", "3"] in rows
    assert [row[1] for row in rows if row[:1] == ["output"]] == ["loc", "scale", "mean"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.ll", "m.onnx"], 2, "there is no file nowhere.ll"),
        (["m.ll", "nowhere/m.onnx"], 2, "OUT: there is no folder "),
        (["m.ll", "."], 2, "OUT: . is a folder; expected the name of a file"),
        (["notes.txt", "m.onnx"], 2, "notes.txt"),
        (["m.ll"], 2, "OUT"),
        (["m.ll", "m.ll"], 2, "OUT: m.ll is what is read"),
        (["m.ll", "notes.txt"], 2, "OUT: notes.txt is there already; --force replaces it"),
    ],
)
def test_mistakes_are_one_line(
    saved: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (saved / "notes.txt").write_text("hello")
    assert cli.main(["export", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert not (saved / "m.onnx").exists()


def test_force_and_json(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (saved / "m.onnx").write_text("old")
    assert cli.main(["export", "m.ll", "m.onnx", "--force", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["bytes"] == len((saved / "m.onnx").read_bytes()) > 100
    assert document["inputs"][0] == {"name": "size", "type": "double", "shape": ["n", "1"]}
    assert [one["name"] for one in document["outputs"]] == ["label", "probabilities"]


def test_without_onnx(saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert cli.main(["export", "m.ll", "m.onnx"]) == 1
    expected = 'likeliest: export_onnx needs the package onnx: pip install "likeliest[onnx]"\n'
    assert capsys.readouterr().err == expected


def test_what_has_no_translation(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = pd.DataFrame({"mixed": [1, "a"] * (N // 2)})
    ll.Classifier(hidden=(), max_iter=2, random_state=0).fit(X, np.arange(N) % 2).save("mixed.ll")
    assert cli.main(["export", "mixed.ll", "m.onnx"]) == 1
    assert "column 'mixed' holds categories of several types" in capsys.readouterr().err
