"""CharacterModel: what it says of a text is what its network says, and a file brings it back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import likeliest as ll
from likeliest.character_model import encoded

TEXT = "abc abd " * 40


@pytest.fixture(scope="module")
def model() -> ll.CharacterModel:
    made = ll.CharacterModel(12, layers=2, embedding=6, length=16, dropout=0.1)
    made.fit(TEXT, validation=0.2, epochs=20, seed=0)
    return made


def test_log_likelihood_carries_the_state(model: ll.CharacterModel) -> None:
    codes = encoded(TEXT[:50], model.alphabet)
    assert model.network is not None
    whole = model.network.log_likelihood(codes[None, :-1], codes[None, 1:])
    assert model.log_likelihood(TEXT[:50]) == pytest.approx(whole, rel=1e-5)


def test_bits(model: ll.CharacterModel) -> None:
    history = model.network.history  # type: ignore[union-attr]
    assert history is not None
    assert 0 < model.bits(history.validation_log_likelihood[-1]) < math.log2(len(model.alphabet))


def test_the_state_is_carried_from_window_to_window() -> None:
    """With θ that stays, the windows of one stream say what the text says; and what is held out is read likewise."""
    still = ll.optimizers.GradientAscent(1e-30)
    model = ll.CharacterModel(12, embedding=6, length=16)
    whole, held_out = TEXT[: 16 * 12 + 1], TEXT[: 16 * 15 + 1]
    history = model.fit(whole, validation=held_out, optimizer=still, epochs=1, batch_size=1, seed=0, consecutive=True)
    assert 12 * history.log_likelihood[0] == pytest.approx(model.log_likelihood(whole), rel=1e-5)
    assert 15 * history.validation_log_likelihood[0] == pytest.approx(model.log_likelihood(held_out), rel=1e-5)
    for consecutive in (8, False):
        other = ll.CharacterModel(12, embedding=6, length=16)
        history = other.fit(whole, optimizer=still, epochs=1, batch_size=1, seed=0, consecutive=consecutive)
        parts = [slice(0, 129), slice(128, 193)] if consecutive else [slice(k, k + 17) for k in range(0, 192, 16)]
        expected = sum(other.log_likelihood(whole[part]) for part in parts)
        assert 12 * history.log_likelihood[0] == pytest.approx(expected, rel=1e-5)
        assert abs(expected - other.log_likelihood(whole)) > 1e-3


@pytest.mark.parametrize(("length", "batch_size"), [(16, 32), (100, 32), (300, 4), (319, 1)])
def test_a_short_text_is_read_as_few_streams(length: int, batch_size: int) -> None:
    model = ll.CharacterModel(4, embedding=3, length=length)
    assert model.fit(TEXT, epochs=1, batch_size=batch_size, seed=0).epochs == 1
    assert model.fit(TEXT, epochs=1, batch_size=batch_size, seed=0, consecutive=True).epochs == 1


def test_file(model: ll.CharacterModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.likeliest")
    for memory_map in (False, True):
        twin = ll.load(tmp_path / "m.likeliest", memory_map=memory_map)
        assert repr(twin) == repr(model)
        assert twin.sample("ab", 40, seed=3) == model.sample("ab", 40, seed=3)
        assert twin.bits(-1.0) == model.bits(-1.0)
    twin.fit(TEXT, epochs=1)


def test_unknown_characters(model: ll.CharacterModel) -> None:
    assert len(model.sample("xyz", 5)) == 5
    assert np.isfinite(model.log_likelihood("abc xyz"))
    assert len(model.sample(length=3)) == 3


def test_says_what_is_wrong(model: ll.CharacterModel) -> None:
    with pytest.raises(ValueError, match="text: expected text"):
        ll.CharacterModel().fit(b"abc")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="text: expected at least 3 characters, found 2"):
        ll.CharacterModel().fit("ab")
    with pytest.raises(ValueError, match="too few to hold some out"):
        ll.CharacterModel(length=16).fit("abcdefghijk", validation=0.5)
    with pytest.raises(ValueError, match="validation: expected text, or a share"):
        model.fit(TEXT, validation=2)
    with pytest.raises(RuntimeError, match="no θ yet"):
        ll.CharacterModel().sample()
    with pytest.raises(ValueError, match="length: expected"):
        ll.CharacterModel(length=1)
