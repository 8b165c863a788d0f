"""CSVLog and JSONLinesLog: what they write, how they go on, and what a kill leaves."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import likeliest as ll
from likeliest.callbacks import CSVLog, JSONLinesLog
from likeliest.callbacks.base import FIELDS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)
HEADER = "epoch,seconds,log_likelihood,validation_log_likelihood,learning_rate"
both = pytest.mark.parametrize("kind", [CSVLog, JSONLinesLog])


def network() -> ll.Network:
    return ll.Network([ll.Dense(3, "tanh")], likelihood="bernoulli")


def epoch(number: int = 1, **fields: Any) -> ll.Epoch:
    return ll.Epoch(**{**dict(zip(ll.Epoch._fields, (number, -0.5, None, 0.25, None, 0.01), strict=True)), **fields})


def cells(path: Path) -> list[list[float]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == list(FIELDS)
    return [[float(cell) if cell else math.nan for cell in row] for row in rows]


def read(path: Path) -> pd.DataFrame:
    if path.read_text().startswith("{"):
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()], columns=list(FIELDS))
    return pd.DataFrame([dict(zip(FIELDS, row, strict=True)) for row in cells(path)])


@both
def test_a_row_an_epoch_with_the_numbers_of_the_history(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "log"
    net, log = network(), kind(path)
    first = net.fit(X, Y, epochs=3, seed=0, callbacks=[log])
    second = net.fit(X, Y, epochs=2, validation=0.2, validation_every=2, schedule="cosine", callbacks=[kind(path)])
    rows = read(path)
    assert list(rows.columns) == list(FIELDS)
    assert rows["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert rows["log_likelihood"].tolist() == first.log_likelihood + second.log_likelihood
    assert rows["seconds"].tolist() == first.seconds + second.seconds
    assert rows["validation_log_likelihood"].isna().tolist() == [True, True, True, True, False]
    assert rows["validation_log_likelihood"].iloc[-1] == second.validation_log_likelihood[-1]
    assert rows["learning_rate"].tolist()[:3] == [0.001] * 3
    assert 0.001 > rows["learning_rate"][3] > rows["learning_rate"][4] >= 0


@both
def test_an_optimizer_without_a_learning_rate(kind: Any, tmp_path: Path) -> None:
    network().fit(X, Y, optimizer="lbfgs", epochs=2, seed=0, callbacks=[kind(tmp_path / "log")])
    assert read(tmp_path / "log")["learning_rate"].isna().all()


def test_what_stands_in_the_files(tmp_path: Path) -> None:
    table, lines = CSVLog(tmp_path / "a.csv"), JSONLinesLog(tmp_path / "a.jsonl")
    assert not list(tmp_path.iterdir())  # nothing before the first epoch
    for log in (table, lines):
        log(epoch(1, validation_log_likelihood=math.nan))
        log(epoch(2, validation_log_likelihood=-math.inf, learning_rate=None))
    assert (tmp_path / "a.csv").read_text() == f"{HEADER}\n1,0.25,-0.5,,0.01\n2,0.25,-0.5,-inf,\n"
    assert [list(json.loads(line).values()) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [
        [1, 0.25, -0.5, None, 0.01],
        [2, 0.25, -0.5, None, None],
    ]


@both
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_half_a_line_is_taken_away(kind: Any, rows: int, tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = kind(path)
    for number in range(1, rows + 2):
        log(epoch(number, log_likelihood=-1 / 3))
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rpartition(b"\n")[2]
    path.write_bytes(whole[: len(whole) - len(last) // 2])
    with pytest.warns(UserWarning, match="took away the last line, which was cut off"):
        kind(path)(epoch(rows + 1, log_likelihood=-1 / 3))
    assert path.read_bytes() == whole


def test_half_a_header_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER[:9])
    with pytest.warns(UserWarning, match=r"cut off: 'epoch,sec'"):
        CSVLog(path)(epoch())
    assert path.read_text() == f"{HEADER}\n1,0.25,-0.5,,0.01\n"


def test_a_whole_object_without_an_end_of_line_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"epoch": 1}')
    JSONLinesLog(path)(epoch(2))
    assert read(path)["epoch"].tolist() == [1, 2]


def test_an_empty_file_and_one_from_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    CSVLog(path)(epoch())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    CSVLog(path)(epoch(2))
    assert read(path)["epoch"].tolist() == [1, 2]


@both
def test_files_of_something_else_are_refused_before_any_work(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("name,score\na,1\n")
    with pytest.raises(ValueError, match=r"path: .*results\.csv' begins with 'name,score'"):
        kind(path)
    assert path.read_text() == "name,score\na,1\n"
    with pytest.raises(ValueError, match="path: expected the name of a file"):
        kind(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no such folder; make it first"):
        kind(tmp_path / "nowhere" / "log.csv")


@both
def test_a_program_may_change_its_folder(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = pickle.loads(pickle.dumps(kind("log")))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    log(epoch())
    assert read(tmp_path / "log")["epoch"].tolist() == [1]
    assert repr(log) == f"{kind.__name__}({str(tmp_path / 'log')!r})"


KILLED = """
import os, signal, sys, likeliest as ll
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
net = ll.Network([ll.Dense(3)], likelihood="bernoulli")
log = getattr(ll.callbacks, sys.argv[1])(sys.argv[2])
net.fit([[0.0], [1.0]], [0, 1], epochs=50, callbacks=[log, lambda e: e.number == 7 and kill()])
"""


@both
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_kill_loses_nothing(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", KILLED, kind.__name__, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert read(path)["epoch"].tolist() == [1, 2, 3, 4, 5, 6, 7]


@both
@pytest.mark.parametrize("estimator", [ll.Classifier, ll.Regressor])
def test_estimators_tell_of_their_epochs_too(kind: Any, estimator: Any, tmp_path: Path) -> None:
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    target = Y if estimator is ll.Classifier else 50 * X[:, 0] + 3
    options = {"hidden": (3,), "max_iter": 4, "early_stopping": True, "optimizer": "adam", "random_state": 0}
    model = estimator(**options).set_callbacks(kind(tmp_path / "log")).fit(X, target)
    rows = read(tmp_path / "log")
    np.testing.assert_allclose(rows["log_likelihood"], model.history_.log_likelihood)
    np.testing.assert_allclose(rows["validation_log_likelihood"], model.history_.validation_log_likelihood)
    plain = estimator(**options).fit(X, target)
    np.testing.assert_array_equal(plain.predict_dist(X).eta, model.predict_dist(X).eta)
