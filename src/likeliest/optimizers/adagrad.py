"""s ← s + g²,  θ ← θ + ε g / (√s + ϵ):  θ, g, s (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.base import Array, Optimizer, State, check_positive


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """Steps divided by the size of all gradients that the parameter has seen: large for those that seldom get one.

    Duchi, Hazan and Singer 2011, https://jmlr.org/papers/v12/duchi11a.html. The sum s starts at 0.

    Parameters
    ----------
    learning_rate : float
        ε, positive: how far a parameter moves in its first step.
    epsilon : float
        Positive; keeps the ratio finite where the gradient has always been 0.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.optimizers import AdaGrad
    >>> theta, state = AdaGrad(0.1).update(np.array([0.0]), np.array([4.0]), (np.array([9.0]),), 2)
    >>> theta.round(6), state
    (array([0.08]), (array([25.]),))
    """

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    name: ClassVar[str] = "adagrad"
    slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate, "0.01 is a good first try")
        check_positive("epsilon", self.epsilon, "1e-10 is usual")

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """The sum takes the square of the gradient in; θ moves by the gradient over the sum's root."""
        s = state[0] + g * g
        return theta + factor * self.learning_rate * g / (xp.sqrt(s) + self.epsilon), (s,)
