"""scikit-learn's callbacks, which it has from version 1.9 on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import likeliest as ll

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = {ll.Classifier: (X[:, 0] > 0).astype(int), ll.Regressor: X[:, 0] * 10 + 3}
BOTH = pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])


def make(kind: Any, **options: Any) -> Any:
    return kind(hidden=(5,), **{"max_iter": 4, "random_state": 0, "n_jobs": 1, **options})


class Recording:
    """Takes down everything; stops after some epochs."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.fitted: list[Any] = []
        self.told: list[Any] = []
        self.calls: list[str] = []
        self.stop_after = stop_after

    def setup(self, estimator: Any, context: Any) -> None:
        self.calls.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any, y: Any) -> None:
        self.begun.append(context.task_name)
        self.told.append((X, y))

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, metadata: Any = None, fitted_estimator: Any = None
    ) -> bool:
        self.ended.append(context.task_name)
        self.told.append(metadata)
        if fitted_estimator is not None:
            self.fitted.append((fitted_estimator, fitted_estimator.predict(X[:9])))
        return self.stop_after == self.ended.count("epoch")


@BOTH
def test_every_epoch_begins_and_ends(kind: Any) -> None:
    recording = Recording()
    model = make(kind).set_callbacks(recording).fit(X, Y[kind])
    assert recording.calls == ["setup", "teardown"]
    assert recording.begun == ["fit"] + ["epoch"] * 4
    assert recording.ended == ["epoch"] * 4 + ["fit"]
    assert np.array_equal(recording.told[0][0], X)
    assert len(recording.fitted) == 5
    assert np.array_equal(recording.fitted[-1][1], model.predict(X[:9]))
    plain = make(kind).fit(X, Y[kind])
    assert np.array_equal(plain.predict_dist(X).eta, model.predict_dist(X).eta)  # looking on changes nothing


@BOTH
def test_a_fitted_estimator_stays_as_it_was_then(kind: Any) -> None:
    recording = Recording()
    make(kind).set_callbacks(recording).fit(X, Y[kind])
    for estimator, predicted in recording.fitted:
        assert np.array_equal(estimator.predict(X[:9]), predicted)
    etas = [estimator.predict_dist(X).eta for estimator, _ in recording.fitted]
    assert not any(np.array_equal(a, b) for a, b in pairwise(etas[:4]))


@BOTH
@pytest.mark.parametrize("rows", [40, 120])
def test_returning_true_stops(kind: Any, rows: int) -> None:
    recording = Recording(stop_after=2)
    model = make(kind, max_iter=9).set_callbacks(recording).fit(X[:rows], Y[kind][:rows])
    assert model.n_iter_ == 2
    assert model.history_.stopped == "callback"
    assert sorted(recording.begun) == sorted(recording.ended) == ["epoch"] * 2 + ["fit"]


@BOTH
def test_a_fit_that_is_over_early_ends_what_it_began(kind: Any) -> None:
    recording = Recording()
    model = make(kind, max_iter=5000, optimizer="lbfgs", prior=ll.priors.Normal(0.1), dtype="float64")
    model.set_callbacks(recording).fit(X[:20], Y[kind][:20])
    assert model.n_iter_ < 5000
    assert sorted(recording.begun) == sorted(recording.ended)
    assert recording.ended.count("epoch") in (model.n_iter_, model.n_iter_ + 1)  # the next one may have begun


def test_metadata_are_told() -> None:
    recording = Recording()
    w = np.ones(120)
    make(ll.Regressor, max_iter=1).set_callbacks(recording).fit(X, Y[ll.Regressor], w, X[:5], Y[ll.Regressor][:5])
    told = [one for one in recording.told if isinstance(one, dict)]
    assert [sorted(one) for one in told] == [["sample_weight"]] * 2  # scorers, which get them, know no held-out data


def test_an_error_in_a_callback_comes_out_and_keeps_the_earlier_fit() -> None:
    model = make(ll.Regressor).fit(X, Y[ll.Regressor])
    network, predicted = model.network_, model.predict(X)
    recording = Recording()
    recording.on_fit_task_end = lambda estimator, context: 1 / 0  # type: ignore[method-assign, assignment]
    model.set_callbacks(recording)
    with pytest.raises(ZeroDivisionError):
        model.fit(X[:, :2], Y[ll.Regressor])
    assert recording.calls == ["setup", "teardown"]
    assert model.network_ is network
    assert np.array_equal(model.set_callbacks().predict(X), predicted)


@BOTH
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_scoring_monitor(kind: Any, held_out: bool, weighted: bool) -> None:
    scoring = {ll.Classifier: "neg_log_loss", ll.Regressor: "neg_mean_squared_error"}[kind]
    monitor = callback.ScoringMonitor(scoring=scoring)
    arguments: dict[str, Any] = {"X_val": X[:9], "y_val": Y[kind][:9]} if held_out else {}
    if weighted:
        arguments["sample_weight"] = np.linspace(1, 2, 120)
    make(kind).set_callbacks(monitor).fit(X, Y[kind], **arguments)
    scores = [row[scoring] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 4
    assert np.isfinite(scores).all()


@BOTH
@pytest.mark.parametrize("rows", [20, 120])
def test_progress_bar(kind: Any, rows: int, capsys: pytest.CaptureFixture[str]) -> None:
    model = make(kind, max_iter=30).set_callbacks(callback.ProgressBar()).fit(X[:rows], Y[kind][:rows])
    assert kind.__name__ in capsys.readouterr().out
    assert model.n_iter_ >= 1


def test_inside_a_pipeline_and_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    recording = Recording()
    pipe = make_pipeline(StandardScaler(), make(ll.Regressor).set_callbacks(recording)).fit(X, Y[ll.Regressor])
    assert sorted(recording.begun) == sorted(recording.ended) == ["epoch"] * 4 + ["fit"]
    assert pipe[-1].n_iter_ == 4
    search = GridSearchCV(make(ll.Regressor), {"max_iter": [1, 2]}, cv=2)
    if hasattr(search, "set_callbacks"):
        search.set_callbacks(callback.ProgressBar()).fit(X, Y[ll.Regressor])
        assert "GridSearchCV" in capsys.readouterr().out
