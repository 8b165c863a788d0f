"""The array namespace that operations are written on: NumPy, plus the few functions networks need.

A page in ``ops/`` is written on a namespace ``xp`` and never imports NumPy for its forward pass, so that the same page
runs on any array library that has NumPy's names.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy


class Namespace:
    """An array library with NumPy's names, plus ``logistic``, ``softplus``, ``log_sum_exp`` and special functions.

    Parameters
    ----------
    library : module
        ``numpy``, or a module with the same names.
    special : str
        Where to import special functions from, on first use.
    control : str, optional
        Where to import ``scan`` and ``stop_gradient`` from, for a library that differentiates and compiles: "jax.lax".
        Without it, a scan is a loop.
    """

    def __init__(self, library: Any, special: str, control: str | None = None) -> None:
        self.library = library
        self.special = special
        self.control = control

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def softplus(self, z: Any) -> Any:
        """log(1 + eᶻ), without overflow for any z."""
        return self.library.logaddexp(z, 0.0)

    def logistic(self, z: Any) -> Any:
        """σ(z) = 1 / (1 + e⁻ᶻ).

        Written as e^(−softplus(−z)): no overflow at either end, full relative precision in the lower tail, and a
        derivative that is right at z = 0 too (a version on |z| differentiates to 0 there).
        """
        return self.library.exp(-self.softplus(-z))

    def log_sum_exp(self, z: Any) -> Any:
        """Log Σ_k e^(z_k) over the last axis, which is kept; without overflow."""
        top = self.stop_gradient(self.library.max(z, axis=-1, keepdims=True))
        return top + self.library.log(self.library.sum(self.library.exp(z - top), axis=-1, keepdims=True))

    def scan(self, step: Any, carry: Any, xs: Any, reverse: bool = False) -> tuple[Any, Any]:
        """``carry, y_t = step(carry, x_t)`` for every t: the last carry, and the y_t as one array, y_t at place t.

        ``xs`` is a tuple of arrays (T, ...), and x_t the tuple of their rows t; a None stays None. In ``reverse``, from
        the last t to the first.
        """
        if self.control is not None:
            return import_module(self.control).scan(step, carry, xs, reverse=reverse)  # type: ignore[no-any-return]
        T = next(x.shape[0] for x in xs if x is not None)
        ys: list[Any] = [None] * T
        for t in reversed(range(T)) if reverse else range(T):
            carry, ys[t] = step(carry, tuple(None if x is None else x[t] for x in xs))
        return carry, self.library.stack(ys)

    def stop_gradient(self, z: Any) -> Any:
        """The value z, as a constant to what is differentiated."""
        return z if self.control is None else import_module(self.control).stop_gradient(z)

    def erfc(self, z: Any) -> Any:
        """The complementary error function 1 − erf(z)."""
        return self._special("erfc")(z)

    def gammaln(self, a: Any) -> Any:
        """Log Γ(a), a > 0."""
        return self._special("gammaln")(a)

    def digamma(self, a: Any) -> Any:
        """ψ(a) = d log Γ(a) / da, a > 0."""
        return self._special("digamma")(a)

    def log_ndtr(self, z: Any) -> Any:
        """Log Φ(z): the log of the probability that a standard Normal is below z."""
        return self._special("log_ndtr")(z)

    def hazard(self, z: Any) -> Any:
        """φ(z) / Φ(−z), the slope of −log Φ(−z); for z > 4 by the continued fraction z + 1/(z + 2/(z + 3/(z + …."""
        far = self.library.maximum(z, 4.0)
        fraction = far
        for k in range(40, 0, -1):
            fraction = far + k / fraction
        near = self.library.minimum(z, 4.0)
        density = self.library.exp(-0.5 * near * near - self.log_ndtr(-near)) * (0.5 / numpy.pi) ** 0.5
        return self.library.where(z > 4.0, fraction, density)

    def stirling(self, a: Any) -> Any:
        """Log Γ(a) − (a log a − a), a > 0: what Stirling's formula leaves, ½ log(2π/a) + 1/(12a) − … for large a.

        Densities with a large shape are differences of log Γ's as large as a log a. Written with this remainder, the
        large terms cancel on paper instead of in floating point.
        """
        small = a < STIRLING
        x, s = self.library.where(small, STIRLING, a), self.library.where(small, a, 1.0)
        t = 1 / (x * x)
        series = 0.5 * self.library.log(2 * numpy.pi / x)
        series = series + (1 / 12 - t * (1 / 360 - t * (1 / 1260 - t / 1680))) / x
        return self.library.where(small, self.gammaln(s) - s * self.library.log(s) + s, series)

    def stirling_slope(self, a: Any) -> Any:
        """ψ(a) − log a, the derivative of ``stirling``: −1/(2a) − 1/(12a²) + … for large a."""
        small = a < STIRLING
        x, s = self.library.where(small, STIRLING, a), self.library.where(small, a, 1.0)
        t = 1 / (x * x)
        series = -0.5 / x - t * (1 / 12 - t * (1 / 120 - t * (1 / 252 - t / 240)))
        return self.library.where(small, self.digamma(s) - self.library.log(s), series)

    def _special(self, name: str) -> Any:
        return getattr(import_module(self.special), name)

    def scaled_exp1(self, u: Any) -> Any:
        """e^u E₁(u) for u > 0, with E₁ the exponential integral; by its asymptotic series where e^u might overflow."""
        near, far = self.library.minimum(u, 50.0), self.library.maximum(u, 50.0)
        series = 0.0
        for k in range(20, 0, -1):
            series = 1 - k / far * series if k < 20 else 1.0
        return self.library.where(
            u < 50.0, self.library.exp(near) * import_module(self.special).exp1(near), series / far
        )


STIRLING = 16.0  # from here on, the series for log Γ and ψ are right to the last bit of float64

numpy_namespace = Namespace(numpy, "scipy.special")
