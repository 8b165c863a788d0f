"""Small tables, and the program run as a user runs it, but in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flats import QUICK, csv, flats

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
    def text(self) -> str:
        """What was printed, wherever its lines were broken, which depends on how long the name of the folder is."""
        return " ".join(self.out.split())

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


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "flats.csv"
    path.write_text(csv(flats()))
    return path


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
