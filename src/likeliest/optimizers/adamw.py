"""θ ← θ − ε λ θ, and then as Adam:  θ, g, m, v (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.adam import Adam
from likeliest.optimizers.base import Array, State, check_not_negative


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: every step shrinks θ by the share ε λ, whatever the gradient.

    Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, in the form that PyTorch and Optax use: λ is
    multiplied by the learning rate, and so by the schedule. A Normal prior differs in that its gradient goes
    through Adam's ratio with the rest.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As in `Adam`.
    weight_decay : float
        λ, at least 0.

    Examples
    --------
    Without a gradient θ decays, here by 0.1 · 0.5:

    >>> import numpy as np
    >>> from likeliest.optimizers import AdamW
    >>> adamw = AdamW(0.1, weight_decay=0.5)
    >>> theta, state = adamw.update(np.array([2.0]), np.array([0.0]), adamw.init(np.zeros(1)), 1)
    >>> theta
    array([1.9])
    """

    weight_decay: float = 0.01
    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("weight_decay", self.weight_decay)

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """Decay, then Adam's step."""
        decay = factor * self.learning_rate * self.weight_decay
        return super().update(theta - decay * theta, g, state, t, factor, xp)
