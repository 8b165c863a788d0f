"""What a workload's network is made of, each layer with the shape that it gives and the arithmetic that it takes.

Shapes are those of one example, channels last: (*space, c), or (T, p) for a recurrence, (p,) for a dense layer.
"""

# ruff: noqa: D102 (Layer says what the methods are)

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Literal

Shape = tuple[int, ...]
Activation = Literal["logistic", "relu", "identity"]


class Layer(ABC):
    """From values of one shape to values of another."""

    @abstractmethod
    def shape(self, given: Shape) -> Shape:
        """What it makes of the shape ``given``."""

    def product_flop(self, given: Shape) -> int:
        """The FLOP of its products with weights, forward, per example."""
        return 0

    def input_flop(self, given: Shape) -> int:
        """Those of them that multiply what it is given, and not what it has computed itself."""
        return self.product_flop(given)


@dataclass(frozen=True)
class Dense(Layer):
    """(p,) → (width,)"""

    width: int
    activation: Activation = "identity"

    def shape(self, given: Shape) -> Shape:
        return (self.width,)

    def product_flop(self, given: Shape) -> int:
        return 2 * given[0] * self.width


@dataclass(frozen=True)
class Convolution(Layer):
    """(*space, c) → (*space - kernel + 1, width): stride 1, no padding. Depthwise: width c, each channel by itself."""

    width: int
    kernel: int
    activation: Activation = "identity"
    depthwise: bool = False

    def shape(self, given: Shape) -> Shape:
        return (*(size - self.kernel + 1 for size in given[:-1]), self.width)

    def product_flop(self, given: Shape) -> int:
        channels = 1 if self.depthwise else given[-1]
        return 2 * prod(self.shape(given)) * self.kernel ** (len(given) - 1) * channels


@dataclass(frozen=True)
class Recurrence(Layer):
    """(T, p) → (width,): the state after the last step, from one of zeros. The forget gate's bias starts at 1."""

    width: int
    kind: Literal["lstm", "gru"]

    @property
    def gates(self) -> int:
        return {"lstm": 4, "gru": 3}[self.kind]

    def shape(self, given: Shape) -> Shape:
        return (self.width,)

    def product_flop(self, given: Shape) -> int:
        """Nothing is multiplied by the state of zeros that the first step is given."""
        steps, _ = given
        return self.input_flop(given) + 2 * (steps - 1) * self.width * self.gates * self.width

    def input_flop(self, given: Shape) -> int:
        steps, p = given
        return 2 * steps * p * self.gates * self.width


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest of each window of 2 along every axis; a remainder of 1 is left out."""

    def shape(self, given: Shape) -> Shape:
        return (*(size // 2 for size in given[:-1]), given[-1])


@dataclass(frozen=True)
class GlobalAverage(Layer):
    """(*space, c) → (c,)"""

    def shape(self, given: Shape) -> Shape:
        return given[-1:]


@dataclass(frozen=True)
class Flatten(Layer):
    """(*space, c) → (the product of all,)"""

    def shape(self, given: Shape) -> Shape:
        return (prod(given),)
