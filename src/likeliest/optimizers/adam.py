"""m ← β₁ m + (1−β₁) g,  v ← β₂ v + (1−β₂) g²,  θ ← θ + ε m̂ / (√v̂ + ϵ):  θ, g, m, v (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.base import Array, Optimizer, State, check_fraction, check_positive


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps scaled for each parameter by running means of its gradient and of the gradient's square.

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) undo the start at zero. Kingma and Ba 2015,
    https://arxiv.org/abs/1412.6980, Algorithm 1, going up instead of down.

    Parameters
    ----------
    learning_rate : float
        ε, positive: about how far a parameter moves in a step.
    beta1, beta2 : float
        In [0, 1): how long the two running means remember.
    epsilon : float
        Positive; keeps the ratio finite where the gradient has always been 0.

    Examples
    --------
    The first step has the length of the learning rate, whatever the size of the gradient:

    >>> import numpy as np
    >>> from likeliest.optimizers import Adam
    >>> adam = Adam(0.001)
    >>> theta, state = adam.update(np.zeros(2), np.array([5.0, -0.01]), adam.init(np.zeros(2)), 1)
    >>> theta.round(6)
    array([ 0.001, -0.001])
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name: ClassVar[str] = "adam"
    slots: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate, "0.001 is a good first try")
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_positive("epsilon", self.epsilon, "1e-8 is usual")

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """Both running means take the gradient in; θ moves by their ratio."""
        m = self.beta1 * state[0] + (1 - self.beta1) * g
        v = self.beta2 * state[1] + (1 - self.beta2) * g * g
        m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return theta + factor * self.learning_rate * m_hat / (xp.sqrt(v_hat) + self.epsilon), (m, v)
