"""Normal:  η (n, 2) = (μ, r), y (n,),  P(y | η) = N(y; μ, s²),  s² = min_scale² + e^r.

log P = −½ (log 2π + log s² + z²),   z = (y − μ) / s
∂/∂μ = z / s          ∂/∂r = ½ (z² − 1) · e^r / s²
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.columns import LocationScale, Setting, constant, moments, symmetric
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Normal(LocationScale):
    """A real number with Normal noise, whose scale may depend on x.

    log P(y | η) = −½ (log 2π + log s² + (y − μ)² / s²).

    Parameters
    ----------
    scale : float, "learned" or "function"
        The standard deviation s: a number that is known (1.0 is least squares), one that is learned, or a function of
        x (default). Then η = (μ, r), and s² = min_scale² + e^r with r cut off at ±40.
    min_scale : float
        s is never smaller; no effect on a fixed scale.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Normal
    >>> Normal().score(np.array([[0.0, 0.0]]), np.array([2.0]))
    array([[2. , 1.5]])
    >>> Normal(scale=1.0).distribution(np.array([[3.0]])).interval(0.9)
    (array([1.35514637]), array([4.64485363]))
    """

    scale: Setting = "function"
    min_scale: float = 0.0
    name: ClassVar[str] = "normal"

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """−½ (log 2π + log s² + (y − μ)² / s²)."""
        s2 = self.squared_scale(xp, eta)
        return -0.5 * (math.log(2 * math.pi) + xp.log(s2) + (y - eta[:, 0]) ** 2 / s2)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(z / s, ½ (z² − 1) e^r / s²)."""
        s2 = self.squared_scale(xp, eta)
        d = y - eta[:, 0]
        columns = (d / s2, 0.5 * (d * d / s2 - 1) * self.slope(eta, s2, xp))
        return xp.stack(columns[: self.width], axis=1).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """diag(1 / s², ½ (e^r / s²)²)."""
        s2 = self.squared_scale(np, eta)
        return symmetric([[1 / s2, np.zeros_like(s2)], [0.5 * self.slope(eta, s2) ** 2]], self.width)

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ."""
        return eta[:, 0]

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``loc`` μ and ``scale`` s: (n,) each."""
        return {"loc": loc + scale * eta[:, 0], "scale": scale * xp.sqrt(self.squared_scale(xp, eta))}

    def variance(self, eta: Array) -> Array:
        """s²."""
        return np.asarray(self.squared_scale(np, eta))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Φ(z)."""
        from scipy.special import ndtr

        return np.asarray(ndtr((y - eta[:, 0]) / np.sqrt(self.squared_scale(np, eta))))

    def quantile(self, eta: Array, p: Array) -> Array:
        """μ + s Φ⁻¹(p)."""
        from scipy.special import ndtri

        return np.asarray(eta[:, 0] + np.sqrt(self.squared_scale(np, eta)) * ndtri(p))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The mean and the variance of y."""
        mean, variance = moments(y, weights)
        return np.array([mean, *self.start_scale(variance)])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed scale (0: η has r), min_scale."""
        return self.name, (constant(self.scale), float(self.min_scale)), 1
