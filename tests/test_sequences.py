"""Sequences of different lengths: padding never changes a result, minibatches of like lengths, other lengths later."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import likeliest as ll
from likeliest import random
from likeliest.sequences import Ragged, as_sequences, gathered, rounded

RNG = np.random.default_rng(0)
LENGTHS = np.array([1, 9, 4, 17, 2, 12, 7, 3, 16, 5, 1, 30])
X = [RNG.normal(size=(t, 3)) for t in LENGTHS]
Y = np.arange(12) % 2
STEPS = [(x[:, 0] > 0).astype(int) for x in X]
ONE = [ll.LSTM(5, bidirectional=True)]
EVERY = [ll.GRU(5, return_sequences=True)]
KINDS: dict[str, list[Any]] = {
    "recurrence": ONE,
    "mean": [ll.Dense(4, "tanh"), ll.GlobalAvgPool()],
    "largest": [ll.Dense(4, "tanh"), ll.GlobalMaxPool()],
    "largest of the input": [ll.GlobalMaxPool()],
    "below zero": [ll.Dense(4, "softplus"), ll.Rescale(3.0, 1.0), ll.GlobalMaxPool(), ll.Dense(3, "logistic")],
    "both": [ll.GRU(4, return_sequences=True), ll.Parallel(ll.GlobalAvgPool(), ll.GlobalMaxPool(), ll.Last())],
    "convolutions": [
        ll.Conv1D(4, 3, "tanh", padding="same"),
        ll.Residual(ll.Conv1D(4, 4, padding="same", dilation=2), ll.SeparableConv1D(4, 3, padding="same")),
        ll.GlobalMaxPool(),
    ],
    "causal convolutions": [
        ll.Dense(3, "gelu"),
        ll.Conv1D(4, 3, "tanh", padding=((4, 0),), dilation=2),
        ll.GlobalAvgPool(),
    ],
    "windows": [
        ll.Conv1D(4, 2, padding="same"),
        ll.MaxPool1D(3, stride=1, padding="same"),
        ll.Conv1D(3, 3, padding="same"),
        ll.MaxPool1D(2, stride=1, padding=((1, 0),)),
        ll.LayerNorm(),
        ll.GRU(3, bidirectional=True),
    ],
    "attention": [ll.Dense(4), ll.TransformerBlock(2, 5), ll.LayerNorm(), ll.GlobalAvgPool()],
}


def padded(sequences: list[Any], value: float = np.nan, T: int = 33) -> Any:
    array = np.full((len(sequences), T, *sequences[0].shape[1:]), value)
    for row, one in zip(array, sequences, strict=True):
        row[: len(one)] = one
    return array


@pytest.fixture(params=["native", "reference"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def network(layers: Any = ONE, engine: str = "native", **options: Any) -> ll.Network:
    return ll.Network(layers, engine=engine, **{"likelihood": "bernoulli", "dtype": "float64", **options})


def fitted(layers: Any = ONE, y: Any = Y, epochs: int = 2, engine: str = "native", **options: Any) -> ll.Network:
    net = network(layers, engine)
    net.fit(X, y, epochs=epochs, batch_size=5, seed=0, **options)
    return net


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, 1e300])
def test_what_stands_in_the_padding_is_never_looked_at(rubbish: float, kind: str, engine: str) -> None:
    net, twin = fitted(KINDS[kind], engine=engine), network(KINDS[kind], engine=engine)
    twin.fit(padded(X, rubbish), Y, lengths=LENGTHS, epochs=2, batch_size=5, seed=0)
    for name, value in net.parameters.items():
        np.testing.assert_allclose(twin.parameters[name], value, rtol=1e-12, atol=1e-14)
    how = {"lengths": LENGTHS}
    Z = padded(X, rubbish)
    for method in ("predict", "predict_proba", "output", "hidden"):
        np.testing.assert_allclose(getattr(net, method)(Z, **how), getattr(net, method)(X), rtol=1e-12)
    assert net.log_likelihood(Z, Y, **how) == pytest.approx(net.log_likelihood(X, Y), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_each_sequence_as_if_it_were_alone(kind: str, engine: str) -> None:
    net = fitted(KINDS[kind], engine=engine)
    alone = [x[None] for x in X]
    for method in ("predict", "predict_proba", "output", "hidden"):
        one_by_one = np.concatenate([getattr(net, method)(x) for x in alone])
        np.testing.assert_allclose(getattr(net, method)(X), one_by_one, rtol=1e-12)
    log_prob = [net.log_likelihood(x, Y[i : i + 1]) for i, x in enumerate(alone)]
    np.testing.assert_allclose(net.log_likelihood(X, Y, per_example=True), log_prob, rtol=1e-12)
    np.testing.assert_allclose(net.predict_dist(X).mean(), net.predict_proba(X)[:, 1], rtol=1e-12)
    gradients = [net.gradient(x, Y[i : i + 1]) for i, x in enumerate(alone)]
    for name, value in net.gradient(X, Y).items():
        np.testing.assert_allclose(value, sum(g[name] for g in gradients), rtol=1e-10, atol=1e-13)
    assert net.check_gradient(X, Y).ok


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pools_are_of_the_steps_that_there_are(dtype: str, engine: str) -> None:
    """Of the numbers themselves, whatever their size and sign, with no step more and none less."""
    R = [1e4 * x.astype(dtype) - 3e4 for x in X]
    for layer, pooled in ((ll.GlobalMaxPool(), np.max), (ll.GlobalAvgPool(), np.mean)):
        net = network([layer], engine=engine, dtype=dtype).build((6, 3), seed=0)
        expected = np.stack([pooled(x.astype(np.float64), axis=0) for x in R])
        found = net.hidden(R)
        assert found.dtype == dtype
        if pooled is np.max:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype == "float64" else 1e-6)


def test_the_order_of_sequences_does_not_matter(engine: str) -> None:
    net, order = fitted(engine=engine), RNG.permutation(12)
    np.testing.assert_allclose(net.output([X[i] for i in order]), net.output(X)[order], rtol=1e-12)


def test_targets_at_every_step(engine: str) -> None:
    net = fitted(EVERY, STEPS, engine=engine)
    twin = network(EVERY, engine=engine)
    twin.fit(padded(X), padded(STEPS, 7.0), lengths=LENGTHS, epochs=2, batch_size=5, seed=0)  # the 7 are no labels
    proba, labels, hidden = net.predict_proba(X), net.predict(X), net.hidden(X)
    log_prob = net.log_likelihood(X, STEPS, per_example=True)
    for i, (x, t) in enumerate(zip(X, LENGTHS, strict=True)):
        assert (proba[i].shape, labels[i].shape, hidden[i].shape) == ((t, 2), (t,), (t, 5))
        np.testing.assert_allclose(proba[i], net.predict_proba(x[None])[0], rtol=1e-12)
        np.testing.assert_allclose(hidden[i], net.hidden(x[None])[0], rtol=1e-12)
        expected = np.log(proba[i][np.arange(t), STEPS[i]]).sum()
        assert log_prob[i] == pytest.approx(expected)
    found, behind = twin.predict_proba(padded(X), lengths=LENGTHS), np.arange(33) >= LENGTHS[:, None]
    assert np.isnan(found[behind]).all()
    assert (twin.predict(padded(X), lengths=LENGTHS)[behind] == -1).all()
    np.testing.assert_allclose(found[~behind], np.concatenate(proba), rtol=1e-10)
    assert net.check_gradient(X, STEPS).ok


def test_targets_at_every_step_in_lists_and_arrays(engine: str) -> None:
    net = fitted(EVERY, STEPS, engine=engine)
    missing: list[Any] = [y.astype(float) for y in STEPS]
    missing[3][[0, 7]] = missing[5][2] = np.nan  # steps that do not count
    how = {"lengths": LENGTHS}
    for y in (STEPS, missing):
        expected = net.log_likelihood(X, y, per_example=True)
        alone = [net.log_likelihood(x[None], one[None]) for x, one in zip(X, y, strict=True) if np.isfinite(one).any()]
        np.testing.assert_allclose(expected, alone, rtol=1e-12)
        for T in (33, 30):
            given = padded(X, T=T), padded(y, 5.0, T)
            np.testing.assert_allclose(net.log_likelihood(*given, **how, per_example=True), expected, rtol=1e-12)
        for name, g in net.gradient(padded(X), padded(y, 5.0), **how).items():
            np.testing.assert_allclose(g, net.gradient(X, y)[name], rtol=1e-10, atol=1e-13)
    eta = net.output(X)
    assert eta.shape == (12, 30)
    assert (eta[np.arange(30) >= LENGTHS[:, None]] == 0).all()
    np.testing.assert_allclose(eta[3, :17], net.output(X[3][None])[0], rtol=1e-12)
    with pytest.raises(ValueError, match=r"y: .*row 3, step 7"):
        net.log_likelihood(X, [*STEPS[:3], np.where(np.arange(17) == 7, 3, 0), *STEPS[4:]])
    with pytest.raises(ValueError, match="y: all targets are NaN"):
        net.log_likelihood(X, [np.full(t, np.nan) for t in LENGTHS])


def test_lengths_that_no_layer_asks_for(engine: str) -> None:
    layers = [ll.Dense(4, "tanh"), ll.Conv1D(3, 2, padding=((1, 0),))]
    net = fitted(layers, STEPS, engine=engine)
    proba = net.predict_proba(X)
    for x, p in zip(X, proba, strict=True):
        np.testing.assert_allclose(p, net.predict_proba(x[None])[0], rtol=1e-12)
    assert net.check_gradient(X, STEPS).ok


def test_one_long_sequence_among_many_short_ones_costs_no_memory(engine: str) -> None:
    """Nothing is laid out to the longest: 600 · 3000 numbers would be 14 MB."""
    many = [np.ones((20, 1))] * 600 + [np.ones((3000, 1))]
    y = [np.ones(len(x)) for x in many]
    net = network([ll.Dense(2), ll.Conv1D(2, 2, padding=((1, 0),))], engine, likelihood="bernoulli").build((20, 1))
    net.log_likelihood(many[:2], y[:2])
    for run in (lambda: net.predict_proba(many), lambda: net.predict(many), lambda: net.log_likelihood(many, y)):
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6


def test_a_network_fitted_to_one_length_takes_others(engine: str) -> None:
    U = RNG.normal(size=(12, 6, 3))
    net = network(engine=engine)
    net.fit(U, Y, epochs=1, seed=0)
    before = {name: np.array(value) for name, value in net.parameters.items()}
    np.testing.assert_allclose(net.output(X)[3], net.output(X[3][None])[0], rtol=1e-12)
    eta = net.output(X), net.output(X[3][None]), net.output(U)
    net.parameters["output.b"] = before["output.b"] + 3.0  # the engines of other lengths follow
    for was, now in zip(eta, (net.output(X), net.output(X[3][None]), net.output(U)), strict=True):
        np.testing.assert_allclose(now, was + 3.0, rtol=1e-12)
    net.parameters["output.b"] = before["output.b"]
    net.fit(X, Y, epochs=1, batch_size=12, optimizer=ll.optimizers.Adam(1e-9))  # the same θ goes on
    np.testing.assert_allclose(net.parameters["lstm_1.U"], before["lstm_1.U"], atol=1e-7)
    for T in range(1, 60):
        net.predict(RNG.normal(size=(1, T, 3)))
    assert len(net._others) <= 16


def test_going_on_and_files_keep_everything(tmp_path: Path, engine: str) -> None:
    at_once, net = fitted(EVERY, STEPS, epochs=4, engine=engine), fitted(EVERY, STEPS, epochs=2, engine=engine)
    net.save(tmp_path / "net.likeliest")
    twin = ll.load(tmp_path / "net.likeliest")
    for one in (net, twin, pickle.loads(pickle.dumps(twin))):
        one.fit(X, STEPS, epochs=2, batch_size=5)
        for name, value in at_once.parameters.items():
            assert np.array_equal(one.parameters[name], value)
    again = fitted(EVERY, STEPS, epochs=2, checkpoint=tmp_path / "folder", engine=engine)
    same = network(EVERY, engine=engine)
    same.fit(padded(X), padded(STEPS), lengths=LENGTHS, epochs=2, seed=0, batch_size=5)
    assert again.log_likelihood(X, STEPS) == pytest.approx(same.log_likelihood(X, STEPS), rel=1e-12)


def test_held_out_sequences_may_be_longer(engine: str) -> None:
    long = [RNG.normal(size=(40, 3)), RNG.normal(size=(2, 3))]
    net = network(engine=engine)
    history = net.fit(X, Y, epochs=1, seed=0, validation=(long, [0, 1]))
    assert history.validation_log_likelihood[0] == pytest.approx(net.log_likelihood(long, [0, 1]) / 2)
    twin = network(engine=engine)
    other = twin.fit(X, Y, epochs=1, seed=0, validation=(padded(long, T=41), [0, 1], [40, 2]))
    assert other.validation_log_likelihood[0] == pytest.approx(history.validation_log_likelihood[0])
    assert fitted(validation=0.25, engine=engine).history.epochs == 2  # type: ignore[union-attr]


def test_minibatches_are_of_like_lengths() -> None:
    n, m = 1003, 10
    lengths = RNG.integers(1, 200, n)
    order = random.permutations(3, range(2, 4), n)
    found = gathered(order, lengths, m, 3, range(2, 4))
    assert np.array_equal(found, gathered(order, lengths, m, 3, range(2, 4)))
    assert np.array_equal(found[1:], gathered(order[1:], lengths, m, 3, range(3, 4)))
    assert (found[0] != found[1]).any()
    for row, before in zip(found, order, strict=True):
        assert np.array_equal(np.sort(row), np.arange(n))  # each example once
        assert set(row[1000:]) == set(before[1000:])  # the last ones are not chosen by length
        batches = lengths[row[:1000]].reshape(-1, m)
        assert (np.diff(batches, axis=1) <= 0).all()
        assert np.ptp(batches, axis=1).mean() < 12  # 164 without
        firsts = batches[:, 0]
        assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.3  # shuffled


def test_fit_takes_them_in_that_order(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    net = network(engine=engine).build((30, 3), seed=5)
    kind, seen = type(net._engine), []
    train = kind.train  # type: ignore[union-attr]

    def spy(self: Any, X: Any, y: Any, w: Any, chunk: Any, *rest: Any) -> Any:
        seen.extend(np.split(chunk.order, chunk.bounds[1:-1]))
        return train(self, X, y, w, chunk, *rest)

    monkeypatch.setattr(kind, "train", spy)
    net.fit(X, Y, epochs=2, batch_size=5, seed=5)
    assert [len(batch) for batch in seen] == [5, 5, 2] * 2
    assert all((np.diff(LENGTHS[batch]) <= 0).all() for batch in seen)
    assert sorted(np.concatenate(seen[:3])) == list(range(12))


def test_blocks_have_every_sequence_once_and_few_lengths() -> None:
    lengths = RNG.integers(1, 300, 500)
    ragged = as_sequences([np.ones((t, 2)) for t in lengths])
    assert isinstance(ragged, Ragged)
    rows, T = zip(*ragged.blocks(), strict=True)
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(500))
    assert all(lengths[some].max() <= t for some, t in zip(rows, T, strict=True))
    assert all((np.diff(lengths[some]) <= 0).all() for some in rows)  # the longest first, as engines want them
    assert len(set(T)) <= 30
    area = sum(len(some) * t for some, t in zip(rows, T, strict=True))
    assert area < 1.35 * lengths.sum()
    assert all(T <= rounded(T) <= 1.13 * T + 1 for T in range(1, 3000))


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        ([X[0], X[1], np.zeros((0, 3))], {}, "X: sequence 2 is empty"),
        (padded(X), {"lengths": [0, *LENGTHS[1:]]}, "lengths: .* sequence 0 is empty"),
        (padded(X), {"lengths": [34, *LENGTHS[1:]]}, "lengths: expected 1 to 33, .* found 34 at 0"),
        (padded(X), {"lengths": [1, 2]}, "lengths: expected a whole number for each of the 12 sequences"),
        (X, {"lengths": LENGTHS}, "lengths: the sequences of a list tell theirs"),
        ([X[0], X[1][:, :2]], {}, r"X: expected sequences of steps of one shape, \(3,\) in the first, found \(2,\)"),
        ([X[0], np.array([["a"] * 3] * 2)], {}, "X: expected real numbers, found dtype .* in sequence 1"),
        ([*X[:11], np.full((5, 3), np.nan)], {}, r"X: found nan in row 11, column \(0, 0\)"),
        ([X[0], np.zeros((2, 2, 2))], {}, r"X: expected sequences of shape \(T, p\) or \(T,\)"),
    ],
)
def test_what_cannot_be_is_refused(X: Any, options: Any, message: str, engine: str) -> None:
    y = Y[: len(X)]
    with pytest.raises(ValueError, match=message):
        network(engine=engine).fit(X, y, **options)
    net = fitted(engine=engine)
    with pytest.raises(ValueError, match=message):
        net.predict(X, **options)


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
def test_symbols_that_are_none_are_refused(wrong: float, engine: str) -> None:
    layers = [ll.TokenEmbedding(3, 4), ll.GRU(4)]
    codes: list[Any] = [np.array([0, 1]), np.array([2]), np.array([1, 0, 0, 1])]
    bad = [*codes, np.array([0, 2, wrong])]
    net = network(layers, engine=engine)
    message = f"E takes codes 0 to 2, found {wrong} in row 3, step 2"
    with pytest.raises(ValueError, match=f"X: token_embedding_1.{message}"):
        net.fit(bad, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=f"validation X: token_embedding_1.{message}"):
        net.fit(codes, [0, 1, 0], validation=(bad, [0, 1, 0, 1]))
    net.fit(codes, [0, 1, 0], epochs=1, seed=0)
    for method in (net.predict, net.hidden):
        with pytest.raises(ValueError, match=f"X: token_embedding_1.{message}"):
            method(bad)
    padded_bad = padded(bad, 17.0, 5)  # behind an end, anything may stand
    with pytest.raises(ValueError, match=f"X: token_embedding_1.{message}"):
        net.predict(padded_bad, lengths=[2, 1, 4, 3])
    assert net.predict(padded_bad, lengths=[2, 1, 4, 2]).shape == (4,)


def test_targets_that_do_not_fit_are_refused(engine: str) -> None:
    with pytest.raises(ValueError, match="y: expected a target at every step, 9 for sequence 1, found 8"):
        network(EVERY, engine=engine).fit(X, [STEPS[0], STEPS[1][:8], *STEPS[2:]])
    with pytest.raises(ValueError, match="y: X has 12 sequences, y has 11"):
        network(EVERY, engine=engine).fit(X, STEPS[:11])
    with pytest.raises(ValueError, match="flatten_1 would mix"):
        network([ll.Flatten()], engine=engine).fit(X, Y)
    strided, wider = ll.Conv1D(3, 3, stride=2, padding="same"), ll.Conv1D(3, 3, padding=2)
    for layer in (ll.Conv1D(3, 3), strided, wider, ll.MaxPool1D(2), ll.AvgPool1D(3, stride=1, padding="same")):
        with pytest.raises(ValueError, match=r'would mix .* keep it out with stride=1 and padding="same"'):
            network([layer, ll.GlobalMaxPool()], engine=engine).fit(X, Y)
    with pytest.raises(ValueError, match="dense_1 would mix"):
        network([ll.Dense(3)], engine=engine).fit([x[:, 0] for x in X], Y)
    with pytest.raises(ValueError, match="augment"):
        network(engine=engine).fit(X, Y, augment=[ll.augmentation.Mixup(0.2)])


def test_gradients_are_clipped_by_default(engine: str) -> None:
    def theta(**options: Any) -> Any:
        net = network(engine=engine)
        options = {"batch_size": 4, **options}
        large = [30 * x for x in X]
        net.fit(large, Y * 0 + (np.arange(12) > 2), epochs=1, seed=0, sample_weight=SKEWED, **options)
        return net.parameters["lstm_1.W"]

    how = {"optimizer": ll.optimizers.GradientAscent(5.0)}
    assert np.array_equal(theta(**how), theta(**how, clip_norm=4.0))  # 8/√m
    assert not np.array_equal(theta(**how), theta(**how, clip_norm=None))
    many = {**how, "batch_size": 100}
    assert np.array_equal(theta(**many), theta(**many, clip_norm=8 / np.sqrt(12)))
    assert not np.array_equal(theta(**many), theta(**many, clip_norm=1.0))
    assert np.array_equal(theta(**how, clip_norm=np.inf), theta(**how, clip_norm=None))
    assert "clip_norm" in fitted(engine=engine).summary()


SKEWED = np.where(np.arange(12) == 1, 100.0, 1e-3)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_structures_by_name(name: str, engine: str) -> None:
    net = network(name, engine=engine)
    net.fit(X, Y, epochs=1, seed=0)
    assert net.predict_proba(X).shape == (12, 2)


# scikit-learn ---------------------------------------------------------------------------------------------------------

MANY = [5 + 3 * RNG.normal(size=(t, 2)) for t in RNG.integers(1, 10, 150)]
LABELS = np.array(["no", "yes"])[[int(x[-1, 0] > 5) for x in MANY]]


def classifier(**options: Any) -> Any:
    return ll.Classifier(**{"layers": [ll.GRU(6)], "max_iter": 15, "random_state": 0, "n_jobs": 1, **options})


def test_a_classifier_of_sequences(tmp_path: Path) -> None:
    clf = classifier().fit(MANY, LABELS)
    assert clf.score(MANY, LABELS) > 0.7
    assert set(clf.predict(MANY)) <= {"no", "yes"}
    steps = np.concatenate(MANY)
    np.testing.assert_allclose(clf.table_.center, steps.mean(axis=0))
    np.testing.assert_allclose(clf.table_.scale, steps.std(axis=0))
    clf.save(tmp_path / "clf.likeliest")
    for twin in (ll.load(tmp_path / "clf.likeliest"), pickle.loads(pickle.dumps(clf)), clone(clf).fit(MANY, LABELS)):
        assert np.array_equal(twin.predict_proba(MANY), clf.predict_proba(MANY))
    proba = clf.predict_proba(MANY)
    np.testing.assert_allclose(clf.predict_proba(MANY[3][None])[0], proba[3], rtol=1e-5)
    assert clf.transform(MANY).shape == (150, 6)
    with pytest.raises(ValueError, match="X: expected sequences of steps"):
        clf.predict([np.zeros((2, 3)), np.zeros((1, 3))])


def test_a_pass_at_a_time() -> None:
    clf = classifier()
    for part in (slice(0, 70), slice(70, 150)):
        clf.partial_fit(MANY[part], LABELS[part], classes=["no", "yes"])
    assert clf.predict_proba(MANY).shape == (150, 2)


def test_a_regressor_of_sequences() -> None:
    numbers = [x[:, 0] for x in MANY]
    y = np.array([x[-1] for x in numbers])
    reg = ll.Regressor(layers=[ll.GRU(6)], max_iter=50, random_state=0, n_jobs=1).fit(numbers, y)
    assert reg.score(numbers, y) > 0.5
    np.testing.assert_allclose(reg.predict([numbers[5]]), reg.predict(numbers)[5:6], rtol=1e-4)
    low, high = reg.predict_dist(numbers).interval(0.9)
    assert (low < high).all()
    U = RNG.normal(size=(120, 6, 2))
    reg = ll.Regressor(layers=[ll.GRU(4)], max_iter=3, random_state=0, n_jobs=1).fit(U, U[:, -1, 0])
    assert reg.table_.center.shape == (2,)
    np.testing.assert_allclose(reg.predict([U[0, :3], U[1]])[0], reg.predict(U[:1, :3])[0], rtol=1e-5)
