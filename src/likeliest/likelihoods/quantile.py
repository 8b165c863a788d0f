"""Quantiles:  η (n, K), y (n,):  q_1 = η_1, q_k = q_{k−1} + softplus(η_k), the τ_k-quantiles of y, which never cross.

log P = Σ_k log(τ_k (1 − τ_k) / s) − (y − q_k)(τ_k − [y < q_k]) / s:  asymmetric Laplace densities
D_k = ∂/∂q_k = (τ_k − [y < q_k]) / s:     ∂/∂η_1 = Σ_k D_k,     ∂/∂η_j = σ(η_j) Σ_{k ≥ j} D_k
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.columns import floored, inverse_softplus, is_positive, moments, weighted_quantiles
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


def quantiles(xp: Any, eta: Any) -> Any:
    """q_1 = η_1, q_k = q_{k−1} + softplus(η_k): (n, K)."""
    return xp.cumsum(xp.concatenate([eta[:, :1], xp.softplus(eta[:, 1:])], axis=1), axis=1)


@dataclass(frozen=True, repr=False)
class Quantile(Likelihood):
    """Some quantiles of y, and nothing else assumed about it: quantile regression, all quantiles in one network.

    The sum over k of the log densities of asymmetric Laplace distributions around q_k, which is the pinball function
    upside down: its maximum is at the quantiles of y (Koenker and Bassett 1978, https://doi.org/10.2307/1913643). As a
    log-likelihood it compares Quantile with Quantile only. ``distribution`` is an honest one.

    Parameters
    ----------
    probabilities : tuple of float
        τ_1 < τ_2 < … in (0, 1).
    scale : float
        s, of the asymmetric Laplace distributions: how much the quantiles weigh against a prior.

    Notes
    -----
    The predictive distribution passes through the quantiles: y is linear between them in Φ⁻¹(p), and goes on like
    that beyond the first and the last. It is exact where y is Normal; ``mean`` and ``variance`` are its moments. It
    takes two quantiles or more.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Quantile
    >>> d = Quantile((0.25, 0.5, 0.75)).distribution(np.array([[1.0, 0.5, 2.0]]))
    >>> d.ppf(np.array([[0.25], [0.5], [0.75]])).round(3)
    array([[1.   ],
           [1.974],
           [4.101]])
    """

    probabilities: tuple[float, ...] = (0.05, 0.5, 0.95)  # type: ignore[assignment]
    scale: float = 1.0
    name: ClassVar[str] = "quantile"
    standardizes = True

    def __post_init__(self) -> None:
        try:
            taus = tuple(float(tau) for tau in self.probabilities)
        except (TypeError, ValueError):
            taus = ()
        if not taus or not all(0 < tau < 1 for tau in taus) or any(a >= b for a, b in pairwise(taus)):
            raise ValueError(
                f"probabilities: Quantile expected increasing numbers between 0 and 1, such as (0.05, 0.5, 0.95), "
                f"found {self.probabilities!r}"
            )
        if not is_positive(self.scale):
            raise ValueError(f"scale: Quantile expected a positive number, found {self.scale!r}")
        object.__setattr__(self, "probabilities", taus)

    @property
    def width(self) -> int:
        """One number for each quantile."""
        return len(self.probabilities)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Σ_k log(τ_k (1 − τ_k) / s) − (y − q_k)(τ_k − [y < q_k]) / s."""
        q, total = quantiles(xp, eta), self.log_height
        for k, t in enumerate(self.probabilities):
            u = y - q[:, k]
            total = total - (t * xp.maximum(u, 0.0) + (1 - t) * xp.maximum(-u, 0.0)) / self.scale
        return total

    @property
    def log_height(self) -> float:
        """Σ_k log(τ_k (1 − τ_k) / s): the log of the densities where y = q_k, all together."""
        return math.fsum(math.log(tau * (1 - tau) / self.scale) for tau in self.probabilities)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """∂/∂η_1 = Σ_k D_k and ∂/∂η_j = σ(η_j) Σ_{k ≥ j} D_k, with D_k = (τ_k − [y < q_k]) / s."""
        q = quantiles(xp, eta)
        D = (np.array(self.probabilities) - (y[:, None] < q) + 0 * q) / self.scale  # 0 q: a NaN must show
        after = xp.cumsum(D[:, ::-1], axis=1)[:, ::-1]
        return (after * self.slopes(eta, xp)).astype(eta.dtype)

    def slopes(self, eta: Any, xp: Any = numpy_namespace) -> Any:
        """∂q_k/∂η_j for k ≥ j: 1 for the first column, σ(η_j) for the others."""
        return xp.concatenate([xp.ones_like(eta[:, :1]), xp.logistic(eta[:, 1:])], axis=1)

    def fisher(self, eta: Array) -> Array:
        """Var[score] where q_k are the quantiles of y: Cov[D_j, D_k] = τ_j (1 − τ_k) / s² for j ≤ k."""
        tau = np.array(self.probabilities)
        D = (np.minimum(tau[:, None], tau) - tau[:, None] * tau) / self.scale**2
        after = np.triu(np.ones((self.width, self.width)))  # Σ_{k ≥ j}
        slopes = self.slopes(eta)
        return np.asarray(slopes[:, :, None] * (after @ D @ after.T) * slopes[:, None, :])

    def mean(self, xp: Any, eta: Any) -> Any:
        """The mean of the predictive distribution; the quantile itself when there is one only."""
        return eta[:, 0] if self.width == 1 else Interpolated(self.probabilities).mean(xp, eta)

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``quantiles`` q_k at τ_k: (n, K)."""
        return {"quantiles": xp.reshape(loc, (-1, 1)) + xp.reshape(scale, (-1, 1)) * quantiles(xp, eta)}

    def variance(self, eta: Array) -> Array:
        """The variance of the predictive distribution."""
        return self.predictive().variance(eta)

    def cdf(self, eta: Array, y: Array) -> Array:
        """The predictive distribution: P(Y ≤ q_k) = τ_k."""
        return self.predictive().cdf(eta, y)

    def quantile(self, eta: Array, p: Array) -> Array:
        """The quantiles of the predictive distribution: q_k at τ_k."""
        return self.predictive().quantile(eta, p)

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The quantiles of y."""
        q = weighted_quantiles(y, self.probabilities, weights)
        mean, variance = moments(y, weights)
        least = 1e-3 * np.sqrt(floored(variance, mean))
        return np.array([q[0], *(inverse_softplus(max(gap, least)) for gap in np.diff(q))])

    def predictive(self) -> Likelihood:
        """The distribution that passes through the quantiles."""
        if self.width == 1:
            raise NotImplementedError(f"{self!r} has one quantile, which makes no distribution: give at least two")
        return Interpolated(self.probabilities)

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the scale, Σ_k log(τ_k (1 − τ_k) / s), τ_1, τ_2, …."""
        return self.name, (float(self.scale), self.log_height, *self.probabilities), 1


@dataclass(frozen=True, repr=False)
class Interpolated(Likelihood):
    """The distribution whose quantiles are q_k at τ_k, and linear in Φ⁻¹(p) between and beyond them.

    On piece k, y = a_k + b_k z with z standard Normal, b_k = (q_{k+1} − q_k) / (z_{k+1} − z_k), and never below 1e-12.

    Parameters
    ----------
    levels : tuple of float
        τ_1 < τ_2 < …, at least two.
    """

    levels: tuple[float, ...]
    name: ClassVar[str] = "interpolated"
    standardizes = True

    @property
    def width(self) -> int:
        """One number for each quantile, as ``Quantile`` has them."""
        return len(self.levels)

    def pieces(self, xp: Any, eta: Any) -> tuple[Any, Any, Any, Any]:
        """Knots q (n, K) and z (K,), a and b (n, K − 1)."""
        from scipy.special import ndtri

        q, z = quantiles(xp, eta), ndtri(np.array(self.levels))
        b = xp.maximum((q[:, 1:] - q[:, :-1]) / np.diff(z), 1e-12)
        return q, z, q[:, :-1] - b * z[:-1], b

    def moments(self) -> tuple[Array, Array, Array]:
        """P, E[z; piece] and E[z²; piece] of each piece, under the standard Normal: (K − 1,) each."""
        from scipy.special import ndtr, ndtri

        z = ndtri(np.array(self.levels))[1:-1]
        density = np.concatenate([[0.0], np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi), [0.0]])
        edge = np.concatenate([[0.0], z, [0.0]]) * density
        P = np.diff(np.concatenate([[0.0], ndtr(z), [1.0]]))
        return P, -np.diff(density), P - np.diff(edge)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log φ(z) − log b_k, on the piece that y is on."""
        z, b = self.standard(eta, y)
        return -0.5 * (np.log(2 * np.pi) + z * z) - np.log(b)

    def standard(self, eta: Array, y: Array) -> tuple[Array, Array]:
        """The z = (y − a_k) / b_k and b_k, k the piece that y is on: (n,) each."""
        q, _, a, b = self.pieces(numpy_namespace, eta)
        rows, k = np.arange(len(eta)), np.sum(np.asarray(y)[:, None] > q[:, 1:-1], axis=1)
        return (y - a[rows, k]) / b[rows, k], b[rows, k]

    def mean(self, xp: Any, eta: Any) -> Any:
        """Σ_k a_k P_k + b_k E[z; piece k]."""
        _, _, a, b = self.pieces(xp, eta)
        P, first, _ = self.moments()
        return xp.sum(a * P + b * first, axis=1)

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``quantiles`` q_k at τ_k: (n, K)."""
        return Quantile(self.levels).parameters(xp, eta, loc, scale)

    def variance(self, eta: Array) -> Array:
        """E[(y − mean)²], piece by piece."""
        _, _, a, b = self.pieces(numpy_namespace, eta)
        P, first, second = self.moments()
        a = a - self.mean(numpy_namespace, eta)[:, None]
        return np.asarray(np.sum(a * a * P + 2 * a * b * first + b * b * second, axis=1))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Φ(z)."""
        from scipy.special import ndtr

        return np.asarray(ndtr(self.standard(eta, np.broadcast_to(y, len(eta)))[0]))

    def quantile(self, eta: Array, p: Array) -> Array:
        """a_k + b_k Φ⁻¹(p), k the piece that p is on."""
        from scipy.special import ndtri

        _, _, a, b = self.pieces(numpy_namespace, eta)
        p = np.broadcast_to(p, len(eta))
        rows, k = np.arange(len(eta)), np.sum(p[:, None] > np.array(self.levels)[1:-1], axis=1)
        return np.asarray(a[rows, k] + b[rows, k] * ndtri(p))
