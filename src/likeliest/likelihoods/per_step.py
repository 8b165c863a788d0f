"""PerStep:  η (n, T·k), y (n, T) or (n, T, d):  log P(y | η) = Σ_t log P(y_t | η_t), over the steps that have a y_t.

η_t is in the columns t·k … (t + 1)·k − 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood, score_on
from likeliest.likelihoods.columns import check_count
from likeliest.xp import numpy_namespace

if TYPE_CHECKING:
    from likeliest.likelihoods.distribution import Distribution

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class PerStep(Likelihood):
    """One likelihood at every step of a sequence, independent given x: tags of words, values of a series.

    A network whose last hidden value is a sequence (n, T, q) has it by itself: ``likelihood="normal"`` there is
    ``PerStep(Normal())``. Where y is NaN the step does not count: it has probability 1 and score 0. That is how a
    sequence ends before the others do, and how single steps are left out.

    Parameters
    ----------
    base : Likelihood
        The likelihood of one step.
    steps : int, optional
        T. A network fills it in.

    Raises
    ------
    ValueError
        When ``base`` is no likelihood, or one of steps.

    Examples
    --------
    Two sequences of three steps, the second one shorter:

    >>> import numpy as np
    >>> from likeliest.likelihoods import Bernoulli, PerStep
    >>> likelihood = PerStep(Bernoulli(), 3)
    >>> y = likelihood.check([[0, 1, 1], [1, np.nan, np.nan]])
    >>> likelihood.score(np.zeros((2, 3)), y)
    array([[-0.5,  0.5,  0.5],
           [ 0.5,  0. ,  0. ]])
    """

    base: Likelihood
    steps: int | None = None
    name: ClassVar[str] = "per_step"

    def __post_init__(self) -> None:
        if not isinstance(self.base, Likelihood):
            raise ValueError(f"base: PerStep expected a likelihood such as Normal(), found {self.base!r}")
        if isinstance(self.base, PerStep):
            raise ValueError(f"base: PerStep expected the likelihood of one step, found {self.base!r}")
        if self.steps is not None:
            check_count(self.steps, "steps", "PerStep")
        for name in ("classes", "discrete", "standardizes", "support"):
            object.__setattr__(self, name, getattr(self.base, name))

    @property
    def of_step(self) -> Likelihood:
        """The likelihood of one step."""
        return self.base

    @property
    def T(self) -> int:
        """How many steps there are, once a network or the user has said so."""
        if self.steps is None:
            raise ValueError(
                f"steps: {self!r} does not know how many there are: build the network first, or give them, such as "
                f"PerStep({self.base!r}, 12)"
            )
        return int(self.steps)

    @property
    def width(self) -> int:
        """T times the columns of one step."""
        return self.T * self.base.width

    @property
    def locations(self) -> int:
        """T times those of one step, which stand first in the columns of each step."""
        return self.T * self.base.locations

    @property
    def shared(self) -> int:
        """T times those of one step, which stand last in the columns of each step."""
        return self.T * self.base.shared

    @property
    def targets(self) -> int:
        """T times those of one step."""
        return self.T * self.base.targets

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of y for one example: (T,) or (T, d)."""
        return (self.T, *self.base.row)

    @property
    def draws(self) -> int:
        """T times what one step takes."""
        return self.T * self.base.draws

    def check(self, y: Any) -> Array:
        """The targets (n, T) or (n, T, d), as one step's likelihood takes them; in float64 where some are NaN."""
        try:
            y = np.asarray(y)
        except ValueError:
            raise ValueError(
                "y: expected as many steps for every example, found a ragged list; fill the shorter ones up with NaN"
            ) from None
        d = self.base.row
        expected = f"(n, {', '.join(map(str, self.row))})"
        if not d and y.ndim == 3 and y.shape[2] == 1:
            y = y[:, :, 0]
        if y.shape[1:] != self.row:
            cure = "one target for each step"
            if y.ndim == 1 + len(d):
                cure += (
                    "; for one target a sequence, the network must make a row of it: Last(), return_sequences=False, "
                    "GlobalAvgPool() or Flatten()"
                )
            raise ValueError(f"y: {self!r} expected shape {expected}, found {y.shape}; {cure}")
        rows = y.reshape(-1, *d)
        if y.dtype.kind == "O":
            try:
                rows = rows.astype(np.float64)
            except (TypeError, ValueError):
                return np.asarray(self.base.check(rows)).reshape(y.shape)  # says what is wrong
        missing = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, bool)
        none = missing.reshape(len(rows), -1).all(axis=1)
        some = missing.reshape(len(rows), -1).any(axis=1) & ~none
        if some.any():
            raise ValueError(
                f"y: {self._place(int(np.argmax(some)))} has NaN for some of its {d[0]} targets only; a step counts "
                "with all of them or with none"
            )
        if none.all():
            raise ValueError("y: all targets are NaN, so that no step counts")
        places = np.flatnonzero(~none)
        try:
            checked = np.asarray(self.base.check(rows[places]))
        except ValueError as error:
            message = re.sub(r"row (\d+)", lambda found: self._place(int(places[int(found[1])])), str(error))
            raise ValueError(message) from None
        if not none.any():
            return checked.reshape(y.shape)
        filled = np.full(rows.shape, np.nan)
        filled[places] = checked
        return filled.reshape(y.shape)

    def _place(self, index: int) -> str:
        return f"row {index // self.T}, step {index % self.T}"

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Σ_t log P(y_t | η_t), without the steps that have no y_t: (n,)."""
        rows, missing = self._rows(xp, y)
        each = self.base.log_prob(xp, self.apart(xp, eta), rows)
        return xp.sum(xp.reshape(xp.where(missing, xp.zeros_like(each), each), (-1, self.T)), axis=1)

    def score(self, eta: Any, y: Any, xp: Any = numpy_namespace) -> Any:
        """The score of each step in its columns, 0 where it does not count: (n, T·k)."""
        rows, missing = self._rows(xp, y)
        score = score_on(xp, self.base, self.apart(xp, eta), rows)
        return xp.reshape(xp.where(missing[:, None], xp.zeros_like(score), score), eta.shape)

    def _rows(self, xp: Any, y: Any) -> tuple[Any, Any]:
        """The y of each step in a row, (n·T,) or (n·T, d), and whether it is missing, (n·T,).

        In place of a missing one stands some y that any likelihood of such a support allows, so that nothing becomes
        NaN on the way.
        """
        rows = xp.reshape(y, (-1, *self.base.row))
        missing = rows != rows
        rows = xp.where(missing, 0.5 if not self.discrete and np.isfinite(self.support[1]) else 1, rows)
        return rows if self.classes is None else rows.astype(int), missing[:, 0] if self.base.row else missing

    def fisher(self, eta: Array) -> Array:
        """The Fisher informations of the steps, 0 between them."""
        n, T, k = len(eta), self.T, self.base.width
        fisher, t = np.zeros((n, T, k, T, k)), np.arange(T)
        each = self.base.fisher(self.apart(np, eta)).reshape(n, T, k, k)
        fisher[:, t, :, t, :] = each.transpose(1, 0, 2, 3)
        return fisher.reshape(n, T * k, T * k)

    def mean(self, xp: Any, eta: Any) -> Any:
        """Of each step: (n, T) or (n, T, d), or (n, T, K) for classes."""
        return self.together(xp, self.base.mean(xp, self.apart(xp, eta)))

    def variance(self, eta: Array) -> Array:
        """Of each step: (n, T) or (n, T, d), or (n, T, K) for classes."""
        return np.asarray(self.together(np, self.base.variance(self.apart(np, eta))))

    def cdf(self, eta: Array, y: Array) -> Array:
        """Of each step by itself: (n, T) or (n, T, d)."""
        return self._by_step(self.base.cdf, eta, y)

    def quantile(self, eta: Array, p: Array) -> Array:
        """Of each step by itself: (n, T) or (n, T, d)."""
        return self._by_step(self.base.quantile, eta, p)

    def _by_step(self, function: Callable[[Array, Array], Array], eta: Array, argument: Array) -> Array:
        rows = np.broadcast_to(argument, (len(eta), *self.row)).reshape(-1, *self.base.row)
        return np.asarray(self.together(np, function(self.apart(np, eta), rows)))

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """Of the K classes at each step: (n, T, K)."""
        return self.together(xp, self.base.probabilities(xp, self.apart(xp, eta)))

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """Of each step: (n, T, …). ``loc`` and ``scale`` are those of one step, the same for all."""
        moved = () if np.ndim(loc) == np.ndim(scale) == 0 and loc == 0 and scale == 1 else (loc, scale)
        found = self.base.parameters(xp, self.apart(xp, eta), *moved)
        return {name: self.together(xp, value) for name, value in found.items()}

    def sample(self, eta: Array, u: npt.NDArray[np.float64]) -> Array:
        """Each step by its own numbers: u (n, T · draws) -> (n, T) or (n, T, d)."""
        rows = u.reshape(-1) if self.base.draws == 1 else u.reshape(-1, self.base.draws)
        return np.asarray(self.together(np, self.base.sample(self.apart(np, eta), rows)))

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The start of one step, for each: that of all steps which count, each with the weight of its example."""
        rows = np.reshape(y, (-1, *self.base.row))
        counts = ~np.not_equal(rows, rows).reshape(len(rows), -1)[:, 0]
        rows = rows[counts] if self.classes is None else rows[counts].astype(np.int64)
        each = None if weights is None else np.repeat(np.asarray(weights), self.T)[counts]
        return np.tile(self.base.start(rows, each), self.T)

    def training(self) -> Likelihood:
        """What the likelihood of one step trains on."""
        base = self.base.training()
        return self if base is self.base else replace(self, base=base)

    def predictive(self) -> Likelihood:
        """What the likelihood of one step predicts."""
        base = self.base.predictive()
        return self if base is self.base else replace(self, base=base)

    def standardized(self, scale: Any) -> Likelihood:
        """The likelihood of y / scale, with the scale of one step."""
        return replace(self, base=self.base.standardized(scale))

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """The kernel of one step: an engine gives it n · T rows."""
        return self.base.kernel()

    def distribution(self, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> Distribution:
        """The distribution of y at each step, (n, T)."""
        eta = np.asarray(eta)
        return self.base.distribution(eta.reshape(len(eta), self.T, self.base.width), loc, scale)

    def apart(self, xp: Any, eta: Any) -> Any:
        """η (n, T·k) -> (n·T, k): one row for each step of each example."""
        return xp.reshape(eta, (-1, self.base.width))

    def together(self, xp: Any, values: Any) -> Any:
        """(n·T, …) -> (n, T, …)."""
        return xp.reshape(values, (-1, self.T, *values.shape[1:]))
