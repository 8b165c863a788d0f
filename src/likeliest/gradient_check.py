"""Gradient check: the derivatives that backpropagation gives, against differences of the log-likelihood itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.engines.base import Engine

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GradientCheck:
    """How far backpropagation is from central differences, for each parameter and overall.

    Attributes
    ----------
    errors : mapping from parameter name to float
        The largest relative difference over the directions tried.
    tolerance : float
        What counts as equal.
    """

    errors: Mapping[str, float]
    tolerance: float

    @property
    def max_error(self) -> float:
        """The largest relative difference of all."""
        return max(self.errors.values())

    @property
    def ok(self) -> bool:
        """Whether every difference is within the tolerance."""
        return self.max_error <= self.tolerance

    def __str__(self) -> str:
        width = max(len(name) for name in self.errors)
        lines = [
            f"{name:<{width}}  {error:.1e}  {'ok' if error <= self.tolerance else 'WRONG'}"
            for name, error in self.errors.items()
        ]
        return "\n".join(["relative error of ∂LL/∂θ against central differences", *lines])


def check_gradient(
    engine: Engine, X: Array, y: Array, *, directions: int, seed: int, tolerance: float
) -> GradientCheck:
    """Compares ∂LL/∂θ · d with (LL(θ + εd) − LL(θ − εd)) / 2ε for random directions d, parameter by parameter.

    The engine computes in float64. ε is the cube root of the rounding error, at which the error of the difference
    quotient is smallest; extrapolating from ε and 2ε (Richardson) takes its leading term away. The relative error is
    against the size that such a product typically has, |∂LL/∂θ| |d| / √size, so that a direction that happens to be
    orthogonal to the gradient is no false alarm.
    """
    gradient = engine.gradient(X, y, None, 1)
    errors = {}
    for index, (name, g) in enumerate(gradient.items()):
        theta = engine.get(name)
        errors[name] = 0.0
        for k in range(directions):
            d = random.normal(random.stream(seed, random.CHECK, index, k), g.shape)
            d /= np.linalg.norm(d)
            epsilon = 1e-3 * max(1.0, float(np.abs(theta).max()))

            def central(step: float, theta: Array = theta, d: Array = d, name: str = name) -> float:
                values = []
                for sign in (1, -1):
                    engine.set(name, theta + sign * step * d)
                    values.append(engine.log_likelihood(X, y, 1))
                # Example by example, so that the two large sums do not cancel.
                return float((values[0] - values[1]).sum() / (2 * step))

            quotient = (4 * central(epsilon / 2) - central(epsilon)) / 3
            engine.set(name, theta)
            typical = float(np.linalg.norm(g)) / np.sqrt(g.size)
            error = abs(float((g * d).sum()) - quotient) / max(typical, abs(quotient), 1e-12)
            errors[name] = max(errors[name], error)
    return GradientCheck(errors, tolerance)
