"""`likeliest fit`, as a user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from flats import QUICK, csv, flats

import likeliest as ll
from likeliest.cli import options

PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from likeliest.cli import main; sys.exit(main())"
)


def test_numbers(run: Any, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table.parent)  # short names: long ones are broken at the end of the line
    out = Path("rent.likeliest")
    ran = run("fit", table.name, "--target", "rent", "--out", out, *QUICK)
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "120 rows, 7 columns" in ran.out
    assert "rent     the target: numbers from" in ran.out
    assert "number   left out: counts the rows" in ran.out
    assert "country  left out: constant" in ran.out
    assert "town     3 categories" in ran.out
    assert "11 gaps" in ran.out
    assert "96 rows to learn from, 24 for the test" in ran.out
    assert "the same for all rows" in ran.out
    assert "times as probable" in ran.out
    assert f"Model written to {out}" in ran.out
    model = ll.load(out)
    assert isinstance(model, ll.Regressor)
    assert list(model.feature_names_in_) == ["size", "town", "floor", "let"]
    assert model.target_name_ == "rent"
    assert model.n_jobs is None


def test_the_model_is_the_one_that_python_fits_and_the_test_is_of_it(run: Any, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.likeliest"
    found = run("fit", table, "--target", "rent", "--drop", "let", "--out", out, "--json", *QUICK).json
    model = ll.load(out)
    frame = pl.read_csv(table).select("size", "town", pl.col("floor").cast(float), "rent")
    from likeliest.cli.splitting import held_out

    y = frame["rent"].to_numpy()
    mask = held_out(y, 0.2, 0, False)
    X = frame.drop("rent")
    mine = ll.Regressor((4,), max_iter=15, random_state=0).fit(X.filter(~mask), y[~mask])
    np.testing.assert_array_equal(model.predict(X), mine.predict(X))
    expected = mine.log_likelihood(X.filter(mask), y[mask]) / mask.sum()
    assert found["test"]["model"]["log_likelihood"] == pytest.approx(expected, rel=1e-6)
    assert found["test"]["rows"] == 24


@pytest.mark.parametrize("seed", ["0", "5"])
def test_classes_and_the_same_seed_the_same_answer(run: Any, table: Path, seed: str) -> None:
    answers = [run("fit", table, "--target", "let", "--json", "--seed", seed, *QUICK).json for _ in range(2)]
    for answer in answers:
        answer["training"].pop("seconds")
    assert answers[0] == answers[1]
    assert answers[0]["task"] == "classification"
    assert answers[0]["classes"] == ["no", "yes"]
    assert answers[0]["left_out"] == {"number": "counts the rows", "country": "constant"}
    assert 0 <= answers[0]["test"]["model"]["accuracy"] <= 1


@pytest.mark.slow
def test_a_network_that_learns_beats_the_naive_one(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "flats.csv"
    path.write_text(csv(flats(400)))
    found = run("fit", path, "--target", "rent", "--drop", "let", "--json").json
    assert found["test"]["gain"] > 1
    assert found["test"]["model"]["rmse"] < 100 < 300 < found["test"]["naive"]["rmse"]
    assert 0.75 < found["test"]["model"]["coverage"] <= 1


def test_nothing_to_learn_is_said(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "noise.csv"
    path.write_text(csv({"a": rng.normal(size=150).tolist(), "y": rng.choice(["u", "v"], 150).tolist()}))
    ran = run("fit", path, "--target", "y", *QUICK)
    assert "knows no more of y than the naive model" in ran.out.replace("\n", " ").replace("  ", " ")


@pytest.mark.parametrize(
    ("options", "task", "kind"),
    [
        ([], "classification", "Categorical"),
        (["--task", "regression"], "regression", "StudentT"),
        (["--likelihood", "poisson"], "regression", "Poisson"),
        (["--likelihood", "ordinal"], "classification", "Ordinal"),
    ],
)
def test_few_whole_numbers(run: Any, tmp_path: Path, options: list[str], task: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "grades.csv"
    path.write_text(csv({"a": rng.normal(size=80).tolist(), "grade": rng.integers(1, 5, 80).tolist()}))
    found = run("fit", path, "--target", "grade", "--json", *options, *QUICK).json
    assert found["task"] == task
    assert found["likelihood"].startswith(kind)
    assert found["classes"] == ([1, 2, 3, 4] if task == "classification" else None)


@pytest.mark.parametrize("likelihood", options.LIKELIHOODS)
def test_every_likelihood(run: Any, tmp_path: Path, likelihood: str) -> None:
    rng = np.random.default_rng(0)
    y: list[Any] = rng.uniform(0.1, 0.9, 60).tolist()
    if likelihood in ("poisson", "negative_binomial", "zero_inflated_poisson", "ordinal", "categorical"):
        y = rng.integers(0, 4, 60).tolist()
    elif likelihood == "bernoulli":
        y = rng.choice(["a", "b"], 60).tolist()
    path, out = tmp_path / "t.csv", tmp_path / "m.likeliest"
    path.write_text(csv({"a": rng.normal(size=60).tolist(), "y": y}))
    run("fit", path, "--target", "y", "--likelihood", likelihood, "--out", out, *QUICK)
    predicted = pl.read_csv(run("predict", out, path).out.encode())
    assert len(predicted) == 60
    assert not any(series.null_count() for series in predicted if series.dtype.is_numeric())
    run("evaluate", out, path)
    run("explain", out, path)
    run("show", out)


def test_the_names_that_help_knows_are_those_of_the_library() -> None:
    from likeliest.engines import ENGINES
    from likeliest.likelihoods import LIKELIHOODS
    from likeliest.ops import ACTIVATIONS

    assert {*options.LIKELIHOODS, "independent", "multivariate_normal", "normal_mixture", "per_step"} == {*LIKELIHOODS}
    assert set(options.ACTIVATIONS) == set(ACTIVATIONS)
    assert options.ENGINES == ENGINES


def test_keep_drop_and_categorical(run: Any, table: Path) -> None:
    arguments = ("--target", "let", "--keep", "number", "--drop", "town", "--categorical", "floor", "--json")
    found = run("fit", table, *arguments, *QUICK).json
    assert found["columns"] == ["number", "size", "floor", "rent"]
    assert found["left_out"]["town"] == "--drop"


def test_rows_without_a_target_are_left_out_and_counted(run: Any, tmp_path: Path) -> None:
    columns = flats()
    columns["let"][3] = columns["let"][50] = None
    path = tmp_path / "flats.csv"
    path.write_text(csv(columns))
    ran = run("fit", path, "--target", "let", *QUICK)
    assert "2 rows without a target left out" in ran.err
    assert "118 rows, 7 columns" in " ".join(ran.out.split())
    assert run("fit", path, "--target", "let", "--json", *QUICK).json["rows_without_target"] == 2


def test_values_of_the_target_that_are_no_numbers_are_told_of(run: Any, tmp_path: Path) -> None:
    columns = flats()
    columns["rent"][7] = "on request"
    path = tmp_path / "flats.csv"
    path.write_text(csv(columns))
    ran = run("fit", path, "--target", "rent", *QUICK)
    assert "column 'rent': 1 value is no number, taken for gaps: 'on request'" in ran.err
    assert "1 row without a target left out" in ran.err


def test_weights(run: Any, tmp_path: Path) -> None:
    """A row of weight 2 counts as two, in the fit and in the test."""
    columns = flats(60)
    columns.pop("number")
    weighted = {**columns, "w": [2 if row % 3 == 0 else 1 for row in range(60)]}
    rows = [row for row in range(60) for _ in range(2 if row % 3 == 0 else 1)]
    twice = {name: [values[row] for row in rows] for name, values in columns.items()}
    for name, table in (("w", weighted), ("t", twice)):
        (tmp_path / f"{name}.csv").write_text(csv(table))
    outs = [tmp_path / "a", tmp_path / "b"]
    arguments = ("--target", "let", "--test", "0", "--hidden", "3", "--epochs", "40")
    run("fit", tmp_path / "w.csv", *arguments, "--weights", "w", "--out", outs[0])
    run("fit", tmp_path / "t.csv", *arguments, "--out", outs[1])
    found = [
        run("evaluate", outs[0], tmp_path / "w.csv", "--weights", "w", "--json").json,
        run("evaluate", outs[0], tmp_path / "t.csv", "--json").json,
    ]
    for name in ("log_likelihood", "accuracy", "calibration_error"):
        assert found[0]["model"][name] == pytest.approx(found[1]["model"][name])
        assert found[0]["naive"][name] == pytest.approx(found[1]["naive"][name])
    # With few rows, all at once, the fit is the same too.
    predicted = [pl.read_csv(run("predict", out, tmp_path / "t.csv").out.encode())["p_yes"].to_numpy() for out in outs]
    np.testing.assert_allclose(predicted[0], predicted[1], rtol=1e-6)


def test_a_test_file_of_one_s_own(run: Any, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    columns = flats(40, seed=1)
    other.write_text(csv(dict(reversed(columns.items()))))
    out = tmp_path / "m.likeliest"
    found = run("fit", table, "--target", "rent", "--test", other, "--out", out, "--json", *QUICK).json
    assert found["test"]["rows"] == 40
    assert found["training"]["rows"] == 120
    again = run("evaluate", out, other, "--json").json
    assert again["model"] == found["test"]["model"]


def test_cross_validation_tests_every_row_and_fits_all(run: Any, table: Path, tmp_path: Path) -> None:
    found = run("fit", table, "--target", "let", "--cross-validate", "3", "--json", *QUICK).json
    assert found["test"]["rows"] == 120
    assert found["training"]["rows"] == 120
    ran = run("fit", table, "--target", "let", "--cross-validate", "3", *QUICK)
    assert "120 rows, in 3 folds" in ran.out


def test_refit(run: Any, table: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in "abc"]
    run("fit", table, "--target", "let", "--out", outs[0], *QUICK)
    run("fit", table, "--target", "let", "--out", outs[1], "--refit", *QUICK)
    run("fit", table, "--target", "let", "--out", outs[2], "--test", "0", *QUICK)
    centers = [ll.load(out).table_.center for out in outs]
    assert (centers[1] == centers[2]).all()
    assert (centers[0] != centers[1]).any()


def test_npz_npy_and_images(run: Any, tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    np.savez(tmp_path / "a.npz", X=X, y=np.where(X[:, 0] > 0, "u", "v"))
    assert run("fit", tmp_path / "a.npz", "--json", *QUICK).json["classes"] == ["u", "v"]
    np.save(tmp_path / "a.npy", np.column_stack([X, X[:, 0] * 2]))
    out = tmp_path / "m.likeliest"
    found = run("fit", tmp_path / "a.npy", "--target", "-1", "--out", out, "--json", *QUICK).json
    assert found["task"] == "regression"
    np.save(tmp_path / "new.npy", X)
    assert len(run("predict", out, tmp_path / "new.npy").out.splitlines()) == 81
    assert run("evaluate", out, tmp_path / "a.npy", "--target", "3", "--json").json["rows"] == 80
    for k in range(40):
        folder = tmp_path / "images" / ("dark" if k % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((rng.integers(0, 60, (5, 4)) + 150 * (k % 2 == 0)).astype(np.uint8)).save(folder / f"{k}.png")
    out = tmp_path / "images.likeliest"
    found = run("fit", tmp_path / "images", "--out", out, "--json", *QUICK).json
    assert found["test"]["model"]["accuracy"] == 1
    assert ll.load(out).network_.program.input_shape == (5, 4)
    predicted = pl.read_csv(run("predict", out, tmp_path / "images" / "dark").out.encode())
    assert predicted["label"].to_list() == ["dark"] * 20
    assert predicted.columns == ["file", "label", "p_dark", "p_light"]
    run("explain", out, tmp_path / "images")


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_needs_force_and_is_checked_before_any_work(run: Any, tmp_path: Path, table: Path) -> None:
    out = tmp_path / "m.likeliest"
    out.write_text("mine")
    ran = run("fit", "no such file", "--target", "let", "--out", out, code=2)
    assert "--force" in ran.err
    assert out.read_text() == "mine"
    run("fit", table, "--target", "let", "--out", out, "--force", *QUICK)
    assert isinstance(ll.load(out), ll.Classifier)
    before = table.read_text()
    assert "is what is read" in run("fit", table, "--target", "let", "--out", table, "--force", code=2).err
    assert "is what is read" in run("predict", out, table, "--out", table, "--force", code=2).err
    assert table.read_text() == before
    for wrong in (tmp_path, tmp_path / "none" / "m"):
        assert "--out" in run("fit", table, "--target", "let", "--out", wrong, code=2).err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is a matter of POSIX")
@pytest.mark.slow
def test_ctrl_c_leaves_the_old_file(table: Path, tmp_path: Path) -> None:
    """While it cross-validates, which would be of no use half done."""
    out = tmp_path / "m.likeliest"
    out.write_text("mine")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "fit", str(table), "--target", "rent", "--epochs", "100000000",
         "--out", str(out), "--force", "--cross-validate", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == b"":
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == b"likeliest: interrupted"
    assert b"Traceback" not in err
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flats.csv", "m.likeliest"]


@pytest.mark.parametrize("task", ["let", "rent"])
def test_pictures(run: Any, table: Path, tmp_path: Path, task: str) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "pictures"
    found = run("fit", table, "--target", task, "--pictures", folder, "--json", *QUICK).json
    names = {path.name for path in folder.iterdir()}
    assert names == {Path(name).name for name in found["pictures"]}
    assert names >= {"learning-curve.png", "weights.png", "reliability.png" if task == "let" else "intervals.png"}
    for path in folder.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")


def test_quiet_and_not_saved(run: Any, table: Path) -> None:
    ran = run("fit", table, "--target", "let", "--quiet", *QUICK)
    assert (ran.out, ran.err) == ("", "")
    assert "Not saved" in run("fit", table, "--target", "let", *QUICK).out


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which column of"),
        (["--target", "Let"], "is 'let' meant"),
        (["--target", "size (m2)"], "is 'size' meant"),
        (["--target", "country"], "nothing to predict"),
        (["--target", "town", "--task", "regression"], "a regression needs numbers"),
        (["--target", "rent", "--task", "classification"], "too many for classes"),
        (["--target", "let", "--likelihood", "poisson"], "a regression needs numbers"),
        (["--target", "let", "--likelihood", "norml"], "is normal meant"),
        (["--target", "town", "--likelihood", "bernoulli"], "bernoulli is for two classes, town has 3"),
        (["--target", "rent", "--likelihood", "poisson"], "needs counts"),
        (["--target", "rent", "--likelihood", "beta"], "strictly between 0 and 1"),
        (["--target", "rent", "--likelihood", "normal", "--task", "classification"], "--likelihood"),
        (["--target", "let", "--keep", "flor"], "--keep"),
        (["--target", "let", "--drop", "let"], "is the target"),
        (["--target", "let", "--drop", "size", "--keep", "size"], "also to be kept"),
        (["--target", "let", "--weights", "town"], "--weights"),
        (["--target", "let", "--weights", "floor"], "--weights"),
        (["--target", "let", "--test", "1.5"], "--test"),
        (["--target", "let", "--test", "0.001"], "too few"),
        (["--target", "let", "--test", "none.csv"], "there is no file"),
        (["--target", "let", "--cross-validate", "1"], "--cross-validate"),
        (["--target", "let", "--cross-validate", "500"], "--cross-validate"),
        (["--target", "let", "--threads", "0"], "--threads"),
        (["--target", "let", "--activation", "rellu"], "is relu meant"),
        (["--target", "let", "--separator", "ab"], "--separator"),
        (["--target", "let", "--image-size", "3"], "--image-size"),
        (["--target", "let", "--pictures", __file__], "--pictures"),
    ],
)
def test_mistakes_are_named_in_one_line(run: Any, table: Path, arguments: list[str], said: str) -> None:
    for json in ([], ["--json"]):
        ran = run("fit", table, *arguments, *json, *QUICK, code=2)
        assert said in ran.err
        assert ran.err.count("\n") == 1
        assert not json or ran.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,t\n", "has no rows"),
        ("a,t\n1,u\n", "nothing to predict"),
        ("a,t\n1,\n2,\n", "holds nothing"),
        ("t\nu\nv\nu\nv\n", "no column to predict"),
        ("a,t\n1,2020-01-01\n2,2020-01-02\n", "dates"),
        ("a,t\n" + "1,u\n2,v\n" * 20 + "inf,u\n", "holds inf in row 40"),
        ("a,t\n" + "1,5.5\n2,7.25\n" * 20 + "3,inf\n", "holds inf in row 40"),
    ],
)
def test_tables_that_will_not_do(run: Any, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert said in run("fit", path, "--target", "t", code=2).err


def test_a_bad_environment_is_named(run: Any, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELIEST_NUM_THREADS", "few")
    assert "LIKELIEST_NUM_THREADS" in run("fit", table, "--target", "let", code=2).err


def test_many_columns_and_long_names_fit_the_page(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {
        f"a column with quite a long name, number {j}": rng.normal(size=40).round(2).tolist() for j in range(300)
    }
    columns = {name.replace(",", ""): values for name, values in columns.items()}
    path = tmp_path / "wide.csv"
    path.write_text(csv({**columns, "y" * 500: rng.choice(["u", "v"], 40).tolist()}))
    out = tmp_path / "m.likeliest"
    for arguments in (
        ("fit", path, "--target", "y" * 500, "--out", out, *QUICK),
        ("show", out),
        ("explain", out, path),
    ):
        ran = run(*arguments)
        assert max(map(len, ran.out.splitlines())) <= 80, max(ran.out.splitlines(), key=len)
        assert len(ran.out.splitlines()) < 200
    assert "more: 2" in run("fit", path, "--target", "y" * 500, *QUICK).out  # 285 of numbers


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from likeliest.cli import main\n"
        "for command in ('fit', 'predict', 'evaluate', 'show', 'explain'): main([command, '--help'])\n"
        "assert not {'numpy', 'polars', 'matplotlib', 'sklearn', 'likeliest.network', 'PIL'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("likeliest ", {"digits", "fit", "predict", "evaluate", "show", "explain"}),
        ("likeliest fit --likelihood n", {"normal", "negative_binomial"}),
        ("likeliest fit --cross", {"--cross-validate"}),
        ("likeliest explain model data --r", {"--row"}),
    ],
)
def test_completion_in_bash(words: str, expected: set[str]) -> None:
    environment = {
        **os.environ,
        "_LIKELIEST_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) >= expected
    assert done.stderr == ""


def test_a_file_that_came_to_be_meanwhile_stays_and_the_work_is_kept(
    run: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likeliest.cli import fit

    out, inner = tmp_path / "m.likeliest", fit.fit

    def meanwhile(*arguments: Any) -> Any:
        out.write_text("another's")
        return inner(*arguments)

    monkeypatch.setattr(fit, "fit", meanwhile)
    found = run("fit", table, "--target", "let", "--out", out, "--json", *QUICK).json
    assert out.read_text() == "another's"
    assert found["model"] == str(tmp_path / "m (2).likeliest")
    ll.load(found["model"])


def test_a_picture_that_fails_does_not_take_the_model_away(
    run: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likeliest.cli import model_pictures

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(model_pictures, "write", fail)
    out = tmp_path / "m.likeliest"
    assert (
        "disk full"
        in run("fit", table, "--target", "let", "--out", out, "--pictures", tmp_path / "p", *QUICK, code=1).err
    )
    ll.load(out)


def test_an_engine_that_is_not_there(run: Any, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likeliest.engines.find_spec", lambda name: None)
    said = run("fit", table, "--target", "let", "--engine", "jax", code=1).err
    assert 'engine: "jax" needs JAX, which is not installed: pip install "likeliest[jax]"' in said
    assert "devices: they are for" in run("fit", table, "--target", "let", "--devices", "all", code=1).err


@pytest.mark.slow
def test_a_fit_on_jax(run: Any, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    out, other = tmp_path / "jax.likeliest", tmp_path / "native.likeliest"
    arguments = ("fit", table, "--target", "let", *QUICK, "--out")
    run(*arguments, out, "--engine", "jax", "--devices", "all")
    run(*arguments, other)
    mine, expected = (pl.read_csv(run("predict", one, table).out.encode()) for one in (out, other))
    for name in expected.columns:
        if expected[name].dtype.is_float():
            np.testing.assert_allclose(mine[name], expected[name], rtol=1e-2, atol=1e-2)
