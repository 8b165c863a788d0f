"""One step: the program that takes a sequence one step further, from a state to the next.

Where recurrences run forward and all else looks at one step, what they keep is all that a network needs to know of what
came before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeliest.causality import WINDOWS, check_causal
from likeliest.ops import RECURRENCES
from likeliest.program import INPUT, OUTPUT, Builder, Program, Step, Value

LOOKS_BACK = frozenset({*WINDOWS, "positions", "sinusoidal", "rotary"})
"""Operations that look at earlier steps, or at where a step is."""


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


def is_carried(program: Program, sequence: str = INPUT) -> bool:
    """Whether the state of recurrences is all that is to be known of earlier steps, and there is such a state."""
    moving = _moving(program, sequence)
    steps = _needed(program, moving - {sequence})
    for step in steps:
        if step.operation in LOOKS_BACK or (step.operation == "attention" and moving.intersection(step.inputs[1:])):
            return False
    return any(step.operation in RECURRENCES for step in steps)


def one_step(program: Program, sequence: str = INPUT) -> OneStep:
    """The program of one step of a sequence: by default of the whole input, else of a part of it by its name.

    Raises
    ------
    ValueError
        When a step looks at later ones; see `check_causal`.
    """
    check_causal(program, sequence)
    shape = program.values[sequence]
    T, rest = shape[0], shape[1:]
    moving = _moving(program, sequence)
    steps = _needed(program, moving - {sequence})
    x_width = at = int(np.prod(rest, dtype=int))
    states: list[State] = []
    for step in steps:
        if step.operation in RECURRENCES:
            width = _state_width(program, step)
            states.append(State(step.output, at, at + width, _start(program, step, moving)))
            at += width
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
            attributes["shape"] = _of_one_step(program.values[step.inputs[0]], attributes["shape"], T)
        if step.operation == "last_step":
            attributes["lengths"] = False
        now[step.output] = net.emit(
            step.operation, *(now[one] for one in _inputs(step)), *step.parameters, name=name, **attributes
        )
    net.emit("concatenate", now[OUTPUT], *after, name=OUTPUT)
    return OneStep(without_others(net.finish()), tuple(states), tuple(memory), rest)


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
    return without_others(Program(tuple(steps), values, program.parameters))


def without_others(program: Program) -> Program:
    """The program with those parameters only that its steps have."""
    used = {name for step in program.steps for name in step.parameters}
    parameters = {name: shape for name, shape in program.parameters.items() if name in used}
    return Program(program.steps, program.values, parameters)


def _inputs(step: Step) -> tuple[str, ...]:
    """What a step takes where there is one: without lengths, masks and first states of the sequence."""
    return step.inputs[:1] if step.operation in (*RECURRENCES, "last_step") else step.inputs


def _moving(program: Program, sequence: str) -> set[str]:
    """The values that hang on the sequence, with itself."""
    moving = {sequence}
    for step in program.steps:
        if step.output != sequence and moving.intersection(step.inputs):
            moving.add(step.output)
    return moving


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


def _of_one_step(before: tuple[int, ...], shape: tuple[int, ...], T: int) -> tuple[int, ...]:
    """The shape of a reshape where there is one step instead of T."""
    return (shape[0] // T, *shape[1:]) if before[0] == T else shape
