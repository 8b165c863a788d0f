"""Stream: a recurrent network one step at a time, with its state kept between the calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.engines.base import Engine
from likeliest.likelihoods import Categorical, Distribution, Likelihood
from likeliest.ops import ACTIVATIONS, RECURRENCES
from likeliest.program import INPUT, OUTPUT, SEQUENCE, Builder, Program, Step, Value
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

BY_STEP = frozenset(
    {"affine", "append", "dropout", "gaussian_noise", "gate", "fill", "add", "concatenate", "layer_norm", "rms_norm"}
    | {"batch_norm", "rescale", "token_embedding", "last_step", "slice", "reshape", *ACTIVATIONS}
)
"""Operations that look at one step only."""


@dataclass(frozen=True)
class State:
    """Where a state stands behind x in a row, and what it begins with.

    ``start`` is a parameter, or a value that something else than the sequence gives, or None for zeros.
    """

    name: str
    begin: int
    end: int
    start: str | None


@dataclass(frozen=True)
class OneStep:
    """A program of one step, from rows [x_t, states before, memory] to rows [η_t, states after].

    Attributes
    ----------
    program : Program
        The step.
    states : tuple of State
        What changes from step to step.
    memory : tuple of State
        What the steps look at and leave as it is: values that hang on other parts of the input than the sequence.
    shape : tuple of int
        The shape of x_t.
    """

    program: Program
    states: tuple[State, ...]
    memory: tuple[State, ...]
    shape: tuple[int, ...]

    @property
    def given(self) -> tuple[str, ...]:
        """The values that must be known before the first step: first states, and the memory."""
        names = [one.start for one in (*self.states, *self.memory) if one.start is not None]
        return tuple(dict.fromkeys(name for name in names if name not in self.program.parameters))


def one_step(program: Program, sequence: str | None = None) -> OneStep:
    """The program of one step of a sequence: by default of the whole input, else of a part of it by its name.

    Raises
    ------
    ValueError
        When a step looks at other steps in a way that cannot go on: backwards, or over a window.
    """
    if sequence is None:
        sequence = SEQUENCE if SEQUENCE in program.values else INPUT
    shape = program.values[sequence]
    if len(shape) > 2:
        raise ValueError(f"stream: expected a network of sequences (n, T, p), found examples of shape {shape}")
    T, rest = shape[0], shape[1:]
    moving = {sequence}  # the values that hang on the sequence
    for step in program.steps:
        if step.output != sequence and moving.intersection(step.inputs):
            moving.add(step.output)
    steps = _needed(program, moving - {sequence})
    x_width = at = int(np.prod(rest, dtype=int))
    states: list[State] = []
    for step in steps:
        if step.operation in RECURRENCES:
            width = _state_width(program, step)
            states.append(State(step.output, at, at + width, _start(program, step, moving)))
            at += width
        elif not _by_step(step, moving):
            raise ValueError(
                f"stream: {step.output.rpartition('.')[0]!r} ({step.operation}) looks at several steps at once; a "
                "stream goes on step by step, through recurrent layers and layers of one step"
            )
    if not states:
        raise ValueError("stream: this network has no recurrent layer, so it keeps nothing: use predict")
    memory: list[State] = []
    for step in steps:
        for name in _inputs(step):
            if name not in moving and name not in (one.name for one in memory):
                width = int(np.prod(program.values[name]))
                memory.append(State(name, at, at + width, name))
                at += width
    net = Builder((at,), None, None)
    net.parameters, net.layer = dict(program.parameters), "stream"
    row = Value(INPUT, (at,))
    now = {sequence: net.emit("slice", row, name="x", begin=0, end=x_width, shape=(1, *rest))}
    for number, one in enumerate(memory):
        now[one.name] = net.emit(
            "slice", row, name=f"memory_{number}", begin=one.begin, end=one.end, shape=program.values[one.name]
        )
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
        now[step.output] = net.emit(
            step.operation, *(now[one] for one in _inputs(step)), *step.parameters, name=name, **attributes
        )
    net.emit("concatenate", now[OUTPUT], *after, name=OUTPUT)
    return OneStep(_without_others(net.finish()), tuple(states), tuple(memory), rest)


def beginning(program: Program, names: tuple[str, ...]) -> Program:
    """The program that gives some values of another, side by side in rows, in this order."""
    wanted, steps = set(names), []
    for step in reversed(program.steps):
        if step.output in wanted:
            steps.append(step)
            wanted |= set(step.inputs)
    steps.reverse()
    values = {INPUT: program.input_shape} | {step.output: program.values[step.output] for step in steps}
    flat = []
    for number, name in enumerate(names):
        width = (int(np.prod(program.values[name])),)
        output = f"flat_{number}" if len(names) > 1 else OUTPUT
        steps.append(Step("reshape", (name,), (), output, {"shape": width}))
        values[output] = width
        flat.append(output)
    if len(names) > 1:
        steps.append(Step("concatenate", tuple(flat), (), OUTPUT))
        values[OUTPUT] = (sum(values[name][0] for name in flat),)
    return _without_others(Program(tuple(steps), values, program.parameters))


def _without_others(program: Program) -> Program:
    """The program with those parameters only that its steps have."""
    used = {name for step in program.steps for name in step.parameters}
    parameters = {name: shape for name, shape in program.parameters.items() if name in used}
    return Program(program.steps, program.values, parameters)


def _inputs(step: Step) -> tuple[str, ...]:
    """What a step takes where there is one: without lengths, masks and first states of the sequence."""
    return step.inputs[:1] if step.operation in (*RECURRENCES, "last_step") else step.inputs


def _by_step(step: Step, moving: set[str]) -> bool:
    """Whether a step looks at one step of the sequence only."""
    if step.operation == "attention":
        return not step.attributes["causal"] and not moving.intersection(step.inputs[1:])
    return step.operation in BY_STEP


def _needed(program: Program, moving: set[str]) -> list[Step]:
    """The steps that η of a prediction depends on, of those that hang on the sequence."""
    wanted, steps = {OUTPUT}, []
    for step in reversed(program.steps):
        if step.output in wanted and step.output in moving:
            steps.append(step)
            wanted |= set(_inputs(step))
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


def _start(program: Program, step: Step, moving: set[str]) -> str | None:
    """The parameter that a learned first state is, or the value that is one; None for zeros."""
    if not step.attributes["state"]:
        return None
    name = step.inputs[1 + bool(step.attributes["lengths"])]
    if name not in moving:
        return name
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
        step: OneStep,
        starts: Mapping[str, Array],
        likelihood: Likelihood,
        examples: int | None,
        codes: int | None = None,
    ) -> None:
        self._engine, self.likelihood = engine, likelihood
        self.codes = codes  # how many there are, where x is one
        self._shape = step.shape if examples is None else (examples, *step.shape)
        self._one = examples is None
        self._x_width, self._width = step.states[0].begin, likelihood.width
        self._end = step.states[-1].end
        self._rows = np.zeros((examples or 1, *step.program.input_shape), engine.dtype)
        for one in (*step.states, *step.memory):
            if one.start is not None:
                value = starts[one.start]
                self._rows[:, one.begin : one.end] = value.reshape(-1, one.end - one.begin)
        self._starts = self._rows[:, self._x_width : self._end].copy()

    def reset(self) -> None:
        """Forgets what was seen: the next step is the first."""
        self._rows[:, self._x_width : self._end] = self._starts

    def take(self, rows: Any) -> None:
        """Goes on with some of the sequences, in this order, each as often as it is named: rows (m,) of 0 … n − 1."""
        if self._one:
            raise ValueError("take: this stream has one sequence; make it with a number of examples")
        self._rows, self._starts = self._rows[rows], self._starts[rows]
        self._shape = (len(self._rows), *self._shape[1:])

    @property
    def state(self) -> Array:
        """What is kept: a copy (n, m) of all states side by side; assign to it to go back to one."""
        return self._rows[:, self._x_width : self._end].copy()

    @state.setter
    def state(self, value: Any) -> None:
        value = np.asarray(value)
        expected = self._starts.shape
        if value.shape != expected or not np.isfinite(value).all():
            raise ValueError(f"state: expected {expected} finite numbers, as state gives them, found {value.shape}")
        self._rows[:, self._x_width : self._end] = value

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
        if self.codes is not None and not (((x >= 0) & (x < self.codes)).all() and (x == np.floor(x)).all()):
            raise ValueError(f"x: this stream takes codes 0 to {self.codes - 1}, found {x}; the state is what it was")
        rows[:, : self._x_width] = x.reshape(len(rows), -1)
        row = self._engine.output(rows, 1)
        if not math.isfinite(row.sum()):  # one number tells, and takes less than a look at each
            raise ValueError(f"x: expected finite numbers, not too large for {rows.dtype}; the state is what it was")
        rows[:, self._x_width : self._end] = row[:, self._width :]
        eta: Array = row[:, : self._width]
        return eta

    def predict(self, x: Any) -> Array:
        """The most probable class, or the mean of y, after one more step: a number, or (n,)."""
        if self.likelihood.classes is None:
            mean = np.asarray(self.likelihood.mean(numpy_namespace, self.output(x)))
            return np.asarray(mean[0] if self._one else mean)
        return np.asarray(np.argmax(self.predict_proba(x), axis=-1))

    def predict_proba(self, x: Any) -> Array:
        """P(Y = k) for each class k after one more step: (classes,), or (n, classes)."""
        if self.likelihood.classes is None:
            raise ValueError(f"predict_proba: y has no classes under {self.likelihood!r}; use predict_dist(x)")
        eta = self.output(x)
        if type(self.likelihood) is Categorical:  # as its page has it, in half the time
            p = eta - np.maximum.reduce(eta, axis=1, keepdims=True)
            np.exp(p, out=p)
            p /= np.add.reduce(p, axis=1, keepdims=True)
        else:
            p = np.asarray(self.likelihood.probabilities(numpy_namespace, eta))
        return p[0] if self._one else p

    def predict_dist(self, x: Any) -> Distribution:
        """The distribution of y after one more step, of n sequences at once."""
        return self.likelihood.distribution(self.output(x).astype(np.float64))
