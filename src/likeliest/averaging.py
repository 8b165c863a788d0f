"""Averages of θ over the steps of a fit, which often predict better than its last θ:  rates (count,).

After step k the average moves towards θ: average ← average + rate_k (θ − average). A description is frozen and has one
pure function, ``rates(first, count, total)``; steps are counted from k = 0 within one fit of ``total`` steps. The first
rate that is not 0 is 1, so that nothing of what the average held before the fit remains.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Averaging(ABC):
    """A rule for how far the average moves towards θ after each step."""

    @abstractmethod
    def rates(self, first: int, count: int, total: int) -> Array:
        """The rates after the steps first, first + 1, ... of a fit of ``total`` steps: (count,)."""


@dataclass(frozen=True)
class EMA(Averaging):
    """Exponential moving average: average ← d average + (1 − d) θ.

    d = min(decay, k / (9 + k)) after step k = 0, 1, ...: the average is short while there is little to average, and its
    first value is θ. (The usual (1 + t) / (10 + t), with t = k − 1.)

    Parameters
    ----------
    decay : float
        In [0, 1): the average remembers about the last 1 / (1 − decay) steps.

    Examples
    --------
    >>> EMA(0.5).rates(0, 4, total=100).round(3)
    array([1.   , 0.9  , 0.818, 0.75 ])
    >>> EMA(0.5).rates(50, 2, total=100)
    array([0.5, 0.5])
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        if not _is_number(self.decay) or not 0 <= self.decay < 1:
            raise ValueError(f"decay: expected a number in [0, 1), found {self.decay!r}")

    def rates(self, first: int, count: int, total: int) -> Array:
        """1 − min(decay, k / (9 + k))."""
        k = first + np.arange(count, dtype=np.float64)
        return 1 - np.minimum(self.decay, k / (9 + k))


@dataclass(frozen=True)
class SWA(Averaging):
    """Stochastic weight averaging: the mean of θ over the last part of the fit.

    Izmailov, Podoprikhin, Garipov, Vetrov and Wilson 2018, https://arxiv.org/abs/1803.05407; of every ``every``-th θ.
    A fit that ends at its last step without having come to the start averages that step's θ alone.

    Parameters
    ----------
    start : float or int
        The fraction of the fit, in [0, 1), or the number of steps after which averaging starts.
    every : int
        How many steps lie between two θ that are averaged.

    Examples
    --------
    >>> SWA(start=0.5).rates(0, 6, total=6).round(3)
    array([0.   , 0.   , 0.   , 1.   , 0.5  , 0.333])
    """

    start: float | int = 0.75
    every: int = 1

    def __post_init__(self) -> None:
        whole = isinstance(self.start, numbers.Integral) and int(self.start) >= 0
        if not _is_number(self.start) or not (whole or 0 <= self.start < 1):
            raise ValueError(f"start: expected a fraction in [0, 1) or a whole number of steps, found {self.start!r}")
        if isinstance(self.every, bool) or not isinstance(self.every, numbers.Integral) or self.every < 1:
            raise ValueError(f"every: expected a whole number of at least 1, found {self.every!r}")

    def rates(self, first: int, count: int, total: int) -> Array:
        """1 / (how many θ are in the mean after this step), and 0 where none is added."""
        start = int(self.start) if isinstance(self.start, numbers.Integral) else round(self.start * total)
        since = first + np.arange(count) - min(start, total - 1)
        taken = (since >= 0) & (since % self.every == 0)
        return np.where(taken, 1 / (np.maximum(since, 0) // self.every + 1), 0.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
