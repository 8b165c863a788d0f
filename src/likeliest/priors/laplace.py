"""Laplace:  log P(θ) = −|θ|/s − log(2s),  ∂ log P/∂θ = −sign(θ)/s."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.priors.base import Array, Prior, check_scale


@dataclass(frozen=True)
class Laplace(Prior):
    """Many weights near 0, a few large ones. Also known as the L1 penalty or lasso.

    Parameters
    ----------
    scale : float
        s, positive: the mean of |θ|.

    Notes
    -----
    The score jumps at 0, where it is taken as 0: gradient ascent comes near 0 but seldom ends exactly there.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.priors import Laplace
    >>> Laplace(0.5).score(np.array([3.0, 0.0, -0.1]))
    array([-2.,  0.,  2.])
    """

    scale: float = 1.0
    name: ClassVar[str] = "laplace"

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def log_prob(self, xp: Any, theta: Any) -> Any:
        """−|θ|/s − log(2s)."""
        return -xp.abs(theta) / self.scale - math.log(2 * self.scale)

    def score(self, theta: Array) -> Array:
        """−sign(θ)/s."""
        return np.asarray(np.sign(-theta) * (1 / self.scale))
