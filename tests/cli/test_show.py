"""`likeliest show`: what is in a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likeliest as ll


def test_all_of_it(run: Any, classifier: Path) -> None:
    ran = run("show", classifier)
    assert f"written by likeliest {ll.__version__}" in " ".join(ran.out.split())
    for text in (
        "let, one of no, yes",
        "categories Bern, Genf, Zug",
        "gaps are told of",
        "dense_1.W",
        "trained 15 epochs",
    ):
        assert text in " ".join(ran.out.split()), text
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.err == ""


def test_json_has_the_numbers_of_the_model(run: Any, regressor: Path) -> None:
    found = run("show", regressor, "--json").json
    model = ll.load(regressor)
    assert found["kind"] == "Regressor"
    assert found["target"] == "rent"
    assert [column["name"] for column in found["columns"]] == list(model.feature_names_in_)
    assert found["columns"][0]["center"] == model.table_.center[0]
    W = np.asarray(model.network_.parameters["dense_1.W"], np.float64)
    assert found["parameters"]["dense_1.W"]["shape"] == list(W.shape)
    assert found["parameters"]["dense_1.W"]["max"] == pytest.approx(W.max())
    assert found["parameters"]["dense_1.W"]["rms"] == pytest.approx(np.sqrt((W**2).mean()))


def test_pictures_need_no_data(run: Any, regressor: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("show", regressor, "--pictures", tmp_path / "p")
    assert {path.name for path in (tmp_path / "p").iterdir()} == {"learning-curve.png", "weights.png", "inputs.png"}


def test_the_histogram_counts() -> None:
    from likeliest.cli.show import BARS, BINS, _histogram

    values = np.random.default_rng(0).normal(size=10_000)
    bars = _histogram(values, BARS)
    assert len(bars) == BINS
    assert bars[BINS // 2] == "█"
    assert bars[0] in " ▁"
    assert _histogram(np.zeros(3), BARS) == ""
