"""The native engine: the C++ core, behind the same functions as the reference engine."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import _native, random
from likeliest.engines.base import Array, Chunk, Terms
from likeliest.likelihoods import Likelihood, PerStep, log_prob_of, score_of
from likeliest.ops import OPERATIONS
from likeliest.optimizers import Optimizer
from likeliest.priors import Prior
from likeliest.program import Program, Step
from likeliest.xp import numpy_namespace

GRADIENT = -1  # what the core's `get` reads, besides slots


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

    carries_states = True

    def __init__(self, program: Program, likelihood: Likelihood, dtype: str, priors: Mapping[str, Prior]) -> None:
        self.program, self.likelihood, self.dtype = program, likelihood, np.dtype(dtype)
        name, constants, groups = likelihood.kernel()
        self._has_kernel = name != "custom"
        self._steps = likelihood.T if isinstance(likelihood, PerStep) and self._has_kernel else 0
        values = {name: i for i, name in enumerate(program.values)}
        self._index = {name: i for i, name in enumerate(program.parameters)}
        self._width = math.prod(program.input_shape)
        self._read: tuple[Any, ...] = (None,) * 4  # targets and weights of a fit, and what the core takes for them
        self._core = _native.Engine(
            list(program.values.values()),
            list(program.parameters.values()),
            [
                (
                    s.operation,
                    [values[name] for name in s.inputs],
                    values[s.output],
                    [self._index[p] for p in s.parameters],
                    _constants(s),
                )
                for s in program.steps
            ],
            (
                name,
                [float(c) for c in constants],
                [float(c) for c in likelihood.training().kernel()[1]],
                groups,
                likelihood.targets,
                likelihood.classes or 0,
                self._steps,
            ),
            [_rule(name, program, priors) for name in program.parameters],
            self.dtype == np.float64,
            instruction_set(),
        )

    def _indices(self, names: tuple[str, ...]) -> list[int]:
        return [self._index[name] for name in names]

    def get(self, name: str, slot: int = 0) -> Array:
        """A copy of one parameter, of the optimizer's state for it (slots 1, 2, ...), or of its average."""
        values: Array = self._core.get(self._index[name], slot)
        return values.reshape(self.program.parameters[name])

    def set(self, name: str, value: Array, slot: int = 0) -> None:
        """Replaces one parameter, the optimizer's state for it, or its average."""
        self._core.set(self._index[name], slot, np.ascontiguousarray(value, self.dtype))

    def keep(self) -> None:
        """Keeps θ, the optimizer's state and the average aside."""
        self._core.keep()

    def restore(self) -> None:
        """Brings back what was kept last."""
        self._core.restore()

    def first_non_finite(self, X: Array, threads: int) -> tuple[int, int] | None:
        """The row and the column (of the flattened example) of the first NaN or infinity in X, if there is one."""
        return first_non_finite(X, self.dtype, threads)

    def start(self, optimizer: Optimizer) -> None:
        """Takes an optimizer, with its state before the first step."""
        self._core.start(optimizer.name, optimizer.hyperparameters(), optimizer.free().hyperparameters())

    def average(self, wanted: bool) -> None:
        """Begins to keep an average of θ, from what θ is now; or stops to."""
        self._core.average(wanted)

    def swap(self) -> None:
        """Exchanges θ and its average."""
        self._core.swap()

    def permutations(self, seed: int, epochs: range, n: int, threads: int) -> npt.NDArray[np.uint32]:
        """The order of the n examples in each of the epochs: (len(epochs), n)."""
        return permutations(seed, epochs, n, threads)

    def forget(self) -> None:
        """Lets go of what was read for a fit: targets and weights, for examples are read where they are."""
        self._read = (None,) * 4

    def train(
        self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, floor: float, terms: Terms, threads: int
    ) -> Array:
        """Takes the steps of a chunk; see `Engine.train`."""
        if self._read[0] is not y or self._read[1] is not w:
            self._read = (y, w, self._numbers(y), self._numbers(w))
        return self._core.train(
            self._rows(X),
            self._read[2],
            self._read[3],
            chunk.order,
            chunk.bounds,
            chunk.factors,
            chunk.rates,
            t,
            floor,
            (terms.prior_scale, terms.clip_norm, *random.stream(terms.seed, random.NOISE)),
            self._custom(y),
            threads,
            _augmentation(terms, t, chunk),
            chunk.carries,
        )

    def _custom(self, y: Array) -> Callable[[Array, Array], tuple[Array, Array]] | None:
        """What the core calls back with η and y of a minibatch, for a likelihood that has no kernel."""
        return None if self._has_kernel else partial(self._call_back, y.dtype)

    def _call_back(self, dtype: np.dtype[Any], eta: Array, y: Array) -> tuple[Array, Array]:
        """Log P and its score; y gets back the dtype that the likelihood's ``check`` gave it."""
        likelihood = self.likelihood.training()
        y = (y if likelihood.targets > 1 else y[:, 0]).astype(dtype)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            log_prob, score = log_prob_of(likelihood, eta, y), score_of(likelihood, eta, y)
        return np.ascontiguousarray(log_prob, self.dtype), np.ascontiguousarray(score, self.dtype)

    def log_likelihood(self, X: Array, y: Array, threads: int, carries: bool | None = None) -> Array:
        """Log P(y_i | x_i): (n,) float64; see `Engine.log_likelihood`."""
        if not self._has_kernel:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                eta = self._core.output(self._rows(X), threads, carries)
                return np.asarray(log_prob_of(self.likelihood, eta, y), np.float64)
        return self._core.log_likelihood(self._rows(X), self._numbers(y), threads, carries)

    def gradient(self, X: Array, y: Array, w: Array | None, threads: int) -> dict[str, Array]:
        """∂/∂θ Σ_i w_i log P(y_i | x_i), by parameter name."""
        self._core.gradient(self._rows(X), self._numbers(y), self._numbers(w), self._custom(y), threads)
        return {name: self.get(name, GRADIENT) for name in self.program.parameters}

    def output(self, X: Array, threads: int) -> Array:
        """η: (n, width)."""
        return self._core.output(self._rows(X), threads)

    def probabilities(self, X: Array, threads: int) -> Array:
        """P(Y = k | x): (n, classes), or with a likelihood at every step (n, steps, classes)."""
        if not self._has_kernel:
            return np.asarray(self.likelihood.probabilities(numpy_namespace, self.output(X, threads)))
        p = self._core.probabilities(self._rows(X), threads)
        return p if self._steps == 0 else p.reshape(len(p), self._steps, -1)

    def _rows(self, X: Array) -> Array:
        return X if X.ndim == 2 else X.reshape(X.shape[0], self._width)

    def _numbers(self, a: Any) -> Any:
        return None if a is None else np.ascontiguousarray(a, self.dtype).reshape(len(a), -1)


