"""How an estimator fits: weights, passes, warm starts, held-out data, layers, settings; against Network itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import check_random_state

import likeliest as ll
from likeliest.optimizers import LBFGS, Adam, Momentum

RNG = np.random.default_rng(0)
N = 200
X = RNG.normal(size=(N, 3))
NUMBERS = 7 + 20 * X[:, 0] + 5 * RNG.normal(size=N)
Y = {ll.Classifier: (X[:, 0] * X[:, 1] > 0).astype(int), ll.Regressor: NUMBERS}
BOTH = pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])


def make(kind: Any, **options: Any) -> Any:
    return kind(hidden=(4,), **{"max_iter": 5, "random_state": 0, "n_jobs": 1, **options})


def theta(estimator: Any) -> dict[str, bytes]:
    network = getattr(estimator, "network_", estimator)
    return {name: value.tobytes() for name, value in network.parameters.items()}


# Weights -------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("kind_of_w", [int, bool, "halves"])
def test_a_row_of_weight_2_is_two_rows_bit_for_bit(kind: Any, kind_of_w: Any) -> None:
    """For few rows, which are taken all at once; in whatever order they come."""
    n = 40
    count = RNG.integers(0, 2 if kind_of_w is bool else 4, n)
    w: Any = count.astype(bool) if kind_of_w is bool else count
    repeats = RNG.permutation(np.repeat(np.arange(n), count))
    x, y = X[:n], Y[kind][:n]
    if kind_of_w == "halves":
        w = count / 2
        counted = make(kind).fit(x[repeats], y[repeats], sample_weight=np.full(len(repeats), 0.5))
    else:
        counted = make(kind).fit(x[repeats], y[repeats])
    weighted = make(kind).fit(x, y, sample_weight=w)
    assert theta(weighted) == theta(counted) != theta(make(kind).fit(x, y))
    assert np.array_equal(weighted.predict(x), counted.predict(x))
    assert weighted.history_.log_likelihood == counted.history_.log_likelihood


@BOTH
def test_rows_of_weight_0_are_not_there_but_for_the_categories(kind: Any) -> None:
    frame = pd.DataFrame(X[:60], columns=list("abc")).assign(word=RNG.choice(["u", "v"], 60))
    w = np.arange(60) < 50
    weighted = make(kind, dtype="float64").fit(frame, Y[kind][:60], sample_weight=w)
    without = make(kind, dtype="float64").fit(frame[:50], Y[kind][:50])
    eta = weighted.predict_dist(frame).eta
    np.testing.assert_allclose(eta, without.predict_dist(frame).eta, rtol=1e-6, atol=1e-8)


@BOTH
@pytest.mark.parametrize(
    ("w", "match"),
    [
        (np.ones(N - 1), "expected shape"),
        (np.ones((N, 1)), "expected shape"),
        (np.full(N, np.nan), "finite"),
        (-np.ones(N), "at least 0"),
        (np.zeros(N), "all sample weights are zero"),
        (["a"] * N, "expected numbers"),
        (3.0, "expected shape"),
        (np.full(N, 1.7e308), "the sum is too large"),
    ],
)
def test_weights_that_make_no_sense(kind: Any, w: Any, match: str) -> None:
    with pytest.raises(ValueError, match=f"^sample_weight: .*{match}"):
        make(kind).fit(X, Y[kind], sample_weight=w)
    with pytest.raises(ValueError, match=f"^sample_weight: .*{match}"):
        make(kind).fit(X, Y[kind]).log_likelihood(X, Y[kind], w)


# Against Network -----------------------------------------------------------------------------------------------------


def same_network(model: Any, **how: Any) -> ll.Network:
    """What the model should be: its network, fitted anew to the table made ready."""
    inner = model.network_
    twin = ll.Network(
        inner.layers,
        likelihood=inner.likelihood,
        prior=inner.prior,
        initializer=inner.initializer,
        engine=inner.engine,
        dtype=inner.dtype,
    )
    y = Y[type(model)]
    if isinstance(model, ll.Regressor):
        y = (y - model.target_center_) / model.target_scale_
    seed = check_random_state(0).randint(2**31 - 1)
    twin.fit(model.table_.transform(X, inner.dtype), y, seed=seed, threads=1, **how)
    return twin


SAID = {
    "optimizer": Momentum(0.01),
    "schedule": "cosine",
    "batch_size": 16,
    "averaging": ll.averaging.EMA(0.9),
    "clip_norm": 1.0,
}


@BOTH
def test_fit_is_the_networks(kind: Any) -> None:
    model = make(kind, early_stopping=False, **SAID).fit(X, Y[kind])
    assert theta(model) == theta(same_network(model, epochs=5, **SAID))


@BOTH
@pytest.mark.parametrize("optimizer", [Adam(0.01), Momentum(0.01)])
def test_passes_keep_the_optimizers_state(kind: Any, optimizer: Any) -> None:
    model = make(kind, optimizer=optimizer, batch_size=16)
    again = {"classes": [0, 1]} if kind is ll.Classifier else {}
    for k in range(4):
        model.partial_fit(X, Y[kind], **(again if k == 0 else {}))
        assert model.n_iter_ == k + 1
        assert model.history_.first_epoch == k
    assert theta(model) == theta(same_network(model, optimizer=optimizer, batch_size=16, epochs=4))


@BOTH
def test_passes_over_parts(kind: Any) -> None:
    model = make(kind)
    w = RNG.uniform(0.5, 2, N)
    for first in range(0, N, 50):
        rows = slice(first, first + 50)
        again = {"classes": [0, 1]} if kind is ll.Classifier else {}
        model.partial_fit(X[rows], Y[kind][rows], sample_weight=w[rows], **again)
    assert model.n_iter_ == 4
    center = model.table_.center
    assert np.array_equal(center, ll.tables.Table.fit(X[:50], w[:50]).center)  # fixed by the first
    assert np.isfinite(model.log_likelihood(X, Y[kind]))


@BOTH
@pytest.mark.parametrize("rows", [40, N])
def test_a_pass_after_a_fit(kind: Any, rows: int) -> None:
    x, y = X[:rows], Y[kind][:rows]
    model = make(kind).fit(x, y)
    before = theta(model)
    model.partial_fit(x, y)
    assert theta(model) != before
    assert np.isfinite(model.log_likelihood(x, y))


def test_the_first_pass_needs_the_classes() -> None:
    model = make(ll.Classifier)
    with pytest.raises(ValueError, match="classes: expected all classes there will be in the first call"):
        model.partial_fit(X, Y[ll.Classifier])
    model.partial_fit(X[:20], np.zeros(20, int) + (np.arange(20) > 9), classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (N, 3)
    model.partial_fit(X[:20], np.full(20, 2) - (np.arange(20) > 9), classes=[2, 1, 0])
    with pytest.raises(ValueError, match="classes: expected those of the first call"):
        model.partial_fit(X, Y[ll.Classifier], classes=[0, 1])
    with pytest.raises(ValueError, match="y: expected one of the classes"):
        model.partial_fit(X, Y[ll.Classifier] * 5)


# Going on ------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_warm_start_goes_on(kind: Any) -> None:
    options = {"optimizer": Adam(0.01), "schedule": None, "batch_size": 16, "early_stopping": False, "averaging": None}
    model = make(kind, warm_start=True, **options).fit(X, Y[kind]).fit(X, Y[kind])
    assert theta(model) == theta(make(kind, **{**options, "max_iter": 10}).fit(X, Y[kind]))
    assert model.history_.first_epoch == 5
    assert model.n_iter_ == 5
    cold = make(kind, **options).fit(X, Y[kind])
    assert theta(cold.fit(X, Y[kind])) == theta(make(kind, **options).fit(X, Y[kind]))


@BOTH
def test_a_warm_start_keeps_the_table(kind: Any) -> None:
    model = make(kind, warm_start=True).fit(X, Y[kind])
    table = model.table_
    assert model.fit(3 * X + 1, Y[kind]).table_ is table
    with pytest.raises(ValueError, match=r"^X: .*features"):
        model.fit(X[:, :2], Y[kind])


# Held-out data -------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("rows", [40, N])
def test_held_out_examples_choose_theta_and_the_history_is_in_units_of_y(kind: Any, rows: int) -> None:
    x, y, held_out = X[:rows], Y[kind][:rows], (X[100:150] + 0.1, Y[kind][100:150])
    model = make(kind, max_iter=60, dtype="float64").fit(x, y, X_val=held_out[0], y_val=held_out[1])
    history = model.history_
    measured = np.array(history.validation_log_likelihood)
    assert history.best_epoch == np.nanargmax(measured)
    best = model.log_likelihood(*held_out) / 50
    assert measured[history.best_epoch] == pytest.approx(best, rel=1e-6)
    assert len(history.log_likelihood) == model.n_iter_


def test_the_history_of_all_rows_is_in_units_of_y() -> None:
    model = make(ll.Regressor, max_iter=8).fit(X[:40], NUMBERS[:40])
    last = model.log_likelihood(X[:40], NUMBERS[:40]) / 40
    assert model.history_.log_likelihood[-1] == pytest.approx(last, rel=1e-9)


@BOTH
def test_early_stopping(kind: Any) -> None:
    options = {"optimizer": Adam(0.1), "prior": None, "max_iter": 400, "early_stopping": True}
    model = make(kind, n_iter_no_change=5, **options).fit(X, Y[kind])
    assert model.history_.stopped == "early stopping"
    assert model.n_iter_ < 400
    assert make(kind, **{**options, "max_iter": 20}).fit(X, Y[kind]).n_iter_ == 20  # runs to its end, keeps the best
    without = make(kind, **{**options, "early_stopping": False, "max_iter": 20}).fit(X, Y[kind])
    assert without.history_.validation_log_likelihood == []
    assert without.history_.examples == N
    few = make(kind, early_stopping=True, validation_fraction=0.25).fit(X[:40], Y[kind][:40])
    assert few.history_.examples == 30


@BOTH
@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"X_val": X}, "y_val: expected with X_val, found None"),
        ({"y_val": X[:, 0]}, "X_val: expected with y_val, found None"),
        ({"X_val": X[:, :2], "y_val": X[:, 0]}, r"X_val: .*features"),
        ({"X_val": X[:5] * np.inf, "y_val": np.arange(5) % 2}, "X_val: found"),
        ({"X_val": X[:5], "y_val": np.arange(4) % 2}, "y_val: X_val has 5 examples, y_val has 4"),
        ({"X_val": X[:5], "y_val": np.full(5, np.nan)}, "y_val: "),
        ({"X_val": [], "y_val": []}, "X_val: "),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_held_out_data_that_do_not_fit(kind: Any, given: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=f"^{match}"):
        make(kind).fit(X, Y[kind], **given)


# Layers and settings -------------------------------------------------------------------------------------------------


def test_layers_of_ones_own_and_images() -> None:
    images = RNG.integers(0, 256, (120, 5, 4)).astype(np.uint8)
    y = (images[:, 2, 2] > 127).astype(int)
    layers = [ll.Flatten(), ll.Dense(6, "tanh"), ll.Dropout(0.1)]
    model = make(ll.Classifier, layers=layers, max_iter=60).fit(images, y)
    assert model.network_.layers[1:] == tuple(layers)
    assert model.score(images, y) > 0.9
    assert model.transform(images).shape == (120, 6)


@pytest.mark.parametrize("hidden", [(), (3,), [3, 2], 7, np.array([2, 3]), np.int64(4)])
def test_hidden(hidden: Any) -> None:
    model = ll.Classifier(hidden=hidden, max_iter=1, random_state=0).fit(X, Y[ll.Classifier])
    widths = [hidden] if np.ndim(hidden) == 0 else list(hidden)
    assert [layer.width for layer in model.network_.layers if isinstance(layer, ll.Dense)] == widths


@BOTH
@pytest.mark.parametrize("rows", [40, N])
@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.2},
        {"averaging": ll.averaging.EMA(0.9)},
        {"clip_norm": 1.0},
        {"schedule": "cosine"},
        {"batch_size": 8},
        {"layers": [ll.Dense(4), ll.BatchNorm()]},
        {"layers": [ll.Dense(4, max_norm=1.0)]},
        {"optimizer": "lbfgs"},
        {"optimizer": "adam"},
        {"prior": None},
        {"prior": ll.priors.Laplace(0.1)},
        {"dtype": "float64"},
        {"batch_size": None, "optimizer": Adam(0.01)},
    ],
    ids=lambda options: "-".join(options),
)
def test_every_setting_works_for_few_rows_and_many(kind: Any, rows: int, options: dict[str, Any]) -> None:
    model = make(kind, **options).fit(X[:rows], Y[kind][:rows])
    assert np.isfinite(model.log_likelihood(X, Y[kind]))
    full_batch = isinstance(model.network_._position.optimizer, LBFGS)
    if options.get("optimizer") != "lbfgs" and rows == N:
        assert not full_batch


@BOTH
def test_engines_agree(kind: Any) -> None:
    native, reference = (
        make(kind, engine=engine, dtype="float64", early_stopping=False).fit(X, Y[kind])
        for engine in ("native", "reference")
    )
    np.testing.assert_allclose(native.predict_dist(X).eta, reference.predict_dist(X).eta, rtol=1e-6, atol=1e-8)


# Tables --------------------------------------------------------------------------------------------------------------


def test_categories_become_embeddings_and_unknown_ones_their_mean() -> None:
    word = RNG.choice(["u", "v", "w"], N, p=[0.5, 0.3, 0.2])
    frame = pd.DataFrame(X, columns=list("abc")).assign(word=word)
    model = make(ll.Regressor, max_iter=30).fit(frame, 10 * (word == "u") + X[:, 0])
    (name,) = (name for name in model.network_.parameters if ".E" in name)
    E = model.network_.parameters[name]
    count = np.array([(word == value).sum() for value in "uvw"])
    assert len(E) == 4
    np.testing.assert_allclose(E[0], count @ E[1:] / N, rtol=1e-4, atol=1e-6)
    mean = model.predict(frame.assign(word="u")).mean() - model.predict(frame.assign(word="v")).mean()
    assert mean > 5
    assert np.isfinite(model.predict(frame.assign(word="never"))).all()
    assert np.isfinite(model.predict(frame.assign(word=None))).all()


def test_gaps_tell_something() -> None:
    gap = X[:, 0].copy()
    gap[::3] = np.nan
    y = np.isnan(gap).astype(int)
    model = make(ll.Classifier, max_iter=60).fit(gap[:, None], y)
    assert model.score(gap[:, None], y) == 1.0


@BOTH
def test_strings_and_gaps_may_be_refused(kind: Any) -> None:
    frame = pd.DataFrame(X, columns=list("abc")).assign(word="u")
    with pytest.raises(ValueError, match=r"^X: expected real numbers, found 'u' in row 0, column 'word'"):
        make(kind, categorical_features=None).fit(frame, Y[kind])
    gaps = np.where(np.arange(N)[:, None] == 3, np.nan, X)
    with pytest.raises(ValueError, match=r"^X: found NaN in row 3, column '0'"):
        make(kind, missing="error").fit(gaps, Y[kind])
    few = slice(0, 40)
    with pytest.raises(ValueError, match=r"^X: found NaN in row 3, column '0'"):
        make(kind, missing="error").fit(gaps[few], Y[kind][few])


def test_labels_are_smoothed_with_few_rows_too() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    sharp, smooth = (
        ll.Classifier(label_smoothing=e, batch_size=10, random_state=0, max_iter=200).fit(X, y) for e in (0.0, 0.4)
    )
    assert smooth.predict_proba(X).max() < 0.9 < sharp.predict_proba(X).max()
    assert not isinstance(ll.Classifier(label_smoothing=0.4, max_iter=2).fit(X, y).network_._position.optimizer, LBFGS)


def test_scores_refuse_weights_that_make_no_sense() -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    for model, y in ((ll.Classifier(max_iter=2), np.arange(30) % 2), (ll.Regressor(max_iter=2), X[:, 0])):
        model.fit(X, y)
        with pytest.raises(ValueError, match="sample_weight: expected finite numbers"):
            model.score(X, y, np.where(np.arange(30) == 1, -1.0, 1.0))
        assert model.score(X, y) == model.score(X, y, np.ones(30))


def test_a_fit_that_diverges_starts_again_with_smaller_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, fit = [], ll.Network.fit

    def fails_twice(self: ll.Network, *args: Any, **named: Any) -> Any:
        rates.append(named["optimizer"].learning_rate)
        if len(rates) < 3:
            raise ll.DivergenceError("ran away", ll.History())
        return fit(self, *args, **named)

    monkeypatch.setattr(ll.Network, "fit", fails_twice)
    X = np.random.default_rng(0).normal(size=(150, 2))
    ll.Regressor(max_iter=3, random_state=0).fit(X, X[:, 0])
    np.testing.assert_allclose(np.array(rates) / rates[0], [1, 0.3, 0.1, 0.1])  # the last is the fit to all rows


def test_a_second_fit_that_is_interrupted_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, fit = [], ll.Network.fit

    def interrupted(self: ll.Network, *args: Any, **named: Any) -> Any:
        history = fit(self, *args, **named)
        fitted.append(self)
        if len(fitted) == 2:
            history.stopped = "interrupted"
        return history

    monkeypatch.setattr(ll.Network, "fit", interrupted)
    X = np.random.default_rng(0).normal(size=(150, 2))
    model = ll.Regressor(max_iter=3, random_state=0).fit(X, X[:, 0])
    assert len(fitted) == 2
    assert model.network_ is fitted[0]
