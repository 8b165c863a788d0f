"""What scikit-learn promises around fit and predict: names, frames, routing, copies, searches, callbacks, pictures."""

from __future__ import annotations

import copy
import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import likeliest as ll
from likeliest.threads import available_cpus, resolve_threads

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
Y = {ll.Classifier: (X[:, 0] * X[:, 1] > 0).astype(int), ll.Regressor: X[:, 0] + 0.1 * RNG.normal(size=120)}
BOTH = pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])


def make(kind: Any, **options: Any) -> Any:
    return kind(hidden=(5,), **{"max_iter": 3, "random_state": 0, "n_jobs": 1, **options})


def theta(estimator: Any) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in estimator.network_.parameters.items()}


# Names and frames ----------------------------------------------------------------------------------------------------


@BOTH
def test_names_of_the_columns_are_kept_and_checked(kind: Any) -> None:
    model = make(kind).fit(FRAME, Y[kind])
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="X: The feature names should match"):
        model.predict(FRAME[["b", "a", "c"]])
    with pytest.raises(ValueError, match="X: The feature names should match"):
        model.predict(FRAME[["a", "b"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert np.array_equal(model.predict(X), model.predict(FRAME))
    assert not hasattr(make(kind).fit(X, Y[kind]), "feature_names_in_")


@BOTH
@pytest.mark.parametrize("frame", [FRAME, pl.DataFrame(FRAME.to_dict("list")), FRAME.convert_dtypes()])
def test_frames_are_arrays_with_names(kind: Any, frame: Any) -> None:
    y = Y[kind]
    for targets in (y, pd.Series(y, index=RNG.permutation(120)), pl.Series(y), y.tolist()):
        assert theta(make(kind).fit(frame, targets)) == theta(make(kind).fit(X, y))


@BOTH
def test_hidden_values_as_a_frame(kind: Any) -> None:
    model = make(kind).fit(FRAME, Y[kind])
    name = kind.__name__.lower()
    names = [f"{name}{j}" for j in range(5)]
    h = model.transform(FRAME)
    assert h.shape == (120, 5)
    assert model.get_feature_names_out().tolist() == names
    as_pandas = model.set_output(transform="pandas").transform(FRAME)
    assert isinstance(as_pandas, pd.DataFrame)
    assert as_pandas.columns.tolist() == names
    assert np.array_equal(as_pandas.to_numpy(), h)
    as_polars = model.set_output(transform="polars").transform(FRAME)
    assert isinstance(as_polars, pl.DataFrame)
    assert as_polars.columns == names
    # The output layer takes them: eta = h W + b.
    theta = model.network_.parameters
    Z = model.table_.transform(FRAME, np.float32)
    columns = theta["output.W"].shape[1]  # without those that do not depend on x
    eta = h @ theta["output.W"] + theta["output.b"]
    np.testing.assert_allclose(eta, model.network_.output(Z)[:, :columns], rtol=1e-4, atol=1e-5)


def test_transform_in_a_pipeline_and_without_hidden_layers() -> None:
    pipe = make_pipeline(make(ll.Classifier), make(ll.Regressor)).set_output(transform="pandas")
    pipe.fit(FRAME, Y[ll.Classifier])
    assert pipe[:-1].transform(FRAME).columns.tolist() == [f"classifier{j}" for j in range(5)]
    linear = ll.Regressor(hidden=(), max_iter=3, random_state=0).fit(FRAME, Y[ll.Regressor])
    assert np.array_equal(linear.transform(FRAME), linear.table_.transform(FRAME))
    assert len(linear.get_feature_names_out()) == 3


# Copies --------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), lambda model: through_joblib(model)],
    ids=["copy", "deepcopy", "pickle", "joblib"],
)
def test_copies_predict_and_go_on_alike(kind: Any, duplicate: Any) -> None:
    frame = FRAME.assign(text=RNG.choice(["u", "v", None], 120))
    model = make(kind).fit(frame, Y[kind])
    twin = duplicate(model)
    assert theta(twin) == theta(model)
    assert np.array_equal(twin.predict(frame), model.predict(frame))
    assert twin.log_likelihood(frame, Y[kind]) == model.log_likelihood(frame, Y[kind])
    if duplicate is not copy.copy:  # a shallow copy shares the network
        twin.partial_fit(frame, Y[kind])
        model.partial_fit(frame, Y[kind])
        assert theta(twin) == theta(model)


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@BOTH
def test_clone_takes_the_settings_only(kind: Any) -> None:
    model = make(kind, prior=ll.priors.Normal(0.5), optimizer=ll.optimizers.Adam(0.1)).fit(X, Y[kind])
    twin = clone(model)
    assert not hasattr(twin, "network_")
    assert repr(twin) == repr(model)
    assert theta(twin.fit(X, Y[kind])) == theta(model)


@BOTH
def test_fit_changes_no_setting_and_no_data(kind: Any) -> None:
    given, y = X.copy(), Y[kind].copy()
    given.flags.writeable = y.flags.writeable = False
    model = make(kind)
    before = model.get_params()
    model.fit(given, y).predict(given)
    assert model.get_params() == before
    assert np.array_equal(given, X)


# A fit that fails ----------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, y: {"X": X[:, :2], "y": y[:3]}, "y:"),
        (lambda X, y: {"X": np.full((120, 2), np.inf), "y": y}, "X:"),
        (lambda X, y: {"X": pd.DataFrame({"other": y}), "y": None}, "y:"),
        (lambda X, y: {"X": X[:, :2], "y": y, "sample_weight": -np.ones(120)}, "sample_weight:"),
        (lambda X, y: {"X": X[:, :2], "y": y, "X_val": X, "y_val": y}, "X_val:"),
        (lambda X, y: {"X": X[:, :2], "y": y, "X_val": X[:, :2], "y_val": y[:3]}, "y_val:|validation"),
        (lambda X, y: {"X": X[:, :2], "y": y, "X_val": X[:, :2]}, "y_val:"),
    ],
)
def test_what_was_fitted_before_stays(kind: Any, change: Any, match: str) -> None:
    model = make(kind).fit(FRAME, Y[kind])
    before, predicted = dict(model.__dict__), model.predict(FRAME)
    with pytest.raises(ValueError, match=match):
        model.fit(**change(X, Y[kind]))
    assert model.__dict__ == before
    assert np.array_equal(model.predict(FRAME), predicted)
    fresh = make(kind)
    with pytest.raises(ValueError, match=match):
        fresh.fit(**change(X, Y[kind]))
    assert fresh.__dict__ == make(kind).__dict__


