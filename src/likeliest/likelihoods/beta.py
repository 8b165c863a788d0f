"""Beta:  η (n, 2) = (logit μ, log φ), y (n,) in (0, 1):  mean μ, concentration φ, variance μ(1 − μ)/(1 + φ).

a = φμ, b = φ(1 − μ);   P(y) ∝ y^(a−1) (1 − y)^(b−1)
log P = a A + b B − log y(1 − y) + S(φ) − S(a) − S(b),   A = log y − log μ,   B = log(1 − y) − log(1 − μ)
∂/∂ logit μ = φ μ (1 − μ) (A − B − S'(a) + S'(b))
∂/∂ log φ = a (A − S'(a)) + b (B − S'(b)) + φ S'(φ),   S(a) = log Γ(a) − (a log a − a),   S'(a) = ψ(a) − log a
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import check_numbers, refuse
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
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

CLOSEST = 1e-7  # to 0 and 1: nearer to 1 than that, float32 would round to 1


@dataclass(frozen=True, repr=False)
class Beta(Shaped):
    """A fraction strictly between 0 and 1: rates, proportions, scores.

    SciPy's beta(φμ, φ(1 − μ)), by its mean and its concentration.

    Parameters
    ----------
    concentration : float, "learned" or "function"
        φ: a number, one that is learned, or a function of x (default). Then η = (logit μ, log φ), cut off at ±40 and
        ±20.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Beta
    >>> Beta(concentration=2.0).distribution(np.array([[0.0]])).pdf(0.3).round(9)  # uniform
    array([1.])
    """

    concentration: Setting = "function"
    name: ClassVar[str] = "beta"
    support = (0, 1)

    def __post_init__(self) -> None:
        check_setting(self.concentration, "concentration", "Beta")

    @property
    def setting(self) -> Setting:
        """The concentration."""
        return self.concentration

    def check(self, y: Any) -> Array:
        """Numbers strictly between 0 and 1 (n,)."""
        y = check_numbers(y, 1, repr(self))
        wrong = ~((y >= CLOSEST) & (y <= 1 - CLOSEST))
        cure = "move 0 and 1 inside: y = (y * (len(y) - 1) + 0.5) / len(y)"
        refuse(y, wrong, repr(self), "numbers strictly between 0 and 1", cure)
        return np.asarray(y)

    def parts(self, xp: Any, eta: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Log μ, log(1 − μ), φ, a, b: (n,) each."""
        m, log_phi = cut(xp, eta[:, 0], LOG_MEAN), self.log_shape(xp, eta)
        log_mu, log_rest = -xp.softplus(-m), -xp.softplus(m)
        return log_mu, log_rest, xp.exp(log_phi), xp.exp(log_phi + log_mu), xp.exp(log_phi + log_rest)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """With A and B as above: a A + b B − log y(1 − y) + S(φ) − S(a) − S(b)."""
        log_mu, log_rest, phi, a, b = self.parts(xp, eta)
        log_y, log_z = xp.log(y), xp.log1p(-y)
        s = xp.stirling(phi) - xp.stirling(a) - xp.stirling(b)
        return a * (log_y - log_mu) + b * (log_z - log_rest) - log_y - log_z + s

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(φ μ (1 − μ) (A − B − S'(a) + S'(b)), a (A − S'(a)) + b (B − S'(b)) + φ S'(φ))."""
        log_mu, log_rest, phi, a, b = self.parts(xp, eta)
        A = xp.log(y) - log_mu - xp.stirling_slope(a)
        B = xp.log1p(-y) - log_rest - xp.stirling_slope(b)
        # φ μ (1 − μ) is a (1 − μ); a times S'(a) stays finite where a alone is all but 0.
        return self.columns(xp, eta, a * xp.exp(log_rest) * (A - B), a * A + b * B + phi * xp.stirling_slope(phi))

    def fisher(self, eta: Array) -> Array:
        """Jᵀ I J, I = diag(ψ'(a), ψ'(b)) − ψ'(φ) of (a, b), J = ∂(a, b)/∂η = [[w, a], [−w, b]], w = φμ(1 − μ)."""
        from scipy.special import polygamma

        _, log_rest, phi, a, b = self.parts(numpy_namespace, eta)
        A, B, C = polygamma(1, a), polygamma(1, b), polygamma(1, phi)
        w = a * np.exp(log_rest)
        return symmetric([[w * w * (A + B), w * (a * A - b * B)], [a * a * A + b * b * B - phi * phi * C]], self.width)

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ."""
        return xp.logistic(cut(xp, eta[:, 0], LOG_MEAN))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``concentration1`` φμ and ``concentration0`` φ(1 − μ), SciPy's a and b: (n,) each."""
        *_, a, b = self.parts(xp, eta)
        return {"concentration1": a, "concentration0": b}

    def variance(self, eta: Array) -> Array:
        """μ (1 − μ) / (1 + φ)."""
        log_mu, log_rest, phi, _, _ = self.parts(numpy_namespace, eta)
        return np.asarray(np.exp(log_mu + log_rest) / (1 + phi))

    def cdf(self, eta: Array, y: Array) -> Array:
        """The regularized incomplete beta function."""
        from scipy.special import betainc

        *_, a, b = self.parts(numpy_namespace, eta)
        return np.asarray(betainc(a, b, np.clip(y, 0, 1)))

    def quantile(self, eta: Array, p: Array) -> Array:
        """Its inverse."""
        from scipy.special import betaincinv

        *_, a, b = self.parts(numpy_namespace, eta)
        return np.asarray(betaincinv(a, b, p))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The mean of y, and the concentration from its variance."""
        mean, variance = moments(y, weights)
        phi = max(mean * (1 - mean) / variance - 1, 0.1)
        return np.array([np.log(mean) - np.log1p(-mean), *self.start_shape(phi)])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed concentration (0: η has its log)."""
        return self.name, (constant(self.concentration),), 1
