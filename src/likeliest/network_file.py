"""Network file: a Network as JSON and arrays in a file, and back."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import likeliest
from likeliest.assembly import assemble
from likeliest.encoding import decode, encode
from likeliest.engines import kept_in
from likeliest.engines.base import AVERAGE, Engine
from likeliest.program import Program, priors_by_name
from likeliest.state import (
    Place,
    arrays,
    decode_history,
    decode_position,
    encode_history,
    encode_position,
    places,
    put,
    shapes,
)
from likeliest.tensor_file import ModelFileError, Part, Tensors, damaged, write
from likeliest.threads import available_cpus

FORMAT = 1
"""Of model files; what reads them refuses those with a higher one."""
LARGEST = 1 << 26
"""How many numbers an example may have, whatever the arrays."""
SETTINGS = ("layers", "likelihood", "prior", "initializer", "engine", "dtype")


def write_network(path: str | os.PathLike[str], network: Any, kind: str = "Network", **more: Any) -> None:
    """Writes a Network to a file, with ``more`` in its description: what is made of it, if it is not one itself.

    Raises
    ------
    ValueError
        When a part of it cannot be saved; before anything is written.
    OSError
        When the file cannot be written.
    """
    _check_path(path)
    description = {**header(kind), **more, "network": describe(network)}
    engine, position = network._built(), network._position
    names = places(engine.program, position.optimizer, position.averaged)
    finite = engine.program.size * (1 + position.averaged)
    write(path, description, engine.dtype, shapes(engine.program, names), arrays(engine, names), finite)


def write_networks(
    path: str | os.PathLike[str], kind: str, networks: Sequence[Any], members: Sequence[Mapping[str, Any]], **more: Any
) -> None:
    """Writes several Networks of one precision to a file, each with what is made of it, and ``more`` of them all.

    Raises
    ------
    ValueError, OSError
        As `write_network`.
    """
    _check_path(path)
    described = [{**one, "network": describe(network)} for network, one in zip(networks, members, strict=True)]
    description = {**header(kind), **more, "members": described}
    first: dict[str, tuple[Engine, Place]] = {}  # θ and averages of all, which must be finite, and then all the rest
    rest: dict[str, tuple[Engine, Place]] = {}
    for k, network in enumerate(networks):
        engine, position = network._built(), network._position
        for name, place in places(engine.program, position.optimizer, position.averaged).items():
            (first if place[1] in (0, AVERAGE) else rest)[f"{member_prefix(k)}{name}"] = engine, place
    every = {**first, **rest}
    sizes = {name: engine.program.parameters[place[0]] for name, (engine, place) in every.items()}
    finite = sum(math.prod(sizes[name]) for name in first)
    values = (engine.get(*place) for engine, place in every.values())
    write(path, description, np.dtype(networks[0].dtype), sizes, values, finite)


def member_prefix(k: int) -> str:
    """What the names of the arrays of the k-th of several networks begin with."""
    return f"member_{k + 1}/"


def _check_path(path: Any) -> None:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str) or not os.fspath(path):
        raise ValueError(f"path: expected the name of a file to write, found {path!r}")


def header(kind: str) -> dict[str, Any]:
    """What every description begins with."""
    return {"format": FORMAT, "likeliest": likeliest.__version__, "kind": kind}


def check_format(tensors: Tensors) -> None:
    """A ModelFileError unless the file is of a format that is known here."""
    found = tensors.description.get("format")
    if type(found) is not int or found < 1:
        raise damaged(tensors.path, f"its format is {str(found)[:100]!r}")
    if found > FORMAT:
        version = str(tensors.description.get("likeliest", "newer"))[:40]
        raise ModelFileError(
            f"{tensors.path}: the file has format {found}, made by likeliest {version}; this one reads {FORMAT}: "
            "upgrade it (pip install --upgrade likeliest), or save the model with the older one"
        )


def describe(network: Any) -> dict[str, Any]:
    """What a Network is, without its arrays, as JSON."""
    if type(network).__name__ != "Network" or not type(network).__module__.startswith("likeliest."):
        raise ValueError(
            f"network: {type(network).__name__} is a class of your own, which a model file does not hold; save a "
            "likeliest.Network"
        )
    form = network.program.form
    return {
        **{name: encode(getattr(network, name), name) for name in SETTINGS},
        "input_shape": list(form.shape),
        **({"lengths": True} if form.lengths else {}),
        "position": encode_position(network._position),
        "history": encode_history(network.history),
    }


def network_from(make: Any, tensors: Tensors | Part, data: Mapping[str, Any]) -> tuple[Any, Program]:
    """The Network that `describe` described, whose engine is made of the arrays when it is needed, and its program.

    Parameters
    ----------
    make : type
        Network, whose constructor checks the settings.
    tensors : Tensors or Part
        The arrays.
    data : mapping
        What `describe` returned.

    Raises
    ------
    Exception
        When it is none, in whatever way; ModelFileError where the arrays are not those of such a network.
    """
    lengths = data.get("lengths", False)
    if data.keys() - {"lengths"} != {*SETTINGS, "input_shape", "position", "history"} or type(lengths) is not bool:
        raise ValueError(f"network: found {', '.join(sorted(data))}")
    settings = {name: decode(data[name]) for name in SETTINGS}
    network = make(settings.pop("layers"), **settings)
    shape = data["input_shape"]
    if not shape or not all(type(size) is int and size >= 1 for size in shape):
        raise ValueError(f"input_shape: expected positive sizes, found {shape}")
    # Where no kernel goes over the example, each of its numbers has a weight, or a table if it is a code.
    if math.prod(shape) > max(LARGEST, 2 * sum(map(math.prod, tensors.shapes.values()))):
        raise ValueError(f"input_shape: {shape} is too large for its arrays")
    program, _ = assemble(
        network.layers, network.likelihood, network.initializer, tuple(shape), tensors.shapes, lengths
    )
    priors_by_name(network.prior, program)
    position = decode_position(data["position"])
    names = places(program, position.optimizer, position.averaged)
    expected = shapes(program, names)
    if tensors.dtype != kept_in(network.dtype) or list(tensors.shapes.items()) != list(expected.items()):
        different = dict(set(tensors.shapes.items()) ^ set(expected.items())) or "another order or type"
        raise ValueError(f"its arrays are not those of its layers: {str(different)[:200]}")

    def engine() -> Engine:
        with ThreadPoolExecutor(available_cpus()) as pool:
            checks = tensors.check(pool, program.size * (1 + position.averaged))
            made: Engine = network._make_engine(program)
            put(made, names, tensors, position.optimizer)
            for check in checks:
                check.result()
        return made

    network._later, network._position = engine, position
    network.history = decode_history(data["history"])
    return network, program
