"""Gamma:  η (n, 2) = (log μ, log a), y (n,) > 0:  mean μ, shape a, variance μ²/a.

log P = a (u − (e^u − 1)) − log y − S(a),   u = log y − log μ,   S(a) = log Γ(a) − (a log a − a)
∂/∂ log μ = a (e^u − 1)
∂/∂ log a = a (u − (e^u − 1) − S'(a)),   S'(a) = ψ(a) − log a
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

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
from likeliest.likelihoods.positive import check_positive
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Gamma(Shaped):
    """A positive number whose standard deviation is a fraction 1/√a of its mean: costs, amounts, durations.

    log P(y | η) = a log(a/μ) + (a − 1) log y − a y/μ − log Γ(a); SciPy's gamma(a, scale=μ/a).

    Parameters
    ----------
    shape : float, "learned" or "function"
        a: a number (1.0 is the exponential distribution), one that is learned, or a function of x (default). Then
        η = (log μ, log a), cut off at ±40 and ±20.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Gamma
    >>> Gamma(shape=1.0).distribution(np.array([[0.0]])).logpdf(2.0)
    array([-2.])
    """

    shape: Setting = "function"
    name: ClassVar[str] = "gamma"
    support = (0, np.inf)

    def __post_init__(self) -> None:
        check_setting(self.shape, "shape", "Gamma")

    @property
    def setting(self) -> Setting:
        """The shape."""
        return self.shape

    def check(self, y: Any) -> Array:
        """Positive numbers (n,)."""
        return check_positive(y, repr(self))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """With u = log y − log μ: a (u − (e^u − 1)) − log y − S(a)."""
        log_y, a = xp.log(y), xp.exp(self.log_shape(xp, eta))
        u = log_y - cut(xp, eta[:, 0], LOG_MEAN)
        return a * (u - xp.expm1(u)) - log_y - xp.stirling(a)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(a (e^u − 1), a (u − (e^u − 1) − S'(a)))."""
        a = xp.exp(self.log_shape(xp, eta))
        u = xp.log(y) - cut(xp, eta[:, 0], LOG_MEAN)
        e = xp.expm1(u)
        return self.columns(xp, eta, a * e, a * (u - e - xp.stirling_slope(a)))

    def fisher(self, eta: Array) -> Array:
        """diag(a, a² ψ'(a) − a)."""
        from scipy.special import polygamma

        a = np.exp(self.log_shape(np, eta))
        return symmetric([[a, np.zeros_like(a)], [a * (a * polygamma(1, a) - 1)]], self.width)

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ."""
        return xp.exp(cut(xp, eta[:, 0], LOG_MEAN))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``concentration`` a and ``rate`` a/μ: (n,) each; SciPy's scale is 1 / rate."""
        log_a = self.log_shape(xp, eta)
        return {"concentration": xp.exp(log_a), "rate": xp.exp(log_a - cut(xp, eta[:, 0], LOG_MEAN)) / scale}

    def variance(self, eta: Array) -> Array:
        """μ² / a."""
        return np.asarray(np.exp(2 * cut(np, eta[:, 0], LOG_MEAN) - self.log_shape(np, eta)))

    def cdf(self, eta: Array, y: Array) -> Array:
        """The regularized incomplete gamma function of a y/μ."""
        from scipy.special import gammainc

        a = np.exp(self.log_shape(np, eta))
        return np.asarray(gammainc(a, a * np.maximum(y, 0) / self.mean(np, eta)))

    def quantile(self, eta: Array, p: Array) -> Array:
        """Its inverse."""
        from scipy.special import gammaincinv

        a = np.exp(self.log_shape(np, eta))
        return np.asarray(gammaincinv(a, p) * self.mean(np, eta) / a)

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The mean of y, and the shape from its variance."""
        mean, variance = moments(y, weights)
        return np.array([np.log(mean), *self.start_shape(mean**2 / variance)])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed shape (0: η has its log)."""
        return self.name, (constant(self.shape),), 1
