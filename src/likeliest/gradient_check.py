"""Gradient check: the derivatives that backpropagation gives, against differences of the log-likelihood itself."""

from __future__ import annotations

import math
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
        The largest relative difference over the directions tried. Running statistics have none: they are observed, and
        LL is not climbed along them.
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

    The engine computes in float64. Extrapolating from ε and ε/2 (Richardson) takes the leading term of the quotient's
    error away, so that ε need not be tiny. Where a corner of relu lies within ε the quotient is no derivative; then a
    smaller ε is tried, and the best one counts: what is wrong is wrong for every ε. The relative error is against the
    size that such a product typically has, |∂LL/∂θ| |d| / √size, so that a direction that happens to be orthogonal to
    the gradient is no false alarm.
    """
    gradient = engine.gradient(X, y, None, 1)
    errors = {}
    for index, (name, g) in enumerate(gradient.items()):
        if name in engine.program.statistics:
            continue
        theta = engine.get(name)
        errors[name] = 0.0
        for k in range(directions):
            d = random.normal(random.stream(seed, random.CHECK, index, k), g.shape)
            d /= np.linalg.norm(d)

            def central(step: float, theta: Array = theta, d: Array = d, name: str = name) -> float:
                values = []
                for sign in (1, -1):
                    engine.set(name, theta + sign * step * d)
                    values.append(engine.log_likelihood(X, y, 1))
                # Example by example, so that the two large sums do not cancel.
                return float((values[0] - values[1]).sum() / (2 * step))

            error, typical = math.inf, float(np.linalg.norm(g)) / math.sqrt(g.size)
            for exponent in (-3, -4, -5, -6):
                epsilon = 10.0**exponent * max(1.0, float(np.abs(theta).max()))
                quotient = (4 * central(epsilon / 2) - central(epsilon)) / 3
                size = max(typical, abs(quotient), 1e-12)
                error = min(error, abs(float((g * d).sum()) - quotient) / size)
                if error <= tolerance:
                    break
            engine.set(name, theta)
            errors[name] = max(errors[name], error)
    return GradientCheck(errors, tolerance)
