"""A Classifier or Regressor that was saved is the same estimator, with all settings, also for what it does next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import likeliest as ll
from likeliest.model_file import read_description

RNG = np.random.default_rng(0)
N = 120
NUMBERS = RNG.normal(size=(N, 3))
FRAME = pd.DataFrame(
    {
        "a": np.where(RNG.random(N) < 0.1, np.nan, NUMBERS[:, 0]),
        "b": np.array(["x", "y", None, "é"], object)[RNG.integers(0, 4, N)],
        "c": pd.Categorical(RNG.integers(0, 3, N)),
    }
)
QUICK: dict[str, Any] = {"hidden": (5,), "max_iter": 3, "random_state": 0}


def saved(model: Any, folder: Path, **how: Any) -> Any:
    model.save(folder / "model.safetensors")
    return ll.load(folder / "model.safetensors", **how)


def assert_same_settings(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert repr(a.get_params()) == repr(b.get_params())


LABELS = {
    "str": np.array(["no", "yes", "perhaps"]),
    "int": np.array([3, -1, 7]),
    "uint8": np.array([0, 1, 2], np.uint8),
    "float": np.array([0.0, 2.0, 5.0]),
    "object": np.array(["b", "a", "c"], object),
    "big": np.array([1, 2, 3], ">i8"),
}


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("dtype", LABELS)
def test_classes_of_every_type(dtype: str, memory_map: bool, tmp_path: Path) -> None:
    y = LABELS[dtype][np.arange(N) % 3]
    clf = ll.Classifier(**QUICK).fit(FRAME, y)
    twin = saved(clf, tmp_path, memory_map=memory_map)
    assert twin.classes_.dtype == clf.classes_.dtype
    assert list(twin.classes_) == list(clf.classes_)
    assert [type(c) for c in twin.classes_] == [type(c) for c in clf.classes_]
    assert np.array_equal(twin.predict_proba(FRAME), clf.predict_proba(FRAME))
    assert np.array_equal(twin.predict(FRAME), clf.predict(FRAME))
    assert twin.score(FRAME, y) == clf.score(FRAME, y)
    assert_same_settings(twin, clf)


def test_two_classes_of_booleans_and_a_table_of_labels(tmp_path: Path) -> None:
    clf = ll.Classifier(**QUICK).fit(NUMBERS, NUMBERS[:, 0] > 0)
    twin = saved(clf, tmp_path)
    assert twin.predict(NUMBERS).dtype == bool
    assert np.array_equal(twin.predict(NUMBERS), clf.predict(NUMBERS))
    labels = (NUMBERS > 0).astype(int)
    clf = ll.Classifier(**QUICK).fit(NUMBERS, labels)
    twin = saved(clf, tmp_path)
    assert np.array_equal(twin.predict_proba(NUMBERS), clf.predict_proba(NUMBERS))
    assert twin.log_likelihood(NUMBERS, labels) == clf.log_likelihood(NUMBERS, labels)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda frame: pl.from_pandas(frame.astype({"c": str}))])
def test_a_regressor_on_frames(frame: Any, tmp_path: Path) -> None:
    X, y = frame(FRAME), 1e5 * NUMBERS[:, 1] + 3
    reg = ll.Regressor(**QUICK).fit(X, y)
    twin = saved(reg, tmp_path)
    assert np.array_equal(twin.predict(X), reg.predict(X))
    assert np.array_equal(twin.predict_dist(X).ppf(0.1), reg.predict_dist(X).ppf(0.1))
    assert twin.log_likelihood(X, y) == reg.log_likelihood(X, y)
    assert repr(twin.history_) == repr(reg.history_)
    assert (twin.n_iter_, twin.n_features_in_) == (reg.n_iter_, reg.n_features_in_)
    assert list(twin.feature_names_in_) == ["a", "b", "c"]
    assert (twin.table_.categories, twin.table_.names) == (reg.table_.categories, reg.table_.names)
    with pytest.raises(ValueError, match="feature names should match"):
        twin.predict(FRAME.rename(columns={"a": "z"}))


def test_categories_that_look_alike_stay_apart(tmp_path: Path) -> None:
    column = np.array(["1", 1, b"1", 1.5, True, None, "nan", ""], object)[np.arange(N) % 8]
    X = np.column_stack([column, np.arange(N)]).astype(object)
    clf = ll.Classifier(**QUICK, categorical_features=[0]).fit(X, np.arange(N) % 2)
    twin = saved(clf, tmp_path)
    assert [type(v) for v in twin.table_.categories[0][1]] == [type(v) for v in clf.table_.categories[0][1]]
    assert np.array_equal(twin.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    "settings",
    [
        {"likelihood": ll.likelihoods.StudentT(df=5.0, scale="learned"), "prior": ll.priors.Laplace(0.5)},
        {"likelihood": "gamma", "prior": None, "optimizer": ll.optimizers.AdamW(0.01), "schedule": None},
        {"layers": [ll.Dense(4, "relu", initializer="he"), ll.BatchNorm(), ll.Dropout(0.1)], "batch_size": 7},
        {"averaging": ll.averaging.SWA(0.5), "optimizer": "adam", "clip_norm": np.float32(0.3), "dtype": np.float64},
        {"hidden": np.array([3, 4]), "validation_fraction": np.float64(0.3), "early_stopping": True, "verbose": 0},
        {"hidden": [3], "n_iter_no_change": np.int64(3), "n_jobs": 2, "engine": "reference", "dtype": np.dtype("f4")},
        {"likelihood": ll.likelihoods.Normal, "categorical_features": None, "standardize": False},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_all_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    reg = ll.Regressor(**{**QUICK, **settings}).fit(NUMBERS, np.exp(NUMBERS[:, 0]))
    twin = saved(reg, tmp_path)
    assert_same_settings(twin, reg)
    assert np.array_equal(twin.predict(NUMBERS), reg.predict(NUMBERS))
    assert np.array_equal(clone(twin).fit(NUMBERS, np.exp(NUMBERS[:, 0])).predict(NUMBERS), reg.predict(NUMBERS))


def test_images_and_several_targets(tmp_path: Path) -> None:
    images = RNG.normal(size=(N, 4, 3))
    reg = ll.Regressor(layers=[ll.Flatten(), ll.Dense(3, "tanh")], likelihood="normal", max_iter=2, random_state=0)
    reg.fit(images, NUMBERS * [1, 10, 100])
    twin = saved(reg, tmp_path)
    assert np.array_equal(twin.predict(images), reg.predict(images))
    assert twin.target_scale_.shape == (3,)


def test_warm_start_partial_fit_and_random_states_go_on(tmp_path: Path) -> None:
    y = np.arange(N) % 3
    clf = ll.Classifier(**{**QUICK, "random_state": np.random.RandomState(5)}, warm_start=True, optimizer="adam")
    clf.fit(NUMBERS, y)
    twin = saved(clf, tmp_path)
    for one in (clf, twin):
        one.fit(NUMBERS, y)
    assert np.array_equal(twin.predict_proba(NUMBERS), clf.predict_proba(NUMBERS))
    clf = ll.Classifier(**QUICK).partial_fit(NUMBERS, y, classes=[0, 1, 2, 3])
    twin = saved(clf, tmp_path)
    for one in (clf, twin):
        one.partial_fit(NUMBERS, y)
    assert np.array_equal(twin.predict_proba(NUMBERS), clf.predict_proba(NUMBERS))
    assert twin.n_iter_ == clf.n_iter_ == 2


def test_within_a_pipeline_the_last_step_is_saved(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), ll.Regressor(**QUICK).set_output(transform="pandas"))
    pipeline.fit(NUMBERS, NUMBERS[:, 0])
    twin = saved(pipeline[-1], tmp_path)
    assert np.array_equal(twin.predict(pipeline[0].transform(NUMBERS)), pipeline.predict(NUMBERS))
    assert isinstance(twin.transform(NUMBERS), pd.DataFrame)


def test_requests_of_metadata(tmp_path: Path) -> None:
    with config_context(enable_metadata_routing=True):
        reg = ll.Regressor(**QUICK).set_fit_request(sample_weight=True).set_score_request(sample_weight="w")
        twin = saved(reg.fit(NUMBERS, NUMBERS[:, 0]), tmp_path)
        assert repr(twin.get_metadata_routing()) == repr(reg.get_metadata_routing())
        assert "'w'" in repr(twin.get_metadata_routing())


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"mine")
    with pytest.raises(NotFittedError, match=r"This Classifier has nothing to save yet: call fit\(X, y\) first"):
        ll.Classifier().save(path)

    class Own(ll.likelihoods.Likelihood):
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return -((eta[:, 0] - y) ** 2)

        def mean(self, xp: Any, eta: Any) -> Any:
            return eta[:, 0]

    with pytest.raises(ValueError, match=r"likelihood: Own\(\) cannot be saved; a model file holds no code"):
        ll.Regressor(**QUICK, likelihood=Own()).fit(NUMBERS, NUMBERS[:, 0]).save(path)

    class Mine(ll.Regressor):
        pass

    with pytest.raises(ValueError, match="estimator: Mine is a class of your own"):
        Mine(**QUICK).fit(NUMBERS, NUMBERS[:, 0]).save(path)
    fitted = ll.Regressor(**QUICK).fit(NUMBERS, NUMBERS[:, 0])
    with pytest.raises(ValueError, match="max_iter: expected a whole number"):
        fitted.set_params(max_iter=-1).save(path)
    assert os.listdir(tmp_path) == ["model"]
    assert path.read_bytes() == b"mine"


def test_description(tmp_path: Path) -> None:
    clf = ll.Classifier(**QUICK).fit(FRAME, np.arange(N) % 2)
    clf.save(tmp_path / "clf")
    found = read_description(tmp_path / "clf")
    assert found["kind"] == "Classifier"
    assert found["settings"]["hidden"] == {"type": "tuple", "items": [5]}
    assert found["fitted"]["table_"]["names"]["items"] == ["a", "b", "c"]
    assert found["fitted"]["history_"]["examples"] == clf.history_.examples


def test_loading_a_network_imports_no_scikit_learn(tmp_path: Path) -> None:
    path = tmp_path / "net"
    ll.Network([ll.Dense(2, "tanh")], likelihood="bernoulli").build(3).save(path)
    code = "import sys, likeliest as ll; ll.load(sys.argv[1]).predict([[1, 2, 3]]); print('sklearn' in sys.modules)"
    run = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout.strip() == "False"
