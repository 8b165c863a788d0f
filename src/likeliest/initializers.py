"""Where θ starts: W (fan_in, fan_out), b (fan_out,).

The handout's warning: if all θ start at 0, every hidden cell computes the same value, gets the same gradient and stays
a copy of its neighbours for ever. So weights start random, on a scale that keeps the size of the signal from layer to
layer, and biases start at 0.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Initializer(ABC):
    """A rule for the first value of a parameter."""

    @abstractmethod
    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """The first value, in float64, from the stream of random numbers that ``key`` names."""


@dataclass(frozen=True)
class Zeros(Initializer):
    """θ = 0."""

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Zeros of the shape."""
        return np.zeros(shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """θ = value."""

    value: float

    def __post_init__(self) -> None:
        _check_finite("value", self.value)

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """The constant, in the shape."""
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Normal(Initializer):
    """θ ~ N(mean, scale²)."""

    scale: float = 0.01
    mean: float = 0.0

    def __post_init__(self) -> None:
        _check_scale("scale", self.scale)
        _check_finite("mean", self.mean)

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Normal draws."""
        return self.mean + self.scale * random.normal(key, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """θ ~ U(low, high)."""

    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        _check_finite("low", self.low)
        _check_finite("high", self.high)
        if not self.low < self.high:
            raise ValueError(f"high: expected a number above low = {self.low}, found {self.high}")

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Uniform draws."""
        return self.low + (self.high - self.low) * random.uniform(key, shape)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """A draw of mean 0 whose variance is set by how many cells a parameter connects.

    Parameters
    ----------
    distribution : {"uniform", "normal"}
        The shape of the draw.
    """

    distribution: str = "uniform"

    def __post_init__(self) -> None:
        if self.distribution not in ("uniform", "normal"):
            raise ValueError(f'distribution: expected "uniform" or "normal", found {self.distribution!r}')

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """The variance of a weight between fan_in and fan_out cells."""

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Draws of that variance."""
        scale = math.sqrt(self.variance(max(fan_in, 1), max(fan_out, 1)))
        if self.distribution == "normal":
            return scale * random.normal(key, shape)
        return math.sqrt(3.0) * scale * (2.0 * random.uniform(key, shape) - 1.0)


@dataclass(frozen=True)
class Glorot(VarianceScaling):
    """Variance 2 / (fan_in + fan_out): for logistic, tanh and linear cells (Glorot and Bengio 2010)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / (fan_in + fan_out)."""
        return 2.0 / (fan_in + fan_out)


@dataclass(frozen=True)
class He(VarianceScaling):
    """Variance 2 / fan_in: for relu and its relatives (He, Zhang, Ren and Sun 2015, https://arxiv.org/abs/1502.01852)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / fan_in."""
        return 2.0 / fan_in


@dataclass(frozen=True)
class LeCun(VarianceScaling):
    """Variance 1 / fan_in: keeps the variance of a linear cell (LeCun, Bottou, Orr and Müller 1998)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """1 / fan_in."""
        return 1.0 / fan_in


def for_activation(activation: str) -> Initializer:
    """The usual choice for a layer's weights: He for relu and its relatives, Glorot for the rest."""
    return He() if activation in ("relu", "leaky_relu", "elu", "softplus", "gelu", "silu") else Glorot()


def resolve(value: Any, argument: str, default: Initializer) -> Initializer:
    """An initializer from an object, a name such as ``"he"``, or None for the default."""
    names: dict[str, type[Initializer]] = {
        "zeros": Zeros, "normal": Normal, "uniform": Uniform, "glorot": Glorot, "he": He, "lecun": LeCun,
    }  # fmt: skip
    if value is None:
        return default
    if isinstance(value, Initializer):
        return value
    if isinstance(value, str) and value.lower() in names:
        return names[value.lower()]()
    raise ValueError(f"{argument}: expected an initializer or one of {sorted(names)}, found {value!r}")


def _check_finite(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, found {value!r}")


def _check_scale(name: str, value: Any) -> None:
    _check_finite(name, value)
    if value <= 0:
        raise ValueError(f"{name}: expected a positive number, found {value!r}")
