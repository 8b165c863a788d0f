"""Parameters: θ by name, readable and assignable."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.engines.base import Engine

Array = npt.NDArray[Any]


class Parameters(MutableMapping[str, Array]):
    """θ by name. Reading gives a copy that cannot be written to; assigning replaces the parameter in the network."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getitem__(self, name: str) -> Array:
        self._check(name)
        value: Array = self._engine.get(name)
        value.flags.writeable = False  # writing into a copy would change nothing, and silently
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        shape = self._check(name)
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{name}: expected real numbers, found dtype {value.dtype}")
        if value.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, found {value.shape}")
        with np.errstate(over="ignore"):
            value = value.astype(self._engine.dtype)
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: found a number that is not finite in {self._engine.dtype}")
        self._engine.set(name, value)

    def __delitem__(self, name: str) -> None:
        raise TypeError("a parameter cannot be deleted")

    def __iter__(self) -> Iterator[str]:
        return iter(self._engine.program.parameters)

    def __len__(self) -> int:
        return len(self._engine.program.parameters)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name!r}: {shape}" for name, shape in self._engine.program.parameters.items())
        return f"Parameters({{{shapes}}})"

    def _check(self, name: str) -> tuple[int, ...]:
        shapes = self._engine.program.parameters
        if name not in shapes:
            raise KeyError(f"there is no parameter {name!r}; there are {', '.join(shapes)}")
        return shapes[name]
