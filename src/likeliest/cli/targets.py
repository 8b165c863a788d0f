"""The target: classes or numbers, and y of any data as that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli.columns import CATEGORIES, NUMBERS, Column, as_text, column_of, numbers_in, without_gaps
from likeliest.cli.csv_text import shortened
from likeliest.cli.data import Data
from likeliest.cli.extras import need_polars
from likeliest.cli.features import named_column, strangers
from likeliest.cli.options import BadData

Array = npt.NDArray[Any]

FEW = 10  # different whole numbers, up to which they are taken for classes
MOST_CLASSES = 1000
CLASSIFICATION, REGRESSION = "classification", "regression"
CLASS_LIKELIHOODS = ("bernoulli", "categorical", "ordinal")
NEED_MORE = ("independent", "multivariate_normal")  # several targets


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes
    ----------
    name : str
        The column; ``"y"`` where labels came by themselves, as with NPZ and images.
    task : str
        ``"classification"`` or ``"regression"``.
    y : (n,) array
        Classes (strings or whole numbers), or float64.
    known : (n,) array of bool
        The rows that have a target; y is of these alone.
    why : str
        Why it was taken for that, in words.
    note : str
        What else there is to say about it, or ``""``.
    """

    name: str
    task: str
    y: Array
    known: npt.NDArray[np.bool_]
    why: str
    note: str = ""


def task_of(task: str | None, likelihood: str | None) -> str | None:
    """What the user's options say of the task.

    Raises
    ------
    BadData
        When they contradict each other.
    """
    if likelihood is None:
        return task
    implied = CLASSIFICATION if likelihood in CLASS_LIKELIHOODS else REGRESSION
    if task not in (None, implied):
        raise BadData(f"--likelihood: {likelihood} is for {implied}, but --task says {task}")
    return implied


def find_target(data: Data, name: str | None, task: str | None) -> Target:
    """The target of the data, and what it is.

    Raises
    ------
    BadData
        When there is none, or it can be neither classes nor numbers.
    """
    if data.frame is None:
        return _of_array(data, task)
    if data.y is not None:
        raise BadData(f"--target: {data.source} has labels y of its own")
    if name is None:
        raise BadData(f"--target: which column of {data.source} is to be predicted? {columns_there(data)}")
    column = column_of(data.frame[named_column(name, data.frame.columns, "--target", data.source)], data)
    return _of_column(column, data, task)


def with_label_column(data: Data, name: str | None) -> Data:
    """The data; of an array (n, p) without labels, column number ``name`` is taken for them.

    Raises
    ------
    BadData
        When it has no such column.
    """
    if data.frame is not None or data.y is not None or name is None or data.X is None or data.X.ndim != 2:
        return data
    width = data.X.shape[1]
    try:
        j = range(width)[int(name)]
    except (ValueError, IndexError):
        raise BadData(f"--target: {data.source} has columns 0 to {width - 1} without names, found {name!r}") from None
    return replace(data, X=np.delete(data.X, j, axis=1), y=np.asarray(data.X[:, j]))


def columns_there(data: Data) -> str:
    """The columns there are, as many as a line holds."""
    names = data.frame.columns  # type: ignore[union-attr]
    listed, more = (
        ", ".join(shortened(n, 20) for n in names[:8]),
        f", … ({len(names)} in all)" if len(names) > 8 else "",
    )
    return f"There are {listed}{more}"


def _of_column(column: Column, data: Data, task: str | None) -> Target:
    what = f"--target: column {shortened(column.name)} of {data.source}"
    if column.kind not in (NUMBERS, CATEGORIES):
        holds = {"dates": "dates or times", "empty": "nothing"}.get(column.kind, f"{column.values.dtype}")
        raise BadData(f"{what} holds {holds}; expected classes or numbers")
    known = column.values.is_not_null().to_numpy()
    values = column.values.drop_nulls()
    if column.kind == CATEGORIES:
        if task == REGRESSION:
            raise BadData(f"{what} holds {shortened(values[0])}, which is no number; a regression needs numbers")
        return _classes(column.name, np.array(values.to_list()), known, what, f"{column.distinct} classes")
    target = _of_numbers(column.name, values.to_numpy().astype(np.float64), known, task, what)
    if not column.strangers:
        return target
    return replace(target, note=strangers(column.name, column.strangers, column.strange))


