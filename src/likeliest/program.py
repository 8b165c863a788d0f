"""Program: a network written out as steps, each an operation on named values and named parameters.

Layers are what a user writes; a program is what an engine runs. It is plain data (to and from JSON), it knows every
shape, and it holds no numbers: θ lives in the engine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from likeliest import random
from likeliest.initializers import Initializer
from likeliest.ops import OPERATIONS
from likeliest.priors import Prior
from likeliest.xp import numpy_namespace

Shape = tuple[int, ...]
Draw = Callable[[random.Key, Shape], Any]
"""The first value of a parameter, from a stream of random numbers and its shape."""

INPUT, OUTPUT = "x", "eta"
SEQUENCE, LENGTHS = "sequence", "lengths"
"""What an input is taken apart into where sequences differ in length."""


class Form(NamedTuple):
    """What examples look like: the shape of one; or, with lengths, that of the longest sequence, (T, p) or (T,)."""

    shape: Shape
    lengths: bool = False


@dataclass(frozen=True)
class Step:
    """output = operation(*inputs, *parameters, **attributes), all by name."""

    operation: str
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """The steps of a network in order, with the shape of every value and parameter.

    Parameters
    ----------
    steps : tuple of Step
        In an order in which every input is computed before it is used. The first value is ``"x"``, the last ``"eta"``.
    values : mapping from name to shape
        The shape of each value for one example (without n).
    parameters : mapping from name to shape
        The slices of θ, in order.
    weights : tuple of str
        The parameters that a prior and weight decay act on: those that multiply, not the biases.
    statistics : tuple of str
        The parameters that are observed in training, not learned: running means and variances.
    max_norm : mapping from name to float
        Weights whose columns are kept no longer than this.
    """

    steps: tuple[Step, ...]
    values: Mapping[str, Shape]
    parameters: Mapping[str, Shape]
    weights: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    max_norm: Mapping[str, float] = field(default_factory=dict)

    @property
    def input_shape(self) -> Shape:
        """The shape of one example."""
        return self.values[INPUT]

    @property
    def form(self) -> Form:
        """What the examples look like, before they are made rows that end in a length."""
        return Form(self.values[SEQUENCE], True) if LENGTHS in self.values else Form(self.input_shape)

    @property
    def is_sequential(self) -> bool:
        """Whether some value may be a sequence (n, T, p): sequences of another length may then do, too."""
        return any(len(shape) == 2 for shape in self.values.values())

    @property
    def size(self) -> int:
        """How many numbers θ has."""
        return sum(math.prod(shape) for shape in self.parameters.values())

    def hidden(self) -> Program:
        """The steps before the output layer; the value that it takes then is ``"eta"``."""
        last = next(step for step in self.steps if any(name.startswith("output.") for name in step.parameters))
        steps = self.steps[: self.steps.index(last)]
        if not steps:
            return replace(self, steps=(), parameters={}, weights=(), statistics=(), max_norm={})
        used = {name for step in steps for name in step.parameters}
        names = {last.inputs[0]: OUTPUT}
        steps = tuple(
            replace(
                step,
                inputs=tuple(names.get(name, name) for name in step.inputs),
                output=names.get(step.output, step.output),
            )
            for step in steps
        )
        return Program(
            steps,
            {INPUT: self.input_shape}
            | {new.output: self.values[old.output] for old, new in zip(self.steps, steps, strict=False)},
            {name: shape for name, shape in self.parameters.items() if name in used},
            tuple(name for name in self.weights if name in used),
            tuple(name for name in self.statistics if name in used),
            {name: longest for name, longest in self.max_norm.items() if name in used},
        )

    def flat(self) -> Program:
        """The program with its last value as a row, where it is a sequence."""
        shape = self.values[OUTPUT]
        if len(shape) == 1:
            return self
        steps = (*self.steps[:-1], replace(self.steps[-1], output="h"))
        steps += (Step("reshape", ("h",), (), OUTPUT, {"shape": (math.prod(shape),)}),)
        values = {name: shape for name, shape in self.values.items() if name != OUTPUT}
        return replace(self, steps=steps, values=values | {"h": shape, OUTPUT: (math.prod(shape),)})

    def to_json(self) -> str:
        """The program as JSON text."""
        return json.dumps(
            {
                "steps": [[s.operation, s.inputs, s.parameters, s.output, dict(s.attributes)] for s in self.steps],
                "values": dict(self.values),
                "parameters": dict(self.parameters),
                "weights": self.weights,
                "statistics": self.statistics,
                "max_norm": dict(self.max_norm),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Program:
        """The program that ``to_json`` wrote."""
        data = json.loads(text)
        steps = tuple(
            Step(operation, tuple(inputs), tuple(parameters), output, {k: _frozen(v) for k, v in attributes.items()})
            for operation, inputs, parameters, output, attributes in data["steps"]
        )
        values, parameters = (
            {name: tuple(shape) for name, shape in data[part].items()} for part in ("values", "parameters")
        )
        weights, statistics = tuple(data["weights"]), tuple(data["statistics"])
        return cls(steps, values, parameters, weights, statistics, data["max_norm"])


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Value:
    """A value while a program is being built: its name and its shape for one example."""

    name: str
    shape: Shape


class Builder:
    """What a layer's ``build(net, x)`` writes on: parameters are declared, operations are emitted.

    Names are prefixed with the layer's, so ``net.parameter("W", ...)`` in the first Dense is ``"dense_1.W"``, and with
    those of the layers that it is in: ``"residual_1.dense_1.W"``. Shapes come from running the operation's page once,
    on no examples. Where the shapes of all parameters are ``expected``, the first one that is of another is an error,
    before anything so large is made.

    With ``lengths``, examples are sequences of that ``input_shape``, (T, p) or (T,), that may be shorter: the program's
    input is a row (T · p + 1,), the sequence with zeros after its end and then its length. The builder takes it apart
    itself: layers begin with ``input``, and those that mix steps look at ``lengths`` (n, 1), which is None where all
    sequences have T steps.
    """

    def __init__(
        self,
        input_shape: Shape,
        initializer: Initializer | str | Mapping[str, Initializer | str] | None = None,
        expected: Mapping[str, Shape] | None = None,
        lengths: bool = False,
    ) -> None:
        size = math.prod(input_shape)
        self.steps: list[Step] = []
        self.values: dict[str, Shape] = {INPUT: (size + 1,) if lengths else input_shape}
        self.parameters: dict[str, Shape] = {}
        self.draws: dict[str, Draw] = {}
        self.weights: list[str] = []
        self.statistics: list[str] = []
        self.max_norm: dict[str, float] = {}
        self.layer = ""
        self._initializer = initializer
        self._expected = expected
        self.input = Value(INPUT, self.values[INPUT])
        self.lengths: Value | None = None
        # What an encoder says, while its decoder is built: in one row, and at every step, with how many steps count.
        self.context: Value | None = None
        self.memory: tuple[Value, ...] = ()
        if lengths:
            x = self.input
            self.input = self.emit("slice", x, name=SEQUENCE, begin=0, end=size, shape=input_shape)
            self.lengths = self.emit("slice", x, name=LENGTHS, begin=size, end=size + 1, shape=(1,))

    @property
    def initializer(self) -> Initializer | str | None:
        """For the weights of this layer, where it does not say: what is for it, or for the closest that it is in."""
        if isinstance(self._initializer, Mapping):
            named = [name for name in enclosing(self.layer) if name in self._initializer]
            return self._initializer[named[-1]] if named else None
        return self._initializer

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """A layer inside the one that is being built: its names begin with the outer layer's and its own."""
        outer, self.layer = self.layer, f"{self.layer}.{name}" if self.layer else name
        try:
            yield
        finally:
            self.layer = outer

    def parameter(
        self,
        name: str,
        shape: Shape,
        initializer: Initializer,
        *,
        weight: bool = False,
        statistic: bool = False,
        max_norm: float | None = None,
        fans: tuple[int, int] | None = None,
    ) -> str:
        """Declares a slice of θ and returns its full name; see `Program` for the kinds.

        ``fans`` are how many numbers go into one that the parameter helps to compute, and how many it goes out to: for
        initializers; by default the last two sizes of its shape.
        """
        full = f"{self.layer}.{name}"
        if self._expected is not None and self._expected.get(full) != shape:
            raise ValueError(f"{full}: expected shape {shape}, found {self._expected.get(full, 'nothing')}")
        self.parameters[full] = shape
        fan_in, fan_out = fans or (1, *shape)[-2:]
        self.draws[full] = partial(initializer.sample, fan_in=fan_in, fan_out=fan_out)
        if weight:
            self.weights.append(full)
        if statistic:
            self.statistics.append(full)
        if max_norm is not None:
            self.max_norm[full] = float(max_norm)
        return full

    def emit(self, operation: str, *arguments: Value | str, name: str, **attributes: Any) -> Value:
        """Appends output = operation(*values, *parameters, **attributes) and returns the output.

        The arguments are values, then names of parameters.
        """
        full = f"{self.layer}.{name}" if self.layer and name != OUTPUT else name
        inputs = [one for one in arguments if isinstance(one, Value)]
        parameters = tuple(one for one in arguments if isinstance(one, str))
        zero = np.zeros(())  # broadcast, since parameters may be large
        blanks = [*(np.zeros((0, *x.shape)) for x in inputs)]
        blanks += [np.broadcast_to(zero, self.parameters[p]) for p in parameters]
        shape = OPERATIONS[operation].forward(numpy_namespace, *blanks, **attributes).shape[1:]
        self.steps.append(Step(operation, tuple(x.name for x in inputs), parameters, full, attributes))
        self.values[full] = shape
        return Value(full, shape)

    def finish(self) -> Program:
        """The program so far."""
        return Program(
            tuple(self.steps),
            dict(self.values),
            dict(self.parameters),
            tuple(self.weights),
            tuple(self.statistics),
            dict(self.max_norm),
        )


