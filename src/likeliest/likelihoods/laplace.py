"""Laplace:  η (n, 2) = (μ, r), y (n,),  P(y | η) = e^(−|z|) / 2b,  b² = min_scale² + e^r.

log P = −log 2 − ½ log b² − |z|,   z = (y − μ) / b
∂/∂μ = sign(z) / b          ∂/∂r = ½ (|z| − 1) · e^r / b²
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.columns import (
    LocationScale,
    Setting,
    constant,
    floored,
    symmetric,
    weighted_quantiles,
    weights_of,
)
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Laplace(LocationScale):
    """A real number with Laplace noise: least absolute deviations, for data with outliers.

    log P(y | η) = −log 2b − |y − μ| / b.

    Parameters
    ----------
    scale : float, "learned" or "function"
        b, SciPy's scale (the standard deviation is √2 b): a number, one that is learned, or a function of x (default).
        Then η = (μ, r), and b² = min_scale² + e^r with r cut off at ±40.
    min_scale : float
        b is never smaller; no effect on a fixed scale.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Laplace
    >>> Laplace().score(np.array([[0.0, 0.0]]), np.array([-3.0]))
    array([[-1.,  1.]])
    """

    scale: Setting = "function"
    min_scale: float = 0.0
    name: ClassVar[str] = "laplace"

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """−log 2 − ½ log b² − |y − μ| / b."""
        b2 = self.squared_scale(xp, eta)
        return -math.log(2) - 0.5 * xp.log(b2) - xp.abs(y - eta[:, 0]) / xp.sqrt(b2)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(sign(z) / b, ½ (|z| − 1) e^r / b²)."""
        b2 = self.squared_scale(xp, eta)
        z = (y - eta[:, 0]) / xp.sqrt(b2)
        columns = (xp.sign(z) / xp.sqrt(b2), 0.5 * (xp.abs(z) - 1) * self.slope(eta, b2, xp))
        return xp.stack(columns[: self.width], axis=1).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """diag(1 / b², ¼ (e^r / b²)²): |z| is exponential, with variance 1."""
        b2 = self.squared_scale(np, eta)
        return symmetric([[1 / b2, np.zeros_like(b2)], [0.25 * self.slope(eta, b2) ** 2]], self.width)

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ."""
        return eta[:, 0]

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``loc`` μ and ``scale`` b: (n,) each."""
        return {"loc": loc + scale * eta[:, 0], "scale": scale * xp.sqrt(self.squared_scale(xp, eta))}

    def variance(self, eta: Array) -> Array:
        """2 b²."""
        return np.asarray(2 * self.squared_scale(np, eta))

    def cdf(self, eta: Array, y: Array) -> Array:
        """½ e^z below μ, 1 − ½ e^(−z) above."""
        z = (y - eta[:, 0]) / np.sqrt(self.squared_scale(np, eta))
        tail = 0.5 * np.exp(-np.abs(z))
        return np.asarray(np.where(z < 0, tail, 1 - tail))

    def quantile(self, eta: Array, p: Array) -> Array:
        """μ + b log 2p below the median, μ − b log 2(1 − p) above."""
        with np.errstate(divide="ignore"):
            z = np.where(np.less(p, 0.5), np.log(2 * np.minimum(p, 0.5)), -np.log(2 * (1 - np.maximum(p, 0.5))))
        return np.asarray(eta[:, 0] + np.sqrt(self.squared_scale(np, eta)) * z)

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The median of y and the mean distance from it."""
        median = float(weighted_quantiles(y, 0.5, weights))
        b = float(np.sum(weights_of(y, weights) * np.abs(y - median)))
        return np.array([median, *self.start_scale(floored(b * b, median))])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed scale (0: η has r), min_scale."""
        return self.name, (constant(self.scale), float(self.min_scale)), 1
