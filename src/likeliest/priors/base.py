"""What every prior offers."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Prior(ABC):
    """What is believed of each parameter before the data: P(θ), independent from number to number."""

    name: ClassVar[str]

    @abstractmethod
    def log_prob(self, xp: Any, theta: Any) -> Any:
        """Log P(θ) of each number: any shape -> the same shape."""

    @abstractmethod
    def score(self, theta: Array) -> Array:
        """∂ log P(θ) / ∂θ of each number: any shape -> the same shape."""

    def constants(self) -> tuple[float, ...]:
        """The numbers of the prior, in the order of its fields."""
        return tuple(float(value) for value in astuple(self))


def check_scale(value: Any) -> None:
    """A ValueError unless the scale is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < float(value) < math.inf:
        raise ValueError(f"scale: expected a positive number, found {value!r}; 1.0 is a good first try")
