"""Weibull:  η (n, 2) = (log λ, log k), y (n,) > 0:  scale λ, shape k,  P(Y > y) = e^(−(y/λ)^k).

log P = log k + z − E(z) − log y,   z = k (log y − log λ);   censored at y: log P(Y > y) = −E(z)
∂/∂ log λ = −k (δ − E'(z))          ∂/∂ log k = δ + z (δ − E'(z)),   δ = 1 where observed, 0 where censored
E(z) = e^z up to z = 12 and its tangent from there on, e^12 (1 + z − 12): no overflow, and still uphill
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.columns import (
    LOG_MEAN,
    Setting,
    Shaped,
    check_setting,
    constant,
    cut,
    moments,
    symmetric,
)
from likeliest.likelihoods.positive import check_positive, check_times
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

TANGENT = 12.0  # where e^z goes over into its tangent: e^(−e^12) is 0 in any precision, and a step is still a step


@dataclass(frozen=True, repr=False)
class Weibull(Shaped):
    """A time until something happens, whose rate grows (k > 1) or falls (k < 1) with age; some may be censored.

    log P(y | η) = log k + z − e^z − log y with z = k log(y/λ); SciPy's weibull_min(k, scale=λ).

    Parameters
    ----------
    shape : float, "learned" or "function"
        k: a number (1.0 is the exponential distribution), one that is learned, or a function of x (default). Then
        η = (log λ, log k), cut off at ±40 and ±20.
    censored : bool
        Whether y is (n, 2): the time, and 1 if the event was observed then, 0 if all we know is that it came later.
        Predictions are of the time of the event, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Weibull
    >>> Weibull(shape=1.0, censored=True).score(np.array([[0.0], [0.0]]), np.array([[2.0, 1.0], [2.0, 0.0]]))
    array([[1.],
           [2.]])
    """

    shape: Setting = "function"
    censored: bool = False
    name: ClassVar[str] = "weibull"
    support = (0, np.inf)

    def __post_init__(self) -> None:
        check_setting(self.shape, "shape", "Weibull")

    @property
    def setting(self) -> Setting:
        """The shape."""
        return self.shape

    @property
    def targets(self) -> int:
        """The time and, with ``censored``, whether the event was observed."""
        return 1 + bool(self.censored)

    def check(self, y: Any) -> Array:
        """Positive numbers (n,); with ``censored`` the times and 0 or 1, (n, 2)."""
        return check_times(y, repr(self)) if self.censored else check_positive(y, repr(self))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log k + z − E(z) − log y, or −E(z) where censored."""
        log_y, log_k = xp.log(y[:, 0] if self.censored else y), self.log_shape(xp, eta)
        z = xp.exp(log_k) * (log_y - cut(xp, eta[:, 0], LOG_MEAN))
        gone = xp.exp(xp.minimum(z, TANGENT)) * (1 + xp.maximum(z - TANGENT, 0.0))
        observed = y[:, 1] if self.censored else 1.0
        return observed * (log_k + z - log_y) - gone

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(−k (δ − E'(z)), δ + z (δ − E'(z)))."""
        k = xp.exp(self.log_shape(xp, eta))
        z = k * (xp.log(y[:, 0] if self.censored else y) - cut(xp, eta[:, 0], LOG_MEAN))
        observed = y[:, 1] if self.censored else 1.0
        left = observed - xp.exp(xp.minimum(z, TANGENT))
        return self.columns(xp, eta, -k * left, observed + z * left)

    def fisher(self, eta: Array) -> Array:
        """[[k², −k (1 − γ)], [−k (1 − γ), π²/6 + (1 − γ)²]] with Euler's γ, as if nothing were censored."""
        k = np.exp(self.log_shape(np, eta))
        c = 1 - np.euler_gamma
        return symmetric([[k * k, -k * c], [np.full_like(k, math.pi**2 / 6 + c * c)]], self.width)

    def mean(self, xp: Any, eta: Any) -> Any:
        """λ Γ(1 + 1/k)."""
        log_mean = cut(xp, eta[:, 0], LOG_MEAN) + xp.gammaln(1 + xp.exp(-self.log_shape(xp, eta)))
        return xp.exp(xp.minimum(log_mean, 2 * LOG_MEAN))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``scale`` λ and ``concentration`` k: (n,) each."""
        lam = xp.exp(cut(xp, eta[:, 0], LOG_MEAN))
        return {"scale": scale * lam, "concentration": xp.exp(self.log_shape(xp, eta))}

    def variance(self, eta: Array) -> Array:
        """λ² (Γ(1 + 2/k) − Γ(1 + 1/k)²)."""
        xp = numpy_namespace
        t = np.exp(-self.log_shape(xp, eta))
        first, second = xp.gammaln(1 + t), xp.gammaln(1 + 2 * t)
        log_variance = 2 * cut(xp, eta[:, 0], LOG_MEAN) + second + np.log(-np.expm1(2 * first - second))
        return np.asarray(np.exp(np.minimum(log_variance, 4 * LOG_MEAN)))

    def cdf(self, eta: Array, y: Array) -> Array:
        """1 − e^(−(y/λ)^k)."""
        with np.errstate(divide="ignore", over="ignore"):
            z = np.exp(self.log_shape(np, eta)) * (np.log(np.maximum(y, 0.0)) - cut(np, eta[:, 0], LOG_MEAN))
            return np.asarray(-np.expm1(-np.exp(z)))

    def quantile(self, eta: Array, p: Array) -> Array:
        """λ (−log(1 − p))^(1/k)."""
        with np.errstate(divide="ignore", over="ignore"):
            z = np.log(-np.log1p(-np.asarray(p, np.float64)))
            return np.asarray(np.exp(cut(np, eta[:, 0], LOG_MEAN) + z * np.exp(-self.log_shape(np, eta))))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """From the mean and the variance of log y, which are log λ − γ/k and π²/6k²; censored or not."""
        mean, variance = moments(np.log(y[:, 0] if self.censored else y), weights)
        k = math.pi / math.sqrt(6 * variance)
        log_k = self.start_shape(k)
        k = math.exp(log_k[0]) if log_k else constant(self.shape)
        return np.array([mean + np.euler_gamma / k, *log_k])

    def predictive(self) -> Likelihood:
        """The distribution of the time of the event."""
        return Weibull(self.shape)

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed shape (0: η has its log), 1 if censored."""
        return self.name, (constant(self.shape), float(self.censored)), 1
