"""What every likelihood offers, and how little it must have: ``log_prob``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.xp import numpy_namespace

if TYPE_CHECKING:
    from likeliest.likelihoods.distribution import Distribution

Array = npt.NDArray[Any]

STEP = 1e-3  # of the differences that stand in for a score that nobody wrote


class Likelihood(ABC):
    """P(y | η) for n examples: η (n, width) from the network's last layer, y (n,) or (n, targets) from the data.

    A likelihood is a frozen description; its functions are pure, and each row of what they return depends on the same
    row of η and y only. Functions that take ``xp`` run on any array namespace, the others on NumPy.

    Your own needs ``log_prob``, and ``width`` when η has more than one column. It then trains: the score is taken by
    central differences (write it, and training gets faster), y may be any finite numbers. What else it has makes more
    work: with ``mean`` there is something to predict, with ``quantile`` there are intervals and samples, and ``mean``,
    ``parameters`` and ``probabilities``, when they are written on ``xp``, are what `likeliest.export_onnx` gives.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Likelihood
    >>> class Exponential(Likelihood):
    ...     def log_prob(self, xp, eta, y):
    ...         return eta[:, 0] - y * xp.exp(eta[:, 0])
    >>> Exponential().score(np.zeros((2, 1)), np.array([2.0, 3.0])).round(9)
    array([[-1.],
           [-2.]])
    """

    name: ClassVar[str] = "custom"
    classes: int | None = None
    """How many classes there are, when y is one label 0 … classes − 1; else None."""
    discrete: bool = False
    """Whether y takes whole numbers: the distribution then has ``pmf``, else ``pdf``."""
    standardizes: bool = False
    """Whether y may be shifted and scaled before fitting: for location-scale families on all real numbers."""
    support: tuple[float, float] = (-np.inf, np.inf)
    """The smallest and the largest y; open ends, unless y is discrete."""
    steps: int | None = 1
    """How many steps of a sequence y is of; None in a `PerStep` that has not been told yet."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """A class with a log_prob or a score of its own inherits nothing of another one that would compute them."""
        super().__init_subclass__(**arguments)
        if "log_prob" in cls.__dict__ and "score" not in cls.__dict__:
            cls.score = Likelihood.score  # type: ignore[method-assign]
        if ("log_prob" in cls.__dict__ or "score" in cls.__dict__) and "kernel" not in cls.__dict__:
            cls.kernel = Likelihood.kernel  # type: ignore[method-assign]

    def __repr__(self) -> str:
        if not is_dataclass(self):
            return f"{type(self).__name__}()"
        shown = (f for f in fields(self) if f.repr and (f.default is MISSING or getattr(self, f.name) != f.default))
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    @property
    def of_step(self) -> Likelihood:
        """The likelihood of one step: this one, unless it is `PerStep`."""
        return self

    @property
    def width(self) -> int:
        """How many numbers η has per example: the width of the output layer."""
        return 1

    @property
    def shared(self) -> int:
        """How many of the last columns of η do not depend on x: the network learns them as plain parameters."""
        return 0

    @property
    def locations(self) -> int:
        """How many of the first columns of η say where y lies. The others, such as scales, start without x."""
        return self.width

    @property
    def targets(self) -> int:
        """How many numbers y has per example: with 1, y is (n,), else (n, targets)."""
        return 1

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of y for one example: (), (targets,), or with steps (T, ...)."""
        return () if self.targets == 1 else (self.targets,)

    @property
    def draws(self) -> int:
        """How many uniform numbers one sample takes: with 1, u is (n,), else (n, draws)."""
        return 1

    def check(self, y: Any) -> Array:
        """The targets as an array (n,) or (n, targets), or a ValueError that names the first that does not fit."""
        return check_numbers(y, self.targets, repr(self))

    @abstractmethod
    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log P(y | η): η (n, width), y (n,) or (n, targets) -> (n,)."""

    def score(self, eta: Array, y: Array) -> Array:
        """∂ log P(y | η) / ∂η: η (n, width), y (n,) -> (n, width).

        Where a subclass does not write it: central differences of fourth order of log_prob, in float64, one column
        after the other, (8 (f(η + h) − f(η − h)) − (f(η + 2h) − f(η − 2h))) / 12h with h = 1e-3: right to about 1e-10.
        """
        at = np.asarray(eta, np.float64)
        score = np.empty_like(at)
        for k in range(at.shape[1]):
            f = {}
            for steps in (-2, -1, 1, 2):
                moved = at.copy()
                moved[:, k] += steps * STEP
                f[steps] = np.asarray(self.log_prob(numpy_namespace, moved, y))
            score[:, k] = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * STEP)
        return score.astype(np.asarray(eta).dtype)

    def fisher(self, eta: Array) -> Array:
        """The Fisher information Var[score]: η (n, width) -> (n, width, width)."""
        raise self._missing("fisher")

    def mean(self, xp: Any, eta: Any) -> Any:
        """E[y | η], (n,) or (n, targets); for classes, the probability of each."""
        raise self._missing("mean")

    def variance(self, eta: Array) -> Array:
        """Var[y | η], (n,) or (n, targets): of each target by itself."""
        raise self._missing("variance")

    def cdf(self, eta: Array, y: Array) -> Array:
        """P(Y ≤ y | η), (n,) or (n, targets): of each target by itself."""
        raise self._missing("cdf")

    def quantile(self, eta: Array, p: Array) -> Array:
        """The smallest y with P(Y ≤ y | η) ≥ p, (n,) or (n, targets): of each target by itself."""
        raise self._missing("quantile")

    def parameters(self, xp: Any, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Any]:
        """The parameters of the distribution of loc + scale · Y, under the names of ``torch.distributions``.

        η (n, width) -> arrays (n, ...). ``loc`` and ``scale`` are numbers, or (targets,); where y can be neither
        shifted nor scaled they are 0 and 1, and a likelihood of your own then need not take them.
        """
        raise self._missing("parameters")

    def probabilities(self, xp: Any, eta: Any) -> Any:
        """P(Y = k | η) for each class k: η (n, width) -> (n, classes). Rows sum to 1."""
        raise self._missing("probabilities")

    def sample(self, eta: Array, u: npt.NDArray[np.float64]) -> Array:
        """Draws y ~ P(y | η) from uniform numbers in (0, 1): η (n, width), u (n,) or (n, draws) -> (n,)."""
        return self.quantile(eta, u)

    def start(self, y: Array, weights: Array | None = None) -> npt.NDArray[np.float64]:
        """The η (width,) that fits y without any x, or nearly: where the biases of the output start."""
        return np.zeros(self.width)

    def training(self) -> Likelihood:
        """What training climbs: this likelihood, unless labels are smoothed."""
        return self

    def predictive(self) -> Likelihood:
        """P(y | η) of one new y by itself: this likelihood, unless y carries more (an exposure, a censoring)."""
        return self

    def standardized(self, scale: Any) -> Likelihood:
        """The likelihood of y / scale: numbers that are given in the units of y change theirs."""
        return self

    def kernel(self) -> tuple[str, tuple[float, ...], int]:
        """The native kernel: its name, the constants that it takes, how many groups; ``"custom"`` calls back."""
        return "custom", (), 1

    def distribution(self, eta: Any, loc: Any = 0.0, scale: Any = 1.0) -> Distribution:
        """The predictive distribution of loc + scale · Y for each row of η (n, width), with SciPy's names."""
        from likeliest.likelihoods.distribution import Distribution

        return Distribution(self.predictive(), eta, loc, scale)

    def _missing(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {method}: write one to use what needs it")


def score_on(xp: Any, likelihood: Likelihood, eta: Any, y: Any) -> Any:
    """The score on an array namespace; one of the user's may know NumPy only."""
    score: Any = likelihood.score
    return score(eta, y) if xp is numpy_namespace else score(eta, y, xp)


def has_score_on(likelihood: Likelihood) -> bool:
    """Whether its score, and that of what it is made of, is written on any array namespace."""
    base = getattr(likelihood, "base", None)
    own = "xp" in signature(type(likelihood).score).parameters
    return own and (not isinstance(base, Likelihood) or has_score_on(base))


def check_numbers(
    y: Any, targets: int, likelihood: str, needs: str = "finite numbers", low: float = -np.inf, whole: bool = False
) -> npt.NDArray[np.float64]:
    """Numbers y (n,) or (n, targets) in float64, finite in float32 and at least ``low``.

    Raises
    ------
    ValueError
        When the shape is another or a number does not fit; the message names the first row at fault.
    """
    y = numbers(y, likelihood)
    if targets == 1 and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if (targets == 1 and y.ndim != 1) or (targets > 1 and (y.ndim != 2 or y.shape[1] != targets)):
        expected = "(n,)" if targets == 1 else f"(n, {targets})"
        many = targets == 1 and y.ndim == 2 and y.shape[1] > 1
        cure = f"for {y.shape[1]} targets use Independent({likelihood}, {y.shape[1]})" if many else "reshape it"
        raise ValueError(f"y: expected shape {expected}, found {y.shape}; {cure}")
    refuse(y, ~(np.abs(y) <= FLOAT32.max), likelihood, "finite numbers", "drop the examples without a number")
    if whole or low > -np.inf:
        wrong = (y < low) | (whole & (y != np.round(y)))
        cure = "round or count again" if whole else "shift y, or take a likelihood on all real numbers"
        refuse(y, wrong, likelihood, needs, cure)
    return np.asarray(y)


FLOAT32 = np.finfo(np.float32)


def numbers(y: Any, likelihood: str) -> npt.NDArray[np.float64]:
    """Y in float64, or a ValueError when it does not hold numbers."""
    try:
        y = np.asarray(y)
    except ValueError:
        raise ValueError("y: expected rows of one length, found a ragged list; give each example as many") from None
    if y.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            y = y.astype(np.float64)
    if y.dtype.kind not in "biuf":
        raise ValueError(f"y: {likelihood} expected numbers, found dtype {y.dtype}; convert them first")
    return np.asarray(y, np.float64)


def refuse(y: Array, wrong: Array, likelihood: str, needs: str, cure: str) -> None:
    """A ValueError that names the first row that is wrong, if one is: y and wrong (n,) or (n, targets)."""
    if wrong.any():
        place = tuple(int(i[0]) for i in np.nonzero(wrong))
        column = f", column {place[1]}" if len(place) > 1 else ""
        raise ValueError(f"y: {likelihood} needs {needs}, found {y[place]:g} in row {place[0]}{column}; {cure}")


def check_labels(y: Any, classes: int, likelihood: str) -> npt.NDArray[np.int64]:
    """Labels 0 … classes − 1 as integers (n,), from integers, booleans or whole floats.

    Raises
    ------
    ValueError
        When y is not one-dimensional or holds something else; the message names the first row at fault.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        hint = "; one label an example, not one column a class: y.argmax(axis=1)" if y.ndim == 2 else ""
        raise ValueError(f"y: expected shape (n,), found {y.shape}{hint}")
    needs = f"y: {likelihood} needs labels 0 to {classes - 1}"
    if y.dtype.kind not in "biuf":
        cure = "number them first: classes, y = numpy.unique(y, return_inverse=True)"
        raise ValueError(f"{needs} as numbers, found dtype {y.dtype}; {cure}")
    with np.errstate(invalid="ignore"):
        labels: npt.NDArray[np.int64] = y.astype(np.int64)
    wrong = (labels != y) | (labels < 0) | (labels >= classes)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{needs}, found {y[row]} in row {row}; {_cure(y, float(y[row]), classes, likelihood)}")
    return labels


def _cure(y: npt.NDArray[Any], found: float, classes: int, likelihood: str) -> str:
    """What to do about a label that does not fit."""
    if np.isnan(found):
        return "drop the examples without a label"
    finite = y[np.isfinite(y)]
    if classes == 2 and len(np.unique(finite)) == 2:
        return f"code the two classes as 0 and 1: y = (y == {finite.max()})"
    if found != round(found) or finite.min() < 0:
        return "number the classes from 0: classes, y = numpy.unique(y, return_inverse=True)"
    kind = "Ordinal" if likelihood.startswith("Ordinal") else "Categorical"
    return f"for {int(finite.max()) + 1} classes use {kind}({int(finite.max()) + 1})"
