"""v ← μ v + g,  θ ← θ + ε v:  θ, g, v (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.base import Array, Optimizer, State, check_fraction, check_positive


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient ascent with a velocity that remembers past gradients (Polyak 1964).

    Parameters
    ----------
    learning_rate : float
        ε, positive.
    momentum : float
        μ in [0, 1): how much of the velocity is kept from step to step.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.optimizers import Momentum
    >>> theta, state = Momentum(0.1, 0.9).update(np.array([0.0]), np.array([1.0]), (np.array([1.0]),), 2)
    >>> theta, state
    (array([0.19]), (array([1.9]),))
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    name: ClassVar[str] = "momentum"
    slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate, "0.01 is a good first try")
        check_fraction("momentum", self.momentum)

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """The velocity takes the gradient in, θ follows the velocity."""
        v = self.momentum * state[0] + g
        return theta + factor * self.learning_rate * v, (v,)
