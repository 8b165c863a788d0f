"""h = z Φ(z):  z (n, ...), h (n, ...), with Φ the distribution function of the standard normal.

The Gaussian error linear unit (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415), exact.
"""

import math
from typing import Any

import numpy as np

from likeliest.xp import numpy_namespace


def forward(xp: Any, z: Any) -> Any:
    """Z Φ(z), with Φ(z) = erfc(−z/√2) / 2, which stays precise in the lower tail."""
    return z * xp.erfc(-z * math.sqrt(0.5)) * 0.5


def backward(g: Any, h: Any, z: Any) -> tuple[Any]:
    """∂h/∂z = Φ(z) + z φ(z), with φ the density of the standard normal."""
    density = np.exp(-0.5 * z * z) * (1 / math.sqrt(2 * math.pi))
    return (g * (numpy_namespace.erfc(-z * math.sqrt(0.5)) * 0.5 + z * density),)
