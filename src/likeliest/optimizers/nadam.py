"""m ← β₁ m + (1−β₁) g,  v ← β₂ v + (1−β₂) g²,  θ ← θ + ε m̄ / (√v̂ + ϵ):  θ, g, m, v (any shape alike)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.optimizers.adam import Adam
from likeliest.optimizers.base import Array, State


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam that looks ahead, as `Nesterov` does: m̄ is what m̂ would be after one more step of the same gradient.

    m̄ = β₁ m / (1 − β₁ᵗ⁺¹) + (1−β₁) g / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ). Dozat 2016,
    https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, Algorithm 2 with the same β₁ at every step, as Optax's
    ``nadam``; PyTorch's lets β₁ rise from step to step.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As in `Adam`.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.optimizers import NAdam
    >>> nadam = NAdam(0.001)
    >>> theta, state = nadam.update(np.zeros(2), np.array([5.0, -0.01]), nadam.init(np.zeros(2)), 1)
    >>> theta.round(6)
    array([ 0.001474, -0.001474])
    """

    name: ClassVar[str] = "nadam"

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """Both running means take the gradient in; θ moves by their ratio, looking one step ahead."""
        m = self.beta1 * state[0] + (1 - self.beta1) * g
        v = self.beta2 * state[1] + (1 - self.beta2) * g * g
        m_bar = self.beta1 * m / (1 - self.beta1 ** (t + 1)) + (1 - self.beta1) * g / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        return theta + factor * self.learning_rate * m_bar / (xp.sqrt(v_hat) + self.epsilon), (m, v)
