"""Categorical:  η (n, K), y (n,) in {0 … K−1},  P(Y = k | η) = softmax(η)_k = e^(η_k) / Σ_c e^(η_c)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, check_labels
from likeliest.likelihoods.smoothed import Smoothed, check_smoothing
from likeliest.xp import numpy_namespace


@dataclass(frozen=True, repr=False)
class Categorical(Likelihood):
    """One outcome of K classes: log P(y | η) = η_y − log Σ_c e^(η_c).

    Parameters
    ----------
    classes : int
        K, at least 2.
    label_smoothing : float
        ε in [0, 1): training takes the label y for y with probability 1 − ε and for any class with ε. What is
        reported is always the likelihood of the labels as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Categorical
    >>> Categorical(4).score(np.zeros((1, 4)), np.array([2]))
    array([[-0.25, -0.25,  0.75, -0.25]])
    """

    classes: int = field()
    label_smoothing: float = 0.0
    name: ClassVar[str] = "categorical"
    discrete = True

    def __post_init__(self) -> None:
        check_classes(self.classes, "Categorical")
        check_smoothing(self.label_smoothing)
        object.__setattr__(self, "support", (0, self.classes - 1))

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

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """∂ log P(y | η) / ∂η_k = [k = y] − P(Y = k)."""
        return (y[:, None] == np.arange(self.width)).astype(eta.dtype) - self.probabilities(xp, eta)

    def fisher(self, eta: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """diag(p) − p pᵀ."""
        p = self.probabilities(numpy_namespace, eta)
        return np.asarray(p[:, :, None] * np.eye(self.width) - p[:, :, None] * p[:, None, :])

    def mean(self, xp: Any, eta: Any) -> Any:
        """The probability of each class: (n, K)."""
        return self.probabilities(xp, eta)

    def variance(self, eta: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Variances p (1 − p), of the indicator of each class: (n, K)."""
        p = self.probabilities(numpy_namespace, eta)
        return np.asarray(p * (1 - p))

    def cdf(self, eta: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The probability of the classes up to y, in the order of their numbers."""
        return running_sum(self.probabilities(numpy_namespace, eta), y)

    def quantile(self, eta: npt.NDArray[Any], p: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first class at which the running sum of probabilities reaches p."""
        return self.sample(eta, np.broadcast_to(p, len(eta)))

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """softmax(η): (n, K)."""
        p = xp.exp(eta - xp.max(eta, axis=-1, keepdims=True))
        return p / xp.sum(p, axis=-1, keepdims=True)

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``probs`` of each class: (n, K)."""
        return {"probs": self.probabilities(xp, eta)}

    def log_probabilities(self, xp: Any, eta: Any) -> Any:
        """η_k − log Σ_c e^(η_c): (n, K)."""
        return eta - xp.log_sum_exp(eta)

    def sample(self, eta: npt.NDArray[Any], u: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The first class at which the running sum of probabilities passes u."""
        return first_passing(self.probabilities(numpy_namespace, eta), u)

    def training(self) -> Likelihood:
        """With label smoothing, the likelihood of the smoothed labels."""
        return Smoothed(Categorical(self.classes), self.label_smoothing) if self.label_smoothing else self

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """Constants: the label smoothing, which is 0 here."""
        return self.name, (0.0,), 1


def check_classes(classes: Any, likelihood: str) -> None:
    """A ValueError unless ``classes`` is a whole number of at least 2."""
    if not isinstance(classes, int | np.integer) or isinstance(classes, bool) or classes < 2:
        raise ValueError(f"classes: {likelihood} needs a whole number of at least 2, found {classes!r}")


def running_sum(p: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Σ_{k ≤ y} p_k: p (n, K), y (n,) any real numbers -> (n,)."""
    total = np.concatenate([np.zeros((len(p), 1)), np.cumsum(p[:, :-1], axis=1), np.ones((len(p), 1))], axis=1)
    place = np.clip(np.floor(y) + 1, 0, p.shape[1]).astype(np.int64)
    return np.asarray(total[np.arange(len(p)), place])


def first_passing(p: npt.NDArray[Any], u: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The first class at which the running sum of p (n, K) passes u (n,)."""
    total = np.cumsum(p, axis=1)
    return np.asarray((total[:, :-1] < u[:, None]).sum(axis=1), dtype=np.int64)