def enclosing(layer: str) -> list[str]:
    """The name of a layer and of all that it is in, the outermost first.

    >>> enclosing("residual_1.shortcut.dense_1")
    ['residual_1', 'residual_1.shortcut', 'residual_1.shortcut.dense_1']
    """
    parts = layer.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


def layers_of(parameters: Iterable[str]) -> list[str]:
    """The names of the layers that have these parameters, and of the layers that those are in."""
    names = (name for parameter in parameters for name in enclosing(parameter)[:-1])
    return list(dict.fromkeys(names))


def priors_by_name(prior: Prior | Mapping[str, Prior] | None, program: Program) -> dict[str, Prior]:
    """The prior of each parameter that has one.

    One prior is for all weights of the program. In a mapping, ``"weights"`` stands for all of them, the name of a layer
    for its weights and those of the layers in it, and the name of a parameter for itself, biases included; what is
    named more closely counts.

    Raises
    ------
    ValueError
        When a name is not there.
    """
    if prior is None:
        return {}
    if isinstance(prior, Prior):
        return dict.fromkeys(program.weights, prior)
    found: dict[str, Prior] = {}
    if "weights" in prior:
        found.update(dict.fromkeys(program.weights, prior["weights"]))
    # Outer layers first, so that an inner layer's prior and a parameter's own stand.
    for name, one in sorted(prior.items(), key=lambda item: item[0].count(".")):
        if name == "weights":
            continue
        weights = [weight for weight in program.weights if name in enclosing(weight)[:-1]]
        if not weights and (name not in program.parameters or name in program.statistics):
            layers = layers_of(program.weights)
            raise ValueError(
                f"prior: there is no layer or parameter {name!r}; there are {', '.join([*layers, *program.parameters])}"
            )
        found.update(dict.fromkeys(weights, one))
    found.update({name: one for name, one in prior.items() if name in program.parameters})
    return found
