"""LogNormal:  η (n, 2) = (μ, r), y (n,) > 0,  log y ~ N(μ, s²),  s² = min_scale² + e^r.

log P = −log y − ½ (log 2π + log s² + z²),   z = (log y − μ) / s;   censored at y: log P(Y > y) = log Φ(−z)
∂/∂μ = z / s                      censored: h(z) / s,   h(z) = φ(z) / Φ(−z) = √(2/π) / erfcx(z/√2)
∂/∂r = ½ (z² − 1) · e^r / s²      censored: ½ z h(z) · e^r / s²
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.columns import LocationScale, Setting, constant, moments, symmetric
from likeliest.likelihoods.positive import check_positive, check_times
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

OVERFLOW = 80.0  # mean and variance stop growing at e^80, which float32 still holds


@dataclass(frozen=True, repr=False)
class LogNormal(LocationScale):
    """A positive number whose logarithm is Normal; also survival times, with some censored.

    log P(y | η) = log N(log y; μ, s²) − log y; for a time that is censored, log P(Y > y | η) = log Φ((μ − log y) / s).

    Parameters
    ----------
    scale : float, "learned" or "function"
        s, the standard deviation of log y: a number, one that is learned, or a function of x (default). Then
        η = (μ, r), and s² = min_scale² + e^r with r cut off at ±40.
    min_scale : float
        s is never smaller; no effect on a fixed scale.
    censored : bool
        Whether y is (n, 2): the time, and 1 if the event was observed then, 0 if all we know is that it came later.
        Predictions are of the time of the event, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import LogNormal
    >>> LogNormal(scale=1.0).distribution(np.array([[0.0]])).median()
    array([1.])
    >>> LogNormal(scale=1.0, censored=True).score(np.array([[0.0], [0.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])).round(3)
    array([[0.   ],
           [0.798]])
    """

    scale: Setting = "function"
    min_scale: float = 0.0
    censored: bool = False
    name: ClassVar[str] = "log_normal"
    standardizes = False
    support = (0, np.inf)

    @property
    def targets(self) -> int:
        """The time and, with ``censored``, whether the event was observed."""
        return 1 + bool(self.censored)

    def check(self, y: Any) -> Array:
        """Positive numbers (n,); with ``censored`` the times and 0 or 1, (n, 2)."""
        return check_times(y, repr(self)) if self.censored else check_positive(y, repr(self))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """−log y − ½ (log 2π + log s² + z²), or log Φ(−z) where censored."""
        log_y = xp.log(y[:, 0] if self.censored else y)
        s2 = self.squared_scale(xp, eta)
        d = log_y - eta[:, 0]
        observed = -log_y - 0.5 * (math.log(2 * math.pi) + xp.log(s2) + d * d / s2)
        if not self.censored:
            return observed
        return xp.where(y[:, 1] > 0, observed, xp.log_ndtr(-d / xp.sqrt(s2)))

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(z / s, ½ (z² − 1) e^r / s²); where censored, (h(z) / s, ½ z h(z) e^r / s²)."""
        s2 = self.squared_scale(xp, eta)
        z = (xp.log(y[:, 0] if self.censored else y) - eta[:, 0]) / xp.sqrt(s2)
        a, b = z, z * z - 1
        if self.censored:
            h = xp.hazard(z)
            a, b = xp.where(y[:, 1] > 0, a, h), xp.where(y[:, 1] > 0, b, z * h)
        columns = (a / xp.sqrt(s2), 0.5 * b * self.slope(eta, s2, xp))
        return xp.stack(columns[: self.width], axis=1).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """diag(1 / s², ½ (e^r / s²)²), as if nothing were censored: that depends on when the watch ended."""
        s2 = self.squared_scale(np, eta)
        return symmetric([[1 / s2, np.zeros_like(s2)], [0.5 * self.slope(eta, s2) ** 2]], self.width)

    def mean(self, xp: Any, eta: Any) -> Any:
        """e^(μ + s²/2)."""
        return xp.exp(xp.clip(eta[:, 0] + 0.5 * self.squared_scale(xp, eta), -OVERFLOW, OVERFLOW))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``loc`` μ and ``scale`` s, the mean and the standard deviation of log y: (n,) each."""
        return {"loc": eta[:, 0] + np.log(scale), "scale": xp.sqrt(self.squared_scale(xp, eta))}

    def variance(self, eta: Array) -> Array:
        """(e^(s²) − 1) e^(2μ + s²)."""
        s2 = self.squared_scale(np, eta)
        log_variance = 2 * (eta[:, 0] + s2) + np.log(-np.expm1(-s2))
        return np.asarray(np.exp(np.clip(log_variance, -2 * OVERFLOW, 2 * OVERFLOW)))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Φ(z)."""
        from scipy.special import ndtr

        with np.errstate(divide="ignore"):
            log_y = np.log(np.maximum(y, 0.0))
        return np.asarray(ndtr((log_y - eta[:, 0]) / np.sqrt(self.squared_scale(np, eta))))

    def quantile(self, eta: Array, p: Array) -> Array:
        """e^(μ + s Φ⁻¹(p))."""
        from scipy.special import ndtri

        with np.errstate(over="ignore"):
            return np.asarray(np.exp(eta[:, 0] + np.sqrt(self.squared_scale(np, eta)) * ndtri(p)))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The mean and the variance of log y, censored or not."""
        mean, variance = moments(np.log(y[:, 0] if self.censored else y), weights)
        return np.array([mean, *self.start_scale(variance)])

    def predictive(self) -> Likelihood:
        """The distribution of the time of the event."""
        return LogNormal(self.scale, self.min_scale)

    def standardized(self, scale: Any) -> Likelihood:
        """Itself: the scale of y is in μ."""
        return self

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed scale (0: η has r), min_scale, 1 if censored."""
        return self.name, (constant(self.scale), float(self.min_scale), float(self.censored)), 1
