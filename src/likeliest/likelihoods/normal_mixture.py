"""Mixture of Normals:  η (n, 3K − 1) = (l, μ, r), y (n,):  P(y) = Σ_k π_k N(y; μ_k, s_k²), π = softmax(0, l).

The first logit is 0, for softmax depends on their differences alone: with K free ones, η would have a direction in
which nothing changes, and Fisher's information of η would be singular.

s_k² = min_scale² + e^{r_k},   z_k = (y − μ_k) / s_k,   L_k = log π_k − ½ (log 2π + log s_k² + z_k²)
log P = log Σ_k e^{L_k};     ρ_k = e^{L_k − log P}, the probability that y came from component k
∂/∂l_k = ρ_k − π_k, k > 1       ∂/∂μ_k = ρ_k z_k / s_k       ∂/∂r_k = ½ ρ_k (z_k² − 1) e^{r_k} / s_k²
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.columns import (
    LOG_MEAN,
    LocationScale,
    Setting,
    check_count,
    constant,
    cut,
    moments,
    uncut,
    weighted_quantiles,
)
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

NODES, REACH = 10, 9  # of the Gauss–Legendre rule; how many scales from a mean nothing is left
BISECTIONS = 200  # at most; they stop when they change nothing


@dataclass(frozen=True, repr=False)
class NormalMixture(LocationScale):
    """A real number with several humps, or with skewed or heavy-tailed noise: a mixture density network.

    Bishop 1994, https://publications.aston.ac.uk/id/eprint/373.

    Parameters
    ----------
    components : int
        K, how many Normals.
    scale : float, "learned" or "function"
        The standard deviations s_k: one number for all, K numbers that are learned, or functions of x (default). Then η
        is K − 1 logits (that of the first component is 0), K means and K numbers r with s² = min_scale² + e^r, r cut
        off at ±40.
    min_scale : float
        No s_k is smaller; no effect on a fixed scale.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import NormalMixture
    >>> d = NormalMixture(2, scale=1.0).distribution(np.array([[0.0, -2.0, 2.0]]))
    >>> d.mean(), d.var()
    (array([0.]), array([5.]))
    """

    components: int = 3
    scale: Setting = "function"
    min_scale: float = 0.0
    name: ClassVar[str] = "normal_mixture"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.components, "components", "NormalMixture")

    @property
    def width(self) -> int:
        """K − 1 logits, K means and, unless the scale is fixed, K numbers r."""
        return int(self.components) * (2 + isinstance(self.scale, str)) - 1

    @property
    def shared(self) -> int:
        """K when the scales are learned."""
        return int(self.components) * (self.scale == "learned")

    @property
    def draws(self) -> int:
        """One uniform number to choose the component, one for its Normal."""
        return 2

    def parts(self, xp: Any, eta: Any) -> tuple[Any, Any, Any]:
        """Log π, μ and s²: (n, K) each."""
        K = int(self.components)
        mu = eta[:, K - 1 : 2 * K - 1]
        logits = xp.concatenate([xp.zeros_like(mu[:, :1]), eta[:, : K - 1]], axis=1)
        if isinstance(self.scale, str):
            s2 = float(self.min_scale) ** 2 + xp.exp(cut(xp, eta[:, 2 * K - 1 :], LOG_MEAN))
        else:
            s2 = xp.zeros_like(mu) + float(self.scale) ** 2
        return logits - xp.log_sum_exp(logits), mu, s2

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log Σ_k e^{L_k}."""
        log_pi, mu, s2 = self.parts(xp, eta)
        d = y[:, None] - mu
        return xp.log_sum_exp(log_pi - 0.5 * (math.log(2 * math.pi) + xp.log(s2) + d * d / s2))[:, 0]

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(ρ − π, ρ z / s, ½ ρ (z² − 1) e^r / s²), without the first ρ − π."""
        log_pi, mu, s2 = self.parts(xp, eta)
        d = y[:, None] - mu
        L = log_pi - 0.5 * (xp.log(s2) + d * d / s2)
        rho = xp.exp(L - xp.max(L, axis=1, keepdims=True))
        rho = rho / xp.sum(rho, axis=1, keepdims=True)
        columns = [(rho - xp.exp(log_pi))[:, 1:], rho * d / s2]
        if isinstance(self.scale, str):
            r = eta[:, 2 * int(self.components) - 1 :]
            g = xp.exp(cut(xp, r, LOG_MEAN)) / s2 * uncut(r, LOG_MEAN)
            columns.append(0.5 * rho * (d * d / s2 - 1) * g)
        return xp.concatenate(columns, axis=1).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """∫ P(y) s sᵀ dy, s the score: Gauss–Legendre rules with 10 nodes between all points μ_k + i s_k, |i| ≤ 9."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        eta = np.asarray(eta, np.float64)
        n = len(eta)
        _, mu, s2 = self.parts(numpy_namespace, eta)
        points = mu[:, :, None] + np.sqrt(s2)[:, :, None] * np.arange(-REACH, REACH + 1)
        points = np.sort(points.reshape(n, math.prod(points.shape[1:])), axis=1)
        half = 0.5 * np.diff(points)[:, :, None]
        y = (points[:, :-1, None] + half * (1 + nodes)).ravel()
        rows = np.repeat(eta, len(y) // max(n, 1), axis=0)
        p = np.exp(self.log_prob(numpy_namespace, rows, y)) * (half * weights).ravel()
        scores = self.score(rows, y).reshape(n, -1, self.width) if n else np.empty((0, 1, self.width))
        return np.asarray(np.einsum("nq,nqi,nqj->nij", p.reshape(n, scores.shape[1]), scores, scores))

    def mean(self, xp: Any, eta: Any) -> Any:
        """Σ_k π_k μ_k."""
        log_pi, mu, _ = self.parts(xp, eta)
        return xp.sum(xp.exp(log_pi) * mu, axis=1)

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``weights`` π, ``loc`` μ and ``scale`` s of the components: (n, K) each."""
        log_pi, mu, s2 = self.parts(xp, eta)
        loc, scale = xp.reshape(loc, (-1, 1)), xp.reshape(scale, (-1, 1))
        return {"weights": xp.exp(log_pi), "loc": loc + scale * mu, "scale": scale * xp.sqrt(s2)}

    def variance(self, eta: Array) -> Array:
        """Σ_k π_k (s_k² + (μ_k − mean)²)."""
        log_pi, mu, s2 = self.parts(numpy_namespace, eta)
        d = mu - self.mean(numpy_namespace, eta)[:, None]
        return np.asarray(np.sum(np.exp(log_pi) * (s2 + d * d), axis=1))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Σ_k π_k Φ(z_k)."""
        from scipy.special import ndtr

        log_pi, mu, s2 = self.parts(numpy_namespace, eta)
        y = np.broadcast_to(y, len(eta))
        return np.asarray(np.sum(np.exp(log_pi) * ndtr((y[:, None] - mu) / np.sqrt(s2)), axis=1))

    def quantile(self, eta: Array, p: Array) -> Array:
        """By bisection, between the smallest and the largest of the components' quantiles."""
        from scipy.special import ndtri

        p = np.broadcast_to(np.asarray(p, np.float64), len(eta))
        _, mu, s2 = self.parts(numpy_namespace, np.asarray(eta, np.float64))
        q = mu + np.sqrt(s2) * ndtri(p)[:, None]
        low, high = q.min(axis=1), q.max(axis=1)
        inner = np.isfinite(low)
        for _ in range(BISECTIONS):
            middle = np.where(inner, 0.5 * (low + np.where(inner, high, 0)), low)
            if ((middle <= low) | (middle >= high) | ~inner).all():
                break
            short = inner & (self.cdf(eta, middle) < p)
            low, high = np.where(short, middle, low), np.where(short | ~inner, high, middle)
        return np.asarray(high)

    def sample(self, eta: Array, u: npt.NDArray[np.float64]) -> Array:
        """Chooses a component by u_1 and draws from its Normal by u_2: u (n, 2) -> (n,)."""
        from scipy.special import ndtri

        log_pi, mu, s2 = self.parts(numpy_namespace, eta)
        total = np.cumsum(np.exp(log_pi), axis=1)
        k = (total[:, :-1] < u[:, :1]).sum(axis=1)
        rows = np.arange(len(eta))
        return np.asarray(mu[rows, k] + np.sqrt(s2[rows, k]) * ndtri(u[:, 1]))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """Equal shares, means spread over the quantiles of y, and scales to fit between them."""
        K = int(self.components)
        _, variance = moments(y, weights)
        means = weighted_quantiles(y, (np.arange(K) + 0.5) / K, weights)
        return np.concatenate([np.zeros(K - 1), means, np.repeat(self.start_scale(variance / K), K)])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: K, the fixed scale (0: η has r), min_scale."""
        return self.name, (float(self.components), constant(self.scale), float(self.min_scale)), 1
