"""Distribution: P(y | x) for n examples at once, with the names that scipy.stats has for a frozen distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

TINIEST = 2.0**-54  # uniform numbers are never 0


@dataclass(frozen=True, repr=False, eq=False)
class Distribution:
    """The predictive distributions of n examples: of loc + scale · Y, Y ~ P(y | η).

    Numbers for each example are (n,); with d targets an example, (n, d), and each target is taken by itself by
    everything but ``logpdf``, ``pdf``, ``logpmf``, ``pmf`` and ``rvs``, which are joint. For classes ``mean``, ``var``
    and ``std`` are those of the indicator of each class, (n, K); for Bernoulli they are of y itself, (n,).

    Arguments broadcast as in SciPy: ``ppf(0.5)`` is (n,), ``ppf([[0.1], [0.9]])`` is (2, n).

    Where η is (n, T, width), there is a distribution at every step of n sequences: read (n, T) for (n,) in all of this.

    Parameters
    ----------
    likelihood : Likelihood
        P(y | η) of one new y.
    eta : (n, width) or (n, T, width)
        The network's output; kept in float64.
    loc, scale : float, or (d,)
        For targets that were standardized: y = loc + scale · Y, where the likelihood allows it.

    Raises
    ------
    ValueError
        When η is not (n, width), or loc and scale make no sense for this likelihood.

    Examples
    --------
    >>> from likeliest.likelihoods import Normal
    >>> d = Normal(scale=1.0).distribution([[0.0], [1.0]], loc=10.0, scale=2.0)
    >>> d
    Distribution(Normal(scale=1.0), n=2, loc=10.0, scale=2.0)
    >>> d.mean(), d.std(), d[1].cdf(12.0)
    (array([10., 12.]), array([2., 2.]), array([0.5]))
    """

    likelihood: Likelihood
    eta: Array
    loc: Any = 0.0
    scale: Any = 1.0

    def __post_init__(self) -> None:
        likelihood, eta = self.likelihood, np.asarray(self.eta, np.float64)
        if eta.ndim not in (2, 3) or eta.shape[-1] != likelihood.width:
            raise ValueError(f"eta: {likelihood!r} expected shape (n, {likelihood.width}), found {eta.shape}")
        object.__setattr__(self, "eta", eta)
        shape = likelihood.row
        for name in ("loc", "scale"):
            value = np.asarray(getattr(self, name), np.float64)
            if (
                value.shape not in ((), shape)
                or not np.isfinite(value).all()
                or (name == "scale" and (value <= 0).any())
            ):
                each = f", or {shape[0]} of them" if shape else ""
                kind = "positive number" if name == "scale" else "finite number"
                raise ValueError(f"{name}: {likelihood!r} expected a {kind}{each}, found {getattr(self, name)!r}")
            object.__setattr__(self, name, value)
        positive = not likelihood.discrete and likelihood.support == (0, np.inf)
        if self.loc.any() and not likelihood.standardizes:
            raise ValueError(f"loc: {likelihood!r} cannot be shifted, found {self.loc}; give 0")
        if (self.scale != 1).any() and not (likelihood.standardizes or positive):
            raise ValueError(f"scale: {likelihood!r} cannot be scaled, found {self.scale}; give 1")

    def __repr__(self) -> str:
        moved = "".join(
            f", {name}={getattr(self, name).tolist()}"
            for name, neutral in (("loc", 0), ("scale", 1))
            if (getattr(self, name) != neutral).any()
        )
        steps = f", steps={self.eta.shape[1]}" if self.eta.ndim == 3 else ""
        return f"Distribution({self.likelihood!r}, n={len(self)}{steps}{moved})"

    def __len__(self) -> int:
        return len(self.eta)

    def __getitem__(self, rows: Any) -> Distribution:
        """The distributions of some rows: an integer, a slice, a mask or indices."""
        eta = self.eta[rows]
        return Distribution(self.likelihood, eta.reshape(-1, *self.eta.shape[1:]), self.loc, self.scale)

    def __iter__(self) -> Iterator[Distribution]:
        return (self[i] for i in range(len(self)))

    def mean(self) -> Array:
        """E[y]."""
        return np.asarray(self.loc + self.scale * self._together(self.likelihood.mean(numpy_namespace, self._rows)))

    def var(self) -> Array:
        """E[(y − mean)²]."""
        return np.asarray(self.scale**2 * self._together(self.likelihood.variance(self._rows)))

    def std(self) -> Array:
        """√var."""
        return np.sqrt(self.var())

    def parameters(self) -> dict[str, Array]:
        """The parameters of the distribution under the names of ``torch.distributions``, such as loc and scale: (n, …).

        >>> from likeliest.likelihoods import StudentT
        >>> StudentT(df=3.0, scale=0.5).distribution([[0.0], [1.0]], loc=10.0, scale=2.0).parameters()
        {'df': array([3., 3.]), 'loc': array([10., 12.]), 'scale': array([1., 1.])}
        """
        moved = () if not self.loc.any() and (self.scale == 1).all() else (self.loc, self.scale)
        return {
            name: self._together(value)
            for name, value in self.likelihood.parameters(numpy_namespace, self._rows, *moved).items()
        }

    def median(self) -> Array:
        """ppf(0.5)."""
        return self.ppf(0.5)

    def ppf(self, q: Any) -> Array:
        """The smallest y with cdf(y) ≥ q; NaN where q is not a probability."""
        q = np.asarray(q, np.float64)
        inside = (q >= 0) & (q <= 1)
        y = self.loc + self.scale * self._each(self.likelihood.quantile, np.where(inside, q, 0.5))
        return np.where(inside, y, np.nan)

    def isf(self, q: Any) -> Array:
        """ppf(1 − q)."""
        return self.ppf(1 - np.asarray(q, np.float64))

    def cdf(self, y: Any) -> Array:
        """P(Y ≤ y)."""
        return self._each(self.likelihood.cdf, self._plain(y))

    def sf(self, y: Any) -> Array:
        """P(Y > y) = 1 − cdf(y)."""
        return 1 - self.cdf(y)

    def logpdf(self, y: Any) -> Array:
        """The log of the density at y, of all targets together; −∞ outside the support."""
        self._only(discrete=False, name="logpdf")
        jacobian = np.sum(np.broadcast_to(np.log(self.scale), self._row))
        return np.asarray(self._joint(y) - jacobian)

    def pdf(self, y: Any) -> Array:
        """The density at y, of all targets together."""
        self._only(discrete=False, name="pdf")
        return np.exp(self.logpdf(y))

    def logpmf(self, y: Any) -> Array:
        """Log P(Y = y), of all targets together; −∞ where y is impossible."""
        self._only(discrete=True, name="logpmf")
        return self._joint(y)

    def pmf(self, y: Any) -> Array:
        """P(Y = y), of all targets together."""
        self._only(discrete=True, name="pmf")
        return np.exp(self.logpmf(y))

    def interval(self, confidence: Any) -> tuple[Array, Array]:
        """The central interval with that probability: from ppf((1 − confidence)/2) to ppf((1 + confidence)/2)."""
        tail = (1 - np.asarray(confidence, np.float64)) / 2
        return self.ppf(tail), self.ppf(1 - tail)

    def support(self) -> tuple[Array, Array]:
        """The smallest and the largest y."""
        low, high = self.likelihood.support
        shape = (*self._shape, *self._row)
        return np.broadcast_to(self.loc + self.scale * low, shape), np.broadcast_to(self.loc + self.scale * high, shape)

    def rvs(self, size: int | None = None, random_state: Any = None) -> Array:
        """Draws: one of each example, (n,); with a ``size``, (size, n). ``random_state``: a seed or a generator."""
        rng = random_state
        if not isinstance(rng, np.random.Generator | np.random.RandomState):
            rng = np.random.default_rng(rng)
        many, draws, eta = 1 if size is None else int(size), self.likelihood.draws, self._rows
        u = np.maximum(rng.uniform(size=(many, len(eta), draws)), TINIEST)
        rows = [self._together(self.likelihood.sample(eta, u_[:, 0] if draws == 1 else u_)) for u_ in u]
        sample = np.stack(rows) if rows else np.empty((0, *self._shape, *self._row))
        if not self.likelihood.discrete:
            sample = self.loc + self.scale * sample
        return np.asarray(sample[0] if size is None else sample)

    @property
    def _row(self) -> tuple[int, ...]:
        """The shape of one y."""
        return self.likelihood.row

    @property
    def _shape(self) -> tuple[int, ...]:
        """How many distributions there are: (n,) or (n, T)."""
        return self.eta.shape[:-1]

    @property
    def _rows(self) -> Array:
        """η with one row a distribution, as likelihoods take it: (n, width) or (n·T, width)."""
        return self.eta.reshape(-1, self.eta.shape[-1])

    def _together(self, values: Any) -> Array:
        """What a likelihood gave for each row: (n, …) or, from (n·T, …), (n, T, …)."""
        values = np.asarray(values)
        return np.reshape(values, (*self._shape, *values.shape[1:]))

    def _plain(self, y: Any) -> Array:
        """Y = (y − loc) / scale."""
        return np.asarray((np.asarray(y, np.float64) - self.loc) / self.scale)

    def _each(self, function: Callable[[Array, Array], Array], argument: Array) -> Array:
        """A function of η and of an argument that broadcasts against (n,) or (n, targets), for all leading axes."""
        shape = np.broadcast_shapes(argument.shape, (*self._shape, *self._row))
        eta = self._rows
        values = [function(eta, block) for block in self._blocks(argument, shape)]
        return np.asarray(values, np.float64).reshape(shape)

    def _blocks(self, argument: Array, shape: tuple[int, ...]) -> Array:
        """The argument, broadcast to ``shape``, by leading axes and rows of η: (k, n) or (k, n, targets)."""
        first = len(shape) - len(self._shape) - len(self._row)
        return np.broadcast_to(argument, shape).reshape(math.prod(shape[:first]), math.prod(self._shape), *self._row)

    def _joint(self, y: Any) -> Array:
        """Log P(Y | η) of all targets together, −∞ outside the support."""
        likelihood, eta = self.likelihood, self._rows
        Y = self._plain(y)
        shape = np.broadcast_shapes(Y.shape, (*self._shape, *self._row))
        blocks = self._blocks(Y, shape)
        low, high = likelihood.support
        inside = (blocks >= low) & (blocks <= high)
        if likelihood.discrete:
            inside &= blocks == np.round(blocks)
        elif np.isfinite(low) or np.isfinite(high):
            inside &= (blocks > low) & (blocks < high)
        inside &= np.isfinite(blocks)
        safe = np.where(inside, blocks, 0 if likelihood.discrete or not np.isfinite(low) else 0.5)
        if likelihood.classes is not None or (likelihood.discrete and np.isfinite(high)):
            safe = safe.astype(np.int64)
        logs = np.asarray([likelihood.log_prob(numpy_namespace, eta, block) for block in safe], np.float64)
        logs = logs.reshape(len(blocks), len(eta))
        possible = inside if not self._row else inside.all(axis=-1)
        unknown = np.isnan(blocks) if not self._row else np.isnan(blocks).any(axis=-1)
        logs = np.where(unknown, np.nan, np.where(possible, logs, -np.inf))
        return logs.reshape(shape if not self._row else shape[:-1])

    def _only(self, discrete: bool, name: str) -> None:
        if self.likelihood.discrete != discrete:
            other = name.replace("pdf", "pmf") if self.likelihood.discrete else name.replace("pmf", "pdf")
            kind = "discrete" if self.likelihood.discrete else "continuous"
            raise AttributeError(f"{self.likelihood!r} is {kind} and has no {name}; use {other}")
