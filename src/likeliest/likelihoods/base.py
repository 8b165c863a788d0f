"""What every likelihood offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt


class Likelihood(ABC):
    """P(y | η) for n examples: η (n, width) from the network's last layer, y (n,) from the data.

    A likelihood is a frozen description; its functions are pure. Functions that take ``xp`` run on any array namespace.
    """

    name: ClassVar[str]
    classes: int
    """How many classes y may take."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many numbers η has per example: the width of the output layer."""

    @abstractmethod
    def check(self, y: Any) -> npt.NDArray[Any]:
        """The targets as an array (n,), or a ValueError that names the first one that does not fit, and the cure."""

    @abstractmethod
    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Log P(y | η): η (n, width), y (n,) -> (n,)."""

    @abstractmethod
    def score(self, eta: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """∂ log P(y | η) / ∂η: η (n, width), y (n,) -> (n, width)."""

    @abstractmethod
    def fisher(self, eta: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The Fisher information Var[score]: η (n, width) -> (n, width, width)."""

    @abstractmethod
    def mean(self, xp: Any, eta: Any) -> Any:
        """E[y | η]; for classes, the probability of each."""

    @abstractmethod
    def probabilities(self, xp: Any, eta: Any) -> Any:
        """P(Y = k | η) for each class k: η (n, width) -> (n, classes). Rows sum to 1."""

    @abstractmethod
    def sample(self, eta: npt.NDArray[Any], u: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Draws y ~ P(y | η) from uniform numbers: η (n, width), u (n,) in (0, 1) -> (n,)."""


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
        raise ValueError(f"{needs}, found {y[row]} in row {row}; {_cure(y, float(y[row]), classes)}")
    return labels


def _cure(y: npt.NDArray[Any], found: float, classes: int) -> str:
    """What to do about a label that does not fit."""
    if np.isnan(found):
        return "drop the examples without a label"
    finite = y[np.isfinite(y)]
    if classes == 2 and len(np.unique(finite)) == 2:
        return f"code the two classes as 0 and 1: y = (y == {finite.max()})"
    if found != round(found) or finite.min() < 0:
        return "number the classes from 0: classes, y = numpy.unique(y, return_inverse=True)"
    return f"for {int(finite.max()) + 1} classes use Categorical({int(finite.max()) + 1})"
