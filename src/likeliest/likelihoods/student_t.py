"""Student's t:  η (n, 3) = (μ, r, v), y (n,),  s² = min_scale² + e^r,  ν = e^v.

log P = C(ν) − ½ log s² − ½ (ν+1) log(1 + z²/ν),   z = (y − μ) / s
C(ν) = log Γ((ν+1)/2) − log Γ(ν/2) − ½ log πν
     = ½ (ν+1) log(1 + 1/ν) − ½ − ½ log 2π + S((ν+1)/2) − S(ν/2),   S(a) = log Γ(a) − (a log a − a)
∂/∂μ = (ν+1) z / (s (ν + z²))
∂/∂r = ½ ((ν+1) z² / (ν + z²) − 1) · e^r / s²
∂/∂v = ν C'(ν) − ½ ν log(1 + z²/ν) + ½ (ν+1) z² / (ν + z²)
ν C'(ν) = ½ ν (log(1 + 1/ν) − 1/ν + S'((ν+1)/2) − S'(ν/2)),    S'(a) = ψ(a) − log a
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.columns import (
    LOG_SHAPE,
    LocationScale,
    Setting,
    check_setting,
    constant,
    cut,
    floored,
    moments,
    uncut,
    weighted_quantiles,
)
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class StudentT(LocationScale):
    """A real number with heavy-tailed noise: the Normal, but some outliers are expected.

    Parameters
    ----------
    df : float, "learned" or "function"
        The degrees of freedom ν: a number (default 4), one that is learned, or a function of x; ν = e^v with v cut off
        at ±20. The smaller, the heavier the tails: the variance is infinite for ν ≤ 2, and for ν ≤ 1 there is no mean;
        ``mean`` gives the location all the same.
    scale : float, "learned" or "function"
        s, SciPy's scale: a number, one that is learned, or a function of x (default); s² = min_scale² + e^r with r cut
        off at ±40. The columns of η are μ, r, v, less those that are fixed; columns that are learned stand last.
    min_scale : float
        s is never smaller; no effect on a fixed scale.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import StudentT
    >>> StudentT(df=1.0).score(np.array([[0.0, 0.0]]), np.array([1.0]))
    array([[1., 0.]])
    """

    df: Setting = 4.0
    scale: Setting = "function"
    min_scale: float = 0.0
    name: ClassVar[str] = "student_t"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_setting(self.df, "df", "StudentT")

    @property
    def width(self) -> int:
        """The location and, unless they are fixed, r and v."""
        return 1 + isinstance(self.scale, str) + isinstance(self.df, str)

    @property
    def shared(self) -> int:
        """How many of scale and df are learned as one number."""
        return int(self.scale == "learned") + int(self.df == "learned")

    @property
    def scale_column(self) -> int:
        """Where r is: after v only if v depends on x and r does not."""
        return 2 if self.scale == "learned" and self.df == "function" else 1

    @property
    def df_column(self) -> int:
        """Where v is, unless it is fixed."""
        return 1 if not isinstance(self.scale, str) or self.scale_column == 2 else 2

    def degrees(self, xp: Any, eta: Any) -> Any:
        """ν: (n,)."""
        if not isinstance(self.df, str):
            return xp.zeros_like(eta[:, 0]) + float(self.df)
        return xp.exp(cut(xp, eta[:, self.df_column], LOG_SHAPE))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """C(ν) − ½ log s² − ½ (ν+1) log(1 + z²/ν)."""
        s2, nu = self.squared_scale(xp, eta), self.degrees(xp, eta)
        z2 = (y - eta[:, 0]) ** 2 / s2
        c = 0.5 * (nu + 1) * xp.log1p(1 / nu) - 0.5 - 0.5 * math.log(2 * math.pi)
        c = c + xp.stirling(0.5 * (nu + 1)) - xp.stirling(0.5 * nu)
        return c - 0.5 * xp.log(s2) - 0.5 * (nu + 1) * xp.log1p(z2 / nu)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """The derivatives by μ, r and v, at the head of this page."""
        s2, nu = self.squared_scale(xp, eta), self.degrees(xp, eta)
        d = y - eta[:, 0]
        z2 = d * d / s2
        pull = (nu + 1) / (nu + z2)
        columns = {0: pull * d / s2}
        if isinstance(self.scale, str):
            columns[self.scale_column] = 0.5 * (pull * z2 - 1) * self.slope(eta, s2, xp)
        if isinstance(self.df, str):
            c = xp.log1p(1 / nu) - 1 / nu + xp.stirling_slope(0.5 * (nu + 1)) - xp.stirling_slope(0.5 * nu)
            inside = uncut(eta[:, self.df_column], LOG_SHAPE)
            columns[self.df_column] = 0.5 * (nu * (c - xp.log1p(z2 / nu)) + pull * z2) * inside
        return xp.stack([columns[k] for k in sorted(columns)], axis=1).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """With g = e^r / s²: I_μμ = (ν+1) / (s²(ν+3)), I_rr = ½ g² ν/(ν+3), I_rv = −g ν / ((ν+1)(ν+3)),

        I_vv = ν² (¼ ψ'(ν/2) − ¼ ψ'((ν+1)/2) − (ν+5) / (2ν(ν+1)(ν+3))); Lange, Little and Taylor 1989,
        https://doi.org/10.1080/01621459.1989.10478852.
        """
        from scipy.special import polygamma

        s2, nu = self.squared_scale(np, eta), self.degrees(np, eta)
        g = self.slope(eta, s2)
        fisher = np.zeros((len(eta), self.width, self.width))
        fisher[:, 0, 0] = (nu + 1) / (s2 * (nu + 3))
        i, j = self.scale_column, self.df_column
        if isinstance(self.scale, str):
            fisher[:, i, i] = 0.5 * g * g * nu / (nu + 3)
        if isinstance(self.df, str):
            trigamma = 0.25 * (polygamma(1, 0.5 * nu) - polygamma(1, 0.5 * (nu + 1)))
            inside = uncut(eta[:, j], LOG_SHAPE)
            fisher[:, j, j] = inside * nu * (nu * trigamma - 0.5 * (nu + 5) / ((nu + 1) * (nu + 3)))
            if isinstance(self.scale, str):
                fisher[:, i, j] = fisher[:, j, i] = -inside * g * nu / ((nu + 1) * (nu + 3))
        return fisher

    def mean(self, xp: Any, eta: Any) -> Any:
        """μ: the median, and the mean where there is one (ν > 1)."""
        return eta[:, 0]

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``df`` ν, ``loc`` μ and ``scale`` s: (n,) each."""
        s = xp.sqrt(self.squared_scale(xp, eta))
        return {"df": self.degrees(xp, eta), "loc": loc + scale * eta[:, 0], "scale": scale * s}

    def variance(self, eta: Array) -> Array:
        """s² ν / (ν − 2), infinite for ν ≤ 2."""
        nu = self.degrees(np, eta)
        finite = nu > 2
        return np.where(finite, self.squared_scale(np, eta) * nu / np.where(finite, nu - 2, 1), np.inf)

    def cdf(self, eta: Array, y: Array) -> Array:
        """The distribution function of t at z."""
        from scipy.special import stdtr

        return np.asarray(stdtr(self.degrees(np, eta), (y - eta[:, 0]) / np.sqrt(self.squared_scale(np, eta))))

    def quantile(self, eta: Array, p: Array) -> Array:
        """μ + s times the quantile of t."""
        from scipy.special import stdtrit

        z = np.where(np.equal(p, 0), -np.inf, np.where(np.equal(p, 1), np.inf, stdtrit(self.degrees(np, eta), p)))
        return np.asarray(eta[:, 0] + np.sqrt(self.squared_scale(np, eta)) * z)

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The median, the scale whose quartiles are those of y, and ν = 4 where it is free."""
        from scipy.special import stdtrit

        nu = 4.0 if isinstance(self.df, str) else float(self.df)
        low, median, high = weighted_quantiles(y, (0.25, 0.5, 0.75), weights)
        s = (high - low) / (2 * stdtrit(nu, 0.75))
        variance = s * s if s * s > 1e-12 * median**2 else moments(y, weights)[1]
        start = np.zeros(self.width)
        start[0] = median
        if isinstance(self.scale, str):
            start[self.scale_column] = self.start_scale(floored(variance, median))[0]
        if isinstance(self.df, str):
            start[self.df_column] = math.log(nu)
        return start

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the fixed scale (0: a column), min_scale, the fixed df (0: a column), columns of r and v."""
        columns = (float(self.scale_column), float(self.df_column))
        return self.name, (constant(self.scale), float(self.min_scale), constant(self.df), *columns), 1
