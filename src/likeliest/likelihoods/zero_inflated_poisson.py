"""Zero-inflated Poisson:  η (n, 2) = (log λ, g), y (n,) in 0, 1, 2, …:  0 with probability π = σ(g), else Poisson(λ).

y = 0:  log P = log(π + (1 − π) e^(−λ)),        ∂/∂ log λ = −λ w,     ∂/∂g = 1 − w − π,   w = σ(−g − λ)
y > 0:  log P = log(1 − π) + y log λ − λ − log y!,   ∂/∂ log λ = y − λ,   ∂/∂g = −π
w is the probability that a 0 came from the Poisson.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.columns import LOG_MEAN, cut, symmetric, uncut, weights_of
from likeliest.likelihoods.counts import check_counts, smallest_count
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class ZeroInflatedPoisson(Likelihood):
    """A count with more zeros than a Poisson has: some examples could not have had any event.

    η = (log λ, logit π), log λ cut off at ±40: the mean is (1 − π) λ.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import ZeroInflatedPoisson
    >>> ZeroInflatedPoisson().distribution(np.array([[np.log(4), 0.0]])).mean().round(9)
    array([2.])
    """

    name: ClassVar[str] = "zero_inflated_poisson"
    discrete = True
    support = (0, np.inf)

    @property
    def width(self) -> int:
        """Log λ and the log-odds g of an extra zero."""
        return 2

    def check(self, y: Any) -> Array:
        """Counts (n,)."""
        return check_counts(y, repr(self))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """log(π + (1 − π) e^(−λ)) for 0, else log(1 − π) + y log λ − λ − log y!."""
        log_rate, g = cut(xp, eta[:, 0], LOG_MEAN), eta[:, 1]
        rate, log_rest = xp.exp(log_rate), -xp.softplus(g)
        zero = xp.logaddexp(-xp.softplus(-g), log_rest - rate)
        return xp.where(y > 0, log_rest + y * log_rate - rate - xp.gammaln(y + 1.0), zero)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(−λ w, 1 − w − π) for 0, else (y − λ, −π)."""
        g, rate = eta[:, 1], xp.exp(cut(xp, eta[:, 0], LOG_MEAN))
        w, v, pi = (xp.logistic(z) for z in (-g - rate, g + rate, g))
        by_rate = xp.where(y > 0, y - rate, -rate * w) * uncut(eta[:, 0], LOG_MEAN)
        # 1 − w − π is σ(g + λ) − σ(g)
        return xp.stack([by_rate, xp.where(y > 0, -pi, v - pi)], axis=1).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """P(0) s₀ s₀ᵀ + (1 − π) E[(Y − λ, −π)(Y − λ, −π)ᵀ; Y > 0], s₀ the score of 0 and Y ~ Poisson(λ)."""
        rate, pi = np.exp(cut(np, eta[:, 0], LOG_MEAN)), numpy_namespace.logistic(eta[:, 1])
        s = self.score(np.asarray(eta, np.float64), np.zeros(len(eta)))
        none = np.exp(-rate)
        zero, rest = pi + (1 - pi) * none, 1 - pi
        return symmetric(
            [
                [
                    zero * s[:, 0] ** 2 + rest * (rate - rate * rate * none),
                    zero * s[:, 0] * s[:, 1] - rest * pi * rate * none,
                ],
                [zero * s[:, 1] ** 2 + rest * pi * pi * (1 - none)],
            ],
            2,
        )

    def mean(self, xp: Any, eta: Any) -> Any:
        """(1 − π) λ."""
        return xp.exp(cut(xp, eta[:, 0], LOG_MEAN) - xp.softplus(eta[:, 1]))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``rate`` λ and ``gate`` π, the probability of an extra zero: (n,) each."""
        return {"rate": xp.exp(cut(xp, eta[:, 0], LOG_MEAN)), "gate": xp.logistic(eta[:, 1])}

    def variance(self, eta: Array) -> Array:
        """(1 − π) λ (1 + π λ)."""
        rate, pi = np.exp(cut(np, eta[:, 0], LOG_MEAN)), numpy_namespace.logistic(eta[:, 1])
        return np.asarray(self.mean(numpy_namespace, eta) * (1 + pi * rate))

    def cdf(self, eta: Array, y: Array) -> Array:
        """π + (1 − π) times the Poisson's."""
        from scipy.special import gammaincc

        rate, g = np.exp(cut(np, eta[:, 0], LOG_MEAN)), eta[:, 1]
        poisson = gammaincc(np.floor(np.maximum(y, 0)) + 1, rate)
        return np.where(np.less(y, 0), 0.0, numpy_namespace.logistic(g) + numpy_namespace.logistic(-g) * poisson)

    def quantile(self, eta: Array, p: Array) -> Array:
        """The smallest count whose distribution function reaches p."""
        return smallest_count(lambda y: self.cdf(eta, y), p, len(eta))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The moments: E[y(y−1)] / E[y] = λ, and π from the mean."""
        w = weights_of(y, weights)
        mean, pairs = float(np.sum(w * y)), float(np.sum(w * y * (y - 1)))
        mean = max(mean, 0.5 / max(len(y), 1))
        rate = max(pairs / mean, 1.05 * mean)
        return np.array([np.log(rate), np.clip(np.log(rate / mean - 1), -3, 5)])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """No constants."""
        return self.name, (), 1
