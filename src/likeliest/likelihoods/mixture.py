"""Mixture: P(y | x) = 1/M Σ_m P_m(y | x), what M networks say together, with the names that scipy.stats has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.distribution import Distribution
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

MOST = 400  # steps of a search for a quantile, which stops when they change nothing
EPS, TINY = np.finfo(np.float64).eps, np.finfo(np.float64).tiny


@dataclass(frozen=True, repr=False, eq=False)
class Mixture:
    """The equal mixture of the predictive distributions of M members, for n examples at once.

    It has the methods of `Distribution`, which says what arguments and results look like. Each draw is of one member,
    chosen for each example, with all of its targets and steps.

    Parameters
    ----------
    members : sequence of Distribution
        At least one, all of the same n examples and of the same kind of y.

    Raises
    ------
    ValueError
        When there are none, or they are not alike.

    Notes
    -----
    The members' disagreement is what more data could settle; the rest of the variance is noise that stays
    (Lakshminarayanan, Pritzel and Blundell 2017, https://arxiv.org/abs/1612.01474):

        var = var_within + var_between = 1/M Σ_m Var_m[y] + 1/M Σ_m (E_m[y] − E[y])²

    Examples
    --------
    >>> from likeliest.likelihoods import Mixture, Normal
    >>> d = Mixture([Normal(scale=1.0).distribution([[mean]]) for mean in (-2.0, 2.0)])
    >>> d
    Mixture(Normal(scale=1.0), members=2, n=1)
    >>> d.mean(), d.var(), d.var_within(), d.var_between()
    (array([0.]), array([5.]), array([1.]), array([4.]))
    >>> d.ppf([[0.25], [0.75]]).round(3)
    array([[-2.],
           [ 2.]])
    """

    members: tuple[Distribution, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))
        if not self.members or not all(isinstance(one, Distribution) for one in self.members):
            raise ValueError(f"members: expected distributions, at least one, found {self.members!r}")
        first = self.members[0]
        for one in self.members[1:]:
            alike = one._shape == first._shape and one._row == first._row
            if not alike or one.likelihood.discrete != first.likelihood.discrete:
                raise ValueError(f"members: expected distributions of one kind of y, found {first!r} and {one!r}")

    def __repr__(self) -> str:
        first = self.members[0]
        steps = f", steps={first.eta.shape[1]}" if first.eta.ndim == 3 else ""
        return f"Mixture({first.likelihood!r}, members={len(self.members)}, n={len(self)}{steps})"

    def __len__(self) -> int:
        return len(self.members[0])

    def __getitem__(self, rows: Any) -> Mixture:
        """The distributions of some rows: an integer, a slice, a mask or indices."""
        return Mixture(tuple(one[rows] for one in self.members))

    def __iter__(self) -> Iterator[Mixture]:
        return (self[i] for i in range(len(self)))

    def mean(self) -> Array:
        """E[y] = 1/M Σ_m E_m[y]."""
        return self._average(lambda one: one.mean())

    def var(self) -> Array:
        """E[(y − mean)²] = var_within + var_between."""
        return np.asarray(self.var_within() + self.var_between())

    def std(self) -> Array:
        """√var."""
        return np.sqrt(self.var())

    def var_within(self) -> Array:
        """1/M Σ_m Var_m[y]: the noise, as the members see it on average."""
        return self._average(lambda one: one.var())

    def var_between(self) -> Array:
        """1/M Σ_m (E_m[y] − E[y])²: what the members disagree on."""
        return np.asarray(np.var([one.mean() for one in self.members], axis=0))

    def median(self) -> Array:
        """ppf(0.5)."""
        return self.ppf(0.5)

    def ppf(self, q: Any) -> Array:
        """The smallest y with cdf(y) ≥ q; NaN where q is not a probability.

        It lies between the smallest and the largest of the members' quantiles, where it is searched for to the last
        digits that a number has.
        """
        q = np.asarray(q, np.float64)
        inside = (q > 0) & (q < 1)
        safe = np.where(inside, q, 0.5)
        each = [one.ppf(safe) for one in self.members]
        low, high = np.min(each, axis=0), np.max(each, axis=0)
        search = _smallest_whole if self.members[0].likelihood.discrete else _smallest
        with np.errstate(over="ignore"):  # the quantile of a member may be beyond all numbers
            found = search(self.cdf, safe, np.nan_to_num(low), np.nan_to_num(high))
        found = np.where(np.isnan(low), np.nan, found)
        if inside.all():
            return found
        ends = [one.ppf(q) for one in self.members]
        return np.where(inside, found, np.where(q > 0, np.max(ends, axis=0), np.min(ends, axis=0)))

    def isf(self, q: Any) -> Array:
        """ppf(1 − q)."""
        return self.ppf(1 - np.asarray(q, np.float64))

    def cdf(self, y: Any) -> Array:
        """P(Y ≤ y)."""
        return self._average(lambda one: one.cdf(y))

    def sf(self, y: Any) -> Array:
        """P(Y > y)."""
        return self._average(lambda one: one.sf(y))

    def logpdf(self, y: Any) -> Array:
        """The log of the density at y, of all targets together; −∞ outside the support."""
        return log_mean_exp([one.logpdf(y) for one in self.members])

    def pdf(self, y: Any) -> Array:
        """The density at y, of all targets together."""
        return self._average(lambda one: one.pdf(y))

    def logpmf(self, y: Any) -> Array:
        """Log P(Y = y), of all targets together; −∞ where y is impossible."""
        return log_mean_exp([one.logpmf(y) for one in self.members])

    def pmf(self, y: Any) -> Array:
        """P(Y = y), of all targets together."""
        return self._average(lambda one: one.pmf(y))

    def interval(self, confidence: Any) -> tuple[Array, Array]:
        """The central interval with that probability: from ppf((1 − confidence)/2) to ppf((1 + confidence)/2)."""
        tail = (1 - np.asarray(confidence, np.float64)) / 2
        return self.ppf(tail), self.ppf(1 - tail)

    def support(self) -> tuple[Array, Array]:
        """The smallest and the largest y."""
        low, high = zip(*(one.support() for one in self.members), strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)

    def rvs(self, size: int | None = None, random_state: Any = None) -> Array:
        """Draws: one of each example, (n,); with a ``size``, (size, n). ``random_state``: a seed or a generator."""
        rng = random_state
        if not isinstance(rng, np.random.Generator | np.random.RandomState):
            rng = np.random.default_rng(rng)
        many, M = 1 if size is None else int(size), len(self.members)
        whose = (rng.uniform(size=(many, len(self))) * M).astype(np.intp)
        draws = np.stack([one.rvs(many, rng) for one in self.members])
        sample = draws[whose, np.arange(many)[:, None], np.arange(len(self))]
        return np.asarray(sample[0] if size is None else sample)

    def _average(self, of: Callable[[Distribution], Array]) -> Array:
        return np.asarray(np.mean([of(one) for one in self.members], axis=0))


def log_mean_exp(logs: Any) -> Array:
    """Log 1/M Σ_m e^{l_m}: l (M, ...) -> (...), −∞ where all of them are."""
    logs = np.asarray(logs, np.float64)
    rows = np.moveaxis(logs, 0, -1).reshape(-1, len(logs))
    impossible = (rows == -np.inf).all(axis=1)
    rows = np.where(impossible[:, None], 0.0, rows)
    total = np.asarray(numpy_namespace.log_sum_exp(rows))[:, 0] - np.log(len(logs))
    return np.where(impossible, -np.inf, total).reshape(logs.shape[1:])


def _smallest_whole(cdf: Callable[[Array], Array], q: Array, low: Array, high: Array) -> Array:
    """The smallest whole y in [low, high] with cdf(y) ≥ q, which high is and low − 1 is not but for rounding."""
    below, above = low - 2, high + 1  # one more each, which rounding may ask for
    for _ in range(MOST):
        middle = np.floor(0.5 * below + 0.5 * above)
        if ((middle <= below) | (middle >= above)).all():
            break
        short = cdf(middle) < q
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return np.asarray(above)


def _smallest(cdf: Callable[[Array], Array], q: Array, low: Array, high: Array) -> Array:
    """The y in [low, high] with cdf(y) = q but for rounding, by inverse quadratic steps or halves.

    a and b are the ends of a bracket, of which a is the newer one, and c was an end before.
    Chandrupatla 1997, https://doi.org/10.1016/S0965-9978(96)00051-8.
    """
    a, b = np.broadcast_arrays(low, high)
    fa, fb = cdf(a) - q, cdf(b) - q
    at_low, at_high = fa >= 0, fb <= 0  # by rounding, or since all members agree
    x = _middle(a, b)
    for _ in range(MOST):
        f = cdf(x) - q
        same = (f >= 0) == (fa >= 0)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, f
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            width, least = np.abs(b - a), EPS * np.minimum(np.abs(a), np.abs(b)) + TINY
            done = at_low | at_high | (width <= 2 * least) | (np.abs(fa) <= EPS * q)
            if done.all():
                break
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            smooth = (phi * phi < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(t * (b - a))
            step = np.minimum(0.5, least / width)  # no shorter than this, to get to the other side
            on = a + np.clip(np.where(smooth, t, 0.0), step, 1 - step) * (b - a)
        x = np.where(done, a, np.where(smooth, on, _middle(a, b)))  # no row depends on the others
    found = np.where((np.abs(fa) <= EPS * q) | (np.abs(fa) < np.abs(fb)), a, b)
    return np.where(at_low, low, np.where(at_high, high, found))


def _middle(a: Array, b: Array) -> Array:
    """The middle of an interval; that of the logarithms where its ends have one sign and are powers of ten apart."""
    small, large = np.minimum(np.abs(a), np.abs(b)), np.maximum(np.abs(a), np.abs(b))
    apart = (np.sign(a) * np.sign(b) >= 0) & (small < large / 1024)
    sign = np.sign(np.sign(a) + np.sign(b))
    return np.where(apart, sign * np.sqrt(np.maximum(small, TINY)) * np.sqrt(large), 0.5 * a + 0.5 * b)
