"""Checkpoints: a fit that was killed goes on from its last whole epoch, and ends with the same bits as without.

In the folder are the last two of them, each a file with θ, what the optimizer keeps, the average, the best θ, the
position, the history, and what call of ``fit`` it belongs to. When the call has ended, the last one is its end.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likeliest.atomic import TEMPORARY
from likeliest.encoding import decode, encode
from likeliest.engines.base import Engine
from likeliest.fit import Course, Position
from likeliest.network_file import SETTINGS, check_format, header
from likeliest.state import (
    arrays,
    decode_history,
    decode_position,
    encode_history,
    encode_position,
    places,
    put,
    shapes,
)
from likeliest.tensor_file import ModelFileError, Tensors, damaged, read, write
from likeliest.threads import available_cpus
from likeliest.warned import warn

Array = npt.NDArray[Any]

NAME = re.compile(r"epoch-(\d{8,})(-finished)?\.safetensors")
KIND = "Checkpoint"
WHOLE = 64 << 20  # bytes of data, up to which all of them are compared
ROWS = 1024  # that are compared of larger data, evenly spaced
SHARE = 0.05  # of the time that checkpoints may take
BEST = "best/"


class Found(NamedTuple):
    """A checkpoint that is whole."""

    tensors: Tensors
    call: dict[str, Any]
    position: Position
    course: Course
    averages: bool
    finished: bool


class Checkpoints:
    """The folder of one call of ``fit``, in which nobody else writes meanwhile: a `likeliest.fit.Keeper`.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    every : int
        How many epochs lie between two checkpoints.
    writes : bool
        Whether it is this process that writes, of several that fit one network together; the others read.

    Raises
    ------
    ValueError
        When it is no folder, or another fit is using it.
    """

    def __init__(self, folder: Any, every: int, writes: bool = True) -> None:
        if not isinstance(folder, str | os.PathLike) or not isinstance(os.fspath(folder), str) or not os.fspath(folder):
            raise ValueError(f"checkpoint: expected the name of a folder, found {folder!r}")
        self.folder, self.every, self.writes = Path(folder), every, writes
        self.course: Course | None = None
        self.found: Found | None = None
        self._call: dict[str, Any] = {}
        self._last, self._not_before = 0, 0.0

    @contextmanager
    def locked(self) -> Iterator[Checkpoints]:
        """Holds the folder; the system lets go of it when the process ends, however it does."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise ValueError(f"checkpoint: expected a folder, but {str(self.folder)!r} is a file") from None
        if os.name != "posix" or not self.writes:
            yield self
            return
        import fcntl

        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"checkpoint: another fit is using {str(self.folder)!r} now; wait for it, or choose another folder"
                ) from None
            except OSError:  # a file system without locks
                pass
            yield self
        finally:
            with suppress(OSError):  # made for a call that was refused; one that holds something stays
                self.folder.rmdir()
            os.close(descriptor)

    @property
    def place(self) -> str:
        """The folder, by a name that stays."""
        return os.path.realpath(self.folder)

    @property
    def start(self) -> str:
        """From where the call started."""
        return str(self._call["start"])

    # Going on ---------------------------------------------------------------------------------------------------------

    def find(self, call: Mapping[str, Any]) -> None:
        """Looks for the last checkpoint of this call.

        Raises
        ------
        ValueError
            When the folder belongs to another call, or all that is in it is damaged.
        """
        self._call = json.loads(json.dumps(call))
        for stale in self.folder.glob(f".epoch-*{TEMPORARY}") if self.writes else ():  # what a kill left half-written
            with suppress(OSError):
                stale.unlink()
        problems: list[str] = []
        paths = self._paths()
        for path in paths:
            try:
                found = _read(path)
            except ModelFileError as error:
                problems.append(str(error))
                continue
            if not self._is_for(found):
                continue
            if problems:
                warn(f"checkpoint: {problems[0]}. The fit goes on from {path.name}, which gives the same in the end")
            self.found = found
            if path == paths[0]:
                self._remove_needless(found.finished)  # which a kill may have left
            return
        if paths:
            raise ModelFileError(
                f"checkpoint: nothing to go on from in {str(self.folder)!r}: {'; '.join(problems)}; choose another "
                "folder, or delete this one to begin anew"
            )

    def _paths(self) -> list[Path]:
        """The checkpoints, the last one first."""
        found = [(NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        order = [(int(match[1]), match[2] is not None, path) for match, path in found if match]
        return [path for *_, path in sorted(order, reverse=True)]

    def _is_for(self, found: Found) -> bool:
        """Whether to go on from there, False where an earlier one will do; a ValueError if it is of another call."""
        before, now = dict(found.call), dict(self._call)
        epochs = before.pop("epochs"), now.pop("epochs")
        differences = [
            _difference(name, before.get(name), now.get(name))
            for name in now | before
            if before.get(name) != now.get(name)
        ]
        if differences:
            raise ValueError(
                f"checkpoint: {str(self.folder)!r} was begun by another call of fit: {'; '.join(differences)}; choose "
                "another folder, or delete this one to begin anew"
            )
        if epochs[0] == epochs[1]:
            return True
        done, history = found.course.history.epochs, found.course.history
        problem = ""
        if now["schedule"] != {"type": "schedules.Constant"}:
            problem = "a schedule is for the whole of a fit"
        elif now["averaging"] is not None and now["averaging"]["type"] != "averaging.EMA":
            problem = "averaging is for the whole of a fit"
        elif done > epochs[1]:
            problem = f"{done} are done"
        elif now["validation"] is not None and done in epochs and done % now["validation_every"]:
            problem = "which epochs are looked at depends on it"
        if problem:
            raise ValueError(
                f"checkpoint: {str(self.folder)!r} has epochs={epochs[0]}, found {epochs[1]}, but {problem}; "
                "choose another folder, or delete this one to begin anew"
            )
        return not found.finished or history.stopped != "finished"

    def restore(self, network: Any) -> None:
        """Brings a network to where the checkpoint was.

        Raises
        ------
        ValueError
            When the arrays are not those of the network.
        """
        assert self.found is not None
        tensors, _, position, course, averages, _ = self.found
        engine: Engine = network._built()
        names = places(engine.program, position.optimizer, averages)
        expected = shapes(engine.program, names)
        best = {BEST + name: shape for name, shape in engine.program.parameters.items()} if course.best else {}
        if tensors.dtype != engine.dtype or tensors.shapes != expected | best:
            raise damaged(tensors.path, "its arrays are not those of this network")
        put(engine, names, tensors, position.optimizer)
        course.best = {name.removeprefix(BEST): np.array(tensors[name]) for name in best}
        network._position, self.course = position, course

    # Keeping ----------------------------------------------------------------------------------------------------------

    def is_due(self, epochs: int) -> bool:
        """Whether it is time, after so many epochs of the fit; not yet if the last one took long."""
        return epochs >= self._last + self.every and time.perf_counter() >= self._not_before

    def keep(self, engine: Engine, position: Position, course: Course, finished: bool = False) -> None:
        """Writes a checkpoint, and removes those that it makes needless.

        Raises
        ------
        OSError
            When it cannot be written; the ones before are then as they were.
        """
        begin = time.perf_counter()
        averages = position.averaged or (not finished and self._call["averaging"] is not None)
        names = places(engine.program, position.optimizer, averages)
        all_shapes = shapes(engine.program, names)
        best = {} if finished else course.best
        all_shapes |= {BEST + name: engine.program.parameters[name] for name in best}
        description = {
            **header(KIND),
            "call": self._call,
            "position": encode_position(position),
            "course": {
                "history": encode_history(course.history),
                "first_step": course.first_step,
                "floor": course.floor,
                "best": bool(best),
            },
            "averages": averages,
            "finished": finished,
        }
        name = f"epoch-{position.epochs:08d}{'-finished' * finished}.safetensors"
        values = chain(arrays(engine, names), best.values())
        if not self.writes:
            deque(values, 0)  # all processes hand over their parts
            return
        write(self.folder / name, description, engine.dtype, all_shapes, values, engine.program.size * (1 + averages))
        self._remove_needless(finished)
        now = time.perf_counter()
        self._not_before, self._last = now + (now - begin) / SHARE, course.history.epochs

    def _remove_needless(self, finished: bool) -> None:
        """All but the last two, and an earlier fit's end while this one goes on."""
        left = [path for path in self._paths() if finished or "-finished" not in path.name]
        for path in {*self._paths()} - {*left[:2]} if self.writes else ():
            path.unlink(missing_ok=True)


def _read(path: Path) -> Found:
    """A checkpoint, every bit of it checked; or a ModelFileError."""
    tensors = read(path)
    check_format(tensors)
    try:
        data = tensors.description
        if data["kind"] != KIND:
            raise ValueError(f"it holds a {data['kind']!r}")
        position = decode_position(data["position"])
        history = decode_history(data["course"]["history"])
        if history is None or position.seed is None or position.optimizer is None:
            raise ValueError("there is no fit in it")
        course = Course(history, data["course"]["first_step"], float(data["course"]["floor"]))
        if data["course"]["best"]:
            course.best = {"": np.zeros(0)}  # told of now, filled in by `restore`
        found = Found(tensors, data["call"], position, course, data["averages"], data["finished"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged(tensors.path, f"{type(error).__name__}: {error}") from error
    with ThreadPoolExecutor(available_cpus()) as pool:
        for check in tensors.check(pool, 0):
            check.result()
    return found


# What a call is -------------------------------------------------------------------------------------------------------


def describe_call(network: Any, start: str, **arguments: Any) -> dict[str, Any]:
    """What must be the same for a fit to go on: the network, where it started from, the data and the arguments."""
    described = {name: _described(getattr(network, name)) for name in SETTINGS}
    return {**described, "start": start, **{name: _described(value) for name, value in arguments.items()}}


def _described(value: Any) -> Any:
    """As JSON: arrays by their digest, and by its name what is the user's own."""
    if isinstance(value, np.ndarray):
        return digest(value)
    if isinstance(value, tuple | list) and any(isinstance(one, np.ndarray) for one in value):
        return [_described(one) for one in value]
    try:
        return encode(value, "call")
    except ValueError:
        own = type(getattr(value, "own", value))
        return f"{own.__module__}.{own.__qualname__}"


def digest(data: Array) -> dict[str, Any]:
    """Shape, type and a hash of an array (n, ...): of all of it up to 64 MiB, else of 1024 rows, evenly spaced."""
    rows = range(len(data))
    if data.nbytes > WHOLE:
        rows = range(0, len(data), max(1, len(data) // ROWS))
    sha = hashlib.sha256()
    step = max(1, (1 << 20) // max(1, data[:1].nbytes))
    for first in range(0, len(rows), step):
        some = rows[first : first + step]
        sha.update(np.ascontiguousarray(data[some.start : some.stop : some.step]).data)
    return {"shape": list(data.shape), "dtype": data.dtype.str, "rows": len(rows), "sha256": sha.hexdigest()}


def digest_of_state(engine: Engine, position: Position) -> str:
    """A hash of all that a network has learned, by which it is known again."""
    sha = hashlib.sha256(json.dumps(encode_position(position)).encode())
    for array in arrays(engine, places(engine.program, position.optimizer, position.averaged)):
        sha.update(array.data)
    return sha.hexdigest()


def _difference(name: str, before: Any, now: Any) -> str:
    """What to say of an argument that is not the same."""
    if name == "start":
        fresh = "a network without θ" if before == FRESH else "a network with another θ"
        return f"it began with {fresh}, and this one " + ("has none" if now == FRESH else "has one already")
    if isinstance(before, dict) and isinstance(now, dict) and "sha256" in before and "sha256" in now:
        was, found = (f"{tuple(one['shape'])} of {np.dtype(one['dtype'])}" for one in (before, now))
        return f"{name} was {was}, found {found}" if was != found else f"{name} has other numbers in it"
    was, found = _shown(before), _shown(now)
    return f"{name} was {was}, found {'other ' * (was == found)}{found}"


def _shown(value: Any) -> str:
    try:
        text = repr(decode(value))
    except (ValueError, TypeError, KeyError, AttributeError):
        text = "data" if "'sha256'" in str(value) else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


FRESH = "fresh"
"""The start of a network that has no θ yet."""
