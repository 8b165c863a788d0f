"""Horseshoe:  θ ~ N(0, λ²s²) with λ half-Cauchy;  log P(θ) = log(e^u E₁(u)) − log(s √(2π³)),  u = θ²/(2s²).

∂ log P/∂θ = (θ/s²) (1 − 1/(u e^u E₁(u))), with E₁ the exponential integral.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.priors.base import Array, Prior, check_scale

FLOOR = 1e-3  # θ² is taken as θ² + (FLOOR s)², since the density is infinite at 0 and would hold every weight there


@dataclass(frozen=True)
class Horseshoe(Prior):
    """A weight is either nearly 0 or free: an infinite peak with Cauchy tails.

    Carvalho, Polson and Scott 2010, https://doi.org/10.1093/biomet/asq017.

    Parameters
    ----------
    scale : float
        s, positive: the border between weights that are shrunk and weights that are left alone.

    Notes
    -----
    The density grows without bound at 0, so the most probable θ would always be 0. Within about s/1000 of 0 it is made
    round: θ² is taken as θ² + (s/1000)², and the density is then off from 1 in total by less than 0.2 %.

    Examples
    --------
    Small weights are pulled hard, large ones hardly at all:

    >>> import numpy as np
    >>> from likeliest.priors import Horseshoe
    >>> Horseshoe(1.0).score(np.array([0.01, 1.0, 100.0])).round(2).tolist()
    [-21.24, -1.17, -0.02]
    """

    scale: float = 1.0
    name: ClassVar[str] = "horseshoe"

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def log_prob(self, xp: Any, theta: Any) -> Any:
        """log(e^u E₁(u)) − log(s √(2π³))."""
        z = theta / self.scale
        u = 0.5 * (z * z + FLOOR**2)
        return xp.log(xp.scaled_exp1(u)) - math.log(self.scale * math.sqrt(2 * math.pi**3))

    def score(self, theta: Array) -> Array:
        """(θ/s²) (1 − 1/(u e^u E₁(u))); far out, where that cancels, −(2/θ) (1 − 1/u)."""
        from likeliest.xp import numpy_namespace

        z = np.asarray(theta) / self.scale
        u = 0.5 * (z * z + FLOOR**2)
        # e^u E₁(u) = 1/u − 1/u² + 2/u³ − …, so 1 − 1/(u e^u E₁(u)) = −1/u + 1/u² − 3/u³ + …
        far = -(1 - (1 - 3 / np.maximum(u, 1)) / np.maximum(u, 1)) / np.maximum(u, 1)
        near = 1 - 1 / (u * numpy_namespace.scaled_exp1(u))
        return np.asarray(z / self.scale * np.where(u > 1e4, far, near))
