"""Models fitted to rows as the user chose, once or fold by fold, and what they say of rows that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.measuring import Comparison, Rows, compare, naive_classes, naive_numbers, rows_of
from likeliest.cli.options import FitChoices, blaming_the_data
from likeliest.cli.splitting import folds
from likeliest.cli.targets import CLASSIFICATION
from likeliest.cli.terminal import Terminal
from likeliest.estimators import Classifier, Regressor
from likeliest.estimators.defaults import dense
from likeliest.layers import Flatten, Layer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Rows with their targets.

    Attributes
    ----------
    X : frame, or (n, ...) array
        The rows.
    y : (n,) array
        Their targets.
    weights : (n,) array or None
        How much each counts.
    name : str
        What the target is called.
    """

    X: Any
    y: Array
    weights: Array | None
    name: str

    def __len__(self) -> int:
        return len(self.y)

    def part(self, which: Array) -> Examples:
        """Some of them, by number."""
        weights = None if self.weights is None else self.weights[which]
        return Examples(self.X[which], self.y[which], weights, self.name)


def make(choices: FitChoices, task: str, X: Any) -> Classifier | Regressor:
    """A model as the user chose it, not yet fitted."""
    kind = Classifier if task == CLASSIFICATION else Regressor
    settings: dict[str, Any] = {
        "likelihood": choices.likelihood or "auto",
        "max_iter": choices.epochs,
        "random_state": choices.seed,
        "n_jobs": choices.threads,
        "engine": choices.engine,
        "devices": choices.devices,
        "verbose": False if choices.quiet or choices.json else "auto",
    }
    hidden = (64, 64) if choices.hidden is None else choices.hidden
    if isinstance(X, np.ndarray) and X.ndim > 2:
        layers: list[Layer] = [Flatten(), *(dense(width, choices.activation) for width in hidden)]
        return kind(layers=layers, **settings)
    return kind(hidden, activation=choices.activation, **settings)


def fit(choices: FitChoices, task: str, rows: Examples) -> Any:
    """A model fitted to the rows."""
    model = make(choices, task, rows.X)
    with blaming_the_data():
        model.fit(rows.X, Named(rows.y, rows.name), sample_weight=rows.weights)
    return model


class Named:
    """A target with its name, as a column of a data frame has it."""

    def __init__(self, y: Array, name: str) -> None:
        self.y, self.name = y, name

    def to_numpy(self) -> Array:
        """The target alone."""
        return self.y

    def __len__(self) -> int:
        return len(self.y)


def tested(model: Any, train: Examples, test: Examples) -> tuple[Rows, Rows]:
    """What the model and the naive one say of the test rows."""
    with blaming_the_data():
        rows = rows_of(model, test.X, test.y)
        if hasattr(model, "classes_"):
            return rows, naive_classes(model.classes_, train.y, test.y, train.weights)
        return rows, naive_numbers(model.likelihood, train.y, test.y, train.weights)


def cross_validated(choices: FitChoices, task: str, rows: Examples, count: int, terminal: Terminal) -> Comparison:
    """Each row as a model says of it that was fitted to the other folds.

    Raises
    ------
    KeyboardInterrupt
        When a fit is interrupted.
    """
    sums: tuple[Rows, Rows] | None = None
    order = []
    for k, (train, test) in enumerate(folds(rows.y, count, choices.seed, task == CLASSIFICATION)):
        learn, unseen = rows.part(train), rows.part(test)
        if task == CLASSIFICATION:  # a class of one row cannot be learned from the others
            known = np.isin(unseen.y, learn.y)
            if not known.all():
                terminal.note(
                    f"fold {k + 1}: {int((~known).sum())} rows of classes found nowhere else are not tested on"
                )
                test, unseen = test[known], unseen.part(np.flatnonzero(known))
        model = fit(choices, task, learn)
        if model.history_.stopped == "interrupted":
            raise KeyboardInterrupt
        if len(unseen):
            found = tested(model, learn, unseen)
            sums = found if sums is None else (sums[0] + found[0], sums[1] + found[1])
            order.append(test)
    assert sums is not None
    which = np.concatenate(order)
    return compare(*sums, rows.y[which], None if rows.weights is None else rows.weights[which])
