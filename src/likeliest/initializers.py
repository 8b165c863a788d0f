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
class TruncatedNormal(Initializer):
    """θ ~ N(0, scale²), of which only what lies between low and high times the scale is kept.

    Drawn by the inverse of the distribution function: θ = scale Φ⁻¹(Φ(low) + u (Φ(high) − Φ(low))). What is left has a
    smaller variance than scale²: 0.774 of it between −2 and 2.

    Parameters
    ----------
    scale : float
        Positive.
    low, high : float
        Where the draw is cut, in scales.
    """

    scale: float = 0.01
    low: float = -2.0
    high: float = 2.0

    def __post_init__(self) -> None:
        _check_scale("scale", self.scale)
        _check_finite("low", self.low)
        _check_finite("high", self.high)
        if not self.low < self.high:
            raise ValueError(f"high: expected a number above low = {self.low}, found {self.high}")

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Normal draws without their tails."""
        from scipy.special import ndtr, ndtri  # here, since few networks need it

        sign = -1.0 if self.low > 0 else 1.0  # the upper tail is drawn as the lower one, where Φ has all its digits
        low, high = sorted((sign * self.low, sign * self.high))
        z = ndtri(ndtr(low) + random.uniform(key, shape) * (ndtr(high) - ndtr(low)))
        return np.asarray(sign * self.scale * np.clip(z, low, high), np.float64)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """W with orthogonal rows or columns: WᵀW = gain² I where W is no wider than high, otherwise WWᵀ = gain² I.

    All such W are equally likely (Saxe, McClelland and Ganguli 2014, https://arxiv.org/abs/1312.6120): the Q of normal
    draws = Q R, with signs such that the diagonal of R is positive. A W of more than two dimensions counts as
    (everything before, fan_out).

    Parameters
    ----------
    gain : float
        Positive.

    Examples
    --------
    >>> W = Orthogonal(2.0).sample(random.stream(0, random.PARAMETERS), (5, 3), 5, 3)
    >>> bool(np.allclose(W.T @ W, 4 * np.eye(3)))
    True
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        _check_scale("gain", self.gain)

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """The Q of normal draws, with signs and gain."""
        rows, columns = math.prod(shape[:-1]), shape[-1]
        Q, R = np.linalg.qr(random.normal(key, (max(rows, columns), min(rows, columns))))
        Q = self.gain * Q * np.where(np.diagonal(R) < 0, -1.0, 1.0)
        return np.reshape(Q if rows >= columns else Q.T, shape)


@dataclass(frozen=True)
class Identity(Initializer):
    """W = gain · I, with zeros or cut off where W is not square: a recurrence that begins as a memory.

    Le, Jaitly and Hinton 2015, https://arxiv.org/abs/1504.00941. A W of more than two dimensions counts as
    (everything before, fan_out).

    Parameters
    ----------
    gain : float
        Positive.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        _check_scale("gain", self.gain)

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Nothing is drawn."""
        return np.reshape(self.gain * np.eye(math.prod(shape[:-1]), shape[-1]), shape)


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
        "orthogonal": Orthogonal, "identity": Identity, "truncated_normal": TruncatedNormal,
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