def test_a_fit_that_diverges_leaves_the_earlier_one() -> None:
    model = make(ll.Regressor).fit(FRAME, Y[ll.Regressor])
    before = dict(model.__dict__)
    model.set_params(
        optimizer=ll.optimizers.GradientAscent(1e30), schedule=None, max_iter=50, activation="relu", likelihood="normal"
    )
    with pytest.raises(ll.DivergenceError):
        model.fit(X[:, :2], Y[ll.Regressor])
    assert {name: model.__dict__[name] for name in before if name.endswith("_")} == {
        name: value for name, value in before.items() if name.endswith("_")
    }


INTERRUPTED = """
import os, signal, threading, time, warnings
import numpy as np
import likeliest as ll

signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may have been told to ignore it
X = np.random.default_rng(0).normal(size=(400, 3))
y = X[:, 0] > 0
model = ll.Classifier(hidden=(5,), max_iter=1, random_state=0).fit(X, y)

def press():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press, daemon=True).start()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.set_params(max_iter=10**8).fit(X, y)
assert any("stopped by Ctrl-C" in str(w.message) for w in caught)
assert model.history_.stopped == "interrupted" and 0 < model.n_iter_ < 10**8, model.history_
assert np.isfinite(model.predict_proba(X)).all() and model.score(X, y) > 0.8
print("fine")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_keeps_what_was_reached() -> None:
    run = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "fine"), run.stderr


# Metadata routing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@BOTH
@pytest.mark.usefixtures("routing")
def test_weights_and_validation_data_are_routed_through_a_pipeline(kind: Any) -> None:
    y, w = Y[kind], RNG.uniform(0.5, 2, 120)
    held_out = {"X_val": X[:30], "y_val": y[:30]}
    model = make(kind).set_fit_request(sample_weight=True, X_val=True, y_val=True)
    pipe = Pipeline([("net", model)]).fit(X, y, sample_weight=w, **held_out)
    alone = make(kind).fit(X, y, sample_weight=w, **held_out)
    assert theta(pipe[-1]) == theta(alone) != theta(make(kind).fit(X, y))
    # transform_input sends the held-out data through the steps before.
    pipe = Pipeline(
        [("scale", StandardScaler().set_fit_request(sample_weight=False)), ("net", clone(model))],
        transform_input=["X_val"],
    )
    pipe.fit(X, y, sample_weight=w, **held_out)
    scaler = StandardScaler().fit(X)
    alone = make(kind).fit(scaler.transform(X), y, w, scaler.transform(X[:30]), y[:30])
    assert theta(pipe[-1]) == theta(alone)


@BOTH
@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_search(kind: Any) -> None:
    y, w = Y[kind], RNG.uniform(0.5, 2, 120)
    model = make(kind).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(model, {"max_iter": [1, 2]}, cv=2).fit(X, y, sample_weight=w)
    best = make(kind, **search.best_params_).fit(X, y, sample_weight=w)
    assert theta(search.best_estimator_) == theta(best)


# Many at once --------------------------------------------------------------------------------------------------------


def test_workers_share_the_processors() -> None:
    with joblib.parallel_config(backend="loky", n_jobs=2):
        threads = joblib.Parallel()(joblib.delayed(resolve_threads)(None) for _ in range(4))
    assert threads == [max(1, available_cpus() // 2)] * 4


@BOTH
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_with_two_jobs_finds_the_same(kind: Any, backend: str) -> None:
    grid = {"hidden": [(3,), (5,)], "activation": ["tanh", "relu"]}
    alone = GridSearchCV(make(kind, n_jobs=None), grid, cv=2).fit(X, Y[kind])
    with joblib.parallel_config(backend=backend):
        together = GridSearchCV(make(kind, n_jobs=None), grid, cv=2, n_jobs=2).fit(X, Y[kind])
    for name in ("mean_test_score", "split0_test_score"):
        assert np.array_equal(together.cv_results_[name], alone.cv_results_[name])
    assert theta(together.best_estimator_) == theta(alone.best_estimator_)


def test_threads_of_ones_own() -> None:
    expected = make(ll.Regressor).fit(X, Y[ll.Regressor])
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(make(ll.Regressor, n_jobs=2).fit(X, Y[ll.Regressor])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [theta(model) for model in found] == [theta(expected)] * 4


@BOTH
def test_the_number_of_threads_changes_nothing(kind: Any) -> None:
    results = [theta(make(kind, n_jobs=n_jobs).fit(X, Y[kind])) for n_jobs in (1, 2, 3, -1, None)]
    assert all(result == results[0] for result in results)


@BOTH
def test_the_seed(kind: Any) -> None:
    y = Y[kind]
    once = theta(make(kind, random_state=1).fit(X, y))
    assert once == theta(make(kind, random_state=1).fit(X, y)) != theta(make(kind, random_state=2).fit(X, y))
    assert once == theta(make(kind, random_state=np.random.RandomState(1)).fit(X, y))
    assert theta(make(kind, random_state=None).fit(X, y)) != theta(make(kind, random_state=None).fit(X, y))


def test_cross_validation_of_strings_and_gaps() -> None:
    frame = FRAME.assign(text=np.where(X[:, 0] > 0, "yes", None), gap=np.where(X[:, 1] > 0, np.nan, X[:, 1]))
    model = make(ll.Classifier, max_iter=100, optimizer=ll.optimizers.Adam(0.03), prior=None)
    assert cross_val_score(model, frame, X[:, 0] * X[:, 1] > 0, cv=3).mean() > 0.8


# Pictures ------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_notebook_shows_the_network(kind: Any) -> None:
    model = make(kind)
    assert "<svg" not in model._repr_html_()
    model.fit(FRAME, Y[kind])
    page = model._repr_html_()
    assert page.count("(n, 5)") >= 1
    assert "<svg" in page
    assert kind.__name__ in page


@BOTH
@pytest.mark.skipif(tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9), reason="boxes without attributes")
def test_a_notebook_shows_the_network_inside_a_pipeline(kind: Any) -> None:
    pipe = make_pipeline(StandardScaler(), make(kind))
    assert "<svg" not in pipe._repr_html_()
    page = pipe.fit(X, Y[kind])._repr_html_()
    assert "<svg" in page
    assert "StandardScaler" in page
    assert "<svg" in GridSearchCV(make(kind), {"max_iter": [1]}, cv=2).fit(X, Y[kind])._repr_html_()


def test_weights_have_the_names_of_the_columns() -> None:
    frame = FRAME.assign(town=np.where(X[:, 0] > 0, "north", "south"), gap=np.where(X[:, 1] > 0, np.nan, X[:, 1]))
    model = make(ll.Regressor).fit(frame, Y[ll.Regressor])
    (_, width) = next(E.shape for name, E in model.network_.parameters.items() if ".E" in name)
    names = ["a", "b", "c", "gap", "no gap", *(f"town {k + 1}" for k in range(width))]
    display = ll.plots.WeightsDisplay.from_estimator(model)
    assert display.feature_names == names
    assert ll.plots.WeightsDisplay.from_estimator(make_pipeline(model)).feature_names == names
    assert "no gap" in model._repr_html_()
    arrays = make(ll.Regressor).fit(X, Y[ll.Regressor])
    assert ll.plots.WeightsDisplay.from_estimator(arrays).feature_names == ["1", "2", "3"]


@BOTH
def test_the_name_of_y_is_kept_and_saved(kind: Any, tmp_path: Path) -> None:
    y = pd.Series(Y[kind], name="price")
    model = make(kind).fit(X, y)
    assert model.target_name_ == "price"
    model.save(tmp_path / "model")
    assert ll.load(tmp_path / "model").target_name_ == "price"
    for unnamed in (Y[kind], pd.Series(Y[kind]), pd.Series(Y[kind], name=3)):
        assert not hasattr(model.fit(X, unnamed), "target_name_")
