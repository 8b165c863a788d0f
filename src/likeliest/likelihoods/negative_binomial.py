"""Negative binomial:  η (n, 2) = (log μ, log α), y (n,) in 0, 1, 2, …:  mean μ, dispersion α, variance μ + αμ².

r = 1/α,   t = log μ − log r,   S(a) = log Γ(a) − (a log a − a)
log P = y log μ − y + (y + r) (log(1 + y/r) − log(1 + μ/r)) + S(y + r) − S(r) − log y!
∂/∂ log μ = y σ(−t) − r σ(t)
∂/∂ log α = y − (y + r) σ(t) − r (log(1 + y/r) − log(1 + μ/r) + S'(y + r) − S'(r)),   S'(a) = ψ(a) − log a
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
from likeliest.likelihoods.counts import check_counts, smallest_count
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

FISHER_TERMS = 100_000  # of the sum over counts, at most, in a row


@dataclass(frozen=True, repr=False)
class NegativeBinomial(Shaped):
    """A count that scatters more than a Poisson: rates that differ for reasons that x does not tell.

    SciPy's nbinom(r, r/(r + μ)) with r = 1/α, by its mean and its dispersion.

    Parameters
    ----------
    dispersion : float, "learned" or "function"
        α: a number, one that is learned, or a function of x (default). Then η = (log μ, log α), cut off at ±40 and
        ±20. As α goes to 0 this becomes the Poisson distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import NegativeBinomial
    >>> NegativeBinomial(dispersion=0.5).distribution(np.array([[np.log(2)]])).var()
    array([4.])
    """

    dispersion: Setting = "function"
    name: ClassVar[str] = "negative_binomial"
    discrete = True
    support = (0, np.inf)

    def __post_init__(self) -> None:
        check_setting(self.dispersion, "dispersion", "NegativeBinomial")

    @property
    def setting(self) -> Setting:
        """The dispersion."""
        return self.dispersion

    def check(self, y: Any) -> Array:
        """Counts (n,)."""
        return check_counts(y, repr(self))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """With r = 1/α: y log μ − y + (y + r) (log(1 + y/r) − log(1 + μ/r)) + S(y + r) − S(r) − log y!."""
        log_mu, log_r = cut(xp, eta[:, 0], LOG_MEAN), -self.log_shape(xp, eta)
        r = xp.exp(log_r)
        mixed = (y + r) * (xp.log1p(y / r) - xp.softplus(log_mu - log_r))
        return y * log_mu - y + mixed + xp.stirling(y + r) - xp.stirling(r) - xp.gammaln(y + 1.0)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(y σ(−t) − r σ(t), y − (y + r) σ(t) − r (log(1 + y/r) − log(1 + μ/r) + S'(y + r) − S'(r)))."""
        log_r = -self.log_shape(xp, eta)
        r, t = xp.exp(log_r), cut(xp, eta[:, 0], LOG_MEAN) - log_r
        by_mean = y * xp.logistic(-t) - r * xp.logistic(t)
        logs = xp.log1p(y / r) - xp.softplus(t) + xp.stirling_slope(y + r) - xp.stirling_slope(r)
        return self.columns(xp, eta, by_mean, by_mean - r * logs)

    def fisher(self, eta: Array) -> Array:
        """diag(μ / (1 + αμ), Σ_y P(y) (∂ log P / ∂ log α)²), the sum over all but 1e-12 of the counts.

        At most 100,000 counts: where the distribution is wider, they are spread over its quantiles.
        """
        log_mu, log_alpha = cut(np, eta[:, 0], LOG_MEAN), self.log_shape(np, eta)
        by_mean = np.exp(log_mu - numpy_namespace.softplus(log_mu + log_alpha))
        if self.width == 1:
            return np.asarray(by_mean[:, None, None])
        last = self.quantile(eta, np.full(len(eta), 1 - 1e-12))
        by_alpha = np.empty_like(by_mean)
        for i, row in enumerate(np.asarray(eta)):
            y = np.arange(min(last[i] + 1, FISHER_TERMS))
            rows = np.repeat(row[None, :], len(y), axis=0)
            p = np.exp(self.log_prob(numpy_namespace, rows, y))
            if last[i] >= FISHER_TERMS:
                y = self.quantile(rows, (y + 0.5) / len(y))
                p = np.full(len(y), 1 / len(y))
            by_alpha[i] = np.sum(p * self.score(rows, y)[:, 1] ** 2)
        return symmetric([[by_mean, np.zeros_like(by_mean)], [by_alpha]], 2)

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ."""
        return xp.exp(cut(xp, eta[:, 0], LOG_MEAN))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``total_count`` r = 1/α and ``probs`` μ/(r + μ): (n,) each. SciPy's p is 1 − probs."""
        log_r = -self.log_shape(xp, eta)
        return {"total_count": xp.exp(log_r), "probs": xp.logistic(cut(xp, eta[:, 0], LOG_MEAN) - log_r)}

    def variance(self, eta: Array) -> Array:
        """μ + α μ²."""
        mu = self.mean(np, eta)
        return np.asarray(mu + np.exp(self.log_shape(np, eta)) * mu * mu)

    def cdf(self, eta: Array, y: Array) -> Array:
        """The regularized incomplete beta function, 1 − I(y + 1, r) at μ / (r + μ)."""
        from scipy.special import betainc

        log_r = -self.log_shape(np, eta)
        p = numpy_namespace.logistic(log_r - cut(np, eta[:, 0], LOG_MEAN))
        return np.where(np.less(y, 0), 0.0, betainc(np.exp(log_r), np.floor(np.maximum(y, 0)) + 1, p))

    def quantile(self, eta: Array, p: Array) -> Array:
        """The smallest count whose distribution function reaches p."""
        return smallest_count(lambda y: self.cdf(eta, y), p, len(eta))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The mean of y, and the dispersion from its variance."""
        mean, variance = moments(y, weights)
        mean = max(mean, 0.5 / max(len(y), 1))
        return np.array([np.log(mean), *self.start_shape(max((variance - mean) / mean**2, 0.01))])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed dispersion (0: η has its log)."""
        return self.name, (constant(self.dispersion),), 1
