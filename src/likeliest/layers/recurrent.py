"""Recurrent layers: a cell at every step of a sequence,  x (n, T, p), h (n, q) or (n, T, q)."""

from __future__ import annotations

import math
from abc import abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest import initializers, random
from likeliest.initializers import Glorot, Initializer, Orthogonal, Zeros
from likeliest.layers.base import Layer, check_fraction, check_width
from likeliest.layers.space import written
from likeliest.ops import ACTIVATIONS
from likeliest.program import INPUT, Builder, Value


def clip_norm_for(batch_size: int) -> float:
    """How long a gradient may be in the fit of a network with such a layer, if nothing else is said: max(1, 8/√m).

    The mean of m scores strays from its expectation by 1/√m of what one score does. A bound that is right for many
    would cut nearly every gradient of one, and the more, the worse the example is predicted.

    >>> [round(clip_norm_for(m), 1) for m in (1, 16, 64, 128)]
    [8.0, 2.0, 1.0, 1.0]
    """
    return max(1.0, 8.0 / math.sqrt(batch_size))


@dataclass(frozen=True, repr=False)
class Recurrent(Layer):
    """What RNN, LSTM and GRU have in common; see `LSTM` for the parameters."""

    width: int
    return_sequences: bool = field(default=False, kw_only=True)
    layers: int = field(default=1, kw_only=True)
    bidirectional: bool = field(default=False, kw_only=True)
    dropout: float = field(default=0.0, kw_only=True)
    input_dropout: float = field(default=0.0, kw_only=True)
    recurrent_dropout: float = field(default=0.0, kw_only=True)
    initial_state: str = field(default="zeros", kw_only=True)
    truncate: int | None = field(default=None, kw_only=True)
    initializer: Initializer | str | None = field(default=None, kw_only=True)
    recurrent_initializer: Initializer | str = field(default="orthogonal", kw_only=True)

    parts_of_state: ClassVar[int] = 1
    """How many times q the state is wide."""
    gates: ClassVar[int] = 1
    """How many times q the columns of W are."""

    def __post_init__(self) -> None:
        check_width(self.width)
        for name in ("return_sequences", "bidirectional"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}: expected True or False, found {getattr(self, name)!r}")
        check_count("layers", self.layers)
        for name in ("dropout", "input_dropout", "recurrent_dropout"):
            check_fraction(name, getattr(self, name))
        if self.dropout and self.layers == 1:
            raise ValueError(
                f"dropout: it is between the layers, and there is one; use input_dropout={self.dropout}, "
                f"recurrent_dropout, or Dropout({self.dropout}) after it"
            )
        if self.initial_state not in ("zeros", "learned", "context"):
            raise ValueError(f'initial_state: expected "zeros", "learned" or "context", found {self.initial_state!r}')
        if self.truncate is not None:
            check_count("truncate", self.truncate)
        initializers.resolve(self.initializer, "initializer", Zeros())
        initializers.resolve(self.recurrent_initializer, "recurrent_initializer", Zeros())

    def __repr__(self) -> str:
        """Its width, and what is not as it is by default."""
        others = [one for one in fields(self) if one.name != "width" and getattr(self, one.name) != one.default]
        given = [repr(self.width), *(f"{one.name}={getattr(self, one.name)!r}" for one in others)]
        return f"{type(self).__name__}({', '.join(given)})"

    def build(self, net: Builder, x: Value) -> Value:
        """One recurrence after another, each in one direction or in both."""
        x = as_sequence(net, x)
        if self.input_dropout:
            k = mask(net, x, x.shape[-1], self.input_dropout, "input")
            x = net.emit("gate", x, k, name="input")
        for layer in range(1, self.layers + 1):
            every = self.return_sequences or layer < self.layers
            with net.within(f"layer_{layer}") if layer > 1 else nullcontext():
                if layer > 1 and self.dropout:
                    x = net.emit("dropout", x, name="dropped", rate=float(self.dropout))
                h = self._recurrence(net, x, every, reverse=False)
                if self.bidirectional:
                    with net.within("backward"):
                        back = self._recurrence(net, x, every, reverse=True)
                    h = net.emit("concatenate", h, back, name="both")
            x = h
        return x

    def _recurrence(self, net: Builder, x: Value, every: bool, reverse: bool) -> Value:
        """One operation, with its parameters and what it takes besides x."""
        q, p = int(self.width), x.shape[-1]
        values, state, keep = [x], None, None
        if net.lengths is not None:
            values.append(net.lengths)
        if self.initial_state == "learned":
            one = net.emit("fill", x, name="one", value=1.0, width=1)
            state = net.parameter("state", (1, self.parts_of_state * q), Zeros())
            values.append(net.emit("affine", one, state, name="start"))
        if self.initial_state == "context":
            if net.context is None:
                raise ValueError(f'{net.layer}: initial_state="context" is for the decoder of an EncoderDecoder')
            c, width = net.context.shape[0], self.parts_of_state * q
            state = net.parameter("W_start", (c, width), Glorot(), weight=True)
            values.append(
                net.emit("affine", net.context, state, net.parameter("b_start", (width,), Zeros()), name="start")
            )
        if self.recurrent_dropout:
            keep = mask(net, x, q, self.recurrent_dropout, "recurrent")
            values.append(keep)
        chosen = net.initializer if self.initializer is None else self.initializer
        start = ByGate(initializers.resolve(chosen, "initializer", Glorot()), self.gates)
        recurrent = ByGate(initializers.resolve(self.recurrent_initializer, "", Orthogonal()), self.gates)
        W = net.parameter("W", (p, self.gates * q), start, weight=True, fans=(p, q))
        U = net.parameter("U", (q, self.gates * q), recurrent, weight=True, fans=(q, q))
        attributes: dict[str, Any] = {
            "lengths": net.lengths is not None, "state": state is not None, "keep": keep is not None, "every": every,
            "reverse": reverse, "truncate": int(self.truncate or 0),
        }  # fmt: skip
        operation, parameters, more = self.cell(net, q)
        return net.emit(operation, *values, W, U, *parameters, name="h", **attributes, **more)

    @abstractmethod
    def cell(self, net: Builder, q: int) -> tuple[str, list[str], dict[str, Any]]:
        """The operation, its parameters after W and U, and its own attributes."""


