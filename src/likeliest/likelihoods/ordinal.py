"""Ordinal:  η (n, K) = (f, t_1 … t_{K−1}), y (n,) in {0 … K−1},  P(Y ≤ k | η) = σ(c_{k+1} − f).

c_1 = t_1,   c_k = c_{k−1} + d_k,   d_k = softplus(t_k) > 0:   thresholds in order, which do not depend on x
log P(Y = k) = log σ(c_{k+1} − f) + log σ(f − c_k) + log(1 − e^(−d_{k+1})),   less what the first or last class lacks
With α = σ(f − c_{y+1}) (0 for the last class) and β = σ(c_y − f) (0 for the first):
∂/∂f = β − α       ∂/∂t_1 = α − β       ∂/∂t_j = σ(t_j) (α [j ≤ y + 1] − β [j ≤ y]) + σ(−t_j) [j = y + 1]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, check_labels
from likeliest.likelihoods.categorical import check_classes, first_passing, running_sum
from likeliest.likelihoods.columns import LOG_MEAN, cut, inverse_softplus, uncut, weights_of
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Ordinal(Likelihood):
    """One of K classes that have an order, such as grades: the proportional-odds model (cumulative logits).

    P(Y ≤ k | x) = σ(c_{k+1} − f(x)): one number f(x), and K − 1 thresholds c that the network learns beside it.
    McCullagh 1980, https://doi.org/10.1111/j.2517-6161.1980.tb01109.x.

    Parameters
    ----------
    classes : int
        K, at least 2; the labels 0 … K − 1 in order. η is f, and K − 1 numbers t that do not depend on x, with
        t_2 … cut off at ±40.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Ordinal
    >>> from likeliest.xp import numpy_namespace as xp
    >>> Ordinal(3).probabilities(xp, np.array([[0.0, -1.0, 2.0]])).round(3)
    array([[0.269, 0.486, 0.245]])
    """

    classes: int = field()
    name: ClassVar[str] = "ordinal"
    discrete = True

    def __post_init__(self) -> None:
        check_classes(self.classes, "Ordinal")
        object.__setattr__(self, "support", (0, self.classes - 1))

    @property
    def width(self) -> int:
        """One for f, and the K − 1 thresholds."""
        return int(self.classes)

    @property
    def shared(self) -> int:
        """The K − 1 thresholds."""
        return int(self.classes) - 1

    def check(self, y: Any) -> npt.NDArray[np.int64]:
        """Labels 0 … K − 1, as integers (n,)."""
        return check_labels(y, self.classes, f"Ordinal({self.classes})")

    def thresholds(self, xp: Any, eta: Any) -> tuple[Any, Any]:
        """Thresholds c (n, K − 1), and the gaps d between them (n, K − 2)."""
        gaps = xp.softplus(cut(xp, eta[:, 2:], LOG_MEAN))
        return xp.concatenate([eta[:, 1:2], eta[:, 1:2] + xp.cumsum(gaps, axis=1)], axis=1), gaps

    def log_probabilities(self, xp: Any, eta: Any) -> Any:
        """Log P(Y = k) of every class: (n, K)."""
        c, gaps = self.thresholds(xp, eta)
        f, none = eta[:, :1], xp.zeros_like(eta[:, :1])
        below = xp.concatenate([-xp.softplus(f - c), none], axis=1)
        above = xp.concatenate([none, -xp.softplus(c - f)], axis=1)
        return below + above + xp.concatenate([none, xp.log(-xp.expm1(-gaps)), none], axis=1)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log σ(c_{y+1} − f) + log σ(f − c_y) + log(1 − e^(−d_{y+1}))."""
        return xp.take_along_axis(self.log_probabilities(xp, eta), y[:, None], axis=-1)[:, 0]

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """The derivatives by f and t, at the head of this page."""
        return xp.take_along_axis(self.scores(eta, xp), y[:, None, None], axis=1)[:, 0]

    def scores(self, eta: Any, xp: Any = numpy_namespace) -> Any:
        """The score for every y: (n, K, width)."""
        K, labels = self.classes, np.arange(self.classes)
        c, _ = self.thresholds(xp, eta)
        none = xp.zeros_like(eta[:, :1])
        alpha = xp.concatenate([xp.logistic(eta[:, :1] - c), none], axis=1)
        beta = xp.concatenate([none, xp.logistic(c - eta[:, :1])], axis=1)
        columns = [beta - alpha, alpha - beta]
        for j in range(2, K):
            t = cut(xp, eta[:, j : j + 1], LOG_MEAN)
            by = xp.logistic(t) * (xp.where(j <= labels + 1, alpha, 0.0) - xp.where(j <= labels, beta, 0.0))
            by = by + xp.where(labels == j - 1, xp.logistic(-t), 0.0)
            columns.append(by * uncut(eta[:, j : j + 1], LOG_MEAN))
        return xp.stack(columns, axis=2).astype(eta.dtype)

    def fisher(self, eta: Array) -> Array:
        """Σ_k P(Y = k) s_k s_kᵀ, s_k the score of k."""
        scores = self.scores(eta)
        p = self.probabilities(numpy_namespace, eta)
        return np.asarray(np.einsum("nk,nki,nkj->nij", p, scores, scores))

    def mean(self, xp: Any, eta: Any) -> Any:
        """The probability of each class: (n, K)."""
        return self.probabilities(xp, eta)

    def variance(self, eta: Array) -> Array:
        """Variances p (1 − p), of the indicator of each class: (n, K)."""
        p = self.probabilities(numpy_namespace, eta)
        return np.asarray(p * (1 - p))

    def cdf(self, eta: Array, y: Array) -> Array:
        """The probability of the classes up to y."""
        return running_sum(self.probabilities(numpy_namespace, eta), y)

    def quantile(self, eta: Array, p: Array) -> Array:
        """The first class at which the running sum of probabilities reaches p."""
        return first_passing(self.probabilities(numpy_namespace, eta), np.broadcast_to(p, len(eta)))

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """P(Y = k) of every class: (n, K)."""
        return xp.exp(self.log_probabilities(xp, eta))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """``probs`` of each class: (n, K)."""
        return {"probs": self.probabilities(xp, eta)}

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """With f = 0, the thresholds that give each class its share of y, none less than half an example."""
        share = np.bincount(y, weights_of(y, weights), self.classes) + 0.5 / max(len(y), 1)
        below = np.cumsum(share / share.sum())[:-1]
        c = np.log(below) - np.log1p(-below)
        return np.array([0.0, c[0], *(inverse_softplus(gap) for gap in np.diff(c))])

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """No constants: K is the width."""
        return self.name, (), 1
