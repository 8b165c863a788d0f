"""What every optimizer offers."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
State = tuple[Array, ...]


@dataclass(frozen=True)
class Optimizer(ABC):
    """A rule for the step from θ along the gradient; ``slots`` arrays of state like θ, zeros before the first step."""

    name: ClassVar[str]
    slots: ClassVar[int]
    full_batch: ClassVar[bool] = False  # whether it takes all examples at once and chooses its steps itself: `LBFGS`

    def init(self, theta: Array) -> State:
        """The state before the first step: zeros like θ, one for each slot."""
        return tuple(theta * 0 for _ in range(self.slots))

    @abstractmethod
    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """The next θ and state, from the gradient g at step t = 1, 2, ...

        ``factor``, at least 0, multiplies the learning rate at this step: it is what a schedule gives. ``xp`` is the
        array namespace of all of them.
        """

    def free(self) -> Self:
        """The same rule for parameters that nothing pulls to zero, such as biases: without weight decay."""
        decays = any(field.name == "weight_decay" for field in fields(self))
        changes: dict[str, Any] = {"weight_decay": 0.0} if decays else {}
        return replace(self, **changes)

    def hyperparameters(self) -> tuple[float, ...]:
        """The numbers of the rule, in the order of its fields."""
        return tuple(float(value) for value in astuple(self))


def _is_real(value: Any) -> bool:
    """Whether it is a real number; it may be too large for a float."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_positive(name: str, value: Any, hint: str) -> None:
    """A ValueError unless value is a positive, finite number."""
    if not _is_real(value) or not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a positive number, found {value!r}; {hint}")


def check_not_negative(name: str, value: Any) -> None:
    """A ValueError unless value is a finite number of at least 0."""
    if not _is_real(value) or not 0 <= value < math.inf:
        raise ValueError(f"{name}: expected a number of at least 0, found {value!r}")


def check_fraction(name: str, value: Any) -> None:
    """A ValueError unless 0 <= value < 1."""
    if not _is_real(value) or not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number in [0, 1), found {value!r}")
