"""v ← ρ v + (1−ρ) g²,  θ ← θ + ε g / (√v + ϵ):  θ, g, v (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.base import Array, Optimizer, State, check_fraction, check_positive


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Steps divided by the size of recent gradients (Tieleman and Hinton 2012, "Lecture 6.5, RMSProp").

    Parameters
    ----------
    learning_rate : float
        ε, positive.
    decay : float
        ρ in [0, 1): how long the running mean of g² remembers.
    epsilon : float
        Positive; keeps the ratio finite where the gradient has always been 0.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.optimizers import RMSProp
    >>> theta, state = RMSProp(0.1, 0.5).update(np.array([0.0]), np.array([1.0]), (np.array([7.0]),), 2)
    >>> theta.round(6), state
    (array([0.05]), (array([4.]),))
    """

    learning_rate: float = 0.001
    decay: float = 0.99
    epsilon: float = 1e-8
    name: ClassVar[str] = "rmsprop"
    slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate, "0.001 is a good first try")
        check_fraction("decay", self.decay)
        check_positive("epsilon", self.epsilon, "1e-8 is usual")

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """The running mean takes the square of the gradient in; θ moves by the gradient over the mean's root."""
        v = self.decay * state[0] + (1 - self.decay) * g * g
        return theta + factor * self.learning_rate * g / (xp.sqrt(v) + self.epsilon), (v,)
