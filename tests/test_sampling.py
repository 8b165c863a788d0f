"""Sampling: draws come from the network's own probabilities, and the same seed gives the same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import ENGINES
from scipy import stats

import likeliest as ll
from likeliest.engines.other_lengths import OtherLengths
from likeliest.likelihoods import Bernoulli, Categorical, Independent, Normal

TRANSFORMER = [ll.Positions(12), ll.TransformerBlock(1, 6, causal=True)]


def tokens(K: int = 4, engine: str = "native", rest: Any = None) -> ll.Network:
    """A network of codes whose θ is large enough to matter."""
    layers = [ll.TokenEmbedding(K, 5), *(rest or [ll.LSTM(6, return_sequences=True)])]
    net = ll.Network(layers, likelihood=Categorical(K), engine=engine).build(8, seed=1)
    r = np.random.default_rng(2)
    for name in net.parameters:
        net.parameters[name] = net.parameters[name] + r.normal(size=net.parameters[name].shape)
    return net


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("rest", [None, TRANSFORMER])
def test_draws_have_the_probabilities_of_the_network(engine: str, temperature: float, rest: Any) -> None:
    net, n, start = tokens(engine=engine, rest=rest), 4000, [1, 3]
    drawn = net.sample(np.tile(start, (n, 1)), 2, temperature=temperature, seed=3)
    assert drawn.shape == (n, 2)
    p = net.predict_proba(np.array([start]))[0, -1].astype(np.float64) ** (1 / temperature)
    p /= p.sum()
    assert stats.chisquare(np.bincount(drawn[:, 0], minlength=4), n * p).pvalue > 1e-3
    # The second, given each first.
    for first in range(4):
        after = drawn[drawn[:, 0] == first, 1]
        q = net.predict_proba(np.array([[*start, first]]))[0, -1].astype(np.float64) ** (1 / temperature)
        if len(after) > 50:
            found = np.bincount(after, minlength=4)
            assert stats.chisquare(found, len(after) * q / q.sum()).pvalue > 1e-4


@pytest.mark.parametrize("rest", [None, TRANSFORMER])
def test_the_same_seed_draws_the_same(rest: Any) -> None:
    net = tokens(rest=rest)
    first = net.sample([0], 30, temperature=4, seed=5)
    np.testing.assert_array_equal(first, net.sample([0], 30, temperature=4, seed=5))
    np.testing.assert_array_equal(first, tokens(engine="reference", rest=rest).sample([0], 30, temperature=4, seed=5))
    assert (first != net.sample([0], 30, temperature=4, seed=6)).any()
    np.testing.assert_array_equal(first[:7], net.sample([0], 7, temperature=4, seed=5))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rest", [None, TRANSFORMER, [ll.Conv1D(5, 3, "tanh", padding=((2, 0),))], [ll.Dense(5)]])
def test_temperature_0_takes_the_likeliest(rest: Any, engine: str) -> None:
    """What is given and written, or its last 8 steps where there is no state, since there were 8 at the start."""
    net, written = tokens(rest=rest, engine=engine), [2, 0]
    for symbol in net.sample(written, 20, temperature=0):
        assert symbol == net.predict(np.array([written if rest is None else written[-8:]]))[0, -1]
        written.append(symbol)


def test_few_programs_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    net, made = tokens(rest=[ll.Positions(200), *TRANSFORMER[1:]]), []
    net.build(200, seed=1)
    of = OtherLengths.of
    monkeypatch.setattr(OtherLengths, "of", lambda *a: (made.append(a[1].shape[0]), of(*a))[1])
    net.sample([0], 150, seed=0)
    assert len(made) < 50
    assert max(made) < 170


def test_a_network_that_sees_what_comes_does_not_go_on() -> None:
    for rest, layer in (
        ([ll.TransformerBlock(1, 6)], "transformer_block_1"),
        ([ll.LSTM(3, bidirectional=True, return_sequences=True)], "lstm_1"),
        ([ll.Conv1D(3, 3, padding="same")], "conv1d_1"),
    ):
        with pytest.raises(ValueError, match=f"stream: .*{layer}"):
            tokens(rest=rest).sample([0], 3)


@pytest.mark.slow
def test_a_transformer_goes_on_with_what_it_learned() -> None:
    tune = np.tile([0, 1, 2, 1, 3], 12)
    layers = [ll.TokenEmbedding(4, 16), ll.Positions(16), ll.TransformerBlock(2, 32, causal=True), ll.LayerNorm()]
    net = ll.Network(layers, likelihood=Categorical(4))
    X = np.stack([tune[k : k + 17] for k in range(30)])
    net.fit(X[:, :-1], X[:, 1:], optimizer=ll.optimizers.Adam(0.01), epochs=150, seed=0)
    np.testing.assert_array_equal(net.sample(tune[:8], 40, temperature=0), tune[8:48])


def test_numbers_and_columns() -> None:
    r = np.random.default_rng(0)
    net = ll.Network([ll.GRU(5, return_sequences=True)], likelihood=Normal(scale=0.5)).build((6, 1), seed=0)
    drawn = net.sample(np.zeros((3000, 2, 1)), 1, seed=1)[:, 0]
    d = net.predict_dist(np.zeros((1, 2, 1)))
    assert stats.kstest(drawn, "norm", (d.mean()[0, -1], 0.5)).pvalue > 1e-3
    assert net.sample([[0.0], [1.0]], 4, temperature=0).shape == (4,)
    several = ll.Network([ll.GRU(5, return_sequences=True)], likelihood=Independent(Normal(), 3)).build((6, 3), seed=0)
    assert several.sample(r.normal(size=(2, 5, 3)), 4).shape == (2, 4, 3)
    one_hot = ll.Network([ll.RNN(5, return_sequences=True)], likelihood=Categorical(3)).build((6, 3), seed=0)
    assert set(one_hot.sample(np.eye(3), 20)) <= {0, 1, 2}
    bits = ll.Network([ll.RNN(5, return_sequences=True)], likelihood=Bernoulli()).build(6, seed=0)
    assert set(bits.sample([0, 1, 1], 20)) == {0, 1}


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        ([], {}, "start: expected the beginning"),
        ([[[0]]], {}, "start: expected the beginning"),
        ([0, 9], {}, "x: this stream takes codes 0 to 3"),
        ([0], {"temperature": -1}, "temperature: expected at least 0"),
        ([0], {"temperature": float("nan")}, "temperature: expected a finite number"),
        ([0], {"steps": 0}, "steps: expected a whole number"),
        ([0], {"seed": -1}, "seed: expected a whole number"),
    ],
)
def test_says_what_is_wrong(start: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tokens().sample(start, **{"steps": 3, **options})


def test_what_is_drawn_must_be_able_to_go_in() -> None:
    net = ll.Network([ll.LSTM(4, return_sequences=True)], likelihood="normal").build((5, 3), seed=0)
    with pytest.raises(ValueError, match="cannot be the next step of x, which are steps of 3 numbers"):
        net.sample(np.zeros((2, 3)), 2)
    net = ll.Network([ll.TokenEmbedding(2, 3), ll.LSTM(4, return_sequences=True)], likelihood=Categorical(3)).build(5)
    with pytest.raises(ValueError, match="cannot be the next step of x, which are codes 0 to 1"):
        net.sample([0], 2)
    net = ll.Network([ll.LSTM(4, return_sequences=True)], likelihood="normal").build((5, 1), seed=0)
    with pytest.raises(ValueError, match="temperature: y has no classes"):
        net.sample([[0.0]], 2, temperature=0.5)
