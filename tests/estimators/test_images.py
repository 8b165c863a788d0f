"""Classifier and Regressor on images, series and volumes: the whole of scikit-learn's manner, on arrays as they are."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score

import likeliest as ll
from likeliest.layers import Rescale

RNG = np.random.default_rng(0)
N = 160
CONV = [ll.Conv2D(4, 3, "relu"), ll.MaxPool2D(2), ll.Flatten(), ll.Dense(8, "relu")]


def bright(*shape: int, dtype: str = "u1") -> tuple[Any, Any]:
    """Examples with a bright corner somewhere, or without one."""
    X = RNG.integers(0, 100, (N, *shape)).astype(dtype)
    y = np.arange(N) % 2
    X[y == 1, 1:3] += 120
    return X, y


def make(kind: Any = ll.Classifier, **options: Any) -> Any:
    return kind(**{"max_iter": 30, "random_state": 0, "n_jobs": 1, **options})


CASES: list[tuple[tuple[int, ...], Any]] = [
    ((8, 7), CONV),
    ((8, 7, 3), CONV),
    ((12, 2), [ll.Conv1D(6, 3, "relu"), ll.GlobalAvgPool()]),
    ((6, 5, 4), [ll.Conv3D(12, 2, "relu"), ll.GlobalAvgPool(), ll.Dense(8, "relu")]),
    ((6, 5, 4, 2), [ll.Conv3D(3, 2, "relu"), ll.Flatten()]),
    ((8, 8), "lenet5"),
    ((8, 7), None),
    ((4, 3, 2, 2), None),
    ((5, 4), [ll.Flatten()]),
]


@pytest.mark.parametrize(("shape", "layers"), CASES)
def test_a_classifier_of_every_rank(shape: tuple[int, ...], layers: Any, tmp_path: Path) -> None:
    X, y = bright(*shape)
    labels = np.array(["dark", "bright"])[y]
    model = make(layers=layers, hidden=(8,)).fit(X, labels)
    assert model.score(X, labels) > 0.9
    p = model.predict_proba(X)
    assert p.shape == (N, 2)
    chosen = p[np.arange(N), np.searchsorted(model.classes_, labels)]
    np.testing.assert_allclose(model.log_likelihood(X, labels), np.log(chosen).sum(), rtol=1e-4)
    h = model.transform(X[:3])
    assert h.shape == (3, len(model.get_feature_names_out()))
    model.save(tmp_path / "model")
    for twin in (ll.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(twin.predict_proba(X), p)
        assert np.array_equal(twin.transform(X[:3]), h)
    again = clone(model).fit(X, labels)
    assert np.array_equal(again.predict_proba(X), p)
    assert "Rescale" in model._repr_html_()


def test_a_regressor_of_images() -> None:
    X = RNG.integers(0, 255, (N, 8, 8)).astype(np.uint8)
    y = 1000.0 + X[:, 2:5, 2:5].mean(axis=(1, 2))
    model = make(ll.Regressor, layers=CONV, max_iter=150).fit(X, y)
    assert model.score(X, y) > 0.6
    assert model.predict_dist(X[:5]).interval(0.9)[0].shape == (5,)
    two = make(ll.Regressor, layers=CONV).fit(X, np.column_stack([y, -y]))
    assert two.predict(X).shape == (N, 2)


@pytest.mark.parametrize(("shape", "layers", "channels"), [
    ((8, 7), CONV, 1),
    ((8, 7, 3), CONV, 3),
    ((8, 3), [ll.Conv1D(2, 3), ll.GlobalAvgPool()], 3),
    ((8, 3), [ll.Flatten()], 1),
    ((8, 7, 3), [ll.Flatten()], 3),
    ((6, 5, 4), [ll.Conv3D(2, 2), ll.GlobalAvgPool()], 1),
    ((6, 8, 3), [ll.Dropout(0.1), ll.MaxPool2D(2), ll.Flatten()], 3),
])  # fmt: skip
def test_each_channel_has_its_mean_and_deviation(shape: Any, layers: Any, channels: int) -> None:
    X, y = bright(*shape, dtype="f8")
    first = make(layers=layers, max_iter=1).fit(X, y).network_.layers[0]
    axes = tuple(range(X.ndim - (channels > 1)))
    assert isinstance(first, Rescale)
    np.testing.assert_allclose(first.shift, np.atleast_1d(X.mean(axis=axes)))
    np.testing.assert_allclose(first.scale, np.atleast_1d(1 / X.std(axis=axes)))


def test_what_the_network_sees_is_standardized_and_X_stays_as_it_is() -> None:
    X, y = bright(8, 8)
    before = X.copy()
    model = make(layers=CONV, max_iter=1).fit(X, y)
    h = model.network_.trace(X).values["rescale_1.h"]
    np.testing.assert_allclose([h.mean(), h.std()], [0, 1], atol=1e-6)
    assert np.array_equal(X, before)
    assert make(layers=CONV, max_iter=1, standardize=False).fit(X, y).network_.layers == tuple(CONV)


def test_brighter_images_in_another_unit_give_the_same_probabilities() -> None:
    X, y = bright(8, 8)
    p = make(layers=CONV, dtype="float64", max_iter=3).fit(X, y).predict_proba(X)
    other = 1000 * X.astype(float) - 7
    np.testing.assert_allclose(
        make(layers=CONV, dtype="float64", max_iter=3).fit(other, y).predict_proba(other), p, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "f8", "?"])
def test_every_type_of_number_gives_the_same(dtype: str) -> None:
    X = RNG.integers(0, 2, (N, 6, 6))
    y = X[:, 2, 2]
    p = make(layers=CONV, max_iter=2).fit(X.astype("u1"), y).predict_proba(X)
    model = make(layers=CONV, max_iter=2).fit(X.astype(dtype), y)
    assert np.array_equal(model.predict_proba(X.astype(dtype)), p)


def test_engines_agree() -> None:
    X, y = bright(6, 6)
    options = {"layers": CONV, "max_iter": 2, "dtype": "float64", "early_stopping": False}
    a, b = (make(engine=engine, **options).fit(X[:40], y[:40]) for engine in ("native", "reference"))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-8)


# The rest of the contract ---------------------------------------------------------------------------------------------


def test_partial_fit_and_warm_start() -> None:
    X, y = bright(8, 8)
    model = make(layers=CONV)
    for _ in range(15):
        model.partial_fit(X, y, classes=[0, 1])
    assert model.score(X, y) > 0.9
    first = model.network_.layers[0]
    model.partial_fit(X // 2, y)
    assert model.network_.layers[0] is first  # the first call fixes how X is standardized
    warm = make(layers=CONV, max_iter=2, warm_start=True).fit(X, y)
    one = warm.log_likelihood(X, y)
    assert warm.fit(X, y).log_likelihood(X, y) != one
    assert warm.network_.history.first_epoch > 0


def test_weights_of_classes_and_of_examples() -> None:
    X, y = bright(8, 8)
    X[:] = RNG.integers(0, 100, X.shape)  # there is nothing to be seen
    plain = make(layers=CONV, max_iter=6).fit(X, y).predict_proba(X)[:, 1].mean()
    heavy = make(layers=CONV, max_iter=6, class_weight={1: 20.0}).fit(X, y).predict_proba(X)[:, 1].mean()
    assert heavy > plain + 0.1
    w = (np.arange(N) < 80).astype(float)
    first = make(layers=CONV, max_iter=1, early_stopping=False).fit(X, y, sample_weight=w).network_.layers[0]
    np.testing.assert_allclose(first.shift, [X[:80].mean()])  # as without the others


def test_held_out_examples_and_those_chosen() -> None:
    X, y = bright(8, 8)
    model = make(layers=CONV, max_iter=3).fit(X, y, X_val=X[:20], y_val=y[:20])
    assert len(model.history_.validation_log_likelihood) == 3
    with pytest.raises(ValueError, match=re.escape("X_val: expected examples of shape (8, 8)")):
        make(layers=CONV).fit(X, y, X_val=X[:20, :, :7], y_val=y[:20])
    with pytest.raises(ValueError, match=re.escape("X_val: expected shape (n, 8, 8), as in the fit, found (20, 64)")):
        make(layers=CONV).fit(X, y, X_val=X[:20].reshape(20, 64), y_val=y[:20])


def test_copies_of_an_image_are_held_out_together() -> None:
    from likeliest.estimators.arguments import held_out_rows

    X = np.repeat(RNG.integers(0, 255, (20, 4, 4)).astype(np.uint8), 5, axis=0)
    mask = held_out_rows(X, 0.3, 0).reshape(20, 5)
    assert (mask == mask[:, :1]).all()
    assert 0 < mask.sum() < 100
    assert np.array_equal(mask.ravel(), held_out_rows(X, 0.3, 0))


def test_searches_and_cross_validation() -> None:
    X, y = bright(8, 8)
    search = GridSearchCV(make(max_iter=10), {"layers": ["lenet5", CONV]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.8
    assert cross_val_score(make(layers=CONV), X, y, cv=2).min() > 0.8


def test_few_images_are_taken_all_at_once() -> None:
    X, y = bright(6, 6)
    model = make(layers=CONV, max_iter=None).fit(X[:30], y[:30])
    assert model.score(X[:30], y[:30]) == 1
    assert model.network_.dtype == "float64"


def test_scikit_learns_digits_are_read() -> None:
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8).astype(np.uint8)
    layers = [ll.Conv2D(16, 3, "relu"), ll.MaxPool2D(2), ll.Flatten(), ll.Dense(32, "relu")]
    model = make(layers=layers, max_iter=30).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.93


@pytest.mark.parametrize(
    ("shape", "layers"), [((8, 8), "lenet5"), ((8, 8, 3), CONV), ((8, 8), "resnet8"), ((9, 2), "fcn")]
)
def test_exported_images_give_the_same_probabilities(shape: Any, layers: Any, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = bright(*shape)
    model = make(layers=layers, max_iter=2).fit(X, y)
    ll.export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (p,) = session.run(["probabilities"], {"X": X.astype(np.float32)})
    np.testing.assert_allclose(p, model.predict_proba(X), atol=2e-5)


# What is refused ------------------------------------------------------------------------------------------------------


def test_predicting_what_is_not_like_the_examples_of_the_fit() -> None:
    X, y = bright(8, 7)
    model = make(layers=CONV, max_iter=1).fit(X, y)
    for bad, message in [
        (X.reshape(N, 56), "X: expected shape (n, 8, 7), as in the fit, found (160, 56)"),
        (X[..., None], "X: expected shape (n, 8, 7), as in the fit, found (160, 8, 7, 1)"),
        (X[:, :, :6], "X: expected examples of shape (8, 7), as in the fit, found (8, 6)"),
        (pd.DataFrame(X[:, 0]), "X: expected shape (n, 8, 7), as in the fit, found (160, 7)"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            model.predict(bad)
    table = make(hidden=(3,), max_iter=1).fit(X[:, 0], y)
    with pytest.raises(
        ValueError, match=re.escape("X: expected shape (n, p), a table, as in the fit, found (160, 8, 7)")
    ):
        table.predict(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [ll.Dense(3)]}, "one target for each step; for one target a sequence"),
        ({"layers": [ll.Conv2D(3, 3)]}, "output expects (n, p) or (n, T, p), got (n, 6, 5, 3): is a Flatten missing?"),
        ({"layers": "fcns"}, "layers: expected a list of layers"),
        ({"layers": CONV, "categorical_features": [0]}, 'categorical_features: expected "from_dtype" or None'),
    ],
)
def test_settings_that_do_not_suit_images(options: dict[str, Any], message: str) -> None:
    X, y = bright(8, 7)
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**options).fit(X, y)


@pytest.mark.parametrize("shape", [(4, 2, 0), (4, 0, 2), (4, 2, 2, 0)])
@pytest.mark.parametrize("standardize", [True, False])
def test_images_without_numbers_are_refused(shape: tuple[int, ...], standardize: bool) -> None:
    with pytest.raises(ValueError, match=re.escape(f"X: the examples are empty, the shape is {shape}")):
        ll.Classifier(standardize=standardize).fit(np.zeros(shape), [0, 1, 0, 1])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("standardize", [True, False])
def test_gaps_in_images_are_named(wrong: float, standardize: bool) -> None:
    X, y = bright(8, 7, dtype="f4")
    model = make(layers=CONV, max_iter=1, standardize=standardize).fit(X, y)
    X[11, 2, 3] = wrong
    for call in (lambda: model.predict(X), lambda: make(layers=CONV, standardize=standardize).fit(X, y)):
        with pytest.raises(ValueError, match=rf"^X: found {wrong} in row 11, column \(2, 3\)"):
            call()


def test_channels_first_are_refused_with_the_cure() -> None:
    X = RNG.normal(size=(N, 3, 16, 16))
    with pytest.raises(ValueError, match=re.escape("np.moveaxis(X, 1, -1)")):
        make(layers=CONV).fit(X, np.arange(N) % 2)
