"""Streams: one step at a time is the whole sequence at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import ENGINES

import likeliest as ll
from likeliest.sequences import rounded

LAYERS: dict[str, list[Any]] = {
    "rnn": [ll.RNN(4, "relu")],
    "stacked": [ll.LSTM(6, layers=3, dropout=0.2, recurrent_dropout=0.1), ll.Dense(5, "tanh")],
    "learned state": [ll.LSTM(5, initial_state="learned", return_sequences=True), ll.GRU(4, initial_state="learned")],
    "before and between": [ll.Dense(4, "relu"), ll.GRU(5, return_sequences=True), ll.LSTM(3)],
    "last": [ll.GRU(4, return_sequences=True), ll.Dropout(0.3), ll.Last(), ll.Dense(3)],
    "branches": [ll.Residual(ll.LSTM(3, return_sequences=True)), ll.RNN(2)],
}
# What looks back, so that all steps are read again.
CONV = ll.Conv1D(4, 3, "tanh", padding=((4, 0),), dilation=2)
BACK: dict[str, list[Any]] = {
    "transformer": [ll.Dense(4), ll.Positions(9), ll.TransformerBlock(2, 5, causal=True), ll.LayerNorm(), ll.Dense(3)],
    "rotary": [ll.Attention(1, 4, causal=True, rotary=True, dropout=0.2), ll.RMSNorm()],
    "sinusoidal": [ll.Positions(kind="sinusoidal"), ll.GRU(3, return_sequences=True), ll.Dense(3, "tanh")],
    "convolutions": [CONV, ll.Residual(ll.SeparableConv1D(4, 2, padding=((1, 0),)), ll.Activation("relu"))],
    "window": [ll.MaxPool1D(2, stride=1, padding=((1, 0),)), ll.LSTM(3, return_sequences=True)],
    "nothing to look at": [ll.Dense(4, "tanh"), ll.Dense(3)],
}


def network(layers: list[Any], likelihood: Any, engine: str, shape: tuple[int, ...] = (7, 3)) -> ll.Network:
    """A network whose states do not begin at 0."""
    net = ll.Network(layers, likelihood=likelihood, engine=engine).build(shape, seed=4)
    r = np.random.default_rng(5)
    for name in net.parameters:
        net.parameters[name] = net.parameters[name] + 0.3 * r.normal(size=net.parameters[name].shape)
    return net


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", LAYERS)
def test_ends_where_the_whole_sequence_does(name: str, engine: str) -> None:
    net = network(LAYERS[name], ll.likelihoods.Categorical(3), engine)
    X = np.random.default_rng(0).normal(size=(4, 7, 3))
    stream = net.stream(4)
    for _ in range(2):
        for t in range(7):
            p = stream.predict_proba(X[:, t])
            if t == 4:  # what comes later changes nothing of what came before
                half = network(LAYERS[name], ll.likelihoods.Categorical(3), engine, (5, 3)).predict_proba(X[:, :5])
                np.testing.assert_allclose(p, half, atol=2e-6)
        np.testing.assert_allclose(p, net.predict_proba(X), atol=2e-6)
        stream.reset()


@pytest.mark.parametrize("engine", ENGINES)
def test_says_something_at_every_step(engine: str) -> None:
    likelihood = ll.likelihoods.PerStep(ll.likelihoods.Normal())
    net = network([ll.LSTM(4, return_sequences=True)], likelihood, engine)
    x = np.random.default_rng(0).normal(size=(7, 3))
    stream, whole = net.stream(), net.predict_dist(x[None])
    for t in range(7):
        d = stream.predict_dist(x[t])
        assert d.mean()[0] == pytest.approx(whole.mean()[0, t], abs=2e-6)
        assert d.std()[0] == pytest.approx(whole.std()[0, t], abs=2e-6)


def test_numbers_one_by_one() -> None:
    net = network([ll.LSTM(4)], ll.likelihoods.Normal(scale=1.0), "native", (6,))
    x = np.random.default_rng(0).normal(size=6)
    stream = net.stream()
    for number in x:
        y = stream.predict(np.array(number))
    assert y == pytest.approx(net.predict(x[None])[0], abs=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", BACK)
def test_what_looks_back_says_what_the_whole_sequence_does(name: str, last: bool, engine: str) -> None:
    """At every step what `predict` says of the sequence so far; beyond the steps of the fit, of the last ones."""
    layers = [*BACK[name], *([ll.Last()] if last else [])]
    net = network(layers, ll.likelihoods.Categorical(3), engine)
    X = np.random.default_rng(0).normal(size=(4, 11, 3))
    stream, several = net.stream(4), net.stream(4)
    for _ in range(2):
        for t in range(11):
            expected = net.predict_proba(X[:, max(0, t - 6) : t + 1])
            expected = expected if last else expected[:, -1]
            np.testing.assert_allclose(stream.predict_proba(X[:, t]), expected, atol=2e-6)
            several.reset()
            eta = several.read(X[:, : t + 1])
            np.testing.assert_allclose(eta, net.output(X[:, max(0, t - 6) : t + 1])[:, -3:], atol=1e-5)
        stream.reset()
    if not last:  # what comes later changes nothing of what came before
        whole = net.predict_proba(X[:, :7])
        for t in range(7):
            np.testing.assert_allclose(whole[:, t], net.predict_proba(X[:, : t + 1])[:, -1], atol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("last", [False, True])
def test_what_stands_behind_the_steps_in_their_row_changes_nothing(last: bool, engine: str) -> None:
    """Long rows are of few lengths, so that they go on behind 19 or 37 steps."""
    layers = [ll.Dense(4), ll.TransformerBlock(2, 5, causal=True), CONV, *([ll.Last()] if last else [])]
    net = network(layers, ll.likelihoods.Normal(), engine, (50, 3))
    X = np.random.default_rng(0).normal(size=(2, 38, 3))
    for t in (19, 37):
        stream = net.stream(2)
        stream.read(X[:, :t])
        width = stream.likelihood.width
        np.testing.assert_allclose(stream.output(X[:, t]), net.output(X[:, : t + 1])[:, -width:], atol=1e-5)
        assert rounded(t) > t
        stream.reset()
        np.testing.assert_allclose(stream.read(X[:, :t]), net.output(X[:, :t])[:, -width:], atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_looks_back_keeps_the_steps(engine: str) -> None:
    net = network(BACK["transformer"], ll.likelihoods.Normal(), engine)
    x = np.random.default_rng(0).normal(size=(9, 3))
    stream = net.stream()
    first = [stream.predict(one) for one in x[:3]]
    kept = stream.state
    assert kept.shape == (1, 3, 3)
    after = stream.predict(x[3])
    stream.predict(x[4])
    stream.state = kept
    assert stream.predict(x[3]) == after
    for wrong in (np.ones(2), np.array([1, np.nan, 0]), np.full(3, 1e300)):
        with pytest.raises(ValueError, match="x: "):
            stream.output(wrong)
    assert stream.state.shape == (1, 4, 3)
    with pytest.raises(ValueError, match=r"state: expected \(1, t, 3\) finite numbers"):
        stream.state = kept[:, :, :2]
    net.parameters["output.b"] = net.parameters["output.b"] + 1  # θ is that of when it was made
    stream.reset()
    assert [stream.predict(one) for one in x[:3]] == first
    stream.read(x)
    assert stream.state.shape == (1, 7, 3)
    several = net.stream(3)
    several.read(np.stack([x[:2], x[2:4], x[4:6]]))
    several.take([2, 0, 2])
    np.testing.assert_allclose(several.state, np.stack([x[4:6], x[:2], x[4:6]]), rtol=1e-6)
    d = several.predict_dist(x[[6, 6, 7]])
    alone = net.predict_dist(x[4:7][None])
    assert d.mean()[0] == pytest.approx(alone.mean()[0, -1], abs=1e-5)
    with pytest.raises(ValueError, match=r"X: this stream takes steps of shape \(3,\)"):
        several.read(np.ones((3, 3)))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stream_of_sequences_that_differed_in_length(engine: str) -> None:
    r = np.random.default_rng(0)
    X = [r.normal(size=(t, 3)) for t in (2, 7, 4, 1)]
    layers: list[Any] = [ll.Conv1D(4, 2, padding=((1, 0),)), ll.TransformerBlock(2, 5, causal=True), ll.Last()]
    for likelihood, y in (("bernoulli", [0, 1, 1, 0]), ("bernoulli", [(x[:, 0] > 0).astype(int) for x in X])):
        net = ll.Network(layers if isinstance(y[0], int) else layers[:-1], likelihood=likelihood, engine=engine)
        net.fit(X, y, epochs=1, seed=0)
        for x in X:
            found = net.predict_proba([x, X[0][:1]] if len(x) > 1 else x[None])[0]
            stream = net.stream()
            p = [stream.predict_proba(one) for one in x]
            np.testing.assert_allclose(p[-1], found if found.ndim == 1 else found[-1], atol=2e-6)


def test_goes_back_to_a_state() -> None:
    net = network([ll.GRU(4, layers=2)], ll.likelihoods.Bernoulli(), "native")
    x = np.random.default_rng(0).normal(size=(3, 3))
    stream = net.stream()
    stream.predict_proba(x[0])
    kept = stream.state
    assert kept.shape == (1, 8)
    first = stream.predict_proba(x[1])
    stream.predict_proba(x[2])
    stream.state = kept
    np.testing.assert_array_equal(stream.predict_proba(x[1]), first)
    with pytest.raises(ValueError, match=r"state: expected \(1, 8\) finite numbers"):
        stream.state = kept[:, :3]


def test_theta_is_that_of_when_it_was_made() -> None:
    net = network([ll.RNN(4)], ll.likelihoods.Bernoulli(), "native")
    stream, x = net.stream(), np.ones(3)
    before = stream.predict_proba(x)
    net.parameters["rnn_1.U"] = 0 * net.parameters["rnn_1.U"]
    stream.reset()
    np.testing.assert_array_equal(stream.predict_proba(x), before)


def test_wrong_steps_change_nothing() -> None:
    stream = network([ll.RNN(4)], ll.likelihoods.Bernoulli(), "native").stream()
    stream.output(np.ones(3))
    kept = stream.state
    with pytest.raises(ValueError, match=r"one step of shape \(3,\), found \(2,\)"):
        stream.output(np.ones(2))
    with pytest.raises(ValueError, match="the state is what it was"):
        stream.output(np.array([1, np.nan, 0]))
    np.testing.assert_array_equal(stream.state, kept)


@pytest.mark.parametrize("engine", ENGINES)
def test_symbols(engine: str) -> None:
    net = network([ll.TokenEmbedding(5, 3), ll.LSTM(4)], ll.likelihoods.Categorical(5), engine, (6,))
    codes = np.array([0, 3, 4, 4, 1, 2])
    stream = net.stream()
    for code in codes:
        p = stream.predict_proba(code)
    np.testing.assert_allclose(p, net.predict_proba(codes[None])[0], atol=2e-6)
    with pytest.raises(ValueError, match="takes codes 0 to 4, found 5"):
        stream.output(5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([ll.Dense(3), ll.Flatten()], "'flatten_1' mixes the steps"),
        ([ll.LSTM(3, bidirectional=True)], "runs from the end to the start"),
        ([ll.Conv1D(3, 3), ll.LSTM(3)], r"'conv1d_1' \(convolution\) looks at several steps"),
        ([ll.LSTM(3, return_sequences=True), ll.Flatten()], "mixes the steps"),
        ([ll.LSTM(3, return_sequences=True), ll.GlobalAvgPool()], "looks at several steps"),
        ([ll.TransformerBlock(1, 4), ll.Last()], r"'transformer_block_1.attention' \(attention\).* set causal=True"),
        ([ll.Conv1D(3, 3, padding="same"), ll.Last()], r"'conv1d_1' .* set padding=\(\(2, 0\),\) and stride=1"),
        ([ll.Conv1D(3, 2, padding=((1, 0),), stride=7), ll.Last()], r"'conv1d_1' .* set padding=\(\(1, 0\),\)"),
        ([ll.MaxPool1D(2, stride=1, padding=((0, 1),)), ll.Last()], "'max_pool1d_1' .* looks at several steps"),
        ([ll.GroupNorm(1), ll.Last()], "'group_norm_1' .* looks at several steps"),
        (
            [ll.Bidirectional(ll.RNN(2, return_sequences=True)), ll.TransformerBlock(1, 4, causal=True), ll.Last()],
            "runs",
        ),
    ],
)
def test_says_why_there_is_no_stream(layers: list[Any], message: str) -> None:
    net = ll.Network(layers, likelihood=ll.likelihoods.Bernoulli(), engine="reference").build((7, 3))
    with pytest.raises(ValueError, match=f"stream: .*{message}"):
        net.stream()


def test_a_row_of_numbers_is_no_sequence() -> None:
    net = ll.Network([ll.Dense(3)], likelihood="bernoulli", engine="reference").build(7)
    with pytest.raises(ValueError, match=r"stream: 'dense_1' \(affine\) looks at several steps at once"):
        net.stream()
    images = ll.Network([ll.Conv2D(3, 3), ll.GlobalAvgPool()], likelihood="bernoulli", engine="reference").build((7, 7))
    with pytest.raises(ValueError, match="stream: "):
        images.stream()


@pytest.mark.parametrize("examples", [0, 1.5, True])
def test_counts_examples(examples: Any) -> None:
    with pytest.raises(ValueError, match="examples: expected a whole number"):
        network([ll.RNN(2)], ll.likelihoods.Bernoulli(), "native").stream(examples)
