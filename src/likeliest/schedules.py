"""The schedules: factors on the learning rate from step to step of a fit, ε_k = factor_k ε:  factors (count,).

A schedule is a frozen description with one pure function, ``factors(first, count, total, values)``. Steps are counted
from k = 0 within one fit of ``total`` steps. Lengths are whole numbers of steps, or fractions of the fit between 0 and
1, so that ``0.1`` is a tenth of the fit and ``100`` a hundred steps.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Schedule(ABC):
    """A rule for the factor on the learning rate at each step."""

    watches: ClassVar[bool] = False  # whether it looks at the log-likelihoods of the epochs

    @abstractmethod
    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """The factors of the steps first, first + 1, ...: (count,).

        Parameters
        ----------
        first, count : int
            Which steps, counted from 0 within the fit.
        total : int
            How many steps the fit has.
        values : sequence of float
            The monitored log-likelihoods of the epochs that are finished.
        """


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate throughout: factor 1."""

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """Ones."""
        return np.ones(count)


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplies the learning rate by ``factor`` again and again: factor^⌊k / every⌋.

    Parameters
    ----------
    factor : float
        Positive, usually below 1.
    every : int or float
        How many steps lie between two changes, or which fraction of the fit.

    Examples
    --------
    >>> Step(0.1, every=0.5).factors(0, 4, total=4)
    array([1. , 1. , 0.1, 0.1])
    """

    factor: float = 0.1
    every: int | float = 1 / 3

    def __post_init__(self) -> None:
        _check_positive("factor", self.factor)
        _check_length("every", self.every)

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """factor^⌊k / every⌋."""
        every = _steps(self.every, total)
        return np.float64(self.factor) ** ((first + np.arange(count)) // every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Falls by the same share at every step, towards ``final`` at the end of the fit: final^(k / total).

    Parameters
    ----------
    final : float
        Positive: the factor after the last step.

    Examples
    --------
    >>> Exponential(0.01).factors(0, 4, total=4).round(4)
    array([1.    , 0.3162, 0.1   , 0.0316])
    """

    final: float = 0.01

    def __post_init__(self) -> None:
        _check_positive("final", self.final)

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """final^(k / total)."""
        return np.float64(self.final) ** (_k(first, count) / total)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Falls along half a cosine from 1 to ``final`` at the end of the fit: slow, fast, slow.

    final + (1 − final) (1 + cos(π k / total)) / 2. Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983,
    without restarts.

    Parameters
    ----------
    final : float
        In [0, 1]: the factor after the last step.

    Examples
    --------
    >>> Cosine().factors(0, 4, total=4).round(4)
    array([1.    , 0.8536, 0.5   , 0.1464])
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        _check_share("final", self.final)

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """Half a cosine."""
        return _half_cosine(1.0, self.final, _k(first, count) / total)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Rises along half a cosine from ``start`` to 1 and then falls along another one to ``final``, at the last step.

    Smith and Topin 2018, https://arxiv.org/abs/1708.07120, with the defaults of PyTorch's ``OneCycleLR``; the momentum
    is left alone. The optimizer's learning rate is the largest of the cycle.

    Parameters
    ----------
    peak : int or float
        The number of steps, or the fraction of the fit, that the rise takes.
    start, final : float
        In [0, 1]: the factors at the first and the last step.

    Examples
    --------
    >>> OneCycle(peak=0.5, start=0.1, final=0.0).factors(0, 6, total=6).round(4)
    array([0.1 , 0.55, 1.  , 0.75, 0.25, 0.  ])
    """

    peak: int | float = 0.3
    start: float = 0.04
    final: float = 4e-6

    def __post_init__(self) -> None:
        _check_length("peak", self.peak)
        _check_share("start", self.start)
        _check_share("final", self.final)

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """Half a cosine up, half a cosine down."""
        k, top = _k(first, count), _steps(self.peak, total) - 1  # the last step of the rise has factor 1
        up = _half_cosine(self.start, 1.0, k / max(top, 1))
        down = _half_cosine(1.0, self.final, (k - top) / max(total - 1 - top, 1))
        return np.where(k < top, up, down)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rises along a line, (k + 1) / length, and then follows another schedule over what is left of the fit.

    Parameters
    ----------
    length : int or float
        The number of steps, or the fraction of the fit, that the rise takes.
    then : Schedule or str
        What follows.

    Examples
    --------
    >>> WarmUp(3, then="cosine").factors(0, 7, total=7).round(4)
    array([0.3333, 0.6667, 1.    , 1.    , 0.8536, 0.5   , 0.1464])
    """

    length: int | float = 0.1
    then: Schedule | str = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_length("length", self.length)
        object.__setattr__(self, "then", resolve(self.then, "then"))

    @property
    def watches(self) -> bool:  # type: ignore[override]
        """Whether the schedule that follows looks at the log-likelihoods of the epochs."""
        return resolve(self.then).watches

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """A line, then the other schedule."""
        length = _steps(self.length, total)
        rising = min(max(length - first, 0), count)
        rise = (_k(first, rising) + 1) / length
        then = resolve(self.then)
        rest = then.factors(max(first - length, 0), count - rising, max(total - length, 1), values)
        return np.concatenate([rise, rest])


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Multiplies the learning rate by ``factor`` when the log-likelihood has stopped rising.

    It watches the validation log-likelihood, or the training one where nothing is held out, once an epoch.

    Parameters
    ----------
    factor : float
        In (0, 1).
    patience : int
        After so many epochs in a row without a better log-likelihood the learning rate is reduced, and the count
        starts anew.
    threshold : float
        At least 0: by how much (in nats per example) an epoch must beat the best one before it to count as better.
    min_factor : float
        In [0, 1]: the factor never falls below it.

    Examples
    --------
    >>> plateau = ReduceOnPlateau(0.5, patience=2)
    >>> plateau.factors(0, 1, 100, values=[-2.0, -1.0, -1.0])
    array([1.])
    >>> plateau.factors(0, 1, 100, values=[-2.0, -1.0, -1.0, -1.1])
    array([0.5])
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    min_factor: float = 0.0
    watches: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_positive("factor", self.factor)
        if not self.factor < 1:
            raise ValueError(f"factor: expected a number below 1, found {self.factor!r}")
        if isinstance(self.patience, bool) or not isinstance(self.patience, numbers.Integral) or self.patience < 1:
            raise ValueError(f"patience: expected a whole number of at least 1, found {self.patience!r}")
        if not _is_number(self.threshold) or not 0 <= self.threshold < math.inf:
            raise ValueError(f"threshold: expected a number of at least 0, found {self.threshold!r}")
        _check_share("min_factor", self.min_factor)

    def factors(self, first: int, count: int, total: int, values: Sequence[float] = ()) -> Array:
        """One factor for all steps until the next epoch is finished."""
        now, best, waited = 1.0, -math.inf, 0
        for value in values:
            if value > best + self.threshold:
                best, waited = value, 0
            else:
                waited += 1
            if waited == self.patience:
                now, waited = max(now * self.factor, self.min_factor), 0
        return np.full(count, now)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "warm_up": WarmUp,
    "reduce_on_plateau": ReduceOnPlateau,
}
"""Every schedule by name."""


