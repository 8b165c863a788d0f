"""Rereading: a sequence that is read again at every step, where no state tells what came before.

So go networks with attention and convolutions on. Those that keep keys and values of earlier steps do less arithmetic;
here a step of t costs what a prediction of t steps does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods import Likelihood
from likeliest.one_step import State, without_others
from likeliest.program import INPUT, Program, Step
from likeliest.stream import Stream

Array = npt.NDArray[Any]
Read = Callable[[Array, Array | None], Array]
"""From all steps so far (n, t, …), and what else is known of the sequences (n, m), to η after the last step."""


class Rereading(Stream):
    """A stream that keeps the steps themselves, at most the ``most`` last ones, and reads all of them at each.

    Parameters
    ----------
    read : callable
        What reads them.
    most : int
        How many steps are kept: those before them are forgotten.
    dtype : dtype
        Of the steps.
    likelihood, step, examples, codes
        As in `Stream`.
    memory : (n, m) array, optional
        What is known of each sequence besides its steps.
    """

    def __init__(
        self,
        read: Read,
        most: int,
        dtype: Any,
        likelihood: Likelihood,
        step: tuple[int, ...],
        examples: int | None,
        codes: int | None,
        memory: Array | None = None,
    ) -> None:
        super().__init__(likelihood, step, examples, codes)
        self._reads, self._most, self._memory = read, most, memory
        self._steps = np.empty((examples or 1, 0, *step), dtype)

    def reset(self) -> None:
        """Forgets what was seen: the next step is the first."""
        self._steps = self._steps[:, :0]

    def _take(self, rows: Array) -> None:
        self._steps = self._steps[rows]
        self._memory = None if self._memory is None else self._memory[rows]

    @property
    def state(self) -> Array:
        """The steps: a copy (n, t, …)."""
        return self._steps.copy()

    @state.setter
    def state(self, value: Any) -> None:
        value, steps = np.asarray(value), self._steps
        fits = value.ndim == steps.ndim and (value.shape[0], *value.shape[2:]) == (len(steps), *steps.shape[2:])
        if not fits or not np.isfinite(value).all():
            expected = f"({len(steps)}, t{''.join(f', {size}' for size in steps.shape[2:])})"
            raise ValueError(f"state: expected {expected} finite numbers, as state gives them, found {value.shape}")
        self._steps = value[:, -self._most :].astype(steps.dtype)

    def _after(self, x: Array) -> Array:
        return self._read(x[None] if self._one else x[:, None])

    def _read(self, X: Array) -> Array:
        with np.errstate(over="ignore"):  # an infinity is refused
            more = (X[None] if self._one else X).astype(self._steps.dtype)
        steps = np.concatenate([self._steps, more], axis=1)[:, -self._most :]
        eta = self._reads(steps, self._memory) if np.isfinite(more).all() else np.array(np.nan)
        if not np.isfinite(eta).all():
            raise ValueError(f"x: expected finite numbers, not too large for {steps.dtype}; the state is what it was")
        self._steps = steps
        return eta


def remainder(program: Program, sequence: str) -> tuple[Program, tuple[State, ...]]:
    """The part of a program that hangs on a sequence, from rows [the sequence, what else it takes] to η.

    Also: what else it takes, in the order and the places where it stands in the row. A sequence of another length
    takes the same.
    """
    moving, steps = {sequence}, list[Step]()
    for step in program.steps:
        if moving.intersection(step.inputs):
            moving.add(step.output)
            steps.append(step)
    shape = program.values[sequence]
    at = int(np.prod(shape))
    first = [Step("slice", (INPUT,), (), sequence, {"begin": 0, "end": at, "shape": shape})]
    memory: list[State] = []
    for name in dict.fromkeys(name for step in steps for name in step.inputs if name not in moving):
        end = at + int(np.prod(program.values[name]))
        first.append(Step("slice", (INPUT,), (), name, {"begin": at, "end": end, "shape": program.values[name]}))
        memory.append(State(name, at, end, name))
        at = end
    values = {INPUT: (at,)} | {step.output: program.values[step.output] for step in (*first, *steps)}
    return without_others(Program((*first, *steps), values, program.parameters)), tuple(memory)
