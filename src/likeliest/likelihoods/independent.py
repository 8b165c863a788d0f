"""Independent:  η (n, w·d), y (n, d):  log P(y | η) = Σ_i log P(y_i | η_{i}, η_{d+i}, …, η_{(w−1)d+i}).

Component j of target i is in column j·d + i, so that the shared components of all targets stand last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, score_on
from likeliest.likelihoods.columns import check_count
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Independent(Likelihood):
    """Several targets with one likelihood each, independent given x.

    ``Independent(Bernoulli(), d)`` is for d labels of which any may be 1 (multi-label), ``Independent(Normal(), d)``
    for regression with d outputs.

    Parameters
    ----------
    base : Likelihood
        The likelihood of each target.
    count : int
        d, how many targets; at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Bernoulli, Independent
    >>> Independent(Bernoulli(), 2).score(np.zeros((1, 2)), np.array([[0, 1]]))
    array([[-0.5,  0.5]])
    """

    base: Likelihood
    count: int
    name: ClassVar[str] = "independent"

    def __post_init__(self) -> None:
        check_count(self.count, "count", "Independent", least=2)
        if not isinstance(self.base, Likelihood):
            raise ValueError(f"base: Independent expected a likelihood such as Normal(), found {self.base!r}")
        if self.base.targets != 1:
            raise ValueError(f"base: Independent expected a likelihood of one target, found {self.base!r}")
        for name in ("discrete", "standardizes", "support"):
            object.__setattr__(self, name, getattr(self.base, name))

    @property
    def width(self) -> int:
        """As many columns as the targets' likelihoods have together."""
        return self.base.width * int(self.count)

    @property
    def shared(self) -> int:
        """The shared columns of each target."""
        return self.base.shared * int(self.count)

    @property
    def locations(self) -> int:
        """The locations of each target."""
        return self.base.locations * int(self.count)

    @property
    def targets(self) -> int:
        """How many numbers y has for each example."""
        return int(self.count)

    @property
    def draws(self) -> int:
        """What one target takes, for each."""
        return self.base.draws * int(self.count)

    def check(self, y: Any) -> Array:
        """The targets (n, d), each column as its likelihood takes it."""
        y = np.asarray(y)
        if y.ndim != 2 or y.shape[1] != self.count:
            raise ValueError(
                f"y: {self!r} expected shape (n, {self.count}), found {y.shape}; one column for each target"
            )
        columns = []
        for i in range(self.count):
            try:
                columns.append(self.base.check(y[:, i]))
            except ValueError as error:
                raise ValueError(f"y: in column {i}, {str(error).removeprefix('y: ')}") from None
        return np.stack(columns, axis=1)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Σ_i log P(y_i | η)."""
        each = self.base.log_prob(xp, self.apart(xp, eta), xp.reshape(y, (-1,)))
        return xp.sum(xp.reshape(each, y.shape), axis=1)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """The scores of the targets, each in its columns."""
        score = score_on(xp, self.base, self.apart(xp, eta), xp.reshape(y, (-1,)))
        return xp.reshape(xp.swapaxes(xp.reshape(score, (len(eta), self.count, -1)), 1, 2), eta.shape)

    def fisher(self, eta: Array) -> Array:
        """The Fisher informations of the targets, 0 between them."""
        d, w = self.count, self.base.width
        each = self.base.fisher(self.apart(np, eta)).reshape(len(eta), d, w, w)
        fisher = np.zeros((len(eta), w, d, w, d))
        i = np.arange(d)
        fisher[:, :, i, :, i] = each.transpose(1, 0, 2, 3)
        return fisher.reshape(len(eta), w * d, w * d)

    def mean(self, xp: Any, eta: Any) -> Any:
        """Of each target: (n, d), or (n, d, K) for classes."""
        return self.together(xp, eta, self.base.mean(xp, self.apart(xp, eta)))

    def variance(self, eta: Array) -> Array:
        """Of each target: (n, d), or (n, d, K) for classes."""
        return np.asarray(self.together(np, eta, self.base.variance(self.apart(np, eta))))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Of each target by itself: (n, d)."""
        y = np.broadcast_to(y, (len(eta), self.count))
        return np.asarray(self.together(np, eta, self.base.cdf(self.apart(np, eta), y.reshape(-1))))

    def quantile(self, eta: Array, p: Array) -> Array:
        """Of each target by itself: (n, d)."""
        p = np.broadcast_to(p, (len(eta), self.count))
        return np.asarray(self.together(np, eta, self.base.quantile(self.apart(np, eta), p.reshape(-1))))

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """Of the K classes of each target: (n, d, K)."""
        return self.together(xp, eta, self.base.probabilities(xp, self.apart(xp, eta)))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """Of each target: (n, d, …)."""
        nothing = xp.zeros_like(eta[:, : self.count])
        loc, scale = (xp.reshape(nothing + each, (-1,)) if np.ndim(each) else each for each in (loc, scale))
        found = self.base.parameters(xp, self.apart(xp, eta), loc, scale)
        return {name: self.together(xp, eta, value) for name, value in found.items()}

    def sample(self, eta: Array, u: npt.NDArray[np.float64]) -> Array:
        """Each target by its own numbers: u (n, d · draws) -> (n, d)."""
        rows = u.reshape(-1) if self.base.draws == 1 else u.reshape(-1, self.base.draws)
        return np.asarray(self.together(np, eta, self.base.sample(self.apart(np, eta), rows)))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The starts of the targets, each in its columns."""
        return np.stack([self.base.start(y[:, i], weights) for i in range(self.count)], axis=1).reshape(-1)

    def training(self) -> Likelihood:
        """What the targets' likelihood trains on."""
        base = self.base.training()
        return self if base is self.base else replace(self, base=base)

    def predictive(self) -> Likelihood:
        """What the targets' likelihood predicts."""
        base = self.base.predictive()
        return self if base is self.base else replace(self, base=base)

    def standardized(self, scale: Any) -> Likelihood:
        """The likelihood of y / scale, scale (d,): a scale that is fixed allows one number for all targets only."""
        bases = {self.base.standardized(float(s)) for s in np.broadcast_to(scale, self.count)}
        if len(bases) > 1:
            raise ValueError(
                f"scale: {self!r} expected one scale for all targets, found {list(np.ravel(scale))}; bring the targets "
                f'to one scale, or let the likelihood learn it (scale="learned")'
            )
        return replace(self, base=bases.pop())

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """The kernel of the targets' likelihood, d groups."""
        name, constants, groups = self.base.kernel()
        return super().kernel() if name == "custom" else (name, constants, groups * int(self.count))

    def apart(self, xp: Any, eta: Any) -> Any:
        """η (n, w·d) -> (n·d, w): one row for each target of each example."""
        w = self.base.width
        return xp.reshape(xp.swapaxes(xp.reshape(eta, (-1, w, self.count)), 1, 2), (-1, w))

    def together(self, xp: Any, eta: Any, values: Any) -> Any:
        """(n·d, …) -> (n, d, …)."""
        return xp.reshape(values, (eta.shape[0], self.count, *values.shape[1:]))
