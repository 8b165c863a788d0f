"""Classifier: classes of every kind, tables of labels, weights of classes, grades in order, smoothed labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score, log_loss

import likeliest as ll
from likeliest.likelihoods import Bernoulli, Categorical, Ordinal

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 3))
TWO = (X[:, 0] + 0.5 * RNG.normal(size=N) > 0).astype(int)
THREE = np.digitize(X[:, 0] + 0.3 * RNG.normal(size=N), [-0.5, 0.5])
LABELS = np.stack([TWO, X[:, 1] > 0, RNG.random(N) < 0.3], axis=1).astype(int)


def make(**options: Any) -> Any:
    return ll.Classifier(hidden=(4,), **{"max_iter": 20, "random_state": 0, "n_jobs": 1, **options})


# Classes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        [0, 1, 2], [-7, 3, 1000], ["a", "b", "c"], [1.0, 2.0, 3.0], np.array(["x", "yy", "zzz"], object),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("count", [2, 3])
def test_classes_may_be_called_anything(names: Any, count: int) -> None:
    y = THREE % count
    named = np.asarray(names)[y]
    model = make().fit(X, named)
    assert model.classes_.tolist() == sorted(set(named.tolist()))
    plain = make().fit(X, y)
    assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert np.array_equal(model.predict(X), np.asarray(names)[plain.predict(X)])
    assert model.predict(X).dtype == named.dtype


def test_booleans_and_frames_of_labels() -> None:
    expected = make().fit(X, TWO).predict_proba(X)
    words = np.where(TWO == 1, "yes", "no")
    for y in (
        TWO.astype(bool), TWO.tolist(), pd.Series(TWO, dtype="category"), pd.Series(TWO, dtype="Int64"), pl.Series(TWO),
        pd.Series(words), pd.Series(words, dtype="string"), pl.Series(words),
        pl.Series(words.tolist(), dtype=pl.Enum(["no", "yes"])),
    ):  # fmt: skip
        assert np.array_equal(make().fit(X, y).predict_proba(X), expected)


def test_probabilities() -> None:
    for y, count in ((TWO, 2), (THREE, 3)):
        model = make().fit(X, y)
        p = model.predict_proba(X)
        assert p.shape == (N, count)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(p))
        assert np.array_equal(model.predict(X), p.argmax(axis=1))
        assert model.log_likelihood(X, y) == pytest.approx(-N * log_loss(y, p), rel=1e-9)
        d = model.predict_dist(X)
        np.testing.assert_allclose(d.logpmf(y).sum(), model.log_likelihood(X, y), rtol=1e-9)
        w = RNG.uniform(0, 2, N)
        assert model.score(X, y, w) == pytest.approx(accuracy_score(y, model.predict(X), sample_weight=w))
        np.testing.assert_allclose(model.log_likelihood(X, y, w, per_example=True), w * d.logpmf(y), rtol=1e-9)


def test_log_probabilities_of_the_impossible_are_minus_infinity_without_a_warning() -> None:
    model = make().fit(X, TWO)
    model.network_.parameters["output.b"] = np.array([1e4])
    assert np.isneginf(model.predict_log_proba(X)[:, 0]).all()


@pytest.mark.parametrize("y", [np.zeros(N), ["a"] * N, np.ones((N, 1))])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_one_class_is_too_few(y: Any) -> None:
    with pytest.raises(ValueError, match="y: there is one class only"):
        make().fit(X, y)


def test_weights_of_0_may_leave_one_class() -> None:
    with pytest.raises(ValueError, match="y: there is one class only"):
        make().fit(X, TWO, sample_weight=TWO == 1)


@pytest.mark.parametrize(
    "y", [X[:, 0], [None] * N, np.full(N, np.nan), LABELS * 2, np.zeros((N, 2, 2)), 3, [[1], [2, 3]]]
)
def test_what_is_no_labels(y: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^y: "):
        make().fit(X, y)


def test_a_column_of_labels_is_taken_with_a_warning() -> None:
    with pytest.warns(DataConversionWarning):
        model = make().fit(X, TWO[:, None])
    assert model.predict(X).shape == (N,)


def test_an_unknown_class_is_named() -> None:
    model = make().fit(X, np.array(["a", "b"])[TWO])
    with pytest.raises(ValueError, match=r"y: expected one of the classes \['a' 'b'\], found .*'c'.* in row 2"):
        model.log_likelihood(X[:3], ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"y_val: expected one of the classes"):
        make().fit(X, TWO, X_val=X[:3], y_val=[0, 1, 2])


def test_nothing_is_predicted_before_the_fit() -> None:
    for method in ("predict", "predict_proba", "predict_log_proba", "predict_dist", "transform"):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(X)
    with pytest.raises(NotFittedError):
        make().log_likelihood(X, TWO)


# Likelihoods ---------------------------------------------------------------------------------------------------------


def test_the_likelihood_follows_from_y() -> None:
    assert make().fit(X, TWO).network_.likelihood == Bernoulli()
    assert make().fit(X, THREE).network_.likelihood == Categorical(3)
    assert make(likelihood="categorical").fit(X, TWO).network_.likelihood == Categorical(2)
    assert make(likelihood=Categorical(3)).fit(X, THREE).network_.likelihood == Categorical(3)


@pytest.mark.parametrize("likelihood", ["normal", Categorical(4), Bernoulli(), "bernoulli", "nothing", 3, None])
def test_likelihoods_that_do_not_fit(likelihood: Any) -> None:
    with pytest.raises(ValueError, match="likelihood: "):
        make(likelihood=likelihood).fit(X, THREE)


def test_grades_in_order() -> None:
    y = np.array([10, 20, 30])[THREE]
    model = make(likelihood="ordinal", engine="reference", max_iter=100).fit(X, y)
    assert model.network_.likelihood == Ordinal(3)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-9)
    assert model.score(X, y) > 0.6
    assert model.log_likelihood(X, y) == pytest.approx(np.log(p[np.arange(N), THREE]).sum())
    # The classes' order is that of the numbers: P(Y ≤ k) falls in f(x) for every k.
    f = model.predict_dist(X).eta[:, 0]
    below = np.cumsum(p, axis=1)[np.argsort(f)]
    assert (np.diff(below[:, :2], axis=0) <= 1e-9).all()


def test_smoothed_labels_hold_probabilities_back_but_are_not_the_likelihood() -> None:
    y = (X[:, 0] > 0).astype(int)
    options = {"prior": None, "optimizer": ll.optimizers.Adam(0.05), "max_iter": 100, "engine": "reference"}
    plain, smooth = (make(label_smoothing=e, **options).fit(X, y) for e in (0.0, 0.2))
    assert plain.predict_proba(X).max() > 0.99
    assert smooth.predict_proba(X).max() < 0.985
    p = smooth.predict_proba(X)
    assert smooth.log_likelihood(X, y) == pytest.approx(np.log(p[np.arange(N), y]).sum(), rel=1e-5)


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, "a", None, np.nan, True])
def test_label_smoothing_is_a_fraction(value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="label_smoothing"):
        make(label_smoothing=value).fit(X, TWO)


# Weights of classes --------------------------------------------------------------------------------------------------


def test_a_class_of_weight_2_is_there_twice() -> None:
    weighted = make(class_weight={0: 2, 1: 1}).fit(X, TWO)
    repeats = np.repeat(np.arange(N), np.where(TWO == 0, 2, 1))
    counted = make().fit(X[repeats], TWO[repeats])
    assert theta(weighted) == theta(counted) != theta(make().fit(X, TWO))
    both = make(class_weight={0: 2}).fit(X, TWO, sample_weight=np.full(N, 3))
    assert theta(both) == theta(make().fit(X[repeats], TWO[repeats], sample_weight=np.full(len(repeats), 3)))


@pytest.mark.parametrize("names", [[0, 1, 2], ["a", "b", "c"]])
def test_balanced(names: list[Any]) -> None:
    y = np.array(names)[THREE]
    count = np.bincount(THREE)
    w = N / (3 * count[THREE])
    balanced = make(class_weight="balanced", early_stopping=False, batch_size=16).fit(X, y)
    assert theta(balanced) == theta(make(early_stopping=False, batch_size=16).fit(X, y, sample_weight=w))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({3: 1.0}, "there is no class 3"),
        ("heavy", "class_weight"),
        ({0: -1.0}, "at least 0"),
        ({0: np.inf}, "finite"),
        ({0: "a"}, "class_weight"),
        (3, "class_weight"),
        ([1, 2], "class_weight"),
    ],
)
def test_weights_of_classes_that_make_no_sense(given: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match) as error:
        make(class_weight=given).fit(X, TWO)
    assert str(error.value).startswith("class_weight: ")


def test_a_table_of_labels_has_no_weights_of_classes() -> None:
    with pytest.raises(ValueError, match="class_weight: a table of labels has none"):
        make(class_weight="balanced").fit(X, LABELS)


# Tables of labels ----------------------------------------------------------------------------------------------------


def test_labels_of_which_any_may_hold() -> None:
    model = make(max_iter=60).fit(X, LABELS)
    p = model.predict_proba(X)
    assert p.shape == (N, 3)
    assert np.array_equal(model.predict(X), (p > 0.5).astype(int))
    assert model.classes_.tolist() == [0, 1, 2]
    expected = np.log(np.where(LABELS == 1, p, 1 - p)).sum()
    assert model.log_likelihood(X, LABELS) == pytest.approx(expected, rel=1e-9)
    assert model.score(X, LABELS) == accuracy_score(LABELS, model.predict(X))
    assert model.predict_dist(X).logpmf(LABELS).sum() == pytest.approx(expected, rel=1e-9)
    for same in (LABELS.astype(float), LABELS.astype(bool), LABELS.tolist(), pd.DataFrame(LABELS, columns=list("abc"))):
        assert np.array_equal(make(max_iter=60).fit(X, same).predict_proba(X), p)


@pytest.mark.parametrize("rows", [40, 60])
def test_a_label_that_never_holds(rows: int) -> None:
    labels = LABELS[:rows].copy()
    labels[:, 1] = 0
    model = make(max_iter=60).fit(X[:rows], labels)
    assert (model.predict_proba(X)[:, 1] < 0.2).all()
    assert np.isfinite(model.log_likelihood(X[:rows], labels))


@pytest.mark.parametrize("other", [LABELS[:, :2], TWO, LABELS[:, :1], np.ones((N, 4), int)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_as_many_labels_as_were_fitted(other: Any) -> None:
    model = make().fit(X, LABELS)
    with pytest.raises(ValueError, match="y: expected a column"):
        model.log_likelihood(X, other)
    with pytest.raises(ValueError, match="y_val: expected a column"):
        make().fit(X, LABELS, X_val=X, y_val=other)


def test_labels_where_classes_were_fitted() -> None:
    model = make().fit(X, TWO)
    with pytest.raises(ValueError, match="y: "):
        model.log_likelihood(X, LABELS)


def theta(estimator: Any) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in estimator.network_.parameters.items()}