def _of_numbers(name: str, y: Array, known: Any, task: str | None, what: str) -> Target:
    if not np.isfinite(y).all():
        row = int(np.flatnonzero(known)[np.argmin(np.isfinite(y))])
        raise BadData(f"{what} holds {y[~np.isfinite(y)][0]} in row {row}; drop the row or correct it")
    distinct = np.unique(y)
    whole = bool((distinct == np.floor(distinct)).all() and np.abs(distinct).max() < 2**53)
    few = whole and len(distinct) <= FEW and len(y) >= 3 * len(distinct)
    if task == CLASSIFICATION or (task is None and few):
        if not whole:
            y = np.array([f"{value:.17g}" for value in y])
            return _classes(name, y, known, what, f"{len(distinct)} different numbers as classes")
        why = f"{len(distinct)} whole numbers as classes" + ("" if task else " (else --task regression)")
        return _classes(name, y.astype(np.int64), known, what, why)
    if len(distinct) == 1:
        raise BadData(f"{what} is always {distinct[0]:g}: there is nothing to predict")
    return Target(name, REGRESSION, y, known, f"numbers from {distinct[0]:.6g} to {distinct[-1]:.6g}")


def _classes(name: str, y: Array, known: Any, what: str, why: str) -> Target:
    count = len(np.unique(y))
    if count == 1:
        raise BadData(f"{what} is always {shortened(str(y[0]))}: there is nothing to predict")
    if count > MOST_CLASSES or 2 * count > len(y):
        raise BadData(f"{what} has {count} different values in {len(y)} rows: too many for classes")
    return Target(name, CLASSIFICATION, y, known, why)


def _of_array(data: Data, task: str | None) -> Target:
    if data.y is None:
        raise BadData(
            f"{data.source} has no labels: expected images in a folder for each class, X and y in an NPZ file, "
            "or --target with the number of a column"
        )
    y, what = data.y, f"y of {data.source}"
    known = np.ones(len(y), bool)
    if y.dtype.kind in "US":
        if task == REGRESSION:
            raise BadData(f"{what} holds strings; a regression needs numbers")
        return _classes("y", y.astype(str), known, what, f"{len(np.unique(y))} classes")
    known = np.isfinite(y.astype(np.float64)) | np.isinf(y.astype(np.float64))
    return _of_numbers("y", y[known].astype(np.float64), known, task, what)


def read_target(data: Data, name: str, classes: Any) -> tuple[Array, npt.NDArray[np.bool_], list[str]]:
    """Y of other data, as the target that a model was fitted to: y, which rows have one, and what is to be said.

    Parameters
    ----------
    data : Data
        Other data.
    name : str
        The column.
    classes : array or None
        The model's classes; None for numbers. Rows of other classes have no target.

    Raises
    ------
    BadData
        When there is none, or it holds something else.
    """
    if data.frame is None:
        if data.y is None:
            raise BadData(f"{data.source} has no labels to compare with")
        values, known = data.y, np.ones(len(data), bool)
        if values.dtype.kind == "f":
            known = ~np.isnan(values)
    else:
        named_column(name, data.frame.columns, "--target", data.source)
        values, known = _as_model_has_it(data, name, classes)
    notes = []
    if (~known).any():
        notes.append(f"{int((~known).sum())} rows without a target are left out")
    if classes is not None:
        mine = np.isin(values.astype(classes.dtype) if classes.dtype.kind == values.dtype.kind else values, classes)
        strange = known & ~mine
        if strange.any():
            example = shortened(str(values[strange][0]))
            notes.append(
                f"{int(strange.sum())} rows of classes that the model does not know, such as {example}, are left out"
            )
        known = known & mine
    if not known.any():
        raise BadData(f"{data.source}: no row has a target {shortened(name)} that the model knows")
    y = values[known]
    if classes is not None:
        return y.astype(classes.dtype), known, notes
    y = y.astype(np.float64)
    if not np.isfinite(y).all():
        raise BadData(f"--target: column {shortened(name)} of {data.source} holds {y[~np.isfinite(y)][0]}")
    return y, known, notes


def _as_model_has_it(data: Data, name: str, classes: Any) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The column as strings where the classes are, else as numbers; and where it has something."""
    pl = need_polars()
    series = data.frame[name]  # type: ignore[index]
    if classes is not None and classes.dtype.kind in "USO":
        text = without_gaps(series) if series.dtype == pl.String else as_text(series)
        known = text.is_not_null().to_numpy()
        return np.array(text.fill_null("").to_list(), dtype=str), known
    if series.dtype == pl.String:
        text = without_gaps(series)
        found = numbers_in(text, data.mark)
        if found is None:
            plain = text.cast(pl.Float64, strict=False)
            if text.null_count() < len(text) and plain.null_count() > text.null_count():
                row = int((plain.is_null() & text.is_not_null()).arg_max() or 0)
                raise BadData(
                    f"--target: column {shortened(name)} of {data.source}: expected numbers, "
                    f"found {shortened(text[row])} in row {row}"
                )
            found = plain, None
        series = found[0]
    numbers = series.cast(pl.Float64).fill_nan(None)
    known = numbers.is_not_null().to_numpy()
    return numbers.fill_null(0.0).to_numpy(), known