def resolve(value: Any, argument: str = "schedule") -> Schedule:
    """A schedule from an object, a name such as ``"cosine"``, or None for a constant learning rate.

    >>> resolve("cosine"), resolve(None)
    (Cosine(final=0.0), Constant())
    """
    if value is None:
        return Constant()
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str) and value.lower() in SCHEDULES:
        return SCHEDULES[value.lower()]()
    raise ValueError(f"{argument}: expected a schedule or one of {sorted(SCHEDULES)}, found {value!r}")


def _k(first: int, count: int) -> Array:
    return first + np.arange(count, dtype=np.float64)


def _half_cosine(begin: float, end: float, p: Array) -> Array:
    """From begin at p = 0 to end at p = 1."""
    return end + (begin - end) * (1 + np.cos(np.pi * p)) / 2


def _steps(length: int | float, total: int) -> int:
    """A length in whole steps, at least 1."""
    return int(length) if isinstance(length, numbers.Integral) else max(1, round(length * total))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _check_length(name: str, value: Any) -> None:
    whole = isinstance(value, numbers.Integral) and int(value) >= 1
    if not _is_number(value) or not (whole or 0 < value < 1):
        raise ValueError(
            f"{name}: expected a whole number of steps, or a fraction of the fit between 0 and 1; found {value!r}"
        )


def _check_positive(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a positive number, found {value!r}")


def _check_share(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a number between 0 and 1, found {value!r}")
