"""What is encoded comes back exactly, by its type and to the bit; nothing else is taken."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest.encoding import DESCRIPTIONS, decode, encode
from likeliest.grids import Grid
from likeliest.tables import Table

NEEDED: dict[str, Any] = {
    "layers.Attention": ll.Attention(2, causal=True),
    "layers.Positions": ll.Positions(9),
    "layers.TokenEmbedding": ll.TokenEmbedding(5, 3),
    "layers.TransformerBlock": ll.TransformerBlock(2, 8, dropout=0.1),
    "likelihoods.PerStep": ll.likelihoods.PerStep(ll.likelihoods.Categorical(3), 4),
    "augmentation.Cutout": ll.augmentation.Cutout((3, 4), fill=0.5),
    "augmentation.Elastic": ll.augmentation.Elastic(34, 4.0),
    "augmentation.Rotate": ll.augmentation.Rotate(15, fill="edge"),
    "augmentation.Scale": ll.augmentation.Scale([0.1, 0.2]),
    "augmentation.Shear": ll.augmentation.Shear(10.0),
    "augmentation.Shift": ll.augmentation.Shift((1, 2), fill=-1.0),
    "grids.Grid": Grid((4, 3, 2), np.array([0.5, 1.0]), np.array([2.0, 1.0]), True),
    "layers.Activation": ll.Activation("leaky_relu", {"slope": 0.2}),
    "layers.Dense": ll.Dense(3, "elu", initializer=ll.initializers.Normal(0.1), bias=False, max_norm=2),
    **{
        f"layers.{kind}{d}D": getattr(ll, f"{kind}{d}D")(3, (2,) * d, "elu", stride=(2,) * d, padding=((0, 1),) * d)
        for kind in ("Conv", "SeparableConv", "ConvTranspose")
        for d in (1, 2, 3)
    },
    "layers.Embedding": ll.Embedding([(2, 7, 4), (0, 3, 2)], initializer="zeros"),
    "layers.Bidirectional": ll.Bidirectional(ll.LSTM(3, forget_bias=2.0)),
    "layers.GRU": ll.GRU(3, reset_after=False, layers=2, dropout=0.1, truncate=5),
    "layers.LSTM": ll.LSTM(4, layer_norm=True, initial_state="learned", recurrent_dropout=0.2),
    "layers.RNN": ll.RNN(2, "relu", recurrent_initializer=ll.initializers.Identity(0.5), return_sequences=True),
    "layers.Graph": ll.Graph(
        [("a", ll.Dense(3)), ("b", [ll.Dense(2, "relu"), ll.Dropout()], "x"), ("c", ll.Concatenate(), ["x", "a", "b"])]
    ),
    "layers.Parallel": ll.Parallel(ll.Dense(3), [], [ll.Dense(2), ll.Residual(ll.Dense(2))], merge="add"),
    "layers.Residual": ll.Residual(ll.Dense(3), ll.Dense(4), shortcut=[ll.Dense(4)]),
    "likelihoods.Categorical": ll.likelihoods.Categorical(4, 0.1),
    "likelihoods.Independent": ll.likelihoods.Independent(ll.likelihoods.Normal(scale=0.3), 3),
    "likelihoods.MultivariateNormal": ll.likelihoods.MultivariateNormal(3),
    "likelihoods.Ordinal": ll.likelihoods.Ordinal(5),
    "initializers.Constant": ll.initializers.Constant(0.1),
    "tables.Table": Table.fit(np.array([[1, "a"], [np.nan, "a"], [3.5, "b"]], object)),
}


def back(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value, "it"), allow_nan=False)))


def same(a: Any, b: Any) -> bool:
    """Of one type, and equal down to NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.dtype == object:
            return all(same(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
        return bool(a.tobytes() == b.tobytes())
    if isinstance(a, float):
        return repr(a) == repr(b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, Table | Grid):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))
    return bool(a == b)


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_description(name: str) -> None:
    value = NEEDED[name] if name in NEEDED else DESCRIPTIONS[name]()
    assert type(value) is DESCRIPTIONS[name]
    assert same(back(value), value)
    with pytest.raises(ValueError, match=f"{name} has no 'wrong'"):
        decode({**encode(value, "it"), "wrong": 1})


