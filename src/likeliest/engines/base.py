"""What every engine offers to ``fit`` and ``Network``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from likeliest.augmentation import Composition
from likeliest.optimizers import Optimizer
from likeliest.program import Program

Array = npt.NDArray[Any]


class Chunk(NamedTuple):
    """Some steps of training: step k takes the examples ``order[bounds[k]:bounds[k + 1]]``.

    ``order`` is (m,) uint32, ``bounds`` (steps + 1,) int64 from 0 to m. ``factors`` (steps,) float64 multiply the
    learning rate. After each step the average of θ, if one is kept, goes ``rates`` (steps,) float64 of its way to θ.

    ``carries`` (m,) bool says of each entry of the order whether recurrences begin there in the state in which they
    ended the row at the same place of the minibatch before, which is then a constant; else they begin as the program
    says. None: the state is not kept.
    """

    order: npt.NDArray[np.uint32]
    bounds: npt.NDArray[np.int64]
    factors: npt.NDArray[np.float64]
    rates: npt.NDArray[np.float64] | None = None
    carries: npt.NDArray[np.bool_] | None = None


class Terms(NamedTuple):
    """What a step climbs besides the log-likelihood of its minibatch, and how.

    The objective is (Σ_i w_i log P(y_i | x_i) + log P(θ)) / Σ_i w_i over all examples; a minibatch stands for the first
    sum, and ``prior_scale`` is 1 / Σ_i w_i in the user's weights. A gradient longer than ``clip_norm`` is scaled back
    to it. ``seed`` is that of the noise, and of the augmentation of the examples.
    """

    prior_scale: float = 0.0
    clip_norm: float = math.inf
    seed: int = 0
    augmentation: Composition | None = None


def kept_in(dtype: str) -> str:
    """The precision of θ and of what goes in and comes out, where ``dtype`` is what is computed in."""
    return "float32" if dtype == "bfloat16" else dtype


AVERAGE = -2  # the slot of the average of θ


class Engine(Protocol):
    """Holds θ and the optimizer's state, and runs the program on data.

    X is (n, *input_shape) of any real dtype and layout, y (n,) or (n, targets) as the likelihood's ``check`` returned
    it, w (n,) weights or None for ones. An engine that knows ``carries`` says so by ``carries_states = True``;
    one that several processes have together has a method for `of_processes`.
    """

    program: Program
    dtype: np.dtype[Any]

    def get(self, name: str, slot: int = 0) -> Array:
        """A copy of one parameter, of the optimizer's state for it (slots 1, 2, ...), or of its average (`AVERAGE`)."""

    def set(self, name: str, value: Array, slot: int = 0) -> None:
        """Replaces one parameter, the optimizer's state for it, or its average."""

    def keep(self) -> None:
        """Keeps θ, the optimizer's state, the average, and the state of recurrences that is carried, aside."""

    def restore(self) -> None:
        """Brings back what was kept last."""

    def first_non_finite(self, X: Array, threads: int) -> tuple[int, int] | None:
        """The row and the column (of the flattened example) of the first NaN or infinity in X, if there is one."""

    def start(self, optimizer: Optimizer) -> None:
        """Takes an optimizer, with its state before the first step."""

    def permutations(self, seed: int, epochs: range, n: int, threads: int) -> npt.NDArray[np.uint32]:
        """What `random.permutations` gives: the order of the n examples in each of the epochs."""

    def average(self, wanted: bool) -> None:
        """Begins to keep an average of θ, from what θ is now; or stops to."""

    def swap(self) -> None:
        """Exchanges θ and its average."""

    def train(
        self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, floor: float, terms: Terms, threads: int
    ) -> Array:
        """Takes the steps t, t + 1, ... of a chunk along the gradient of Σ_i w_i log P(y_i | x_i) / batch size.

        To that comes the score of the priors, times ``terms.prior_scale``. Returns Σ_i w_i log P(y_i | x_i) of each
        step's batch, before its update: (steps,) float64. It stops early, without that update, at a step whose mean is
        below ``floor`` or not a number, and returns up to that step.
        """

    def forget(self) -> None:
        """A fit is over: lets go of what is kept of its examples, which may be others when they are seen again."""

    def log_likelihood(self, X: Array, y: Array, threads: int, carries: bool | None = None) -> Array:
        """Log P(y_i | x_i): (n,) float64; ``carries`` says of all rows what it says of each in a `Chunk`."""

    def gradient(self, X: Array, y: Array, w: Array | None, threads: int) -> dict[str, Array]:
        """∂/∂θ Σ_i w_i log P(y_i | x_i), by parameter name."""

    def output(self, X: Array, threads: int) -> Array:
        """η: (n, width)."""

    def probabilities(self, X: Array, threads: int) -> Array:
        """P(Y = k | x): (n, classes)."""


def of_processes(engine: Engine, *values: float) -> npt.NDArray[np.float64]:
    """What each of the processes that fit one network together has for some numbers: (processes, len(values))."""
    of_all = getattr(engine, "of_processes", np.atleast_2d)
    return np.asarray(of_all(np.array(values, np.float64)))
