"""Stream: a recurrent network one step at a time, with its state kept between the calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.engines.base import Engine
from likeliest.likelihoods import Distribution, Likelihood
from likeliest.ops import ACTIVATIONS, RECURRENCES
from likeliest.program import INPUT, OUTPUT, Builder, Program, Step, Value
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

BY_STEP = frozenset(
    {"affine", "append", "dropout", "gaussian_noise", "gate", "fill", "add", "concatenate", "layer_norm", "rms_norm"}
    | {"batch_norm", "rescale", "token_embedding", "last_step", "slice", "reshape", *ACTIVATIONS}
)
"""Operations that look at one step only."""


@dataclass(frozen=True)
class State:
    """Where a state stands behind x in a row, and where it begins: the row of a parameter, or 0."""

    name: str
    begin: int
    end: int
    start: str | None


def one_step(program: Program) -> tuple[Program, tuple[State, ...]]:
    """The program of one step: from the row [x_t, states before] to the row [η_t, states after].

    Raises
    ------
    ValueError
        When a step looks at other steps in a way that cannot go on: backwards, or over a window.
    """
    lengths = program.steps and program.values[INPUT][0] > 1 and program.steps[0].operation == "slice"
    sequence = program.steps[0].output if lengths else INPUT
    shape = program.values[sequence]
    if len(shape) > 2:
        raise ValueError(f"stream: expected a network of sequences (n, T, p), found examples of shape {shape}")
    T, rest = shape[0], shape[1:]
    steps = _needed(program, sequence)
    x_width = int(np.prod(rest, dtype=int))
    states: list[State] = []
    at = x_width
    for step in steps:
        if step.operation in RECURRENCES:
            width = _state_width(program, step)
            states.append(State(step.output, at, at + width, _start(program, step)))
            at += width
        elif step.operation not in BY_STEP:
            raise ValueError(
                f"stream: {step.output.rpartition('.')[0]!r} ({step.operation}) looks at several steps at once; a "
                "stream goes on step by step, through recurrent layers and layers of one step"
            )
    if not states:
        raise ValueError("stream: this network has no recurrent layer, so it keeps nothing: use predict")
    net = Builder((at,), None, None)
    net.parameters, net.layer = dict(program.parameters), "stream"
    row = Value(INPUT, (at,))
    now = {sequence: net.emit("slice", row, name="x", begin=0, end=x_width, shape=(1, *rest))}
    after = []
    for number, step in enumerate(steps):
        name = f"v{number}"
        if step.operation in RECURRENCES:
            place = next(state for state in states if state.name == step.output)
            q, attributes = place.end - place.begin, dict(step.attributes)
            before = net.emit("slice", row, name=f"{name}_before", begin=place.begin, end=place.end, shape=(q,))
            attributes |= {"lengths": False, "state": True, "keep": False, "every": False, "truncate": 0}
            if "cell" in attributes:
                attributes["cell"] = True
            new = net.emit(step.operation, now[step.inputs[0]], before, *step.parameters, name=name, **attributes)
            after.append(new)
            h = program.values[step.output]
            width = q if step.attributes.get("cell") else h[-1]
            every = bool(step.attributes["every"])
            now[step.output] = net.emit(
                "slice", new, name=f"{name}_h", begin=0, end=width, shape=(1, width) if every else (width,)
            )
            continue
        attributes = dict(step.attributes)
        if step.operation == "reshape":
            attributes["shape"] = _of_one_step(program.values[step.inputs[0]], attributes["shape"], T, step)
        if step.operation == "last_step":
            attributes["lengths"] = False
        inputs = step.inputs[:1] if step.operation == "last_step" else step.inputs
        now[step.output] = net.emit(
            step.operation, *(now[one] for one in inputs), *step.parameters, name=name, **attributes
        )
    net.emit("concatenate", now[OUTPUT], *after, name=OUTPUT)
    built = net.finish()
    used = {name for step in built.steps for name in step.parameters}
    parameters = {name: size for name, size in built.parameters.items() if name in used}
    return Program(built.steps, built.values, parameters), tuple(states)


def _needed(program: Program, sequence: str) -> list[Step]:
    """The steps that η of a prediction depends on, without what lengths, masks and first states are made of."""
    wanted, steps = {OUTPUT}, []
    for step in reversed(program.steps):
        if step.output not in wanted or step.output == sequence:
            continue
        steps.append(step)
        wanted |= set(step.inputs[:1] if step.operation in (*RECURRENCES, "last_step") else step.inputs)
    return steps[::-1]


def _state_width(program: Program, step: Step) -> int:
    """How many numbers a recurrence keeps."""
    if step.attributes["reverse"]:
        raise ValueError(
            f"stream: {step.output.rpartition('.')[0]!r} runs from the end to the start, and a stream has no end yet; "
            "leave bidirectional=True out"
        )
    q = program.parameters[step.parameters[1]][0]
    return 2 * q if "cell" in step.attributes else q


def _start(program: Program, step: Step) -> str | None:
    """The parameter that a learned first state is; None for zeros."""
    if not step.attributes["state"]:
        return None
    name = step.inputs[1 + bool(step.attributes["lengths"])]
    by_output = {one.output: one for one in program.steps}
    maker = by_output.get(name)
    if maker is None or maker.operation != "affine" or by_output[maker.inputs[0]].operation != "fill":
        raise ValueError(f"stream: the first state of {step.output!r} is computed from x, so it cannot begin by itself")
    return maker.parameters[0]


def _of_one_step(before: tuple[int, ...], shape: tuple[int, ...], T: int, step: Step) -> tuple[int, ...]:
    """The shape of a reshape where there is one step instead of T."""
    flattens = len(shape) < len(before) and step.output != OUTPUT
    if before[0] == T and shape[0] % T == 0 and not flattens:
        return (shape[0] // T, *shape[1:])
    if before[0] != T:
        return shape
    raise ValueError(f"stream: {step.output!r} mixes the steps of a sequence")


class Stream:
    """A network that is given a sequence one step at a time, and says after each what it predicts.

    Made by `Network.stream`. What was seen is kept in ``state``, so that a step costs the same however long the
    sequence is. θ is what it was when the stream was made. The methods are those of the network, for one step: each
    takes x and goes on by it.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> net = ll.Network([ll.LSTM(4)], likelihood="normal").build((10, 2), seed=0)
    >>> X = np.random.default_rng(0).normal(size=(1, 10, 2))
    >>> stream = net.stream()
    >>> for x in X[0]:
    ...     y = stream.predict(x)
    >>> np.allclose(y, net.predict(X), atol=1e-6)
    True
    """

    def __init__(
        self,
        engine: Engine,
        states: tuple[State, ...],
        starts: Mapping[str, Array],
        likelihood: Likelihood,
        shape: tuple[int, ...],
        examples: int | None,
        dtype: str,
    ) -> None:
        self._engine, self._states, self._likelihood = engine, states, likelihood
        self._shape = shape if examples is None else (examples, *shape)
        self._one = examples is None
        self._x_width, self._width = states[0].begin, likelihood.width
        self._rows = np.zeros((examples or 1, states[-1].end), dtype)
        self._starts = np.zeros(states[-1].end - self._x_width, dtype)
        for state in states:
            if state.start is not None:
                self._starts[state.begin - self._x_width : state.end - self._x_width] = starts[state.start].ravel()
        self.reset()

    def reset(self) -> None:
        """Forgets what was seen: the next step is the first."""
        self._rows[:, self._x_width :] = self._starts

    @property
    def state(self) -> Array:
        """What is kept: a copy (n, m) of all states side by side; assign to it to go back to one."""
        return self._rows[:, self._x_width :].copy()

    @state.setter
    def state(self, value: Any) -> None:
        value = np.asarray(value)
        expected = self._rows[:, self._x_width :].shape
        if value.shape != expected or not np.isfinite(value).all():
            raise ValueError(f"state: expected {expected} finite numbers, as state gives them, found {value.shape}")
        self._rows[:, self._x_width :] = value

    def output(self, x: Any) -> Array:
        """η after one more step: x (p,), or (n, p) for several sequences side by side -> (1, width) or (n, width).

        Raises
        ------
        ValueError
            When x is not one step, or not finite; the state is then what it was.
        """
        x = np.asarray(x)
        if x.shape != self._shape:
            raise ValueError(f"x: this stream takes one step of shape {self._shape}, found {x.shape}")
        rows = self._rows
        rows[:, : self._x_width] = x.reshape(len(rows), -1)
        row = self._engine.output(rows, 1)
        if not np.isfinite(row).all():
            raise ValueError(f"x: expected finite numbers, not too large for {rows.dtype}; the state is what it was")
        rows[:, self._x_width :] = row[:, self._width :]
        return np.asarray(row[:, : self._width])

    def predict(self, x: Any) -> Array:
        """The most probable class, or the mean of y, after one more step: a number, or (n,)."""
        if self._likelihood.classes is None:
            mean = np.asarray(self._likelihood.mean(numpy_namespace, self.output(x)))
            return np.asarray(mean[0] if self._one else mean)
        return np.asarray(np.argmax(self.predict_proba(x), axis=-1))

    def predict_proba(self, x: Any) -> Array:
        """P(Y = k) for each class k after one more step: (classes,), or (n, classes)."""
        if self._likelihood.classes is None:
            raise ValueError(f"predict_proba: y has no classes under {self._likelihood!r}; use predict_dist(x)")
        p = np.asarray(self._likelihood.probabilities(numpy_namespace, self.output(x)))
        return p[0] if self._one else p

    def predict_dist(self, x: Any) -> Distribution:
        """The distribution of y after one more step, of n sequences at once."""
        return self._likelihood.distribution(self.output(x).astype(np.float64))
