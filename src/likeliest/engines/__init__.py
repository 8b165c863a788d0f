"""The engines: they hold θ and run a program.

``reference`` is NumPy, to be read; ``native`` is C++, to be used; ``jax`` is for GPUs, TPUs and many machines.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from likeliest.engines.base import Engine, kept_in
from likeliest.likelihoods import Likelihood
from likeliest.priors import Prior
from likeliest.program import Program

ENGINES = ("native", "reference", "jax")
DTYPES = ("float32", "float64", "bfloat16")


def check_engine(engine: Any, dtype: Any = "float32") -> str:
    """The name of the precision; a ValueError when there is no such engine, or an ImportError when JAX is not there."""
    if engine not in ENGINES:
        raise ValueError(f"engine: expected one of {ENGINES}, found {engine!r}")
    try:
        name = dtype if isinstance(dtype, str) and dtype == "bfloat16" else str(np.dtype(dtype))
    except TypeError:
        name = ""
    if name == "bfloat16" and engine != "jax":
        raise ValueError(f'dtype: "bfloat16" is for engine="jax" only, found engine={engine!r}; use "float32"')
    if name not in DTYPES:
        raise ValueError(f'dtype: expected "float32" or "float64", or with engine="jax" "bfloat16"; found {dtype!r}')
    if engine == "jax" and find_spec("jax") is None:
        raise ImportError('engine: "jax" needs JAX, which is not installed: pip install "likeliest[jax]"')
    return name


def check_devices(engine: str, devices: Any) -> None:
    """A ValueError unless ``devices`` is None, or for the JAX engine "all" or a mesh of JAX's."""
    if devices is None:
        return
    if engine != "jax":
        raise ValueError(f'devices: they are for engine="jax" only, found engine={engine!r}; leave devices out')
    if not isinstance(devices, str):
        from likeliest.engines.devices import is_mesh

        if is_mesh(devices):
            return
    if not isinstance(devices, str) or devices != "all":
        raise ValueError(f'devices: expected "all", a jax.sharding.Mesh, or None for one; found {devices!r}')


def is_first(devices: Any) -> bool:
    """Whether this process speaks and writes files, of those that have some of the devices."""
    if devices is None:
        return True
    from likeliest.engines.devices import process_index

    return process_index() == 0


def drawn_seed(devices: Any) -> int:
    """A seed of 32 random bits, the same in all processes that have some of the devices."""
    seed = secrets.randbits(32)
    if devices is None:
        return seed
    from likeliest.engines.devices import devices_of

    return int(devices_of(devices, 0, 0).of_processes(seed)[0])


def make_engine(
    name: str,
    program: Program,
    likelihood: Likelihood,
    dtype: str,
    priors: Mapping[str, Prior] | None = None,
    devices: Any = None,
) -> Engine:
    """The engine of that name, holding θ = 0; ``priors`` are those of single parameters, by name.

    ``devices`` are those of JAX, on which it is to be.

    Raises
    ------
    ValueError
        When there is no such engine, or it has no kernel for something in the program.
    """
    if name == "native":
        from likeliest.engines.native import Native

        return Native(program, likelihood, dtype, priors or {})
    if name == "jax":
        from likeliest.engines.jax import Jax

        return Jax(program, likelihood, dtype, priors or {}, devices)
    from likeliest.engines.reference import Reference

    return Reference(program, likelihood, dtype, priors or {})


__all__ = [
    "DTYPES",
    "ENGINES",
    "Engine",
    "check_devices",
    "check_engine",
    "drawn_seed",
    "is_first",
    "kept_in",
    "make_engine",
]
