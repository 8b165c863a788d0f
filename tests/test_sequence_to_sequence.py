"""SequenceToSequence: what it writes is what its log-likelihood says."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import ENGINES
from scipy import stats

import likeliest as ll


def model(attention: Any = None, engine: str = "native", symbols: int = 2, **options: Any) -> Any:
    """A small model with a large θ, so that what it says hangs on all that it reads."""
    encoder: list[Any] = [ll.TokenEmbedding(3, 4), ll.LSTM(5, return_sequences=attention is not None)]
    decoder: list[Any] = [ll.LSTM(4), ll.Dense(4, "tanh")]
    if attention == "transformer":
        attention = None
        encoder = [ll.TokenEmbedding(3, 4), ll.Positions(20), ll.TransformerBlock(2, 5), ll.LayerNorm()]
        decoder = [ll.Positions(9), ll.TransformerBlock(1, 4, causal=True), ll.TransformerBlock(1, 4, causal=True)]
    elif attention == "mixed":
        attention, decoder = 1, [ll.Attention(1, causal=True, rotary=True, width=4), ll.GRU(3)]
    made = ll.SequenceToSequence(encoder, decoder, symbols, width=3, attention=attention, engine=engine, **options)
    X, y = sources(), [[0, 1], [1], [], [1, 1, 0]]
    made.fit(X, y, epochs=1, seed=0)
    r = np.random.default_rng(1)
    for name in made.network.parameters:
        made.network.parameters[name] = r.normal(size=made.network.parameters[name].shape)
    return made


def sources() -> list[Any]:
    return [np.array([0, 1, 2, 1]), np.array([2]), np.array([1, 1, 0]), np.array([0, 2])]


def exhaustive(made: Any, x: Any, most: int) -> dict[tuple[int, ...], float]:
    """Log P of every target up to a length."""
    targets = [t for u in range(most + 1) for t in product(range(made.symbols), repeat=u)]
    found = made.log_likelihood([x] * len(targets), targets, per_example=True)
    return dict(zip(targets, found, strict=True))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("attention", [None, 1, 2, "transformer", "mixed"])
def test_beam_search_finds_the_likeliest(attention: int | None, engine: str) -> None:
    made = model(attention, engine)
    for i, x in enumerate(sources()):
        table = exhaustive(made, x, 4)
        best = max(table, key=lambda target: table[target])
        found = made.predict([x], method="beam", beams=16, longest=4)[0]
        assert tuple(found) == best, i
        narrow = tuple(made.predict([x], method="beam", beams=1, longest=4)[0])
        assert table[narrow] <= table[best]


@pytest.mark.parametrize("attention", [None, 2, "transformer", "mixed"])
def test_greedy_takes_the_likeliest_symbol(attention: Any) -> None:
    made = model(attention)
    for x, found in zip(sources(), made.predict(sources(), longest=3), strict=True):
        table = exhaustive(made, x, 4)
        written: tuple[int, ...] = ()
        while len(written) < 3:
            # log P(a beginning) is that of it as a whole target, without its end.
            end = table[written]
            goes_on = [table[(*written, k)] - _end_after(made, x, (*written, k)) for k in range(made.symbols)]
            if end > max(goes_on):
                break
            written = (*written, int(np.argmax(goes_on)))
        assert tuple(found) == written


def _end_after(made: Any, x: Any, target: tuple[int, ...]) -> float:
    """Log P(end | target): what the network says at the step after it."""
    (rows, _), U = made._rows(*made._pairs([x], [list(target)]), *_sizes(made)), len(target)
    return float(np.log(made.network.predict_proba(rows)[0, U, made.symbols]))


def _sizes(made: Any) -> tuple[int, int]:
    layer = made.network.layers[0]
    return layer.source[0], layer.steps


@pytest.mark.parametrize("attention", [1, "transformer"])
def test_draws_are_those_of_the_log_likelihood(attention: Any) -> None:
    made, x, n = model(attention), sources()[0], 3000
    drawn = [tuple(one) for one in made.predict([x] * n, method="sample", longest=3, seed=4)]
    table = exhaustive(made, x, 2)
    short = {target: np.exp(value) for target, value in table.items()}
    expected = np.array([*short.values(), 1 - sum(short.values())]) * n
    found = np.array([drawn.count(target) for target in short])
    found = np.append(found, n - found.sum())
    large = expected > 5
    small = found[~large].sum(), expected[~large].sum()
    found, expected = (np.append(one[large], rest) for one, rest in zip((found, expected), small, strict=True))
    assert stats.chisquare(found[expected > 0], expected[expected > 0]).pvalue > 1e-3
    again = made.predict([x] * n, method="sample", longest=3, seed=4)
    assert [tuple(one) for one in again] == drawn


@pytest.mark.parametrize("attention", [None, 1, "transformer", "mixed"])
def test_what_stands_beside_a_pair_does_not_matter(attention: Any) -> None:
    made = model(attention)
    y = [[0, 1], [1], [], [1, 1, 0]]
    together = made.log_likelihood(sources(), y, per_example=True)
    alone = [made.log_likelihood([x], [t]) for x, t in zip(sources(), y, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    # A longer pair than there was in the fit, and shorter ones beside it.
    longer = made.log_likelihood([*sources(), np.ones(9, int)], [*y, [1] * 7], per_example=True)
    np.testing.assert_allclose(longer[:4], together, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("attention", [None, 2, "transformer", "mixed"])
def test_gradients(attention: Any, engine: str) -> None:
    made = model(attention, engine)
    pairs = made._pairs(sources(), [[0, 1], [1], [], [1, 1, 0]])
    report = made.network.check_gradient(*made._rows(*pairs, *_sizes(made)))
    assert report.ok, report


def test_learns_to_turn_round_with_lengths_that_differ(tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    X = [r.integers(0, 4, size=r.integers(1, 5)) for _ in range(400)]
    made = ll.SequenceToSequence(
        [ll.TokenEmbedding(4, 8), ll.GRU(32, return_sequences=True)], [ll.GRU(32)], symbols=4, attention=2
    )
    y = [x[::-1] for x in X]
    history = made.fit(X, y, validation=0.1, optimizer=ll.optimizers.Adam(0.01), epochs=25, seed=0)
    assert history.validation_log_likelihood[-1] > history.validation_log_likelihood[0]
    right = [
        len(a) == len(b) and (a == b).all() for a, b in zip(made.predict(X, method="beam", beams=2), y, strict=True)
    ]
    assert np.mean(right) > 0.9
    made.save(tmp_path / "turn.likeliest")
    twin = ll.load(tmp_path / "turn.likeliest")
    assert repr(twin) == repr(made)
    for a, b in zip(twin.predict(X[:20]), made.predict(X[:20]), strict=True):
        np.testing.assert_array_equal(a, b)
    twin.fit([*X, np.zeros(8, int)], [*y, np.zeros(8, int)], epochs=1, seed=1)  # goes on with longer ones
    assert twin.network.layers[0].steps == 9


def test_no_more_symbols_than_there_are_positions() -> None:
    made = model("transformer")
    assert max(map(len, made.predict(sources(), method="sample", seed=1))) <= 8
    with pytest.raises(ValueError, match=r"longest: the positions of the decoder are for 8 symbols and the start"):
        made.predict(sources(), longest=9)


@pytest.mark.slow
def test_a_transformer_learns_to_turn_round(tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    X = [r.integers(0, 4, size=r.integers(1, 7)) for _ in range(800)]
    y = [x[::-1] for x in X]
    encoder = [ll.TokenEmbedding(4, 24), ll.Positions(8), ll.TransformerBlock(2, 48), ll.LayerNorm()]
    decoder = [ll.Positions(8), ll.TransformerBlock(2, 48, causal=True), ll.LayerNorm()]
    made = ll.SequenceToSequence(encoder, decoder, symbols=4, width=24)
    made.fit(X, y, optimizer=ll.optimizers.Adam(0.005), epochs=40, seed=0)
    new = [r.integers(0, 4, size=r.integers(1, 7)) for _ in range(100)]
    written = made.predict(new)
    assert np.mean([len(a) == len(b) and (a == b[::-1]).all() for a, b in zip(written, new, strict=True)]) > 0.9
    made.save(tmp_path / "turn.likeliest")
    for a, b in zip(ll.load(tmp_path / "turn.likeliest").predict(new), written, strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_in_symbols_out() -> None:
    r = np.random.default_rng(0)
    X = [r.normal(size=(r.integers(1, 5), 2)) for _ in range(30)]
    y = [(x[:, 0] > 0).astype(int) for x in X]
    made = ll.SequenceToSequence([ll.LSTM(6, bidirectional=True)], [ll.RNN(6)], symbols=2)
    made.fit(X, y, epochs=2, seed=0)
    assert len(made.predict(X)) == 30


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[0, 1], [2]], [[0]], "X has 2"),
        ([[0, 5], [2]], [[0], [1]], "X: source 0: expected codes 0 to 2, found 5 at step 1"),
        ([[0, 1], [2]], [[0], [2]], "y: target 1: expected codes 0 to 1, found 2 at step 0"),
        ([[0, 1], []], [[0], [1]], "X: sequence 1 is empty"),
        ([[0, 1], [2]], [[0], [0.5]], "y: target 1: expected codes"),
    ],
)
def test_says_what_is_wrong(X: Any, y: Any, message: str) -> None:
    made = ll.SequenceToSequence([ll.TokenEmbedding(3, 4), ll.RNN(4)], [ll.RNN(4)], symbols=2)
    with pytest.raises(ValueError, match=message):
        made.fit(X, y, epochs=1)
    with pytest.raises(RuntimeError, match="no θ yet"):
        made.predict(X)


@pytest.mark.parametrize(
    ("decoder", "attention", "message"),
    [
        ([ll.Dense(3)], None, "decoder: expected at least one layer that knows what was written: a recurrence"),
        ([ll.LSTM(3, bidirectional=True)], None, "not written yet"),
        ([ll.TransformerBlock(1, 3)], None, "TransformerBlock.* not written yet; set causal=True"),
        ([ll.Attention(1), ll.LSTM(3)], None, "Attention.* not written yet; set causal=True"),
        ([ll.TransformerBlock(1, 3, causal=True)], None, "a TransformerBlock looks at every step of the encoder"),
        ([ll.Conv1D(3, 3, padding="same"), ll.LSTM(3)], None, "conv1d_1.* looks at several steps at once"),
        ([ll.Positions(2), ll.LSTM(3)], None, "a sequence has 3 steps, and longest is 2"),
        ([ll.LSTM(4)], 2, "attention looks at every step of the encoder"),
    ],
)
def test_says_what_cannot_be_built(decoder: Any, attention: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ll.SequenceToSequence([ll.TokenEmbedding(3, 4), ll.RNN(4)], decoder, symbols=2, attention=attention).fit(
            [[0, 1], [1]], [[0], [1, 1]], epochs=1
        )


def test_context_is_for_decoders() -> None:
    with pytest.raises(ValueError, match="is for the decoder"):
        ll.Network([ll.LSTM(3, initial_state="context")], likelihood="normal").build((4, 2))
