"""Poisson:  η (n, 1) = log λ, y (n,) in 0, 1, 2, …;  with exposure E, y (n, 2) = (count, E):  count ~ Poisson(λE).

log P = y (η + log E) − λE − log y!
∂/∂η = y − λE
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.columns import LOG_MEAN, cut, uncut, weights_of
from likeliest.likelihoods.counts import check_counts, check_exposed, smallest_count
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Poisson(Likelihood):
    """A count of events that happen at the rate λ = e^η, η cut off at ±40.

    log P(y | η) = y log λ − λ − log y!.

    Parameters
    ----------
    exposure : bool
        Whether y is (n, 2): the count, and the exposure E > 0 (time, area, persons) it was counted over; the count is
        then Poisson(λE). Predictions are for an exposure of 1, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Poisson
    >>> Poisson(exposure=True).score(np.array([[0.0]]), np.array([[3.0, 2.0]]))
    array([[1.]])
    """

    exposure: bool = False
    name: ClassVar[str] = "poisson"
    discrete = True
    support = (0, np.inf)

    @property
    def targets(self) -> int:
        """The count and, with ``exposure``, over how much it was counted."""
        return 1 + bool(self.exposure)

    def check(self, y: Any) -> Array:
        """Counts (n,), or counts and exposures (n, 2)."""
        return check_exposed(y, repr(self)) if self.exposure else check_counts(y, repr(self))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """As above, y (η + log E) − λE − log y!."""
        log_mu = cut(xp, eta[:, 0], LOG_MEAN)
        if self.exposure:
            y, log_mu = y[:, 0], log_mu + xp.log(y[:, 1])
        return y * log_mu - xp.exp(log_mu) - xp.gammaln(y + 1.0)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """The count less its mean, y − λE."""
        rate = self.mean(xp, eta)
        d = y[:, 0] - rate * y[:, 1] if self.exposure else y - rate
        return (d * uncut(eta[:, 0], LOG_MEAN))[:, None].astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """λ, for an exposure of 1."""
        return np.asarray(self.mean(np, eta))[:, None, None]

    def mean(self, xp: Any, eta: Any) -> Any:
        """λ."""
        return xp.exp(cut(xp, eta[:, 0], LOG_MEAN))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``rate`` λ, over an exposure of 1: (n,)."""
        return {"rate": self.mean(xp, eta)}

    def variance(self, eta: Array) -> Array:
        """λ."""
        return np.asarray(self.mean(np, eta))

    def cdf(self, eta: Array, y: Array) -> Array:
        """The regularized incomplete gamma function of λ."""
        from scipy.special import gammaincc

        return np.where(np.less(y, 0), 0.0, gammaincc(np.floor(np.maximum(y, 0)) + 1, self.mean(np, eta)))

    def quantile(self, eta: Array, p: Array) -> Array:
        """The smallest count whose distribution function reaches p."""
        return smallest_count(lambda y: self.cdf(eta, y), p, len(eta))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The log of all counts over all exposure, never of less than half a count in all."""
        counts, exposure = (y[:, 0], y[:, 1]) if self.exposure else (y, np.ones(len(y)))
        w = weights_of(counts, weights)
        return np.array([np.log(max(np.sum(w * counts), 0.5 / max(len(y), 1)) / np.sum(w * exposure))])

    def predictive(self) -> Likelihood:
        """The distribution of a count over an exposure of 1."""
        return Poisson()

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: 1 if y has an exposure."""
        return self.name, (float(self.exposure),), 1
