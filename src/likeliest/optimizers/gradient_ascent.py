"""θ ← θ + ε g:  θ, g (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.base import Array, Optimizer, State, check_positive


@dataclass(frozen=True)
class GradientAscent(Optimizer):
    """The handout's rule: a small step up the gradient, θ ← θ + ε ∂LL/∂θ.

    Full-batch when ``fit`` is given ``batch_size=None``, stochastic otherwise. g is the gradient of the mean
    log-likelihood of the batch, so that a good learning rate does not depend on how many examples there are.

    Parameters
    ----------
    learning_rate : float
        ε, positive.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.optimizers import GradientAscent
    >>> GradientAscent(0.5).update(np.array([1.0]), np.array([2.0]), (), 1)
    (array([2.]), ())
    """

    learning_rate: float = 0.1
    name: ClassVar[str] = "gradient_ascent"
    slots: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate, "0.1 is a good first try")

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """θ + ε g."""
        return theta + factor * self.learning_rate * g, ()
