"""Encoding: descriptions and settings as plain JSON, and back to the bit; nothing is executed, no name is looked up
but those listed here.

Numbers, strings, None, True and False stand for themselves, and lists for lists. All else is an object with a type:

    {"type": "layers.Dense", "width": 32, …}      a description: its fields, checked by its own constructor
    {"type": "tuple", "items": […]}               tuple, set, frozenset
    {"type": "dict", "items": [[key, value], …]}
    {"type": "array", "dtype": "<f8", "shape": […], "values": […]}     an array, and a NumPy number with shape null
    {"type": "float", "value": "nan"}             nan, inf, -inf
    {"type": "bytes", "hex": "00ff"}
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from likeliest import augmentation, averaging, initializers, layers, likelihoods, optimizers, priors, schedules
from likeliest.grids import Grid
from likeliest.tables import Table

_FAMILIES: tuple[tuple[Any, type[Any]], ...] = (
    (layers, layers.Layer),
    (likelihoods, likelihoods.Likelihood),
    (priors, priors.Prior),
    (optimizers, optimizers.Optimizer),
    (schedules, schedules.Schedule),
    (averaging, averaging.Averaging),
    (augmentation, augmentation.Augmentation),
    (initializers, initializers.Initializer),
)


def _descriptions() -> dict[str, type[Any]]:
    """Every description by the name under which users know it: ``"priors.Normal"``."""
    found: dict[str, type[Any]] = {"tables.Table": Table, "grids.Grid": Grid}
    for module, base in _FAMILIES:
        family = module.__name__.rpartition(".")[2]
        for name, kind in vars(module).items():
            known = isinstance(kind, type) and issubclass(kind, base) and is_dataclass(kind)
            if known and not inspect.isabstract(kind) and kind is not likelihoods.Custom:
                found[f"{family}.{name}"] = kind
    return found


DESCRIPTIONS = _descriptions()
_NAMES: dict[Any, str] = {kind: name for name, kind in DESCRIPTIONS.items()}
_TYPES: dict[str, Any] = {"float": float, "numpy.float32": np.float32, "numpy.float64": np.float64}
"""What ``dtype`` may be besides a word."""

_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
MOST_BYTES = 64 << 20  # of an array that is a part of a description
_KINDS = "biufSUMmOT"  # of arrays: booleans, numbers, bytes, strings, times, objects


def encode(value: Any, argument: str) -> Any:
    """A value as plain JSON.

    Parameters
    ----------
    value : object
        A description of likeliest's own, or what a setting may be made of.
    argument : str
        What to call it in messages.

    Raises
    ------
    ValueError
        When it is something else, such as a function.

    Examples
    --------
    >>> from likeliest.priors import Normal
    >>> encode({"weights": Normal(0.5)}, "prior")
    {'type': 'dict', 'items': [['weights', {'type': 'priors.Normal', 'scale': 0.5}]]}
    >>> decode(encode({"weights": Normal(0.5)}, "prior"))
    {'weights': Normal(scale=0.5)}
    """
    kind: Any = type(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _encode_array(value, argument)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"type": "float", "value": str(float(value))}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return {"type": "bytes", "hex": value.hex()}
    if kind is list:
        return [encode(item, argument) for item in value]
    for name, sequence in _SEQUENCES.items():
        if isinstance(value, sequence):  # type: ignore[arg-type]
            return {"type": name, "items": [encode(item, argument) for item in value]}
    if isinstance(value, Mapping):
        items = [[encode(key, argument), encode(item, argument)] for key, item in value.items()]
        return {"type": "dict", "items": items}
    if kind in _NAMES:
        own = {field.name: encode(getattr(value, field.name), argument) for field in fields(value) if field.init}
        return {"type": _NAMES[kind], **own}
    if isinstance(value, range):
        return {"type": "range", "items": [value.start, value.stop, value.step]}
    if isinstance(value, np.random.RandomState):
        state: Any = value.get_state()
        if state[0] == "MT19937":
            return {"type": "RandomState", "state": encode(tuple(state), argument)}
    if isinstance(value, Fraction):
        return {"type": "Fraction", "value": str(value)}
    if isinstance(value, np.dtype):
        return {"type": "dtype", "value": value.str}
    if isinstance(value, type) and value in _TYPES.values():
        return {"type": "type", "name": next(name for name, known in _TYPES.items() if known is value)}
    if isinstance(value, type) and value in _NAMES:
        return {"type": "class", "name": _NAMES[value]}
    raise ValueError(f"{argument}: {_what(value)} cannot be saved; {_cure(value)}")


def _what(value: Any) -> str:
    own = getattr(value, "own", value)
    text = repr(own)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _cure(value: Any) -> str:
    if isinstance(value, likelihoods.Likelihood):
        return (
            "a model file holds no code, and so no likelihood of your own: use one of likeliest.likelihoods, or keep "
            "the numbers in net.parameters with numpy.savez"
        )
    return (
        "a model file holds no code: use one of likeliest's own objects, a name, or plain numbers, strings, lists, "
        "tuples and dicts"
    )


def _encode_array(value: Any, argument: str) -> dict[str, Any]:
    array = np.asarray(value)
    if array.nbytes > MOST_BYTES:
        raise ValueError(f"{argument}: an array of {array.nbytes:,} bytes cannot be saved, {MOST_BYTES:,} at most")
    if array.dtype.kind not in _KINDS or (array.dtype.kind == "f" and array.dtype.itemsize > 8):
        raise ValueError(f"{argument}: an array of dtype {array.dtype} cannot be saved; {_cure(value)}")
    plain = array.view(np.int64) if array.dtype.kind in "Mm" and array.dtype.isnative else array
    return {
        "type": "array",
        "dtype": "T" if array.dtype.kind == "T" else array.dtype.str,
        "shape": None if isinstance(value, np.generic) else list(array.shape),
        "values": [encode(item, argument) for item in plain.ravel().tolist()],
    }


def decode(data: Any) -> Any:
    """The value that `encode` made plain.

    Raises
    ------
    ValueError, TypeError
        When it is none, or its constructor refuses it.
    """
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return [decode(item) for item in data]
    kind, rest = data.get("type"), {name: item for name, item in data.items() if name != "type"}
    if kind in DESCRIPTIONS:
        return _decode_description(kind, rest)
    if kind not in _DECODERS:
        raise ValueError(f"there is no type {kind!r}; a newer likeliest may have it")
    names, decoder = _DECODERS[kind]
    if rest.keys() != names:
        raise ValueError(f"{kind}: expected {', '.join(sorted(names))}, found {', '.join(sorted(rest)) or 'nothing'}")
    return decoder(**rest)


def _decode_description(name: str, data: dict[str, Any]) -> Any:
    kind = DESCRIPTIONS[name]
    known = {field.name for field in fields(kind) if field.init}
    for wrong in data.keys() - known:
        raise ValueError(f"{name} has no {wrong!r}; a newer likeliest may have it")
    given = {field: decode(value) for field, value in data.items()}
    starred = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.VAR_POSITIONAL]
    listed = [item for field in starred for item in given.pop(field, ())]  # Residual(*layers)
    return kind(*listed, **given)


def _decode_array(dtype: str, shape: Any, values: list[Any]) -> Any:
    kind = np.dtype(_text(dtype))
    if kind.kind not in _KINDS or (kind.kind == "f" and kind.itemsize > 8) or kind.itemsize * len(values) > MOST_BYTES:
        raise ValueError(f"array: found {len(values)} of dtype {dtype!r}")
    items = [decode(value) for value in values]
    flat = np.empty(len(items), np.int64 if kind.kind in "Mm" else kind)
    if kind.kind == "O":
        for k, item in enumerate(items):
            flat[k] = item
    else:
        _check_items(items, kind)
        flat[:] = items
    array = flat.view(kind) if kind.kind in "Mm" else flat
    if shape is None:
        if len(array) != 1:
            raise ValueError(f"array: expected one number, found {len(array)}")
        return array[0]
    return array.reshape([_natural(size) for size in shape])


def _check_items(items: list[Any], kind: np.dtype[Any]) -> None:
    expected: dict[str, Any] = {"b": bool, "i": int, "u": int, "M": int, "m": int, "f": float, "S": bytes}
    wanted = expected.get(kind.kind, str)
    for item in items:
        if type(item) is not wanted:
            raise ValueError(f"array: expected {wanted.__name__} for dtype {kind}, found {item!r}")


def _decode_dict(items: list[Any]) -> dict[Any, Any]:
    pairs = [(decode(key), decode(value)) for key, value in items]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("dict: a key stands twice")
    return found


def _decode_float(value: str) -> float:
    if value not in ("nan", "inf", "-inf"):
        raise ValueError(f"float: found {value!r}")
    return float(value)


def _decode_random_state(state: Any) -> np.random.RandomState:
    name, key, position, has_gauss, gauss = decode(state)
    key = np.asarray(key)
    # NumPy itself does not look, and would read beyond the end.
    if name != "MT19937" or key.dtype != np.uint32 or key.shape != (624,) or not 0 <= _natural(position) <= 624:
        raise ValueError("RandomState: this is no state of MT19937")
    if has_gauss not in (0, 1) or type(gauss) is not float:
        raise ValueError("RandomState: this is no state of MT19937")
    found = np.random.RandomState(0)
    found.set_state((name, key, position, has_gauss, gauss))
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a string, found {value!r}")
    return value


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a whole number of at least 0, found {value!r}")
    return value


_DECODERS: dict[str, tuple[set[str], Callable[..., Any]]] = {
    **{
        name: ({"items"}, lambda items, make=make: make([decode(item) for item in items]))
        for name, make in _SEQUENCES.items()
    },
    "dict": ({"items"}, _decode_dict),
    "range": ({"items"}, lambda items: range(*items)),
    "array": ({"dtype", "shape", "values"}, _decode_array),
    "float": ({"value"}, _decode_float),
    "bytes": ({"hex"}, lambda hex: bytes.fromhex(hex)),
    "Fraction": ({"value"}, lambda value: Fraction(_text(value))),
    "RandomState": ({"state"}, _decode_random_state),
    "dtype": ({"value"}, lambda value: np.dtype(_text(value))),
    "type": ({"name"}, lambda name: _TYPES[name]),
    "class": ({"name"}, lambda name: DESCRIPTIONS[name]),
}
