"""State: what a network has learned, as arrays by name and a few numbers. Copies, pickles, files and checkpoints are
made of it, and going on from it gives the same bits as going on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from likeliest.encoding import decode, encode
from likeliest.engines.base import AVERAGE, Engine
from likeliest.fit import Position
from likeliest.history import History
from likeliest.optimizers import Optimizer
from likeliest.program import Program, Shape

Array = npt.NDArray[Any]


class Values(Protocol):
    """Arrays by name."""

    def __getitem__(self, name: str, /) -> Array:
        """The array."""


Place = tuple[str, int]
"""A parameter and the slot of the engine: 0 for θ itself, then the optimizer's; or that of the average."""


def places(program: Program, optimizer: Optimizer | None, averaged: bool) -> dict[str, Place]:
    """Where each array is in an engine, by its name: ``"dense_1.W"``, ``"average/dense_1.W"``, ``"slot_1/dense_1.W"``.

    All of θ stands first, then the average that is kept, then what the optimizer keeps.
    """
    slots = [("", 0)] + [("average/", AVERAGE)] * averaged
    if optimizer is not None:
        slots += [(f"slot_{k}/", k) for k in range(1, optimizer.slots + 1)]
    return {prefix + name: (name, slot) for prefix, slot in slots for name in program.parameters}


def shapes(program: Program, names: Mapping[str, Place]) -> dict[str, Shape]:
    """The shapes of the arrays."""
    return {name: program.parameters[parameter] for name, (parameter, _) in names.items()}


def arrays(engine: Engine, names: Mapping[str, Place]) -> Iterator[Array]:
    """Copies of the arrays, one by one."""
    for place in names.values():
        yield engine.get(*place)


def put(engine: Engine, names: Mapping[str, Place], values: Values, optimizer: Optimizer | None) -> None:
    """Brings an engine to where another one was when `arrays` gave these values."""
    if optimizer is not None and not optimizer.full_batch:
        engine.start(optimizer)
    engine.average(any(slot == AVERAGE for _, slot in names.values()))
    for name, (parameter, slot) in names.items():
        engine.set(parameter, values[name], slot)


# As JSON --------------------------------------------------------------------------------------------------------------


def encode_position(position: Position) -> dict[str, Any]:
    """How far training has come, as JSON."""
    return {**vars(position), "optimizer": encode(position.optimizer, "optimizer")}


def decode_position(data: Mapping[str, Any]) -> Position:
    """And back; a ValueError or TypeError when it is none."""
    found = Position(**{**data, "optimizer": decode(data["optimizer"])})
    for name in ("epochs", "steps"):
        _check_natural(name, getattr(found, name))
    if found.seed is not None:
        _check_natural("seed", found.seed, 2**64)
    if type(found.averaged) is not bool or not isinstance(found.optimizer, Optimizer | None):
        raise TypeError(f"position: found {found}")
    return found


def encode_history(history: History | None) -> dict[str, Any] | None:
    """A training record as JSON, with null where no look was taken."""
    if history is None:
        return None
    data = dict(vars(history))
    for name, value in data.items():
        if isinstance(value, list):
            data[name] = [None if number != number else encode(float(number), name) for number in value]
    return data


def decode_history(data: Mapping[str, Any] | None) -> History | None:
    """And back; a ValueError or TypeError when it is none."""
    if data is None:
        return None
    if data.keys() != {field.name for field in fields(History)}:
        raise ValueError(f"history: found {', '.join(data)}")
    values = dict(data)
    for name in ("log_likelihood", "validation_log_likelihood", "seconds"):
        values[name] = [float("nan") if number is None else decode(number) for number in data[name]]
        if not all(type(number) is float for number in values[name]):
            raise TypeError(f"history: {name} expected numbers")
    for name in ("first_epoch", "seed", "examples"):
        _check_natural(name, values[name])
    if values["best_epoch"] is not None:
        _check_natural("best_epoch", values["best_epoch"], max(1, len(values["log_likelihood"])))
    if values["stopped"] not in ("finished", "early stopping", "callback", "interrupted"):
        raise ValueError(f"history: stopped by {values['stopped']!r}")
    return History(**values)


def _check_natural(name: str, value: Any, below: float = np.inf) -> None:
    if type(value) is not int or not 0 <= value < below:
        raise ValueError(f"{name}: expected a whole number of at least 0, found {value!r}")