def test_every_public_description_is_there() -> None:
    for family in ("likelihoods", "priors", "optimizers", "schedules"):
        named = getattr(getattr(ll, family), family.upper())
        assert set(named.values()) <= set(DESCRIPTIONS.values()), family
    for layer in ("Dense", "Dropout", "BatchNorm", "LayerNorm", "RMSNorm", "GaussianNoise", "Flatten"):
        assert DESCRIPTIONS[f"layers.{layer}"] is getattr(ll, layer)
    assert not any("Custom" in name for name in DESCRIPTIONS)


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -1, 2**70, 0.1, -0.0, 5e-324, 1.7e308, float("nan"), float("inf"), -float("inf"), "", "é",
        "\ud800", "a\0b", b"", b"\x00\xff", [], [1, [2.0]], (), (1, (2, None)), {}, {"a": 1, 2: "b", None: (1,)},
        {1, 2}, frozenset({"a"}), range(1, 9, 2), Fraction(1, 3), np.float32(0.1), np.float64(np.nan), np.int8(-3),
        np.uint64(2**64 - 1), np.bool_(True), np.str_("x"), np.bytes_(b"x"), np.float16(np.inf), np.dtype("float32"),
        np.datetime64("2020-01-01"), np.float32, float, ll.likelihoods.Normal,
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values(value: Any) -> None:
    assert same(back(value), value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1.5, np.nan, -np.inf, -0.0]), np.array([[1, 2], [3, 4]], np.int16), np.array([], np.float32),
        np.array(["a", "longer", ""]), np.array([b"a", b"bc"]), np.array([True, False]), np.array(3.0),
        np.array(["a", b"a", 1, 2.5, None, True, np.nan, np.float32(2)], object), np.array([1, 2], ">i4"),
        np.array(["2020-01-01", "NaT"], "datetime64[ns]"), np.array([3], "timedelta64[D]"), np.zeros((0, 3)),
        np.array([2**64 - 1], np.uint64), np.array([0.1], np.float16),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)  # fmt: skip
def test_arrays(array: Any) -> None:
    assert same(back(array), array)


def test_a_random_state_goes_on_with_the_same_numbers() -> None:
    state = np.random.RandomState(3)
    state.normal(size=3)
    assert (back(state).normal(size=5) == state.normal(size=5)).all()


class Own(ll.likelihoods.Likelihood):
    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return -eta[:, 0] * y


@dataclass(frozen=True)
class Narrow(ll.Dense):
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            Own(),
            r"likelihood: .*Own\(\) cannot be saved; .*no likelihood of your own: use one of likeliest.likelihoods",
        ),
        (ll.likelihoods.Independent(Own(), 2), r"likelihood: .*Own\(\) cannot be saved"),
        (ll.likelihoods.Custom(Own()), r"likelihood: .*Own\(\) cannot be saved; .*numpy.savez"),
        (Narrow(3), r"likelihood: Narrow\(.* cannot be saved; a model file holds no code: use one of likeliest's own"),
        (print, "likelihood: <built-in function print> cannot be saved"),
        ([1, {"a": (object,)}], "likelihood: <class 'object'> cannot be saved"),
        (np.longdouble(1), "likelihood: an array of dtype (float128|longdouble|float96) cannot be saved"),
        (np.array([1j]), "likelihood: an array of dtype complex128 cannot be saved"),
        (1j, "likelihood: 1j cannot be saved"),
    ],
)
def test_what_cannot_be_saved_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(value, "likelihood")


@pytest.mark.parametrize(
    "data",
    [
        {}, {"type": "os.system"}, {"type": "layers.Nothing"}, {"type": ["tuple"]}, {"type": "likelihoods.Custom"},
        {"type": "tuple"}, {"type": "tuple", "items": 3}, {"type": "tuple", "items": [], "more": 1},
        {"type": "layers.Dense"}, {"type": "layers.Dense", "width": -1}, {"type": "layers.Dense", "width": "a"},
        {"type": "float", "value": "0.5"}, {"type": "bytes", "hex": "0g"}, {"type": "type", "name": "object"},
        {"type": "class", "name": "os"}, {"type": "dict", "items": [[1, 2], [1, 3]]}, {"type": "dict", "items": [[1]]},
        {"type": "dict", "items": [[[], 1]]}, {"type": "array", "dtype": "<f8", "shape": [2], "values": [1.0]},
        {"type": "array", "dtype": "<f8", "shape": [-1], "values": [1.0]},
        {"type": "array", "dtype": "<f8", "shape": [1], "values": ["1"]},
        {"type": "array", "dtype": "|V8", "shape": [1], "values": [1]},
        {"type": "array", "dtype": "<i1", "shape": [1], "values": [1000]},
        {"type": "array", "dtype": "<U999999999", "shape": [1], "values": ["a"]},
        {"type": "array", "dtype": "O", "shape": None, "values": []},
        {"type": "RandomState", "state": {"type": "tuple", "items": ["MT19937", [1], 1, 0, 0.0]}},
        {"type": "RandomState", "state": encode(("MT19937", np.zeros(624, np.uint32), 10**6, 0, 0.0), "it")},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_encoding_is_refused(data: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, OverflowError)):
        decode(data)
