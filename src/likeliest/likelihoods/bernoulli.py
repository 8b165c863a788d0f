"""Bernoulli:  η (n, 1), y (n,) in {0, 1},  P(Y = 1 | η) = ŷ = σ(η).

The handout's output cell and its log-likelihood, equation (3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, check_labels
from likeliest.likelihoods.smoothed import Smoothed, check_smoothing
from likeliest.xp import numpy_namespace


@dataclass(frozen=True, repr=False)
class Bernoulli(Likelihood):
    """One yes-or-no outcome: P(Y = 1 | x) = ŷ = σ(η).

    log P(y | η) = y log ŷ + (1 − y) log(1 − ŷ), the handout's equation (3) for one example.

    Parameters
    ----------
    label_smoothing : float
        ε in [0, 1): training takes the label y for y with probability 1 − ε and for a fair coin with ε. What is
        reported is always the likelihood of the labels as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Bernoulli
    >>> Bernoulli().score(np.array([[0.0], [0.0]]), np.array([0, 1]))
    array([[-0.5],
           [ 0.5]])
    """

    label_smoothing: float = 0.0
    name: ClassVar[str] = "bernoulli"
    classes: int = field(default=2, init=False, repr=False)
    discrete = True
    support = (0, 1)

    def __post_init__(self) -> None:
        check_smoothing(self.label_smoothing)

    @property
    def width(self) -> int:
        """One number: η is the log-odds of Y = 1."""
        return 1

    def check(self, y: Any) -> npt.NDArray[np.int64]:
        """Labels 0 and 1, as integers (n,)."""
        return check_labels(y, 2, "Bernoulli()")

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Y log ŷ + (1 − y) log(1 − ŷ) = −softplus(η) where y = 0, −softplus(−η) where y = 1; never log 0."""
        return -xp.softplus((1 - 2 * y) * eta[:, 0])

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """∂LL/∂ŷ · ∂ŷ/∂η = (y/ŷ − (1−y)/(1−ŷ)) · ŷ(1−ŷ) = y − ŷ."""
        # As ±σ(∓η), which keeps its relative precision when ŷ is within rounding of y.
        sign = (2 * y[:, None] - 1).astype(eta.dtype)
        return sign * xp.logistic(-sign * eta)

    def fisher(self, eta: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """ŷ (1 − ŷ)."""
        return np.asarray(numpy_namespace.logistic(eta) * numpy_namespace.logistic(-eta))[:, :, None]

    def mean(self, xp: Any, eta: Any) -> Any:
        """ŷ = σ(η): (n,)."""
        return xp.logistic(eta[:, 0])

    def variance(self, eta: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """ŷ (1 − ŷ): (n,)."""
        return self.fisher(eta)[:, 0, 0]

    def cdf(self, eta: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """0 below 0, 1 − ŷ from 0, 1 from 1."""
        return np.where(y < 0, 0.0, np.where(y < 1, numpy_namespace.logistic(-eta[:, 0]), 1.0))

    def quantile(self, eta: npt.NDArray[Any], p: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """0 where p ≤ 1 − ŷ, else 1."""
        return np.asarray(p > numpy_namespace.logistic(-eta[:, 0]), dtype=np.int64)

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """P(Y = 0) = σ(−η) and P(Y = 1) = σ(η): (n, 2)."""
        return xp.concatenate([xp.logistic(-eta), xp.logistic(eta)], axis=1)

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``probs`` ŷ: (n,)."""
        return {"probs": self.mean(xp, eta)}

    def log_probabilities(self, xp: Any, eta: Any) -> Any:
        """Log P(Y = 0) = −softplus(η) and log P(Y = 1) = −softplus(−η): (n, 2)."""
        return xp.concatenate([-xp.softplus(eta), -xp.softplus(-eta)], axis=1)

    def sample(self, eta: npt.NDArray[Any], u: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """1 where u < ŷ."""
        return np.asarray(u < numpy_namespace.logistic(eta[:, 0]), dtype=np.int64)

    def training(self) -> Likelihood:
        """With label smoothing, the likelihood of the smoothed labels."""
        return Smoothed(Bernoulli(), self.label_smoothing) if self.label_smoothing else self

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the label smoothing, which is 0 here."""
        return self.name, (0.0,), 1
