"""Consecutive rows: windows of one long sequence, each going on where the one before it ends.

They are read as several streams side by side. A minibatch has the next row of every stream, so that the state in which
a recurrence ends one minibatch is that in which it begins the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from likeliest.augmentation import Augmentation
from likeliest.ops import RECURRENCES
from likeliest.optimizers import Optimizer
from likeliest.program import Program, Step

LEAST = 16  # rows of a stream of held-out rows, so that few of them begin without a state


def order_of(n: int, streams: int) -> npt.NDArray[np.uint32]:
    """The n rows, minibatch by minibatch: the first rows of the streams, their second rows, …

    Streams are as long as each other, but for the first ones, which have one row more where n cannot be divided: the
    last minibatch has the last rows of these.

    >>> order_of(8, 3)
    array([0, 3, 6, 1, 4, 7, 2, 5], dtype=uint32)
    """
    length, more = divmod(n, streams)
    stream = np.arange(streams)
    first = stream * length + np.minimum(stream, more)
    rows = first + np.arange(length)[:, None]
    return np.concatenate([rows.ravel(), first[:more] + length]).astype(np.uint32)


def minibatches(rows: npt.NDArray[np.uint32], streams: int) -> Iterator[npt.NDArray[np.uint32]]:
    """The rows of each minibatch."""
    order = order_of(len(rows), streams)
    for first in range(0, len(order), streams):
        yield rows[order[first : first + streams]]


def streams_of_held_out(n: int, batch_size: int) -> int:
    """How many streams n held-out rows are read as: fewer than in training, where these would be short."""
    return min(batch_size, max(1, n // LEAST))


def check_arguments(lengths: bool, augment: Sequence[Augmentation] = (), optimizer: Optimizer | None = None) -> None:
    """A ValueError for what cannot be right where rows go on from each other."""
    if lengths:
        raise ValueError(
            "lengths: with consecutive=True, rows are windows of one length, cut one after the other from a long "
            "sequence; cut them so, or leave consecutive=True out"
        )
    if augment:
        raise ValueError(
            "augment: rows that are changed do not go on from each other; leave it out, or consecutive=True"
        )
    if optimizer is not None and optimizer.full_batch:
        raise ValueError(
            f"optimizer: {type(optimizer).__name__} takes all rows at once, so that none goes on from another; use "
            "Adam(), or leave consecutive=True out"
        )


def check_length(n: int, batch_size: int | None) -> None:
    """A ValueError unless every stream has at least two rows."""
    if n < 2:
        raise ValueError(f"X: with consecutive=True, expected at least 2 rows to learn from, found {n}")
    if batch_size is None:
        raise ValueError(
            f"batch_size: with consecutive=True, it is how many streams the {n} rows are cut into, so None leaves no "
            f"row to go on to; use at most {n // 2}"
        )
    if n < 2 * batch_size:
        raise ValueError(
            f"batch_size: with consecutive=True, the {n} rows are cut into batch_size={batch_size} streams, and a "
            f"stream needs two rows at least, for a state to be carried from one to the next; use at most {n // 2}"
        )


def check_program(program: Program) -> None:
    """A ValueError unless the program has recurrences, and all of them can go on in the next row."""
    made = {step.output: step for step in program.steps}
    recurrent = [step for step in program.steps if step.operation in RECURRENCES]
    for step in recurrent:
        if step.attributes["reverse"]:
            raise ValueError(
                f"consecutive: {_layer(step)} runs from the end of a row to its start, where no row before it has "
                "been; leave bidirectional=True out, or consecutive=True"
            )
        if step.attributes["state"] and not _is_learned(made, step):
            raise ValueError(
                f"consecutive: {_layer(step)} begins with what an encoder says of its own row, and so cannot go on "
                "from another; leave consecutive=True out"
            )
    for step in program.steps:
        if step.operation == "attention":
            raise ValueError(
                f"consecutive: {_layer(step)} attends to the steps of its own row, and no state of it is carried to "
                "the next; use recurrent layers instead, or leave consecutive=True out"
            )
    if not recurrent:
        raise ValueError(
            "consecutive: there is no recurrent layer such as LSTM, so there is no state to carry from row to row; "
            "leave it out"
        )


def _layer(step: Step) -> str:
    return step.output.rpartition(".")[0]


def _is_learned(made: dict[str, Step], step: Step) -> bool:
    """Whether the state that a recurrence begins with is a parameter: an affine function of a constant."""
    maker = made.get(step.inputs[1 + bool(step.attributes["lengths"])])
    before = None if maker is None else made.get(maker.inputs[0])
    return maker is not None and before is not None and maker.operation == "affine" and before.operation == "fill"
