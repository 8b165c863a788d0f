"""Consecutive rows: against the long sequence that they were cut from, central differences, PyTorch, and each other."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import ENGINES, Array
from test_recurrence import torch_layer

import likeliest as ll
from likeliest import checkpoint
from likeliest import fit as fitting
from likeliest.consecutive import Consecutive, order_of
from likeliest.engines import make_engine
from likeliest.engines.base import Chunk, Engine, Terms
from likeliest.engines.reference import Reference
from likeliest.likelihoods import log_prob_of
from likeliest.ops import OPERATIONS
from likeliest.xp import numpy_namespace as xp

N, T, P, Q = 11, 5, 3, 4
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, T, P)), RNG.normal(size=(N, T))
STILL = ll.optimizers.GradientAscent(1e-30)  # too small a step for any bit to change

KINDS: dict[str, tuple[ll.layers.Layer, str, dict[str, Any]]] = {
    "rnn": (ll.RNN(Q, return_sequences=True), "rnn", {}),
    "relu": (ll.RNN(Q, "relu", return_sequences=True), "rnn", {"relu": True}),
    "gru": (ll.GRU(Q, return_sequences=True), "gru", {}),
    "gru before": (ll.GRU(Q, return_sequences=True, reset_after=False), "gru", {"reset_after": False}),
    "lstm": (ll.LSTM(Q, return_sequences=True), "lstm", {}),
    "layer norm": (ll.LSTM(Q, return_sequences=True, layer_norm=True), "layer_norm_lstm", {"epsilon": 1e-5}),
    "learned": (ll.LSTM(Q, return_sequences=True, initial_state="learned"), "lstm", {}),
    "learned gru": (ll.GRU(Q, return_sequences=True, initial_state="learned"), "gru", {}),
}
DEEP = {
    "stacked": [ll.LSTM(Q, layers=2, return_sequences=True), ll.Dense(5, "tanh"), ll.GRU(3, return_sequences=True)],
    "last": [ll.RNN(6, return_sequences=True), ll.LSTM(Q, truncate=2, initial_state="learned")],
}
NOISY = [
    ll.Dense(5, "tanh"),
    ll.LSTM(6, layers=2, dropout=0.2, input_dropout=0.1, recurrent_dropout=0.3, return_sequences=True),
    ll.Dropout(0.2),
    ll.GRU(5, recurrent_dropout=0.2, initial_state="learned", return_sequences=True, reset_after=False),
    ll.LSTM(4, layer_norm=True, recurrent_dropout=0.2, return_sequences=True),
]  # fmt: skip


def network(layers: Any, engine: str = "reference", dtype: str = "float64", likelihood: Any = "normal") -> ll.Network:
    """With θ that is not 0 anywhere."""
    net = ll.Network(layers, likelihood=likelihood, engine=engine, dtype=dtype).build((T, P), seed=1)
    rng = np.random.default_rng(3)
    for name in net.parameters:
        net.parameters[name] = net.parameters[name] + 0.3 * rng.normal(size=net.parameters[name].shape)
    return net


def theta_of(net: ll.Network | Engine) -> dict[str, bytes]:
    if isinstance(net, ll.Network):
        return {name: value.tobytes() for name, value in net.parameters.items()}
    return {name: net.get(name).tobytes() for name in net.program.parameters}


# Where rows stand ----------------------------------------------------------------------------------------------------


def parts_of(n: int, how: Consecutive, epoch: Any = None) -> list[tuple[Array, Array]]:
    """The minibatches of an epoch: rows, and which of them go on."""
    groups = np.arange(how.groups(n), dtype=np.uint32) if epoch is None else epoch
    order, goes_on = how.order(n, groups[None])
    return [(order[0, k : k + how.streams], goes_on[0, k : k + how.streams]) for k in range(0, n, how.streams)]


@pytest.mark.parametrize("n", [2, 3, 6, 7, 11, 100])
@pytest.mark.parametrize("streams", [1, 2, 3, 50])
def test_each_row_stands_where_the_one_before_it_stood(n: int, streams: int) -> None:
    if streams > n:
        return
    parts = parts_of(n, Consecutive(streams))
    assert sorted(np.concatenate([rows for rows, _ in parts])) == list(range(n))
    assert not parts[0][1].any()
    for (before, _), (after, goes_on) in pairwise(parts):
        assert len(before) == streams
        assert np.array_equal(after, before[: len(after)] + 1)
        assert goes_on.all()
    lengths = np.diff([*parts[0][0], n])
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("n", [6, 7, 11, 100])
@pytest.mark.parametrize("streams", [1, 2, 3])
@pytest.mark.parametrize("length", [2, 3, 8])
def test_groups_are_whole_but_where_a_stream_begins(n: int, streams: int, length: int) -> None:
    how = Consecutive(streams, length)
    groups = np.random.default_rng(0).permutation(how.groups(n)).astype(np.uint32)
    parts = parts_of(n, how, groups)
    assert sorted(np.concatenate([rows for rows, _ in parts])) == list(range(n))
    assert not parts[0][1].any()
    begun = list(parts[0][0])
    for (before, _), (after, goes_on) in pairwise(parts):
        assert np.array_equal(goes_on, after % length > 0)
        assert np.array_equal(after[goes_on], before[: len(after)][goes_on] + 1)
        begun += list(after[~goes_on])
    assert set(range(0, n, length)) <= set(begun)
    assert len(begun) <= how.groups(n) + streams - 1
    if how.groups(n) > 3:
        assert begun != sorted(begun)


def test_held_out_rows_are_read_in_fewer_streams() -> None:
    for n, streams in ((1, 1), (31, 1), (32, 2), (64, 4), (1000, 8)):
        parts = list(Consecutive(8).held_out(np.arange(100, 100 + n, dtype=np.uint32)))
        assert [len(parts[0][0]), parts[0][1]] == [streams, False]
        assert sorted(np.concatenate([rows for rows, _ in parts])) == list(range(100, 100 + n))
        assert all(np.array_equal(b[0], a[0][: len(b[0])] + 1) and b[1] for a, b in pairwise(parts))
    parts = list(Consecutive(2, 3).held_out(np.arange(11, dtype=np.uint32)))
    assert [(rows.tolist(), on) for rows, on in parts] == [
        ([0, 3], False), ([1, 4], True), ([2, 5], True), ([6, 9], False), ([7, 10], True), ([8], True)
    ]  # fmt: skip


# Values --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("streams", [1, 3])
def test_windows_say_what_the_long_sequence_says(kind: str, engine: str, streams: int) -> None:
    """With θ that stays: each epoch, and the held-out rows, which are one stream here."""
    net = network([KINDS[kind][0]], engine)
    before = theta_of(net)
    history = net.fit(X, Y, optimizer=STILL, epochs=2, batch_size=streams, consecutive=True, validation=(X, Y), seed=0)
    assert theta_of(net) == before
    ends = np.cumsum([0] + [N // streams + (k < N % streams) for k in range(streams)])

    def long(first: int, last: int) -> float:
        part = slice(first, last)
        return float(net.log_likelihood(X[part].reshape(1, -1, P), Y[part].reshape(1, -1)))

    expected = sum(long(*ends[k : k + 2]) for k in range(streams)) / N
    np.testing.assert_allclose(history.log_likelihood, expected, rtol=1e-12)
    assert history.log_likelihood[0] == history.log_likelihood[1]
    np.testing.assert_allclose(history.validation_log_likelihood, long(0, N) / N, rtol=1e-12)
    assert net.log_likelihood(X, Y, consecutive=True) == pytest.approx(long(0, N), rel=1e-12)
    assert abs(expected - net.log_likelihood(X, Y) / N) > 1e-3  # without a state


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["lstm", "learned gru"])
def test_groups_of_windows_say_what_their_sequences_say(kind: str, engine: str) -> None:
    """Groups of four rows, in one stream so that none is torn; a fraction is held out in whole groups."""
    net = network([KINDS[kind][0]], engine)
    how: dict[str, Any] = {"optimizer": STILL, "epochs": 2, "batch_size": 1, "consecutive": 4, "seed": 0}
    groups = [slice(0, 4), slice(4, 8), slice(8, 11)]
    long = [float(net.log_likelihood(X[one].reshape(1, -1, P), Y[one].reshape(1, -1))) for one in groups]
    history = net.fit(X, Y, validation=(X, Y), **how)
    np.testing.assert_allclose(history.log_likelihood, sum(long) / N, rtol=1e-12)
    np.testing.assert_allclose(history.validation_log_likelihood, sum(long) / N, rtol=1e-12)
    history = net.fit(X, Y, validation=0.2, **how)
    np.testing.assert_allclose(history.log_likelihood, sum(long[:2]) / 8, rtol=1e-12)
    np.testing.assert_allclose(history.validation_log_likelihood, long[2] / 3, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_target_a_row(engine: str) -> None:
    """From the last state of each row: the prefixes of the long sequence say the same."""
    net = network(DEEP["last"], engine)
    history = net.fit(X, Y[:, 0], optimizer=STILL, epochs=1, batch_size=1, consecutive=True, seed=0)
    long = [net.log_likelihood(X[: k + 1].reshape(1, -1, P), Y[k : k + 1, 0]) for k in range(N)]
    assert history.log_likelihood[0] == pytest.approx(np.mean(long), rel=1e-12)
    each = net.log_likelihood(X, Y[:, 0], per_example=True, consecutive=True)
    np.testing.assert_allclose(each, long, rtol=1e-12)
    shorter = X.reshape(-1, 1, P)[: 3 * T]  # rows of another length than those of the fit
    assert net.log_likelihood(shorter, np.repeat(Y[:3, 0], T), per_example=True, consecutive=True)[T - 1 :: T] == (
        pytest.approx(long[:3], rel=1e-12)
    )


# Gradients -----------------------------------------------------------------------------------------------------------


def two_windows(engine: Engine, kind: str) -> tuple[list[float], dict[str, Array]]:
    """Of three streams, the log-likelihoods of their first rows and of their second, and the gradient of the latter."""
    order, bounds = np.array([0, 3, 6, 1, 4, 7], np.uint32), np.array([0, 3, 6])
    before = {name: engine.get(name) for name in engine.program.parameters}
    engine.start(ll.optimizers.GradientAscent(1.0))
    chunk = Chunk(order, bounds, np.array([0.0, 1.0]), None, np.arange(6) > 2)
    totals = engine.train(X, Y, None, chunk, 1, -np.inf, Terms(), 2)
    return totals.tolist(), {name: 3 * (engine.get(name) - value) for name, value in before.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_second_row_takes_its_state_for_a_constant(kind: str, engine: str) -> None:
    layer, page, own = KINDS[kind]
    net = network([layer], engine)
    theta = dict(net.parameters)
    prefix = layer.prefix() + "_1."
    names = [name for name in theta if name.startswith(prefix) and not name.endswith("state")]
    cell: dict[str, Any] = {"cell": True} if "lstm" in page else {}
    first, second = np.array([0, 3, 6]), np.array([1, 4, 7])
    start = [np.repeat(theta[prefix + "state"], 3, axis=0)] if prefix + "state" in theta else []

    def through(rows: Any, state: list[Array], theta: dict[str, Array], **how: Any) -> Array:
        values = [*state, *(theta[name] for name in names)]
        return np.asarray(OPERATIONS[page].forward(xp, X[rows], *values, state=bool(state), **how, **own))

    def total(rows: Any, state: list[Array], theta: dict[str, Array]) -> float:
        h = through(rows, state, theta, every=True)
        eta = (h @ theta["output.W"] + theta["output.b"]).reshape(3, -1)
        return float(log_prob_of(net.likelihood, eta, net.likelihood.check(Y[rows])).sum())

    state = [through(first, start, theta, **cell)]
    totals, gradient = two_windows(net._built(), kind)
    assert totals == pytest.approx([total(first, start, theta), total(second, state, theta)], rel=1e-12)
    rng = np.random.default_rng(4)
    for name in theta:
        d = rng.normal(size=theta[name].shape)
        ends = [total(second, state, {**theta, name: theta[name] + step * d}) for step in (2e-6, -2e-6)]
        assert abs((gradient[name] * d).sum() - (ends[0] - ends[1]) / 4e-6) <= 3e-8 * max(1, np.abs(ends[0])), name
    if start:
        assert not gradient[prefix + "state"].any()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_learned_state_learns_from_the_first_rows(engine: str) -> None:
    net = network([KINDS["learned"][0]], engine)
    rate = ll.optimizers.GradientAscent(0.1)
    net.fit(X, Y, optimizer=rate, epochs=1, batch_size=3, consecutive=True, clip_norm=None, seed=0)
    first = network([KINDS["learned"][0]], engine)
    before = first.parameters["lstm_1.state"]
    gradient = first.gradient(X[[0, 4, 8]], Y[[0, 4, 8]])["lstm_1.state"] / 3
    np.testing.assert_allclose(net.parameters["lstm_1.state"], before + 0.1 * gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [ll.RNN, ll.GRU, ll.LSTM])
def test_fits_are_those_of_torch_with_detached_states(kind: Any, engine: str) -> None:
    torch = pytest.importorskip("torch")
    layer = kind(Q, layers=2, return_sequences=True)
    net = network([layer], engine, likelihood=ll.likelihoods.Categorical(3))
    labels = np.random.default_rng(5).integers(0, 3, (N, T))
    theta = dict(net.parameters)
    peer, ours = torch_layer(torch, layer, {name: one for name, one in theta.items() if "output" not in name})
    W, b = (torch.tensor(theta[f"output.{name}"], requires_grad=True) for name in "Wb")
    learned = [one for name, one in peer.named_parameters() if name in ours] + [W, b]
    sgd = torch.optim.SGD(learned, 0.5, momentum=0.9)
    for _ in range(2):
        state = None
        for rows, _ in parts_of(N, Consecutive(3)):
            if state is not None:
                parts = state if isinstance(state, tuple) else (state,)
                parts = tuple(part.detach()[:, : len(rows)].contiguous() for part in parts)
                state = parts if isinstance(state, tuple) else parts[0]
            h, state = peer(torch.tensor(X[rows]), state)
            log_p = torch.log_softmax(h @ W + b, -1)
            total = log_p.gather(-1, torch.tensor(labels[rows])[..., None]).sum() / len(rows)
            sgd.zero_grad()
            (-total).backward()
            sgd.step()
    rate = ll.optimizers.Momentum(0.5, 0.9)
    net.fit(X, labels, optimizer=rate, epochs=2, batch_size=3, consecutive=True, clip_norm=None, seed=0)
    for name, parameter in peer.named_parameters():
        if name in ours:
            np.testing.assert_allclose(net.parameters[ours[name]], parameter.detach().numpy().T, rtol=1e-9, atol=1e-11)
    for name, own in (("W", W), ("b", b)):
        np.testing.assert_allclose(net.parameters[f"output.{name}"], own.detach().numpy(), rtol=1e-9, atol=1e-11)


# Engines and bits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [*DEEP.values(), NOISY], ids=[*DEEP, "noisy"])
@pytest.mark.parametrize(("clip_norm", "consecutive"), [(None, True), (0.5, True), (None, 2)])
def test_the_core_fits_as_the_pages_do(layers: Any, clip_norm: float | None, consecutive: Any) -> None:
    y = Y[:, 0] if layers is DEEP["last"] else Y
    found = []
    for engine in ENGINES:
        net = network(layers, engine)
        history = net.fit(
            X, y, optimizer=ll.optimizers.Momentum(0.05), epochs=3, batch_size=3, clip_norm=clip_norm, seed=2,
            sample_weight=np.linspace(0.2, 2, N), validation=0.2, consecutive=consecutive,
        )  # fmt: skip
        found.append((history, dict(net.parameters)))
    (one, theirs), (other, mine) = found
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(one.validation_log_likelihood, other.validation_log_likelihood, rtol=1e-12)
    for name, value in theirs.items():
        np.testing.assert_allclose(mine[name], value, rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("q", "steps", "streams"), [(5, 3, 150), (64, 24, 100), (24, 9, 7)], ids=str)
@pytest.mark.parametrize(("clip_norm", "consecutive"), [(None, True), (1.0, 2)])
def test_the_bits_do_not_depend_on_threads(q: int, steps: int, streams: int, clip_norm: Any, consecutive: Any) -> None:
    """Where a minibatch goes through in shards, in blocks, or at once; and each is what the pages give."""
    rng = np.random.default_rng(6)
    n = 2 * streams + streams // 3
    X, y = rng.normal(size=(n, steps, 2)), rng.normal(size=(n, steps))
    ends: list[dict[str, Array]] = []
    for engine, threads in (("native", 1), ("native", 2), ("native", 5), ("reference", 1)):
        net = ll.Network(
            [ll.LSTM(q, return_sequences=True), ll.GRU(3, return_sequences=True)],
            likelihood="normal", engine=engine, dtype="float64",
        )  # fmt: skip
        how: Any = {"epochs": 1, "batch_size": streams, "consecutive": consecutive, "clip_norm": clip_norm, "seed": 3}
        net.fit(X, y, optimizer=ll.optimizers.Momentum(0.05), threads=threads, **how)
        ends.append(dict(net.parameters))
    for name, value in ends[0].items():
        assert value.tobytes() == ends[1][name].tobytes() == ends[2][name].tobytes(), name
        np.testing.assert_allclose(value, ends[3][name], rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_likelihood_of_ones_own(engine: str) -> None:
    class Cauchy:
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return -xp.log1p((y[:, None] - eta) ** 2)[:, 0]

    net = network(DEEP["last"], engine, likelihood=Cauchy())
    y = Y[:, 0]
    history = net.fit(X, y, optimizer=STILL, epochs=1, batch_size=1, consecutive=True, validation=(X, y), seed=0)
    eta = np.array([net.output(X[: k + 1].reshape(1, -1, P))[0, 0] for k in range(N)])
    expected = -np.log1p((y - eta) ** 2).mean()
    assert history.log_likelihood[0] == pytest.approx(expected, rel=1e-12)
    assert history.validation_log_likelihood[0] == pytest.approx(expected, rel=1e-12)


HOW: dict[str, dict[str, Any]] = {
    "plain": {},
    "validation": {"validation": 0.2, "early_stopping": 30, "averaging": ll.averaging.EMA(0.9)},
    "groups": {"consecutive": 4},
    "weights": {"sample_weight": np.linspace(0, 2, N), "validation": np.arange(N) < 3, "validation_every": 2},
}


def fitted(engine: str, epochs: int, net: ll.Network | None = None, **how: Any) -> ll.Network:
    net = net or network(NOISY, engine, "float32")
    net.fit(X, Y, **{"batch_size": 2, "consecutive": True, "seed": 4, "epochs": epochs, "threads": 1, **how})
    return net


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("chunk_seconds", [0.0, 1e9])
def test_the_bits_do_not_depend_on_how_a_fit_is_cut(engine: str, chunk_seconds: float, monkeypatch: Any) -> None:
    """Steps into chunks of one or of several epochs; epochs into fits."""
    usual = fitted(engine, 3)
    monkeypatch.setattr(fitting, "CHUNK_SECONDS", chunk_seconds)
    assert theta_of(fitted(engine, 3)) == theta_of(usual)
    assert theta_of(fitted(engine, 2, fitted(engine, 1))) == theta_of(usual)
    assert theta_of(fitted(engine, 3, batch_size=3)) != theta_of(usual)
    assert theta_of(fitted(engine, 3, consecutive=False)) != theta_of(usual)
    groups = fitted(engine, 3, consecutive=4)
    assert theta_of(groups) == theta_of(fitted(engine, 2, fitted(engine, 1, consecutive=4), consecutive=4))
    assert theta_of(groups) != theta_of(usual)


class Stop(Exception):
    """A crash."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_a_crash_does_not_change_a_bit(engine: str, how: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    usual = fitted(engine, 5, **how)

    def crash(epoch: ll.Epoch) -> None:
        if epoch.number == 3:
            raise Stop

    with pytest.raises(Stop):
        fitted(engine, 5, checkpoint=tmp_path, callbacks=[crash], **how)
    assert any("epoch-00000002" in name for name in os.listdir(tmp_path))
    resumed = fitted(engine, 5, checkpoint=tmp_path, **how)
    assert theta_of(resumed) == theta_of(usual)
    for name in ("log_likelihood", "validation_log_likelihood", "best_epoch"):
        assert repr(getattr(resumed.history, name)) == repr(getattr(usual.history, name))
    if not how:
        with pytest.raises(ValueError, match="begun by another call of fit: consecutive was True"):
            fitted(engine, 5, checkpoint=tmp_path, consecutive=False)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_restored_is_the_state_too(engine: str) -> None:
    """A step that is taken back leaves no trace in the one that takes its place."""

    def step(engine: Engine, k: int) -> float:
        chunk = Chunk(order_of(N, 3)[3 * k : 3 * k + 3], np.array([0, 3]), np.ones(1), None, np.full(3, k > 0))
        return float(engine.train(X, Y, None, chunk, k + 1, -np.inf, Terms(seed=1), 1)[0])

    one, other = (network(NOISY, engine)._built() for _ in range(2))
    for net in (one, other):
        net.start(ll.optimizers.Adam(0.01))
        step(net, 0)
    one.keep()
    step(one, 2)
    one.restore()
    assert [step(one, k) for k in (1, 2)] == [step(other, k) for k in (1, 2)]
    assert theta_of(one) == theta_of(other)


