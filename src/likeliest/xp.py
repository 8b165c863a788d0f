"""The array namespace that operations are written on: NumPy, plus the few functions networks need.

A page in ``ops/`` is written on a namespace ``xp`` and never imports NumPy for its forward pass, so that the same page
runs on any array library that has NumPy's names.
"""

from __future__ import annotations

from typing import Any

import numpy


class Namespace:
    """An array library with NumPy's names, plus ``logistic``, ``softplus``, ``log_sum_exp`` and ``erfc``.

    Parameters
    ----------
    library : module
        ``numpy``, or a module with the same names.
    special : str
        Where to import ``erfc`` from, on first use.
    """

    def __init__(self, library: Any, special: str) -> None:
        self.library = library
        self.special = special

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
        top = self.library.max(z, axis=-1, keepdims=True)
        return top + self.library.log(self.library.sum(self.library.exp(z - top), axis=-1, keepdims=True))

    def erfc(self, z: Any) -> Any:
        """The complementary error function 1 − erf(z)."""
        from importlib import import_module

        return import_module(self.special).erfc(z)


numpy_namespace = Namespace(numpy, "scipy.special")
