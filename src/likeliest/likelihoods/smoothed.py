"""Smoothed labels:  η (n, width), y (n,),  (1 − ε) log P(y | η) + ε · mean over the K classes of log P(k | η)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.xp import numpy_namespace


@dataclass(frozen=True, repr=False)
class Smoothed(Likelihood):
    """What training climbs under ``label_smoothing``: the label is y with probability 1 − ε, else any class.

    Σ_k t_k log P(Y = k | η) with t_k = (1 − ε) [k = y] + ε / K: a cross entropy with softened targets, not the
    likelihood of y, so that nothing but training sees it. Its score is (1 − ε) · score of y + ε (1/K − P(Y = k)).
    Szegedy et al. 2016, https://doi.org/10.1109/CVPR.2016.308.

    Parameters
    ----------
    base : Bernoulli or Categorical
        The likelihood.
    epsilon : float
        ε.
    """

    base: Any
    epsilon: float
    name: ClassVar[str] = "smoothed"
    classes: int = field(init=False, repr=False)
    discrete = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", self.base.classes)

    @property
    def width(self) -> int:
        """The width of the likelihood."""
        return int(self.base.width)

    def check(self, y: Any) -> npt.NDArray[Any]:
        """The labels, as the likelihood takes them."""
        return np.asarray(self.base.check(y))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """(1 − ε) log P(y | η) + ε · mean_k log P(k | η)."""
        everything = xp.mean(self.base.log_probabilities(xp, eta), axis=1)
        return (1 - self.epsilon) * self.base.log_prob(xp, eta, y) + self.epsilon * everything

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """(1 − ε) · score of y + ε (1/K − P(Y = k)), for Bernoulli of k = 1 only."""
        p = self.base.probabilities(xp, eta)[:, -self.width :]
        return (1 - self.epsilon) * self.base.score(eta, y, xp) + self.epsilon * (1 / self.classes - p)

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """The probabilities of the likelihood."""
        return self.base.probabilities(xp, eta)

    def mean(self, xp: Any, eta: Any) -> Any:
        """The mean of the likelihood."""
        return self.base.mean(xp, eta)

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """The kernel of the likelihood, with ε as its constant."""
        return self.base.name, (float(self.epsilon),), 1


def check_smoothing(epsilon: Any) -> None:
    """A ValueError unless 0 ≤ ε < 1."""
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float | np.number) or not 0 <= epsilon < 1:
        raise ValueError(
            f"label_smoothing: expected a number of at least 0 and below 1, found {epsilon!r}; 0.1 is common"
        )