def test_the_core_refuses_to_go_on_from_nothing() -> None:
    engine = network(DEEP["stacked"], "native")._built()
    engine.start(ll.optimizers.Adam())

    def train(carries: list[bool], bounds: list[int]) -> None:
        of_each = np.zeros(N, np.bool_)
        of_each[: bounds[-1]] = np.repeat(carries, np.diff(bounds))
        chunk = Chunk(order_of(N, N), np.array(bounds), np.ones(len(carries)), None, of_each)
        engine.train(X, Y, None, chunk, 1, -np.inf, Terms(), 1)

    for carries, bounds in (([True], [0, 3]), ([False, True], [0, 3, 7])):
        with pytest.raises(ValueError, match="carries"):
            train(carries, bounds)
    train([False, True, True], [0, 3, 6, 8])
    with pytest.raises(ValueError, match="carries"):
        train([True], [0, 3])
    train([True], [0, 2])
    with pytest.raises(ValueError, match="carries"):
        engine.log_likelihood(X, Y, 1, True)
    assert len(make_engine("native", engine.program, network(DEEP["stacked"]).likelihood, "float64").get("output.b"))


# What it is for ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_before_a_row_is_remembered(engine: str) -> None:
    """A tune of eight notes, in rows of four: what follows 0, 1, 0 depends on more than a row shows, one bit of it."""
    tune = np.tile([0, 1, 0, 2, 0, 1, 0, 3], 64)
    codes, following = tune[:508].reshape(-1, 4), tune[1:509].reshape(-1, 4)

    def bits(consecutive: bool) -> float:
        net = ll.Network(
            [ll.TokenEmbedding(4, 4), ll.GRU(12, return_sequences=True)],
            likelihood=ll.likelihoods.Categorical(4), engine=engine,
        )  # fmt: skip
        history = net.fit(
            codes, following, optimizer=ll.optimizers.Adam(0.03), epochs=25, batch_size=4, seed=2,
            validation=(codes, following), consecutive=consecutive,
        )  # fmt: skip
        return -history.validation_log_likelihood[-1] / 4 / np.log(2)

    assert bits(False) > 0.25
    assert bits(True) < 0.01


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "how", "message"),
    [
        ([ll.Dense(3)], {}, "consecutive: there is no recurrent layer"),
        ([ll.LSTM(3, bidirectional=True)], {}, "consecutive: lstm_1.backward runs from the end of a row"),
        ([ll.Bidirectional(ll.GRU(3))], {}, "consecutive: bidirectional_1.backward runs from the end"),
        ([ll.Attention(1, 3), ll.LSTM(3)], {}, "consecutive: attention_1 attends to"),
        ([ll.LSTM(3)], {"optimizer": ll.optimizers.LBFGS()}, "optimizer: LBFGS takes all rows at once"),
        ([ll.LSTM(3)], {"lengths": np.full(N, 3)}, "lengths: with consecutive=True, rows are windows"),
        ([ll.LSTM(3)], {"augment": ll.augmentation.Scale(0.1)}, "augment: rows that are changed"),
        ([ll.LSTM(3)], {"batch_size": None}, "batch_size: with consecutive=True, it is how many streams"),
        ([ll.LSTM(3)], {"batch_size": 6}, "the 11 rows are cut into batch_size=6 streams"),
        ([ll.LSTM(3)], {"batch_size": 5, "validation": 0.2}, "the 9 rows are cut into batch_size=5 streams"),
        ([ll.LSTM(3)], {"validation": np.arange(N) == 5}, "a mask of the first rows or of the last ones"),
        ([ll.LSTM(3)], {"consecutive": 1}, "consecutive: expected a whole number of at least 2, found 1"),
        ([ll.LSTM(3)], {"consecutive": 3, "validation": np.arange(N) > 6}, "whole groups of 3 rows, found one that ch"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(layers: Any, how: dict[str, Any], message: str) -> None:
    net = ll.Network(layers, likelihood="normal", engine="reference")
    y = Y if isinstance(layers[0], ll.Dense) else Y[:, 0]
    with pytest.raises(ValueError, match=re.escape(message)):
        net.fit(X, y, **{"batch_size": 2, "consecutive": True, **how})
    with pytest.raises(RuntimeError, match="no θ yet"):
        _ = net.parameters


def test_an_engine_that_carries_no_state_is_refused(monkeypatch: Any) -> None:
    monkeypatch.delattr(Reference, "carries_states")
    net = ll.Network([ll.LSTM(3)], likelihood="normal", engine="reference")
    with pytest.raises(ValueError, match='the engine Reference does not carry a state from row to row; use engine="n'):
        net.fit(X, Y[:, 0], consecutive=True, batch_size=2)


def test_lists_and_encoders_are_refused() -> None:
    net = ll.Network([ll.LSTM(3)], likelihood="normal", engine="reference")
    ragged = [X[k, : 2 + k % 3] for k in range(N)]
    with pytest.raises(ValueError, match="lengths: with consecutive=True"):
        net.fit(ragged, Y[:, 0], consecutive=True, batch_size=2)
    net.fit(ragged, Y[:, 0], epochs=1, seed=0)
    with pytest.raises(ValueError, match="lengths: with consecutive=True"):
        net.log_likelihood(ragged, Y[:, 0], consecutive=True)
    both = ll.Network([ll.GRU(3, bidirectional=True)], likelihood="normal", engine="reference").build((T, P))
    with pytest.raises(ValueError, match=r"gru_1\.backward runs from the end"):
        both.log_likelihood(X, Y[:, 0], consecutive=True)
    model = ll.SequenceToSequence([ll.TokenEmbedding(3, 2), ll.GRU(4)], [ll.GRU(4)], symbols=3, engine="reference")
    with pytest.raises(ValueError, match=r"consecutive: \S+ begins with what an encoder says"):
        model.fit([[0, 1], [1, 2]] * 4, [[1, 0], [2, 1]] * 4, consecutive=True, batch_size=2, epochs=1)
