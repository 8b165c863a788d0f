"""Several processes, on one computer or many, that fit one network together on JAX.

Each of them runs the same program: it joins the others first, and makes a network with ``devices="all"``. JAX finds out
who is there; nothing of that is done here.
"""

from __future__ import annotations

import json
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

PLACE = 256  # bytes, in which a process says where it is


class ProcessLostError(ConnectionError):
    """A process that fits a network with this one has died; the fit goes on from its last checkpoint, if it has one."""


def initialize(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: int = 20,
) -> None:
    """Joins the processes that are to fit a network together; before anything else that JAX is to do.

    Parameters
    ----------
    coordinator_address : str, optional
        ``"host:port"`` of process 0, at which all others find it. Without it, JAX asks SLURM, Open MPI, Kubernetes or
        the cloud that it runs on; `num_processes` and `process_id` then follow, too.
    num_processes : int, optional
        How many there are.
    process_id : int, optional
        Which of them this is, from 0.
    timeout : int
        Seconds after which a process that is not heard of is taken for dead, and all others end.

    Raises
    ------
    ValueError
        When an argument makes no sense, or JAX finds none of these without arguments.
    ImportError
        When JAX is not installed.
    RuntimeError
        When JAX has begun to compute, process 0 finds its port taken, or the others are not to be reached.
    """
    given = {"coordinator_address": coordinator_address, "num_processes": num_processes, "process_id": process_id}
    missing = [name for name, value in given.items() if value is None]
    if missing and len(missing) < len(given):
        raise ValueError(f"{missing[0]}: expected a value, as {', '.join(sorted(given.keys() - missing))} have one")
    port = re.fullmatch(r".+:(\d{1,5})", str(coordinator_address or "a:1"))
    if port is None or not 0 < int(port[1]) < 65536:
        raise ValueError(
            f'coordinator_address: expected "host:port" with a port from 1 to 65535, found {coordinator_address!r}'
        )
    for name, value, least in (
        ("num_processes", num_processes, 1),
        ("process_id", process_id, 0),
        ("timeout", timeout, 1),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}")
    if num_processes is not None and process_id is not None and process_id >= num_processes:
        raise ValueError(f"process_id: expected one from 0 to {num_processes - 1}, found {process_id}")
    if find_spec("jax") is None:
        raise ImportError(
            'JAX is not installed, on which several processes work together: pip install "likeliest[jax]"'
        )
    if coordinator_address is not None and process_id == 0:
        try:
            socket.create_server(("", int(port[1]))).close()
        except OSError as error:
            raise RuntimeError(
                f"coordinator_address: process 0 cannot listen at port {port[1]} ({error.strerror}): choose another one"
            ) from None
    import jax

    jax.distributed.initialize(
        coordinator_address,
        num_processes,
        process_id,
        heartbeat_timeout_seconds=timeout,
        shutdown_timeout_seconds=timeout,
    )
    _listen(coordinator_address)


class Place(NamedTuple):
    """Where a process runs, and where it listens."""

    host: str
    process: int
    address: str
    port: int


_places: list[Place] = []
_listener: socket.socket | None = None


def _listen(coordinator_address: str | None) -> None:
    """Tells all processes where this one is; and opens a port, which is there for as long as the process is."""
    from jax.experimental import multihost_utils

    global _listener
    _listener = socket.create_server(("", 0))
    here = Place(socket.gethostname(), os.getpid(), _own_address(coordinator_address), _listener.getsockname()[1])
    text = json.dumps(here).encode().ljust(PLACE)
    if len(text) > PLACE:
        raise RuntimeError(f"the name of this computer is too long: {here.host!r}")
    of_all = np.asarray(multihost_utils.process_allgather(np.frombuffer(text, np.uint8))).reshape(-1, PLACE)
    _places[:] = [Place(*json.loads(bytes(one))) for one in of_all]


def _own_address(coordinator_address: str | None) -> str:
    """That of this computer on the network in which process 0 is."""
    try:
        if coordinator_address is None:
            return socket.gethostbyname(socket.gethostname())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            host, _, port = coordinator_address.rpartition(":")
            one.connect((host, int(port)))  # sends nothing
            return str(one.getsockname()[0])
    except OSError:
        return socket.gethostname()


def place() -> tuple[int, int]:
    """Which of the processes this is, and how many there are: (0, 1) where none have joined."""
    if not _places:
        return 0, 1
    import jax

    return jax.process_index(), len(_places)


def wait(what: str) -> None:
    """Until all processes have come here."""
    if _places:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(what)


def lost() -> str | None:
    """Which processes have died, as a sentence; None if all are there, or `initialize` was not called."""
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(_answers, _places))
    dead = [
        f"process {k} of {len(_places)} ({place.host}, process id {place.process})"
        for k, (place, answer) in enumerate(zip(_places, answers, strict=True))
        if not answer
    ]
    if not dead:
        return None
    return f"{', '.join(dead)}: no longer there. Run all of them again: a fit goes on from its last checkpoint"


def _answers(place: Place) -> bool:
    """Whether the process there is still alive: its port takes calls until it ends, however it does."""
    try:
        socket.create_connection((place.address, place.port), timeout=5).close()
        return True
    except OSError:
        return False


__all__ = ["ProcessLostError", "initialize", "place", "wait"]
