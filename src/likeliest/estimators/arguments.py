"""X and y as users have them: frames, lists, repeated rows, and whose fault an error is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.data import as_weights
from likeliest.sequences import Ragged, as_sequences, is_list

Array = npt.NDArray[Any]

MOST_COMPARED = 20_000  # rows; of more, copies of each other are not looked for


def merged(X: Any, y: Any, weights: Array | None) -> tuple[Any, Any, Array | None]:
    """The examples in an order of their own, each once, with the sum of its weights; those of weight 0 left out.

    A row of weight 2 then gives to the bit the same fit as two rows. Only for arrays of numbers; others stay.
    """
    try:
        labels = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    except ValueError:  # ragged, which is said later
        return X, y, weights
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "biuf" or labels.shape[:1] != (len(X),):
        return X, y, weights
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    w = np.ones(len(X)) if weights is None else weights
    X, labels, w = X[w > 0], labels[w > 0], w[w > 0]
    keys = [*X.T]
    for column in labels.reshape(len(labels), -1).T:
        try:
            keys.append(np.unique(column, return_inverse=True)[1])
        except TypeError:  # of several types: what y is made of is checked later
            return X, labels, w
    order = np.lexsort(keys)
    same = np.ones(len(order) - 1, bool)
    for key in keys:
        same &= (key[order][1:] == key[order][:-1]) | (
            (key[order][1:] != key[order][1:]) & (key[order][:-1] != key[order][:-1])
        )
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    return X[order][first], labels[order][first], np.add.reduceat(w[order], first)


def is_frame(X: Any) -> bool:
    """Whether X is a data frame: pandas, polars or Arrow."""
    return hasattr(X, "column_names") or (hasattr(X, "columns") and hasattr(X, "__len__") and not hasattr(X, "toarray"))


def holds_strings(X: Any) -> bool:
    """Whether a list of rows has a string, or nothing, somewhere."""
    return any(
        isinstance(value, str | bytes) or value is None for row in X if isinstance(row, list | tuple) for value in row
    )


def ragged(X: Any) -> Any:
    """A list of sequences of different lengths as `Ragged`, with an axis of channels; anything else as it is."""
    if not is_list(X) or holds_strings(X):
        return X
    if not all(isinstance(one, np.ndarray) or (one and isinstance(one[0], list | tuple | np.ndarray)) for one in X):
        return X  # rows of a table, one of which is too short
    found = as_sequences(X)
    if isinstance(found, Ragged) and found.step == ():
        return replace(found, parts=[part[:, None] for part in found.parts])
    return found


@contextmanager
def blaming(argument: str) -> Iterator[None]:
    """Errors that name no argument get this one's name in front."""
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # scikit-learn sums and casts to see what it has
            yield
    except OverflowError as error:
        raise ValueError(f"{argument}: found a number too large for float64 ({error}); scale it") from None
    except (ValueError, TypeError) as error:
        text = str(error)
        if text.startswith(NAMED):
            raise
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{argument}: {text}") from None


NAMED = tuple(f"{name}:" for name in ("X", "y", "sample_weight", "class_weight", "categorical_features", "missing"))


@contextmanager
def renamed(argument: str, name: str) -> Iterator[None]:
    """Errors that name one argument in front name another."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}{str(error).removeprefix(argument)}") from None


def check_weights(sample_weight: Any, y: Any) -> None:
    """A ValueError unless the weights suit y, where y has a length; what y is made of is checked elsewhere."""
    if sample_weight is not None:
        with suppress(TypeError):
            as_weights(sample_weight, len(y))


def held_out_rows(Z: Any, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows of Z (n, ...) to hold out, (n,): about that share of them, and copies of a row all or none.

    What has been learned by heart would else look like what has been understood.

    Raises
    ------
    ValueError
        When none or all would be held out.
    """
    n = len(Z)
    alone = np.arange(n)
    if n > MOST_COMPARED:
        copies = alone
    elif isinstance(Z, Ragged):
        whole = [(np.ascontiguousarray(z[:t]).tobytes(), t) for z, t in zip(Z.parts, Z.lengths, strict=True)]
        numbers_of = {key: number for number, key in enumerate(dict.fromkeys(whole))}
        copies = np.array([numbers_of[key] for key in whole])
    elif Z.ndim == 2:
        copies = np.unique(Z, axis=0, return_inverse=True)[1].reshape(-1)
    else:  # of images there may be more than the memory holds twice: their digests are compared
        digests = np.array([sha256(np.ascontiguousarray(z)).hexdigest() for z in Z])
        first, copies = np.unique(digests, return_index=True, return_inverse=True)[1:]
        copies = np.argsort(np.argsort(first))[copies]  # in the order of the examples, whatever the type of number
    for groups in (copies, alone):  # the second where hardly any rows differ
        numbers = random.uniform(random.stream(seed, random.SPLIT), (int(groups.max()) + 1,))
        order = np.argsort(numbers, kind="stable")
        taken = np.searchsorted(np.cumsum(np.bincount(groups)[order]), round(share * n), side="right")
        mask: npt.NDArray[np.bool_] = np.isin(groups, order[:taken])
        if mask.any() and not mask.all():
            return mask
    raise ValueError(
        f"validation_fraction: expected one that leaves some of the {n} examples on both sides, found {share}"
    )
