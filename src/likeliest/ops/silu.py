"""h = z σ(z):  z (n, ...), h (n, ...).

The sigmoid linear unit, also called swish (Elfwing, Uchibe and Doya 2018, https://doi.org/10.1016/j.neunet.2017.12.012).
"""

from typing import Any

from likeliest.xp import numpy_namespace


def forward(xp: Any, z: Any) -> Any:
    """Z σ(z)."""
    return z * xp.logistic(z)


def backward(g: Any, h: Any, z: Any) -> tuple[Any]:
    """∂h/∂z = σ(z) (1 + z (1 − σ(z)))."""
    s = numpy_namespace.logistic(z)
    return (g * s * (1 + z * (1 - s)),)
