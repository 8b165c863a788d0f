"""PerStep:  η (n, T·k), y (n, T) or (n, T, d):  log P(y | η) = Σ_t log P(y_t | η_t), over the steps that are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, numbers

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class PerStep(Likelihood):
    """A likelihood of y at every step of a sequence, independent given η_1 … η_T.

    For tagging, for forecasting, and, where y_t is x_{t+1}, for models that go on from what they have seen. **A step
    whose y is NaN does not count**: its probability is 1. That is how sequences end before the longest does, and it
    may stand anywhere. Numbers of η stand step after step, k for each.

    Parameters
    ----------
    base : Likelihood
        Of one step: k columns of η, y a number or d of them.
    steps : int, optional
        T. A `Network` finds it out when it is built.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Bernoulli, PerStep
    >>> PerStep(Bernoulli(), 3).score(np.zeros((1, 3)), np.array([[0, 1, np.nan]]))
    array([[-0.5,  0.5,  0. ]])
    """

    base: Likelihood
    steps: int | None = None  # type: ignore[assignment]
    name: ClassVar[str] = "per_step"

    def __post_init__(self) -> None:
        if not isinstance(self.base, Likelihood) or isinstance(self.base, PerStep):
            raise ValueError(
                f"base: PerStep expected the likelihood of one step, such as Normal(), found {self.base!r}"
            )
        T = self.steps
        if T is not None and (not isinstance(T, int | np.integer) or isinstance(T, bool) or T < 1):
            raise ValueError(f"steps: PerStep expected a whole number of at least 1, found {T!r}")
        for name in ("classes", "discrete", "standardizes", "support"):
            object.__setattr__(self, name, getattr(self.base, name))

    @property
    def of_step(self) -> Likelihood:
        """The likelihood of one step."""
        return self.base

    @property
    def width(self) -> int:
        """As many columns as the steps have together."""
        return self.base.width * self._steps

    @property
    def targets(self) -> int:
        """The numbers of all steps."""
        return self.base.targets * self._steps

    @property
    def draws(self) -> int:
        """What one step takes, for each."""
        return self.base.draws * self._steps

    @property
    def _steps(self) -> int:
        if self.steps is None:
            raise ValueError(f"steps: {self!r} does not know how many there are; a network does once it is built")
        return int(self.steps)

    def check(self, y: Any) -> Array:
        """The targets (n, T) or (n, T, d) as floats, each step that is not NaN as the likelihood of one takes it."""
        y, d = numbers(y, repr(self)), self.base.targets
        if d == 1 and y.ndim == 3 and y.shape[2] == 1:
            y = y[:, :, 0]
        rest = (self._steps,) if d == 1 else (self._steps, d)
        if y.shape[1:] != rest:
            expected = "(n, " + ", ".join(map(str, rest)) + ")"
            raise ValueError(
                f"y: {self!r} expected shape {expected}, a target at every step, found {y.shape}; for one target a "
                "sequence, end the layers with Last() or return_sequences=False"
            )
        y = y.copy()
        seen = self._observed(np, y)
        where = np.argwhere(seen)
        try:
            y[seen] = self.base.check(y[seen]) if len(where) else 0
        except ValueError as error:
            for i, t in where:  # whose message names a row of all observed steps, which says nothing to the user
                try:
                    self.base.check(y[i, t][None])
                except ValueError as one:
                    text = str(one).removeprefix("y: ").replace(" in row 0", "")
                    raise ValueError(f"y: in row {i}, at step {t}: {text}") from None
            raise error
        return np.asarray(y)

    def observed(self, y: Array, weights: Array | None = None) -> tuple[Array, Array | None]:
        """The steps that count, as rows, with the weights of their sequences."""
        seen = self._observed(np, y)
        rows = self._typed(y[seen])
        return rows, None if weights is None else np.repeat(weights, seen.sum(axis=1))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Σ_t log P(y_t | η_t)."""
        y, seen = self._rows(xp, y)
        each = xp.where(seen, self.base.log_prob(xp, self.apart(xp, eta), y), 0)
        return xp.sum(xp.reshape(each, (-1, self._steps)), axis=1)

    def score(self, eta: Array, y: Array) -> Array:
        """The scores of the steps, each in its columns; 0 where y is NaN."""
        y, seen = self._rows(np, y)
        score = self.base.score(self.apart(np, eta), y)
        return np.reshape(np.where(seen[:, None], score, 0).astype(eta.dtype, copy=False), eta.shape)

    def fisher(self, eta: Array) -> Array:
        """The Fisher informations of the steps, 0 between them."""
        T, k = self._steps, self.base.width
        each = self.base.fisher(self.apart(np, eta)).reshape(len(eta), T, k, k)
        fisher = np.zeros((len(eta), T, k, T, k))
        t = np.arange(T)
        fisher[:, t, :, t, :] = each.transpose(1, 0, 2, 3)
        return fisher.reshape(len(eta), T * k, T * k)

    def mean(self, xp: Any, eta: Any) -> Any:
        """Of each step: (n, T), (n, T, d), or (n, T, K) for classes."""
        return self.together(xp, self.base.mean(xp, self.apart(xp, eta)))

    def variance(self, eta: Array) -> Array:
        """Of each step: (n, T), (n, T, d), or (n, T, K) for classes."""
        return np.asarray(self.together(np, self.base.variance(self.apart(np, eta))))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Of each step by itself: (n, T), or (n, T, d)."""
        return np.asarray(self.together(np, self.base.cdf(self.apart(np, eta), self._each(eta, y))))

    def quantile(self, eta: Array, p: Array) -> Array:
        """Of each step by itself: (n, T), or (n, T, d)."""
        return np.asarray(self.together(np, self.base.quantile(self.apart(np, eta), self._each(eta, p))))

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """Of the K classes at each step: (n, T, K)."""
        return self.together(xp, self.base.probabilities(xp, self.apart(xp, eta)))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """Of each step: (n, T, …)."""
        found = self.base.parameters(xp, self.apart(xp, eta), loc, scale)
        return {name: self.together(xp, value) for name, value in found.items()}

    def sample(self, eta: Array, u: npt.NDArray[np.float64]) -> Array:
        """Each step by its own numbers: u (n, T · draws) -> (n, T) or (n, T, d)."""
        rows = u.reshape(-1) if self.base.draws == 1 else u.reshape(-1, self.base.draws)
        return np.asarray(self.together(np, self.base.sample(self.apart(np, eta), rows)))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The start of one step, at every step."""
        return np.tile(self.base.start(*self.observed(y, weights)), self._steps)

    def training(self) -> Likelihood:
        """What the steps' likelihood trains on."""
        base = self.base.training()
        return self if base is self.base else replace(self, base=base)

    def predictive(self) -> Likelihood:
        """What the steps' likelihood predicts."""
        base = self.base.predictive()
        return self if base is self.base else replace(self, base=base)

    def standardized(self, scale: Any) -> Likelihood:
        """The likelihood of y / scale, one scale for all steps."""
        return replace(self, base=self.base.standardized(scale))

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """The kernel of one step; the engine runs it on each."""
        return self.base.kernel()

    def apart(self, xp: Any, eta: Any) -> Any:
        """η (n, T·k) -> (n·T, k): a row for each step."""
        return xp.reshape(eta, (-1, self.base.width))

    def together(self, xp: Any, values: Any) -> Any:
        """(n·T, …) -> (n, T, …)."""
        return xp.reshape(values, (-1, self._steps, *values.shape[1:]))

    def _observed(self, xp: Any, y: Any) -> Any:
        """Which steps count: (n, T); those with a NaN among their numbers do not."""
        missing = xp.isnan(y)
        return ~(xp.any(missing, axis=-1) if self.base.targets > 1 else missing)

    def _typed(self, y: Any) -> Any:
        """Labels as the likelihood of one step takes them."""
        return y.astype(np.int64) if self.base.classes is not None else y

    def _rows(self, xp: Any, y: Any) -> tuple[Any, Any]:
        """The targets as rows, something that fits where there is none, and which count: (n·T,) or (n·T, d), (n·T,)."""
        d = self.base.targets
        y = xp.reshape(y, (-1, self._steps) if d == 1 else (-1, self._steps, d))
        seen = xp.reshape(self._observed(xp, y), (-1,))
        y = xp.reshape(y, (-1,) if d == 1 else (-1, d))
        instead = 0.5 if self.support == (0, 1) and not self.discrete else 1.0
        return self._typed(xp.where(seen if d == 1 else seen[:, None], y, instead)), seen

    def _each(self, eta: Array, value: Array) -> Array:
        """A number, one a step (n, T), or d of them, as rows of steps."""
        d = self.base.targets
        return np.broadcast_to(value, (len(eta), self._steps) if d == 1 else (len(eta), self._steps, d)).reshape(
            (-1,) if d == 1 else (-1, d)
        )
