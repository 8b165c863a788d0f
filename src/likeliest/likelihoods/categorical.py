"""Categorical:  η (n, K), y (n,) in {0 … K−1},  P(Y = k | η) = softmax(η)_k = e^(η_k) / Σ_c e^(η_c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, check_labels
from likeliest.xp import numpy_namespace


@dataclass(frozen=True)
class Categorical(Likelihood):
    """One outcome of K classes: log P(y | η) = η_y − log Σ_c e^(η_c).

    Parameters
    ----------
    classes : int
        K, at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Categorical
    >>> Categorical(4).score(np.zeros((1, 4)), np.array([2]))
    array([[-0.25, -0.25,  0.75, -0.25]])
    """

    classes: int
    name: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        if not isinstance(self.classes, int | np.integer) or isinstance(self.classes, bool) or self.classes < 2:
            raise ValueError(f"classes: Categorical needs a whole number of at least 2, found {self.classes!r}")

    @property
    def width(self) -> int:
        """K numbers: η_k is the log of the unnormalised probability of class k."""
        return int(self.classes)

    def check(self, y: Any) -> npt.NDArray[np.int64]:
        """Labels 0 … K − 1, as integers (n,)."""
        return check_labels(y, self.classes, f"Categorical({self.classes})")

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """η_y − log Σ_c e^(η_c)."""
        chosen = xp.take_along_axis(eta, y[:, None], axis=-1)
        return (chosen - xp.log_sum_exp(eta))[:, 0]

    def score(self, eta: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """∂ log P(y | η) / ∂η_k = [k = y] − P(Y = k)."""
        p = self.probabilities(numpy_namespace, eta)
        return np.asarray((np.arange(self.width) == y[:, None]).astype(eta.dtype) - p)

    def fisher(self, eta: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """diag(p) − p pᵀ."""
        p = self.probabilities(numpy_namespace, eta)
        return np.asarray(p[:, :, None] * np.eye(self.width) - p[:, :, None] * p[:, None, :])

    def mean(self, xp: Any, eta: Any) -> Any:
        """The probability of each class: (n, K)."""
        return self.probabilities(xp, eta)

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """softmax(η): (n, K)."""
        return xp.exp(eta - xp.log_sum_exp(eta))

    def sample(self, eta: npt.NDArray[Any], u: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The first class at which the running sum of probabilities passes u."""
        total = np.cumsum(self.probabilities(numpy_namespace, eta), axis=1)
        return np.asarray((total[:, :-1] < u[:, None]).sum(axis=1), dtype=np.int64)
