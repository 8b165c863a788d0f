"""Ensemble: what its members say together, checked by hand; and that it is an estimator like they are."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import likeliest as ll
from likeliest import threads
from likeliest.estimators.ensemble import _bootstrap
from likeliest.likelihoods import Mixture
from likeliest.model_file import read_description

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=(N, 3))
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(text=RNG.choice(["u", "v", None], N))
Y = {ll.Classifier: np.array(["no", "yes", "so"])[(X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)],
     ll.Regressor: X[:, 0] + 0.1 * RNG.normal(size=N)}  # fmt: skip
BOTH = pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])


def make(kind: Any, n_estimators: int = 3, bootstrap: bool = False, **options: Any) -> Any:
    member = kind(hidden=(5,), **{"max_iter": 3, **options})
    return ll.Ensemble(member, n_estimators=n_estimators, bootstrap=bootstrap, random_state=0)


def theta(ensemble: Any) -> list[dict[str, bytes]]:
    return [{name: v.tobytes() for name, v in one.network_.parameters.items()} for one in ensemble.estimators_]


# What it predicts ----------------------------------------------------------------------------------------------------


def test_probabilities_are_averages() -> None:
    clf = make(ll.Classifier).fit(X, Y[ll.Classifier])
    a, b, c = clf.estimators_
    p = (a.predict_proba(X) + b.predict_proba(X) + c.predict_proba(X)) / 3
    np.testing.assert_allclose(clf.predict_proba(X), p, rtol=1e-6)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(p), rtol=1e-5)
    assert clf.predict(X).tolist() == clf.classes_[p.argmax(axis=1)].tolist()
    place = np.searchsorted(clf.classes_, Y[ll.Classifier])
    np.testing.assert_allclose(
        clf.log_likelihood(X, Y[ll.Classifier], per_example=True), np.log(p[np.arange(N), place]), rtol=1e-5
    )
    assert clf.score(X, Y[ll.Classifier]) == accuracy_score(Y[ll.Classifier], clf.predict(X))
    np.testing.assert_allclose(clf.predict_dist(X).mean(), p, rtol=1e-5)


def test_densities_are_averages() -> None:
    y = 100 + 10 * Y[ll.Regressor]
    reg = make(ll.Regressor, likelihood="normal", bootstrap=True).fit(X, y)
    members = [one.predict_dist(X) for one in reg.estimators_]
    assert len({float(one.loc) for one in members}) == 3  # each has standardized y by its own sample
    density = sum(one.pdf(y) for one in members) / 3
    each = reg.log_likelihood(X, y, per_example=True)
    np.testing.assert_allclose(each, np.log(density), rtol=1e-5)
    w = RNG.uniform(0, 2, N)
    np.testing.assert_allclose(reg.log_likelihood(X, y, w), w @ each)
    np.testing.assert_allclose(reg.log_likelihood(X, y, w, per_example=True), w * each)
    np.testing.assert_allclose(reg.predict(X), sum(one.mean() for one in members) / 3, rtol=1e-6)
    assert reg.score(X, y) == r2_score(y, reg.predict(X))
    d = reg.predict_dist(X)
    assert isinstance(d, Mixture)
    np.testing.assert_allclose(d.logpdf(y), each, rtol=1e-4)
    assert [one.mean().tolist() for one in d.members] == [one.mean().tolist() for one in members]
    # Jensen: a mixture is never worse than its members are on average.
    assert reg.log_likelihood(X, y) >= np.mean([one.log_likelihood(X, y) for one in reg.estimators_])


def test_several_targets_and_labels() -> None:
    reg = make(ll.Regressor).fit(X, X[:, :2] * [1, 50])
    assert reg.predict(X).shape == (N, 2)
    np.testing.assert_allclose(
        reg.log_likelihood(X, X[:, :2] * [1, 50], per_example=True),
        reg.predict_dist(X).logpdf(X[:, :2] * [1, 50]),
        rtol=1e-4,
        atol=1e-4,
    )
    labels = (X > 0).astype(int)
    clf = make(ll.Classifier, max_iter=20).fit(X, labels)
    assert clf.predict_proba(X).shape == (N, 3)
    assert np.array_equal(clf.predict(X), clf.predict_proba(X) > 0.5)
    assert clf.score(X, labels) > 0.4


def test_sequences_and_images() -> None:
    sequences = [RNG.normal(size=(3 + k % 4, 2)) for k in range(40)]
    y = np.array([one[:, 0].sum() for one in sequences])
    reg = make(ll.Regressor, layers=[ll.LSTM(4)]).fit(sequences, y)
    assert reg.predict(sequences).shape == (40,)
    images = RNG.normal(size=(40, 4, 3))
    clf = make(ll.Classifier, layers=[ll.Flatten(), ll.Dense(3, "tanh")], bootstrap=True).fit(images, np.arange(40) % 2)
    assert clf.predict_proba(images).shape == (40, 2)
    assert clf.n_features_in_ == 4


# Its members ---------------------------------------------------------------------------------------------------------


@BOTH
def test_each_member_is_what_it_would_be_alone(kind: Any) -> None:
    ensemble = make(kind).fit(FRAME, Y[kind])
    seeds = [one.random_state for one in ensemble.estimators_]
    assert len(set(seeds)) == 3
    assert len({tuple(one.items()) for one in theta(ensemble)}) == 3
    for seed, one in zip(seeds, ensemble.estimators_, strict=True):
        alone = clone(ensemble.estimator).set_params(random_state=seed).fit(FRAME, Y[kind])
        assert np.array_equal(alone.predict(FRAME), one.predict(FRAME))
    assert theta(make(kind).fit(FRAME, Y[kind])) == theta(ensemble)
    assert theta(make(kind, n_estimators=2).fit(FRAME, Y[kind])) == theta(ensemble)[:2]
    assert theta(make(kind).set_params(random_state=1).fit(FRAME, Y[kind])) != theta(ensemble)
    assert not hasattr(ensemble.estimator, "network_")
    assert ensemble.feature_names_in_.tolist() == ["a", "b", "c", "text"]
    assert ensemble.n_features_in_ == 4


@BOTH
def test_bootstrap_samples(kind: Any) -> None:
    w = np.where(np.arange(N) < 90, 0.5, 0.0)
    found = [_bootstrap(np.random.RandomState(s), make(kind).estimator, X, Y[kind], w) for s in range(300)]
    assert all(one.sum() == 45 and not one[90:].any() for one in found)  # 90 draws of rows that weigh a half
    counts = np.array(found)[:, :90] / 0.5
    assert (counts == np.round(counts)).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.3)
    np.testing.assert_allclose((counts == 0).mean(), (1 - 1 / 90) ** 90, atol=0.01)
    assert theta(make(kind, bootstrap=True).fit(X, Y[kind])) != theta(make(kind).fit(X, Y[kind]))


def test_a_sample_has_more_than_one_class() -> None:
    y = np.array([0, 1])
    for seed in range(50):
        assert (_bootstrap(np.random.RandomState(seed), ll.Classifier(), y, y, None) == 1).all()


@BOTH
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_members_at_the_same_time_are_the_same(kind: Any, backend: str) -> None:
    alone = make(kind, bootstrap=True).fit(FRAME, Y[kind])
    assert theta(make(kind, bootstrap=True).set_params(n_jobs=2).fit(FRAME, Y[kind])) == theta(alone)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert theta(make(kind, bootstrap=True).fit(FRAME, Y[kind])) == theta(alone)


def test_fits_at_the_same_time_share_the_threads() -> None:
    seen: list[int] = []
    barrier = threading.Barrier(3)

    def fit() -> None:
        with threads.counted():
            barrier.wait()
            seen.append(threads.share(6))
            barrier.wait()

    several = [threading.Thread(target=fit) for _ in range(3)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert seen == [2, 2, 2]
    assert threads.share(6) == 6
    with threads.counted():
        assert threads.share(1) == 1


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import likeliest as ll
from likeliest import threads

signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).normal(size=(400, 3))
y = X[:, 0] > 0
model = ll.Ensemble(ll.Classifier(hidden=(5,), max_iter=1), n_jobs=int(sys.argv[1]), random_state=0).fit(X, y)
before = model.predict_proba(X)
threading.Thread(target=lambda: (time.sleep(0.7), os.kill(os.getpid(), signal.SIGINT)), daemon=True).start()
try:
    model.set_params(estimator__max_iter=10**8).fit(X, y)
except KeyboardInterrupt:
    end = time.monotonic() + 20
    while threads._fits and time.monotonic() < end:
        time.sleep(0.05)
    assert not threads._fits, "fits go on that nobody waits for"
    assert (model.predict_proba(X) == before).all()
    print("fine")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("n_jobs", ["1", "2"])
def test_ctrl_c_ends_all_members_and_keeps_the_last_fit(n_jobs: str) -> None:
    run = [sys.executable, "-c", INTERRUPTED, n_jobs]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr
    assert "stopped by Ctrl-C" not in done.stderr


# As an estimator -----------------------------------------------------------------------------------------------------


def test_its_kind_is_that_of_the_members() -> None:
    assert is_classifier(make(ll.Classifier))
    assert is_regressor(make(ll.Regressor))
    assert not hasattr(make(ll.Regressor), "predict_proba")
    assert hasattr(make(ll.Classifier), "predict_proba")
    with pytest.raises(NotFittedError, match="This Ensemble instance is not fitted yet"):
        make(ll.Regressor).predict(X)


@BOTH
def test_searches_pipelines_and_pictures(kind: Any) -> None:
    search = GridSearchCV(make(kind, n_estimators=2), {"estimator__hidden": [(3,), (4,)], "n_estimators": [1, 2]}, cv=2)
    search.fit(FRAME, Y[kind])
    assert 1 <= len(search.best_estimator_.estimators_) == search.best_params_["n_estimators"]
    pipe = make_pipeline(StandardScaler(), make(kind)).fit(X, Y[kind])
    assert pipe.predict(X).shape == (N,)
    assert np.isfinite(cross_val_score(make(kind, n_estimators=2), X, Y[kind], cv=2)).all()
    page = pipe[-1]._repr_html_()
    assert "Ensemble" in page
    assert kind.__name__ in page


@BOTH
def test_weights_and_held_out_data_reach_the_members(kind: Any) -> None:
    y, w = Y[kind], RNG.uniform(0.5, 2, N)
    held_out = {"X_val": X[:30], "y_val": y[:30]}
    ensemble = make(kind).fit(X, y, sample_weight=w, **held_out)
    seed = ensemble.estimators_[1].random_state
    alone = clone(ensemble.estimator).set_params(random_state=seed).fit(X, y, sample_weight=w, **held_out)
    assert np.array_equal(alone.predict(X), ensemble.estimators_[1].predict(X))
    assert theta(make(kind).fit(X, y)) != theta(ensemble)
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(make(kind).set_fit_request(sample_weight=True, X_val=True, y_val=True))
        assert theta(pipe.fit(X, y, sample_weight=w, **held_out)[-1]) == theta(ensemble)


def test_class_weights_reach_the_members() -> None:
    y = (X[:, 0] > 1).astype(int)
    heavy = make(ll.Classifier, class_weight={1: 10.0}).fit(X, y)
    assert heavy.predict_proba(X)[:, 1].mean() > make(ll.Classifier).fit(X, y).predict_proba(X)[:, 1].mean()


@BOTH
def test_copies_and_files(kind: Any, tmp_path: Path) -> None:
    y = pd.Series(Y[kind], name="price")
    ensemble = make(kind, bootstrap=True).fit(FRAME, y)
    ensemble.save(tmp_path / "model")
    loaded = [ll.load(tmp_path / "model"), ll.load(tmp_path / "model", memory_map=True)]
    for twin in (copy.deepcopy(ensemble), pickle.loads(pickle.dumps(ensemble)), *loaded):
        assert repr(twin) == repr(ensemble)
        assert theta(twin) == theta(ensemble)
        assert np.array_equal(twin.predict(FRAME), ensemble.predict(FRAME))
        assert twin.log_likelihood(FRAME, y) == ensemble.log_likelihood(FRAME, y)
        assert twin.target_name_ == "price"
        assert twin.feature_names_in_.tolist() == ["a", "b", "c", "text"]
        assert theta(clone(twin).fit(FRAME, y)) == theta(ensemble)
    found = read_description(tmp_path / "model")
    assert found["kind"] == "Ensemble"
    assert len(found["members"]) == 3
    assert "member_3/output.b" in found["arrays"]
    assert len(pickle.dumps(ensemble)) < 3 * 40_000


def test_a_file_that_is_damaged_or_of_members_that_are_not_alike(tmp_path: Path) -> None:
    path = tmp_path / "model"
    ensemble = make(ll.Regressor).fit(X, Y[ll.Regressor])
    ensemble.save(path)
    whole = path.read_bytes()
    for place in (-5, len(whole) // 2 + 7, 200):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place:][1:])
        with pytest.raises(ll.ModelFileError):
            ll.load(path)
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match="max_iter: expected a whole number"):
        ensemble.set_params(estimator__max_iter=-1).save(path)
    with pytest.raises(NotFittedError, match="nothing to save yet"):
        make(ll.Regressor).save(path)

    class Mine(ll.Ensemble):
        pass

    mine = Mine(ll.Regressor(hidden=(5,), max_iter=3), n_estimators=1).fit(X, Y[ll.Regressor])
    with pytest.raises(ValueError, match="estimator: Mine is a class of your own"):
        mine.save(path)
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["model"]
    other = make(ll.Regressor).fit(X[:, :2], Y[ll.Regressor])
    ensemble = make(ll.Regressor).fit(X, Y[ll.Regressor])
    ensemble.estimators_[2] = other.estimators_[0]
    ensemble.save(path)
    with pytest.raises(ll.ModelFileError, match="members: they are not alike"):
        ll.load(path)


# Mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ensemble", "match"),
    [
        (ll.Ensemble(LogisticRegression()), "estimator: expected a likeliest.Classifier or Regressor, found Logistic"),
        (ll.Ensemble(make_pipeline(ll.Regressor())), "estimator: .*goes into a pipeline around the Ensemble"),
        (ll.Ensemble(ll.Regressor), "estimator: expected"),
        (ll.Ensemble(ll.Regressor(), n_estimators=0), "n_estimators: expected a whole number of at least 1, found 0"),
        (ll.Ensemble(ll.Regressor(), n_estimators=2.5), "n_estimators: expected a whole number"),
        (ll.Ensemble(ll.Regressor(), bootstrap="yes"), "bootstrap: expected True or False, found 'yes'"),
        (ll.Ensemble(ll.Regressor(), n_jobs=0), "n_jobs: expected a whole number"),
        (ll.Ensemble(ll.Regressor(), random_state=-1), "random_state: expected a whole number"),
        (ll.Ensemble(ll.Regressor(max_iter=0)), "max_iter: expected a whole number"),
    ],
)
def test_settings_that_make_no_sense(ensemble: Any, match: str) -> None:
    with pytest.raises((ValueError, TypeError), match=match):
        ensemble.fit(X, Y[ll.Regressor])
    assert not hasattr(ensemble, "estimators_")


@BOTH
@pytest.mark.parametrize("bootstrap", [False, True])
def test_data_that_do_not_fit_leave_the_last_fit(kind: Any, bootstrap: bool) -> None:
    ensemble = make(kind, bootstrap=bootstrap).fit(X, Y[kind])
    before = ensemble.predict(X)
    for args, match in (
        ((X, Y[kind][:5]), "y:|X"),
        ((X, None), "y:"),
        ((np.full((N, 3), np.inf), Y[kind]), "X:"),
        ((X, Y[kind], np.full(N, -1.0)), "sample_weight:"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            ensemble.fit(*args)
    assert np.array_equal(ensemble.predict(X), before)


def test_a_member_that_diverges() -> None:
    bad = {"optimizer": ll.optimizers.GradientAscent(1e30), "schedule": None, "activation": "relu", "max_iter": 50}
    ensemble = make(ll.Regressor, likelihood="normal", **bad).set_params(n_jobs=2)
    with pytest.raises(ll.DivergenceError, match="training diverged") as raised:
        ensemble.fit(X, Y[ll.Regressor])
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.history) == (str(raised.value), raised.value.history)
    start = time.monotonic()
    while threads._fits and time.monotonic() < start + 20:
        time.sleep(0.01)
    assert not threads._fits
