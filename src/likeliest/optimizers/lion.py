"""u = sign(β₁ m + (1−β₁) g),  θ ← θ + ε (u − λ θ),  m ← β₂ m + (1−β₂) g:  θ, g, m (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.base import Array, Optimizer, State, check_fraction, check_not_negative, check_positive


@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of one size: only the sign of a running mean of the gradient counts.

    Chen et al. 2023, https://arxiv.org/abs/2302.06675, Algorithm 2, going up instead of down. The learning rate is
    usually a third to a tenth of Adam's, since every parameter moves by all of it in every step.

    Parameters
    ----------
    learning_rate : float
        ε, positive: how far every parameter moves in a step.
    beta1, beta2 : float
        In [0, 1): how much of the running mean the sign is taken of, and how long the mean remembers.
    weight_decay : float
        λ, at least 0: every step also shrinks θ by the share ε λ.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.optimizers import Lion
    >>> lion = Lion(0.001)
    >>> theta, state = lion.update(np.zeros(2), np.array([5.0, -0.01]), lion.init(np.zeros(2)), 1)
    >>> theta
    array([ 0.001, -0.001])
    """

    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    name: ClassVar[str] = "lion"
    slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate, "0.0001 is a good first try")
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_not_negative("weight_decay", self.weight_decay)

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """θ moves by the sign, and then the running mean takes the gradient in."""
        u = xp.sign(self.beta1 * state[0] + (1 - self.beta1) * g)
        m = self.beta2 * state[0] + (1 - self.beta2) * g
        return theta + factor * self.learning_rate * (u - self.weight_decay * theta), (m,)
