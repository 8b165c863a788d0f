"""The native engine: the C++ core, behind the same functions as the reference engine."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import _native, random
from likeliest.engines.base import Array, Chunk
from likeliest.likelihoods import Likelihood
from likeliest.ops import ACTIVATIONS
from likeliest.optimizers import Optimizer
from likeliest.program import Program, Step

THETA, GRADIENT = 0, -1  # what the core's `get` reads


@lru_cache(maxsize=1)
def instruction_set() -> str:
    """The instruction set in use: the best of this processor, or what ``LIKELIEST_ISA`` asks for.

    Raises
    ------
    ValueError
        When ``LIKELIEST_ISA`` names one that this build or this processor does not have.
    """
    available = _native.available_isas()
    wanted = os.environ.get("LIKELIEST_ISA", "")
    if wanted and wanted not in available:
        raise ValueError(f"LIKELIEST_ISA: this build on this processor has {', '.join(available)}; found {wanted!r}")
    return wanted or available[-1]


class Native:
    """Holds θ in the core; arrays are read where they are, whatever their number type and layout."""

    def __init__(self, program: Program, likelihood: Likelihood, dtype: str) -> None:
        self.program, self.likelihood, self.dtype = program, likelihood, np.dtype(dtype)
        values = {name: i for i, name in enumerate(program.values)}
        self._index = {name: i for i, name in enumerate(program.parameters)}
        self._width = math.prod(program.input_shape)
        self._core = _native.Engine(
            [math.prod(shape) for shape in program.values.values()],
            [(math.prod(shape[:-1]), shape[-1]) for shape in program.parameters.values()],
            [
                (
                    s.operation,
                    values[s.inputs[0]],
                    values[s.output],
                    [self._index[p] for p in s.parameters],
                    _constants(s),
                )
                for s in program.steps
            ],
            likelihood.name,
            likelihood.classes,
            self.dtype == np.float64,
            instruction_set(),
        )

    def _indices(self, names: tuple[str, ...]) -> list[int]:
        return [self._index[name] for name in names]

    def get(self, name: str, slot: int = THETA) -> Array:
        """A copy of one parameter, or of the optimizer's state for it: slots 1, 2, ..."""
        values: Array = self._core.get(self._index[name], slot)
        return values.reshape(self.program.parameters[name])

    def set(self, name: str, value: Array, slot: int = THETA) -> None:
        """Replaces one parameter, or the optimizer's state for it."""
        self._core.set(self._index[name], slot, np.ascontiguousarray(value, self.dtype))

    def keep(self) -> None:
        """Keeps θ and the optimizer's state aside."""
        self._core.keep()

    def restore(self) -> None:
        """Brings back what was kept last."""
        self._core.restore()

    def first_non_finite(self, X: Array, threads: int) -> tuple[int, int] | None:
        """The row and the column (of the flattened example) of the first NaN or infinity in X, if there is one."""
        return _native.first_non_finite(self._rows(X), self.dtype == np.float64, threads)

    def start(self, optimizer: Optimizer) -> None:
        """Takes an optimizer, with its state before the first step."""
        self._core.start(optimizer.name, optimizer.hyperparameters())

    def permutations(self, seed: int, epochs: range, n: int) -> npt.NDArray[np.uint32]:
        """The order of the n examples in each of the epochs: (len(epochs), n)."""
        return _native.permutations(*random.stream(seed, random.ORDER), epochs.start, epochs.stop, n)

    def train(self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, floor: float, threads: int) -> Array:
        """Takes the steps of a chunk; see `Engine.train`."""
        return self._core.train(
            self._rows(X), self._numbers(y), self._numbers(w), chunk.order, chunk.bounds, t, floor, threads
        )

    def log_likelihood(self, X: Array, y: Array, threads: int) -> Array:
        """Log P(y_i | x_i): (n,) float64."""
        return self._core.log_likelihood(self._rows(X), self._numbers(y), threads)

    def gradient(self, X: Array, y: Array, w: Array | None, threads: int) -> dict[str, Array]:
        """∂/∂θ Σ_i w_i log P(y_i | x_i), by parameter name."""
        self._core.gradient(self._rows(X), self._numbers(y), self._numbers(w), threads)
        return {name: self.get(name, GRADIENT) for name in self.program.parameters}

    def output(self, X: Array, threads: int) -> Array:
        """η: (n, width)."""
        return self._core.output(self._rows(X), threads)

    def probabilities(self, X: Array, threads: int) -> Array:
        """P(Y = k | x): (n, classes)."""
        return self._core.probabilities(self._rows(X), threads)

    def _rows(self, X: Array) -> Array:
        return X if X.ndim == 2 else X.reshape(X.shape[0], self._width)

    def _numbers(self, a: Any) -> Any:
        return None if a is None else np.ascontiguousarray(a, self.dtype)


def _constants(step: Step) -> list[float]:
    """The constants of a scalar activation, in the order of its page's arguments."""
    if step.operation not in ACTIVATIONS:
        return []
    parameters = signature(ACTIVATIONS[step.operation].forward).parameters.values()
    return [float(step.attributes.get(p.name, p.default)) for p in parameters if p.kind == p.KEYWORD_ONLY]
