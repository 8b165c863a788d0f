"""A model from a file, as the commands see it: what it takes, what it predicts, and what that is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeliest.cli.features import Features
from likeliest.cli.options import BadData


@dataclass(frozen=True)
class Model:
    """A fitted Classifier or Regressor.

    Attributes
    ----------
    estimator : Classifier or Regressor
        What was in the file.
    features : Features
        The columns that it takes.
    target : str or None
        The column that it predicts, where that is known.
    """

    estimator: Any
    features: Features
    target: str | None

    @property
    def classes(self) -> Any:
        """The classes (K,), or None."""
        return getattr(self.estimator, "classes_", None)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(H, W) or (H, W, 3), where the model takes images."""
        return self.features.shape if len(self.features.shape) > 1 else None


def load(path: str, threads: int | None = None) -> Model:
    """The model in a file.

    Raises
    ------
    BadData
        When it is none, or one that no table can be given to.
    OSError
        When it cannot be read.
    """
    estimator = load_any(path)
    if not hasattr(estimator, "table_"):
        raise BadData(f"{path} holds a {type(estimator).__name__}; expected a Classifier or Regressor")
    if getattr(estimator, "_multilabel", False):
        raise BadData(f"{path} predicts several labels a row; use likeliest.load in Python")
    if estimator.network_.likelihood.targets != 1:
        raise BadData(
            f"{path} predicts {estimator.network_.likelihood.targets} numbers a row; use likeliest.load in Python"
        )
    estimator.n_jobs = threads
    return Model(estimator, features_of(estimator), getattr(estimator, "target_name_", None))


def load_any(path: str) -> Any:
    """The Network, Classifier or Regressor in a file.

    Raises
    ------
    BadData
        When it is none.
    OSError
        When it cannot be read.
    """
    from likeliest.model_file import ModelFileError, load

    file = Path(path).expanduser()
    if file.is_dir() or not file.exists():
        raise BadData(f"{path} is a folder; expected a model file" if file.is_dir() else f"there is no file {path}")
    try:
        model = load(file)
    except ModelFileError as error:
        raise BadData(str(error)) from None
    if hasattr(model, "estimators_"):
        raise BadData(f"{path} holds an Ensemble, and the commands take one network; use likeliest.load in Python")
    return model


def features_of(estimator: Any) -> Features:
    """The columns that a fitted estimator takes."""
    table = estimator.table_
    shape = estimator.network_.program.input_shape
    if len(shape) > 1:
        return Features(table.names, ("numbers",) * len(table.names), False, shape)
    kinds = ["numbers"] * len(table.names)
    for j, values in table.categories:
        text = all(isinstance(value, str | bytes) for value in values if value is not None)
        kinds[j] = "text" if text else "codes"
    named = hasattr(estimator, "feature_names_in_")
    names = tuple(str(name) for name in estimator.feature_names_in_) if named else table.names
    return Features(names, tuple(kinds), named, () if named else (len(table.names),))


def shown(label: Any) -> str:
    """A class as it stands in headings and messages."""
    return str(label.item() if isinstance(label, np.generic) else label)
