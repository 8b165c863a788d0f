"""θ ← θ + α H g, where H comes from the last few θ and g and α from a line search:  θ, g (size,)."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.optimizers.base import Array, Optimizer, State, check_positive

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Quasi-Newton steps on all examples at once: few, long and precise. For small data and small networks.

    H approximates the inverse of −∂²LL/∂θ² from the last few differences of θ and g (Liu and Nocedal 1989,
    https://doi.org/10.1007/BF01589116); SciPy's L-BFGS-B does the work. An iteration is an epoch that looks at the data
    once, or more often where the line search has to. There is no learning rate.

    Parameters
    ----------
    memory : int
        How many differences are kept, at least 1.
    tolerance : float
        Positive. The climb is over when no part of the gradient of the mean log-likelihood is larger, or when an
        iteration gains less than a ten-thousandth of this share of it.

    Examples
    --------
    The top of −(θ₁ − 3)² − 10 (θ₂ + 1)²:

    >>> import numpy as np
    >>> from likeliest.optimizers import LBFGS
    >>> top, curvature = np.array([3.0, -1.0]), np.array([1.0, 10.0])
    >>> def value_and_gradient(theta):
    ...     return -curvature @ (theta - top) ** 2, -2 * curvature * (theta - top)
    >>> LBFGS().climb(value_and_gradient, np.zeros(2), iterations=50).round(4)
    array([ 3., -1.])
    """

    memory: int = 10
    tolerance: float = 1e-5
    name: ClassVar[str] = "lbfgs"
    slots: ClassVar[int] = 0
    full_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.memory, bool) or not isinstance(self.memory, numbers.Integral) or self.memory < 1:
            raise ValueError(f"memory: expected a whole number of at least 1, found {self.memory!r}")
        check_positive("tolerance", self.tolerance, "1e-5 is usual")

    def update(
        self, theta: Array, g: Array, state: State, t: int, factor: float = 1.0, xp: Any = np
    ) -> tuple[Array, State]:
        """Always an error: a single gradient does not make a step here."""
        raise NotImplementedError("LBFGS has no step for one gradient; its `climb` takes a function of θ instead")

    def climb(
        self,
        value_and_gradient: Callable[[Vector], tuple[float, Vector]],
        theta: Vector,
        iterations: int,
        on_iteration: Callable[[float, Vector], Any] | None = None,
    ) -> Vector:
        """The best θ found in so many iterations.

        Parameters
        ----------
        value_and_gradient : function
            From θ (size,) to the value that is to be maximised and its gradient (size,).
        theta : (size,) float64
            Where to start.
        iterations : int
            How many at most.
        on_iteration : function, optional
            Called with the value and θ after each iteration; True stops.

        Returns
        -------
        (size,) float64
            Of all θ with a finite value and gradient that were looked at, the one with the largest value.

        Raises
        ------
        ValueError
            When the value or the gradient at the start is not finite.
        """
        from scipy.optimize import minimize  # here, since it takes longer to import than everything else

        climb = _Climb(value_and_gradient, theta)

        def after_iteration(intermediate_result: Any) -> None:
            climb.begin_iteration(intermediate_result.x)
            if on_iteration is not None and on_iteration(climb.value, climb.theta.copy()) is True:
                raise StopIteration

        options: dict[str, Any] = {
            "maxcor": self.memory, "maxiter": iterations, "maxfun": 2**31 - 1,
            "gtol": self.tolerance, "ftol": 1e-4 * self.tolerance,
        }  # fmt: skip
        down: Any = minimize  # its published types know nothing of a function that gives value and gradient
        down(climb.descent, climb.theta, jac=True, method="L-BFGS-B", callback=after_iteration, options=options)
        return climb.best_theta


class _Climb:
    """What SciPy, which goes down, is told of a function to be maximised, and the best θ so far.

    The line search starts each iteration from a finite value, but may try a θ so far away that its value overflows.
    Such a trial is answered with a parabola through the iteration's start, of the same slope there, whose top is a
    quarter of the way: the line search then tries again near that top, and never sees an infinity.
    """

    def __init__(self, value_and_gradient: Callable[[Vector], tuple[float, Vector]], theta: Vector) -> None:
        self.value_and_gradient = value_and_gradient
        self.theta = np.array(theta, np.float64)  # where the iteration started; then its value and gradient
        self.value, self.gradient = self.evaluate(self.theta)
        if not self.is_finite(self.value, self.gradient):
            raise ValueError(f"theta: expected a start where the value and its gradient are finite, found {self.value}")
        self.best_theta, self.best_value = self.theta.copy(), self.value
        self.last = self.theta, self.value, self.gradient

    def evaluate(self, theta: Vector) -> tuple[float, Vector]:
        value, gradient = self.value_and_gradient(theta)
        return float(value), np.array(gradient, np.float64)

    @staticmethod
    def is_finite(value: float, gradient: Vector) -> bool:
        return math.isfinite(value) and bool(np.isfinite(gradient).all())

    def descent(self, theta: Vector) -> tuple[float, Vector]:
        """−value and −gradient at θ."""
        value, gradient = self.evaluate(theta)
        if not self.is_finite(value, gradient):
            rise = abs(float(self.gradient @ (theta - self.theta)))
            value, gradient = self.value - rise, -3 * self.gradient
        elif value > self.best_value:
            self.best_theta, self.best_value = theta.copy(), value
        self.last = theta.copy(), value, gradient
        return -value, -gradient

    def begin_iteration(self, theta: Vector) -> None:
        """From θ, which the line search accepted: the last one that it tried."""
        if not np.array_equal(theta, self.last[0]):
            self.last = (theta.copy(), *self.evaluate(theta))
        self.theta, self.value, self.gradient = self.last
