"""StudentT:  log P(θ) = −(ν+1)/2 log(1 + θ²/(νs²)) + const,  ∂ log P/∂θ = −(ν+1) θ / (νs² + θ²)."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.priors.base import Array, Prior, check_scale


@dataclass(frozen=True)
class StudentT(Prior):
    """Like the Normal near 0, but large weights are hardly held back: heavy tails.

    Parameters
    ----------
    scale : float
        s, positive: the width of the peak.
    df : float
        ν, positive: degrees of freedom; 1 is the Cauchy prior.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.priors import StudentT
    >>> StudentT(1.0, df=1.0).score(np.array([1.0, 100.0])).round(4)
    array([-1.  , -0.02])
    """

    scale: float = 1.0
    df: float = 4.0
    name: ClassVar[str] = "student_t"

    def __post_init__(self) -> None:
        check_scale(self.scale)
        if isinstance(self.df, bool) or not isinstance(self.df, numbers.Real) or not 0 < float(self.df) < math.inf:
            raise ValueError(f"df: expected a positive number of degrees of freedom, found {self.df!r}; 4.0 is usual")

    def log_prob(self, xp: Any, theta: Any) -> Any:
        """−(ν+1)/2 log(1 + θ²/(νs²)) + log Γ((ν+1)/2) − log Γ(ν/2) − log(s √(νπ))."""
        nu, s = self.df, self.scale
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - math.log(s * math.sqrt(nu * math.pi))
        z = theta / s
        return constant - (nu + 1) / 2 * xp.log1p(z * z / nu)

    def score(self, theta: Array) -> Array:
        """−(ν+1) θ / (νs² + θ²)."""
        return np.asarray(-(self.df + 1) * theta / (self.df * self.scale**2 + theta * theta))
