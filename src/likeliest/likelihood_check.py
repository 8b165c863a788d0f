"""check_likelihood: is a likelihood what it says it is? Each of its functions against another of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods import Likelihood, resolve
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

N = 8  # examples
DRAWS = 20_000  # of each example, for what is known by sampling only
HUGE = 1e4


@dataclass(frozen=True)
class Finding:
    """One check: its name, whether it holds (None: it could not be made), and what was seen."""

    name: str
    ok: bool | None
    seen: str


@dataclass(frozen=True)
class Report:
    """What ``check_likelihood`` found; ``ok`` when nothing is wrong. Prints as a table."""

    likelihood: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(finding.ok is not False for finding in self.findings)

    def __str__(self) -> str:
        words = {True: "ok", False: "WRONG", None: "skipped"}
        width = max(len(finding.name) for finding in self.findings)
        rows = [f"  {finding.name:{width}}  {words[finding.ok]:7}  {finding.seen}" for finding in self.findings]
        return "\n".join([f"{self.likelihood}: {'ok' if self.ok else 'WRONG'}", *rows])

    __repr__ = __str__


class _Skip(Exception):
    """A check cannot be made."""


def check_likelihood(likelihood: Any, eta: Any = None, y: Any = None, seed: int = 0) -> Report:
    """Checks a likelihood, yours for example: what it computes agrees with itself and stays finite.

    Shapes; finite numbers at η = ±1e4; the score against central differences; a density that integrates to 1; a score
    whose mean is 0 and whose variance is the Fisher information; cdf against quantile; samples against mean and
    variance.

    Parameters
    ----------
    likelihood : Likelihood, object with ``log_prob``, or str
        As ``Network`` takes it.
    eta : (n, width), optional
        Where to check; standard Normal numbers by default.
    y : (n,) or (n, targets), optional
        Targets to check with; by default drawn from the likelihood. Without ``quantile`` or ``sample`` you must give
        them.
    seed : int
        Of the random numbers.

    Returns
    -------
    Report
        Prints as a table; ``report.ok``.

    Examples
    --------
    >>> import likeliest as ll
    >>> class Wrong(ll.likelihoods.Likelihood):
    ...     def log_prob(self, xp, eta, y):
    ...         return eta[:, 0] - y * xp.exp(eta[:, 0])
    ...     def score(self, eta, y):
    ...         return 1 + y[:, None] * np.exp(eta)
    >>> report = ll.check_likelihood(Wrong(), y=[0.5, 1.0, 2.0])
    >>> report.ok
    False
    >>> print(report.findings[2].name, report.findings[2].ok)
    score is the derivative of log_prob False
    """
    likelihood = resolve(likelihood)
    rng = np.random.default_rng(seed)
    n = N if y is None else len(y)
    eta = rng.normal(size=(n, likelihood.width)) if eta is None else np.asarray(eta, np.float64)
    if eta.ndim != 2 or eta.shape[1] != likelihood.width:
        raise ValueError(f"eta: expected shape (n, {likelihood.width}), found {eta.shape}")
    if y is None:
        try:
            y = _draw(likelihood, eta, rng, 0.2, 0.8)
        except NotImplementedError as error:
            raise ValueError(f"y: expected targets to check with, found None and {error}; give y") from None
        if likelihood.targets != likelihood.predictive().targets:  # a censoring or an exposure beside the number
            y = np.stack([y, np.ones(len(y))], axis=1)
    y = likelihood.check(y)
    if len(y) != len(eta):
        raise ValueError(f"y: expected as many as rows of eta, {len(eta)}, found {len(y)}")
    findings = []
    for name, check in CHECKS.items():
        try:
            with np.errstate(all="ignore"):
                ok, seen = check(likelihood, eta, y, np.random.default_rng(seed))
            findings.append(Finding(name, bool(ok), seen))
        except (_Skip, NotImplementedError) as reason:
            findings.append(Finding(name, None, str(reason)))
        except Exception as error:  # anything that the user's code may raise is a finding
            findings.append(Finding(name, False, f"{type(error).__name__}: {error}"))
    return Report(repr(getattr(likelihood, "own", likelihood)), tuple(findings))


def _draw(
    likelihood: Likelihood, eta: Array, rng: np.random.Generator, low: float = 2.0**-54, high: float = 1
) -> Array:
    """One sample for each row of η, from uniform numbers in (low, high)."""
    likelihood = likelihood.predictive()
    shape = (len(eta),) if likelihood.draws == 1 else (len(eta), likelihood.draws)
    return np.asarray(likelihood.sample(eta, rng.uniform(low, high, shape)))


def _many(likelihood: Likelihood, eta: Array, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """For each example, its η repeated and as many samples."""
    for row in eta[:N]:
        rows = np.repeat(row[None, :], DRAWS, axis=0)
        yield rows, _draw(likelihood, rows, rng)


def _errors(likelihood: Likelihood, rows: Array, draws: Array, values: Any, expected: Any) -> float:
    """How many standard errors the mean of values(η, y) is from what is expected; classes are all summed instead."""
    if likelihood.classes is not None:
        y = np.arange(likelihood.classes)
        p = np.exp(_log_prob(likelihood, rows[: len(y)], y))
        each = values(rows[: len(y)], y)
        mean, error = np.tensordot(p, each, 1), 1e-7 * (1 + np.abs(each).max(axis=0))
    else:
        each = values(rows, draws)
        mean, error = each.mean(axis=0), each.std(axis=0) / DRAWS**0.5 + 1e-9 * (1 + np.abs(np.max(expected)))
    return float(np.max(np.abs(mean - expected) / error))


def _log_prob(likelihood: Likelihood, eta: Array, y: Array) -> Array:
    return np.asarray(likelihood.log_prob(numpy_namespace, eta, y))


def _shapes(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    n = len(eta)
    rows: tuple[int, ...] = (n,) if likelihood.targets == 1 else (n, likelihood.targets)
    shapes = {"y": (y.shape, rows), "log_prob": (_log_prob(likelihood, eta, y).shape, (n,))}
    shapes["score"] = (np.shape(likelihood.score(eta, y)), eta.shape)
    wrong = [f"{name} {found}, not {expected}" for name, (found, expected) in shapes.items() if found != expected]
    return not wrong, "; ".join(wrong) or f"n = {n}, width {likelihood.width}, of them shared {likelihood.shared}"


def _finite(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    for column in range(likelihood.width):
        for value in (-HUGE, HUGE):
            far = eta.astype(np.float32)
            far[:, column] = value
            for name, numbers in (("log_prob", _log_prob(likelihood, far, y)), ("score", likelihood.score(far, y))):
                if not np.isfinite(numbers).all():
                    return False, f"{name} is not finite where column {column} of eta is {value:g}; cut it off inside"
    return True, "float32"


def _score(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    score, differences = likelihood.score(eta, y), Likelihood.score(likelihood, eta, y)
    error = np.abs(score - differences) / (1 + np.abs(differences))
    row, column = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)
    seen = (
        f"{score[row, column]:.6g} by score, {differences[row, column]:.6g} by differences (row {row}, column {column})"
    )
    return bool((error < 1e-6).all()), seen


def _total(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    likelihood = likelihood.predictive()
    low, high = likelihood.support
    if likelihood.targets > 1:
        raise _Skip(f"{likelihood.targets} targets at once")
    errors = []
    for row in eta[:N]:
        if likelihood.classes is not None:
            y, dy = np.arange(likelihood.classes), np.ones(likelihood.classes)
        elif likelihood.discrete:
            y, dy = np.arange(low, min(high, 1e6) + 1), np.ones(1)
        else:  # even steps of t, and y = sinh(t), e^t or σ(t), which go as far as floating point does
            t = np.linspace(-40, 40, 400_001)
            if np.isfinite(low) and np.isfinite(high):
                p = numpy_namespace.logistic(t)
                y, dy = low + (high - low) * p, (high - low) * p * numpy_namespace.logistic(-t)
            elif np.isfinite(low):
                y, dy = low + np.exp(t), np.exp(t)
            else:
                y, dy = np.sinh(t), np.cosh(t)
            inside = (y > low) & (y < high)
            y, dy = y[inside], dy[inside] * (t[1] - t[0])
        rows = np.repeat(row[None, :], len(y), axis=0)
        total = float((np.exp(_log_prob(likelihood, rows, y)) * dy).sum())
        errors.append(abs(total - _between(likelihood, rows[:2], y[[0, -1]])))
    return max(errors) < 1e-3, f"off by {max(errors):.1e} at most"


def _between(likelihood: Likelihood, eta: Array, ends: Array) -> float:
    """P(first end ≤ y ≤ last end), where it can be told; else 1."""
    if likelihood.discrete:
        return 1.0
    try:
        low, high = likelihood.cdf(eta, ends)
    except NotImplementedError:
        return 1.0
    return float(high - low)


def _expected_score(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    if likelihood.name == "quantile":
        raise _Skip("quantiles say nothing of what is between them")
    likelihood = likelihood.predictive()
    worst = max(_errors(likelihood, *many, likelihood.score, 0.0) for many in _many(likelihood, eta, rng))
    return worst < 6, f"at most {worst:.1f} standard errors from 0"


def _fisher(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    if likelihood.name == "quantile":
        raise _Skip("quantiles say nothing of what is between them")
    likelihood = likelihood.predictive()

    def products(eta: Array, y: Array) -> Array:
        score = likelihood.score(eta, y)
        return np.asarray(score[:, :, None] * score[:, None, :])

    many = _many(likelihood, eta, rng)
    worst = max(_errors(likelihood, rows, draws, products, likelihood.fisher(rows[:1])[0]) for rows, draws in many)
    return worst < 8, f"at most {worst:.1f} standard errors from the variance of the score"


def _inverse(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    likelihood = likelihood.predictive()
    worst = 0.0
    for p in (0.01, 0.3, 0.5, 0.9, 0.99):
        rows = (len(eta),) if likelihood.targets == 1 else (len(eta), likelihood.targets)
        at = np.asarray(likelihood.quantile(eta, np.full(rows, p)))
        cdf = np.asarray(likelihood.cdf(eta, at))
        if likelihood.discrete:  # cdf(y) ≥ p > cdf(y − 1)
            worst = max(worst, float(np.max(p - cdf)), float(np.max(likelihood.cdf(eta, at - 1) - p)))
        else:
            worst = max(worst, float(np.max(np.abs(cdf - p))))
    return worst < 1e-6, f"cdf(quantile(p)) is off p by {worst:.1e} at most"


def _mean(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    likelihood = likelihood.predictive()
    worst = 0.0
    for rows, draws in _many(likelihood, eta, rng):
        mean = np.asarray(likelihood.mean(numpy_namespace, rows[:1]))[0]
        variance = np.asarray(likelihood.variance(rows[:1]))[0]
        if np.ndim(mean) > np.ndim(draws[0]):
            draws = draws[..., None] == np.arange(np.shape(mean)[-1])
        if np.isfinite(variance).all():
            worst = max(worst, float(np.max(np.abs(draws.mean(axis=0) - mean) / np.sqrt(variance / DRAWS + 1e-18))))
    return worst < 6, f"at most {worst:.1f} standard errors from the mean of samples"


def _variance(likelihood: Likelihood, eta: Array, y: Array, rng: np.random.Generator) -> tuple[bool, str]:
    likelihood = likelihood.predictive()
    if likelihood.classes is not None:
        raise _Skip("probabilities of classes say it all")
    worst = 0.0
    for rows, draws in _many(likelihood, eta, rng):
        variance = np.asarray(likelihood.variance(rows[:1]))[0]
        squares = (draws - draws.mean(axis=0)) ** 2
        error = np.abs(squares.mean(axis=0) - variance) / (squares.std(axis=0) / DRAWS**0.5 + 1e-9 * np.abs(variance))
        if np.isfinite(variance).all():
            worst = max(worst, float(np.max(error)))
    # Heavy tails hide most of their variance from any sample, so that this can only find what is far off.
    return worst < 12, f"at most {worst:.1f} standard errors from the variance of samples"


CHECKS: dict[str, Callable[[Likelihood, Array, Array, np.random.Generator], tuple[bool, str]]] = {
    "shapes": _shapes,
    "finite at eta = ±1e4": _finite,
    "score is the derivative of log_prob": _score,
    "probabilities sum to 1": _total,
    "expected score is 0": _expected_score,
    "fisher is the variance of the score": _fisher,
    "quantile inverts cdf": _inverse,
    "mean is that of samples": _mean,
    "variance is that of samples": _variance,
}
