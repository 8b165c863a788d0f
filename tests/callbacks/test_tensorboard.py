"""TensorBoard: written, and read back by TensorBoard's own reader."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import likeliest as ll
from likeliest.callbacks import TensorBoard

X = np.random.default_rng(0).normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)


def read(folder: Path) -> Any:
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def series(accumulator: Any, tag: str) -> tuple[list[int], list[Any]]:
    from tensorboard.util.tensor_util import make_ndarray

    events = accumulator.Tensors(tag)
    return [event.step for event in events], [make_ndarray(event.tensor_proto) for event in events]


def test_scalars_and_histograms(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    net = ll.Network([ll.Dense(3, "tanh")], likelihood="bernoulli")
    board = pickle.loads(pickle.dumps(TensorBoard(folder)))
    history = net.fit(X, Y, epochs=5, seed=0, validation=0.2, validation_every=2, callbacks=[board])
    found = read(folder)
    assert sorted(found.Tags()["tensors"]) == sorted(
        [
            *("log_likelihood/train", "log_likelihood/validation", "learning_rate", "seconds"),
            *("dense_1/W", "dense_1/b", "output/W", "output/b"),
        ]
    )
    assert found.file_version == 2
    steps, values = series(found, "log_likelihood/train")
    assert steps == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(values, history.log_likelihood, rtol=1e-6)
    steps, values = series(found, "log_likelihood/validation")
    assert steps == [2, 4, 5]
    expected = [v for v in history.validation_log_likelihood if not math.isnan(v)]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert series(found, "learning_rate")[1] == [np.float32(0.001)] * 5
    steps, values = series(found, "dense_1/W")
    assert steps == [1, 2, 3, 4, 5]
    left, right, count = values[-1].T
    W = net.parameters["dense_1.W"]
    assert count.sum() == W.size
    np.testing.assert_allclose([left.min(), right.max()], [W.min(), W.max()], rtol=1e-6)
    assert {found.SummaryMetadata(tag).plugin_data.plugin_name for tag in ("dense_1/W", "output/b")} == {"histograms"}
    assert found.SummaryMetadata("log_likelihood/train").plugin_data.plugin_name == "scalars"


def test_a_second_fit_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    net = ll.Network([], likelihood="bernoulli")
    for _ in range(2):
        net.fit(X, Y, epochs=4, seed=0, callbacks=[TensorBoard(tmp_path, histograms=3)])
    assert len(list(tmp_path.iterdir())) == 2
    steps = [step for path in sorted(tmp_path.iterdir()) for step in series(read(path), "log_likelihood/train")[0]]
    assert sorted(steps) == [1, 2, 3, 4, 5, 6, 7, 8]
    steps = [step for path in sorted(tmp_path.iterdir()) for step in series(read(path), "output/W")[0]]
    assert sorted(steps) == [3, 6]


def test_without_histograms(tmp_path: Path) -> None:
    ll.Network([], likelihood="bernoulli").fit(X, Y, epochs=1, seed=0, callbacks=[TensorBoard(tmp_path, histograms=0)])
    assert sorted(read(tmp_path).Tags()["tensors"]) == ["learning_rate", "log_likelihood/train", "seconds"]


def test_arguments_that_make_no_sense(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="folder: expected a folder"):
        TensorBoard(tmp_path / "file")
    for wrong in (-1, 1.5, True, "all"):
        with pytest.raises(ValueError, match="histograms: expected a number of epochs, or 0 for none"):
            TensorBoard(tmp_path, histograms=wrong)  # type: ignore[arg-type]


def test_without_tensorboard_it_says_how_to_install_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['tensorboard'] = None; import likeliest as ll; ll.callbacks.TensorBoard('.')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: callbacks.TensorBoard needs the package tensorboard")
    assert last.endswith('pip install "likeliest[tensorboard]"')


def test_tensorflow_is_not_imported_and_nothing_is_said(tmp_path: Path) -> None:
    code = (
        "import sys, likeliest as ll; net = ll.Network([], likelihood='bernoulli');"
        f"net.fit([[0.0], [1.0]], [0, 1], epochs=1, callbacks=[ll.callbacks.TensorBoard({str(tmp_path)!r})]);"
        "assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
