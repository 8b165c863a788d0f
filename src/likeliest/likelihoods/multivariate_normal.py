"""Multivariate Normal:  η (n, d + d + d(d−1)/2) = (μ, r, a), y (n, d):  each target a Normal, given those before it.

e_i = (y_i − μ_i) − Σ_{j<i} a_ij (y_j − μ_j)          s_i² = min_scale² + e^{r_i}
log P = −½ Σ_i (log 2π + log s_i² + e_i² / s_i²)
With A the a_ij below the diagonal, the precision is (I − A)ᵀ diag(1/s²) (I − A): its Cholesky factor is
(I − A)ᵀ diag(1/s), and no system is solved to get log P or the score.
w_i = e_i / s_i²:   ∂/∂μ = (I − A)ᵀ w      ∂/∂r_i = ½ (e_i²/s_i² − 1) e^{r_i}/s_i²      ∂/∂a_ij = w_i (y_j − μ_j)
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
    check_count,
    check_min_scale,
    check_setting,
    cut,
    floored,
    log_squared_scale,
    uncut,
    weights_of,
)
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class MultivariateNormal(Likelihood):
    """Several real numbers at once, with noise that is correlated.

    The covariance is by its Cholesky factor, in the form that is a chain of regressions: target i is Normal around
    μ_i + Σ_{j<i} a_ij (y_j − μ_j) with variance s_i² (Pourahmadi 1999, https://doi.org/10.1093/biomet/86.3.677).

    Parameters
    ----------
    count : int
        d, how many targets; at least 2.
    scale : "learned" or "function"
        Whether the covariance is one for all x, or a function of x (default). η is the d means μ, d numbers r with
        s² = min_scale² + e^r (r cut off at ±40), and the a_ij row by row: a_21, a_31, a_32, a_41, ….
    min_scale : float
        No s_i is smaller.

    Notes
    -----
    ``mean``, ``variance``, ``cdf`` and ``quantile`` are those of each target by itself; ``covariance`` is whole.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import MultivariateNormal
    >>> MultivariateNormal(2).covariance(np.array([[0.0, 0.0, 0.0, 0.0, 0.5]]))
    array([[[1.  , 0.5 ],
            [0.5 , 1.25]]])
    """

    count: int
    scale: str = "function"
    min_scale: float = 0.0
    name: ClassVar[str] = "multivariate_normal"
    standardizes = True

    def __post_init__(self) -> None:
        check_count(self.count, "count", "MultivariateNormal", least=2)
        check_setting(self.scale, "scale", "MultivariateNormal", fixed=False)
        check_min_scale(self.min_scale, "MultivariateNormal")

    @property
    def width(self) -> int:
        """As many as d means, d scales and d(d−1)/2 slopes."""
        return self.count * (self.count + 3) // 2

    @property
    def shared(self) -> int:
        """All but the means, when the covariance is learned."""
        return self.width - self.count if self.scale == "learned" else 0

    @property
    def targets(self) -> int:
        """How many numbers y has for each example."""
        return int(self.count)

    @property
    def draws(self) -> int:
        """One uniform number for each target."""
        return int(self.count)

    def squared_scales(self, xp: Any, eta: Any) -> Any:
        """s² = min_scale² + e^r: (n, d)."""
        d = self.count
        return float(self.min_scale) ** 2 + xp.exp(cut(xp, eta[:, d : 2 * d], LOG_MEAN))

    def residuals(self, xp: Any, eta: Any, y: Any) -> Any:
        """Residuals e = (I − A)(y − μ): (n, d)."""
        d, D = self.count, y - eta[:, : self.count]
        e = [D[:, 0]]
        first = 2 * d
        for i in range(1, d):
            e.append(D[:, i] - xp.sum(eta[:, first : first + i] * D[:, :i], axis=1))
            first += i
        return xp.stack(e, axis=1)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """−½ Σ_i (log 2π + log s_i² + e_i² / s_i²)."""
        s2, e = self.squared_scales(xp, eta), self.residuals(xp, eta, y)
        return -0.5 * xp.sum(math.log(2 * math.pi) + xp.log(s2) + e * e / s2, axis=1)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """The derivatives by μ, r and a, at the head of this page."""
        d, r = self.count, eta[:, self.count : 2 * self.count]
        s2, e = self.squared_scales(xp, eta), self.residuals(xp, eta, y)
        w, D = e / s2, y - eta[:, :d]
        by_mean = [w[:, i] for i in range(d)]
        by_scale = 0.5 * (e * e / s2 - 1) * xp.exp(cut(xp, r, LOG_MEAN)) / s2 * uncut(r, LOG_MEAN)
        by_a, first = [], 2 * d
        for i in range(1, d):
            for j in range(i):
                by_mean[j] = by_mean[j] - eta[:, first + j] * w[:, i]
            by_a.append(w[:, i : i + 1] * D[:, :i])
            first += i
        return xp.concatenate([xp.stack(by_mean, axis=1), by_scale, *by_a], axis=1).astype(eta.dtype)

    def unit_lower(self, eta: Array) -> Array:
        """I − A: (n, d, d)."""
        d = self.count
        matrix = np.tile(np.eye(d), (len(eta), 1, 1))
        rows, columns = np.tril_indices(d, -1)
        matrix[:, rows, columns] = -eta[:, 2 * d :]
        return matrix

    def covariance(self, eta: Array) -> Array:
        """(I − A)⁻¹ diag(s²) (I − A)⁻ᵀ: (n, d, d)."""
        inverse = np.linalg.inv(self.unit_lower(eta))
        return np.asarray((inverse * self.squared_scales(np, eta)[:, None, :]) @ inverse.transpose(0, 2, 1))

    def fisher(self, eta: Array) -> Array:
        """Of μ the precision; of r diag(½ (e^r/s²)²); of the row a_i the covariance of y_1 … y_{i−1}, over s_i²."""
        d = self.count
        r, s2, L = eta[:, d : 2 * d], self.squared_scales(np, eta), self.unit_lower(eta)
        covariance = self.covariance(eta)
        fisher = np.zeros((len(eta), self.width, self.width))
        fisher[:, :d, :d] = L.transpose(0, 2, 1) @ (L / s2[:, :, None])
        k = np.arange(d, 2 * d)
        fisher[:, k, k] = 0.5 * (np.exp(cut(np, r, LOG_MEAN)) / s2 * uncut(r, LOG_MEAN)) ** 2
        first = 2 * d
        for i in range(1, d):
            row = slice(first, first + i)
            fisher[:, row, row] = covariance[:, :i, :i] / s2[:, i, None, None]
            first += i
        return fisher

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ: (n, d)."""
        return eta[:, : self.count]

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``loc`` μ (n, d) and ``scale_tril`` (I − A)⁻¹ diag(s) (n, d, d), the Cholesky factor of the covariance."""
        d, one = self.count, np.eye(self.count)
        rows, first = [xp.zeros_like(eta[:, :d]) + one[0]], 2 * d
        for i in range(1, d):  # row i of the inverse is e_i + Σ_j a_ij row j
            rows.append(one[i] + sum(eta[:, first + j, None] * rows[j] for j in range(i)))
            first += i
        s = xp.sqrt(self.squared_scales(xp, eta))
        tril = xp.stack(rows, axis=1) * s[:, None, :] * (scale + np.zeros(d))[:, None]
        return {"loc": loc + scale * eta[:, :d], "scale_tril": tril}

    def variance(self, eta: Array) -> Array:
        """The diagonal of the covariance: (n, d)."""
        return np.diagonal(self.covariance(eta), axis1=1, axis2=2).copy()

    def cdf(self, eta: Array, y: Array) -> Array:
        """Φ((y − μ) / √variance), of each target by itself: (n, d)."""
        from scipy.special import ndtr

        return np.asarray(ndtr((y - eta[:, : self.count]) / np.sqrt(self.variance(eta))))

    def quantile(self, eta: Array, p: Array) -> Array:
        """μ + √variance Φ⁻¹(p), of each target by itself: (n, d)."""
        from scipy.special import ndtri

        return np.asarray(eta[:, : self.count] + np.sqrt(self.variance(eta)) * ndtri(p))

    def sample(self, eta: Array, u: npt.NDArray[np.float64]) -> Array:
        """μ + (I − A)⁻¹ s Φ⁻¹(u): u (n, d) -> (n, d)."""
        from scipy.special import ndtri

        e = np.sqrt(self.squared_scales(np, eta)) * ndtri(u)
        return np.asarray(eta[:, : self.count] + np.linalg.solve(self.unit_lower(eta), e[:, :, None])[:, :, 0])

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The means, and the regression of each target on those before it."""
        d, w = self.count, weights_of(y, weights)
        mean = w @ y
        D = y - mean
        covariance = (w[:, None] * D).T @ D
        r, a = [], []
        for i in range(d):
            before = covariance[:i, :i] + 1e-6 * np.diag(np.diagonal(covariance)[:i] + 1e-300)
            row = np.linalg.lstsq(before, covariance[:i, i], rcond=None)[0]
            variance = float(covariance[i, i] - row @ covariance[:i, i])
            total = floored(float(covariance[i, i]), float(mean[i]))
            r.append(log_squared_scale(max(variance, 1e-6 * total), self.min_scale))
            a.extend(row)
        return np.array([*mean, *r, *a])

    def standardized(self, scale: Any) -> Likelihood:
        """Itself: its scales are learned, and min_scale is in the units of the y that it is given."""
        return self

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: d, min_scale."""
        return self.name, (float(self.count), float(self.min_scale)), 1