def first_non_finite(X: Array, dtype: np.dtype[Any], threads: int) -> tuple[int, int] | None:
    """The row and the column (of the flattened example) of the first NaN or infinity in X as dtype, if there is one."""
    return _native.first_non_finite(X.reshape(len(X), math.prod(X.shape[1:])), dtype == np.float64, threads)


def permutations(seed: int, epochs: range, n: int, threads: int) -> npt.NDArray[np.uint32]:
    """The same as `random.permutations`: (len(epochs), n)."""
    key = random.stream(seed, random.ORDER)
    return _native.permutations(*key, epochs.start, epochs.stop, n, threads, instruction_set())


def _constants(step: Step) -> list[float]:
    """The constants of a step, in the order of its page's arguments; those that a page takes in training are not."""
    if step.operation == "reshape":
        return []
    constants: list[float] = []
    for p in signature(OPERATIONS[step.operation].forward).parameters.values():
        if p.kind == p.KEYWORD_ONLY and p.name not in ("noise", "training"):
            constants += np.ravel(step.attributes.get(p.name, p.default)).tolist()
    return [float(c) for c in constants]


def _augmentation(terms: Terms, t: int, chunk: Chunk) -> Any:
    """How examples are changed: shape, fill, stream, its parts with their places in the list, and shares of Mixup."""
    composition = terms.augmentation
    if composition is None:
        return None
    return (
        composition.shape,
        composition.axes,
        composition.fill,
        random.stream(terms.seed, random.AUGMENTATION),
        [(part.name, k, list(part.constants(composition.axes))) for k, part in composition.parts],
        composition.shares(terms.seed, t, chunk.bounds),
    )


def _rule(name: str, program: Program, priors: Mapping[str, Prior]) -> tuple[str, list[float], bool, bool, float]:
    """What holds for a parameter: its prior, whether it decays, whether it is learned, how long its columns may be."""
    prior = priors.get(name)
    return (
        prior.name if prior else "",
        list(prior.constants()) if prior else [],
        name in program.weights,
        name not in program.statistics,
        program.max_norm.get(name, 0.0),
    )
