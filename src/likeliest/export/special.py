"""Special functions that ONNX has no operator for, in NumPy's functions: right to about 1e-14 in float64.

They take arrays of the namespace in `library`, and by the same token NumPy's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

MIDDLE, DEGREE = 3.75, 20  # of the polynomial for erfc
SMALL = 8  # from here on, the series for log Γ is right to the last bits
BERNOULLI = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def erfc(z: Any) -> Any:
    """The complementary error function 1 − erf(z), as e^(−z²) p(t) / (1 + 2z) for z ≥ 0: precise in the tail.

    (1 + 2z) e^(z²) erfc(z) is smooth in t = (z − 3.75) / (z + 3.75), from −1 to 1: Shepherd and Laframboise 1981,
    https://doi.org/10.1090/S0025-5718-1981-0595058-X.
    """
    from likeliest.export.library import onnx_namespace as xp

    a = xp.abs(z)
    t = 1 - 2 * MIDDLE / (a + MIDDLE)
    p, *rest = _polynomial()
    for coefficient in rest:
        p = p * t + coefficient
    tail = xp.exp(-a * a) * (p / (1 + 2 * a))
    return xp.where(z < 0, 2 - tail, tail)


@cache
def _polynomial() -> tuple[float, ...]:
    """The coefficients of p, the highest first, by interpolation at Chebyshev's points."""
    from numpy.polynomial import chebyshev
    from scipy.special import erfcx

    def smooth(t: Any) -> Any:
        z = MIDDLE * (1 + t) / (1 - t)
        return (1 + 2 * z) * erfcx(z)

    return tuple(chebyshev.cheb2poly(chebyshev.chebinterpolate(smooth, DEGREE))[::-1].tolist())


def gammaln(a: Any) -> Any:
    """Log Γ(a), a > 0: Stirling's series from 8 on, and below it log Γ(a + 8) − log(a (a + 1) … (a + 7))."""
    from likeliest.export.library import onnx_namespace as xp

    small = a < SMALL
    s = xp.where(small, a, 1.0)
    product = s
    for k in range(1, SMALL):
        product = product * (s + k)
    x = xp.where(small, a + SMALL, a)
    t = 1 / (x * x)
    series = BERNOULLI[-1]
    for coefficient in BERNOULLI[-2::-1]:
        series = series * t + coefficient
    series = (x - 0.5) * xp.log(x) - x + 0.5 * np.log(2 * np.pi) + series / x
    return series - xp.where(small, xp.log(product), 0.0)
