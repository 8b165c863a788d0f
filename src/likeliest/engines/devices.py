"""Where the arrays of a network on JAX are: on one device, or spread over many, of one process or of several.

Data parallel: every device takes some rows of each minibatch, and XLA adds up their gradients. All devices have all of
θ, or, where θ and what the optimizer keeps would fill them, each a part of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from likeliest.distributed import ProcessLostError, lost
from likeliest.engines.base import Array

COPIES = 8  # of θ that a fit has: itself, two that the optimizer keeps, those that are kept aside, and the gradient


@dataclass(frozen=True)
class Devices:
    """One device of this process, or a mesh.

    Attributes
    ----------
    mesh : Mesh or None
        Its devices; None for one device, the default one of this process.
    shards : bool
        Whether θ is spread, too.
    """

    mesh: Mesh | None = None
    shards: bool = False

    @property
    def count(self) -> int:
        """How many devices there are."""
        return 1 if self.mesh is None else int(self.mesh.devices.size)

    @property
    def several(self) -> bool:
        """Whether other processes have some of them: they must make the same calls."""
        return self.mesh is not None and jax.process_count() > 1

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What goes wrong within it because another process is gone is a ProcessLostError that names that one."""
        try:
            yield
        except Exception as error:
            gone = lost() if self.several else None
            if gone is None:
                raise
            raise ProcessLostError(gone) from error

    # Arrays from numbers ----------------------------------------------------------------------------------------------

    def whole(self, value: Array) -> Any:
        """An array that every device has all of: on a processor the caller's memory itself, if it is aligned."""
        return jax.device_put(value, self._sharding())

    def parameter(self, value: Array) -> Any:
        """A parameter, or an array of its shape: whole, or spread by its longest axis that can be divided."""
        return self._put(value, self._of_parameter(value.shape))

    def _put(self, value: Array, sharding: NamedSharding | None) -> Any:
        value = np.array(value)
        if sharding is None:
            return jnp.array(value)
        return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index or ...])

    def rows(self, fetch: Callable[[slice], Array], shape: tuple[int, ...], axis: int = 0) -> Any:
        """An array of a shape whose rows, along an axis, are spread; ``fetch`` gives some of them.

        A process asks for those of its own devices only.
        """
        sharding = self._of_rows(shape[axis], axis)
        if sharding is None:
            return fetch(slice(0, shape[axis]))
        return jax.make_array_from_callback(shape, sharding, lambda index: fetch(index[axis] if index else slice(None)))

    # Within what is compiled ------------------------------------------------------------------------------------------

    def spread(self, tree: Any) -> Any:
        """The same, rows (n, ...) of all of it where they are computed with."""
        return self._constrained(tree, lambda one: self._of_rows(one.shape[0], 0))

    def kept(self, tree: Any) -> Any:
        """The same, parameters or arrays of their shapes where they are kept."""
        return self._constrained(tree, lambda one: self._of_parameter(one.shape))

    def everywhere(self, tree: Any) -> Any:
        """The same on every device."""
        return self._constrained(tree, lambda one: self._sharding())

    def _constrained(self, tree: Any, sharding: Callable[[Any], NamedSharding | None]) -> Any:
        if self.mesh is None:
            return tree
        return jax.tree.map(lambda one: lax.with_sharding_constraint(one, sharding(one)), tree)

    def _sharding(self, *axes: Any) -> NamedSharding | None:
        return None if self.mesh is None else NamedSharding(self.mesh, PartitionSpec(*axes))

    def _of_rows(self, n: int, axis: int) -> NamedSharding | None:
        """Rows are spread if every device gets as many of them, else they are everywhere."""
        if self.mesh is None or n % self.count:
            return self._sharding()
        return self._sharding(*[None] * axis, "rows")

    def _of_parameter(self, shape: tuple[int, ...]) -> NamedSharding | None:
        if self.mesh is not None and self.shards:
            for axis in sorted(range(len(shape)), key=lambda k: -shape[k]):
                if shape[axis] and shape[axis] % self.count == 0:
                    return self._sharding(*[None] * axis, "rows")
        return self._sharding()

    # Numbers from arrays ----------------------------------------------------------------------------------------------

    def numbers(self, array: Any) -> Array:
        """All of an array, wherever its parts are."""
        if self.several and not array.is_fully_replicated:
            return np.asarray(multihost_utils.process_allgather(array, tiled=True))
        return np.asarray(array)

    def of_processes(self, value: Any) -> Array:
        """What each process has for a number or a few: (processes, ...) float64."""
        own = np.asarray(value, np.float64)
        if not self.several:
            return own[None]
        # as bytes, since JAX may have no float64
        bytes_of_all = np.asarray(multihost_utils.process_allgather(np.frombuffer(own.tobytes(), np.uint8)))
        return np.frombuffer(bytes_of_all.tobytes(), np.float64).reshape(-1, *own.shape)


def is_mesh(devices: Any) -> bool:
    """Whether it is a mesh of JAX's."""
    return isinstance(devices, Mesh)


def process_index() -> int:
    """Which of the processes this is."""
    return int(jax.process_index())


def devices_of(devices: Any, size: int, itemsize: int) -> Devices:
    """For a θ of so many numbers: what the user said, which is None, "all" or a mesh."""
    if devices is None or (isinstance(devices, str) and jax.device_count() == 1):
        return Devices()
    of_all = np.array(jax.devices()) if isinstance(devices, str) else devices.devices.reshape(-1)
    return Devices(Mesh(of_all, ("rows",)), COPIES * size * itemsize > resident_bytes())


@lru_cache(maxsize=1)
def resident_bytes() -> int:
    """How much may be kept on a device: LIKELIEST_JAX_RESIDENT_BYTES, or half of the device's memory."""
    if given := os.environ.get("LIKELIEST_JAX_RESIDENT_BYTES"):
        if not given.isdigit():
            raise ValueError(f"LIKELIEST_JAX_RESIDENT_BYTES: expected a number of bytes, found {given!r}")
        return int(given)
    found = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in found:
        return int(found["bytes_limit"]) // 2
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:  # the devices of a processor share its memory
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // len(jax.local_devices())
    return (1 << 32) // len(jax.local_devices())