@dataclass(frozen=True)
class ByGate(Initializer):
    """W (p, gates · q) as one draw (p, q) for each gate, side by side."""

    initializer: Initializer
    gates: int

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> npt.NDArray[np.float64]:
        """Each gate from a stream of its own."""
        *rest, width = shape
        own = (*rest, width // self.gates)
        keys = [key] if self.gates == 1 else [random.substream(key, gate) for gate in range(self.gates)]
        return np.concatenate([self.initializer.sample(one, own, fan_in, fan_out) for one in keys], axis=-1)


def mask(net: Builder, x: Value, width: int, rate: float, name: str) -> Value:
    """A dropout of ones: (n, width), the same for all steps of a sequence."""
    ones = net.emit("fill", x, name=f"{name}_ones", value=1.0, width=width)
    return net.emit("dropout", ones, name=f"{name}_mask", rate=float(rate))


def as_sequence(net: Builder, x: Value) -> Value:
    """X as (n, T, p); of numbers (n, T), as they come in, each step is one number.

    Raises
    ------
    ValueError
        When x is neither. What other layers made is no sequence of numbers: a step for each cell of a layer is what
        nobody wants.
    """
    if len(x.shape) == 1 and _comes_in(net, x):
        return net.emit("reshape", x, name="x", shape=(*x.shape, 1))
    if len(x.shape) == 1:
        raise ValueError(
            f"{net.layer} expects sequences (n, T, p), got {written(x.shape)}: is return_sequences=True missing in the "
            "recurrence before it?"
        )
    if len(x.shape) != 2:
        raise ValueError(
            f"{net.layer} expects sequences (n, T, p), or numbers (n, T); got {written(x.shape)}: reshape X; the rows "
            "of images (n, H, W, c) are steps in X.reshape(n, H, W * c)"
        )
    return x


def _comes_in(net: Builder, x: Value) -> bool:
    """Whether x has the numbers of the input, one by one."""
    made, name = {step.output: step for step in net.steps}, x.name
    while name != net.input.name:
        step = made[name]
        if step.operation not in (*ACTIVATIONS, "rescale", "reshape", "dropout", "gaussian_noise", "slice"):
            return False
        name = step.inputs[0]
        if name == INPUT:
            return True
    return True


def check_count(name: str, value: Any) -> None:
    """A ValueError unless value is a whole number of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value!r}")
