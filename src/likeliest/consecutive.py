"""Consecutive rows: windows of one long sequence, each going on where the one before it ends.

They are read as several streams side by side. A minibatch has the next row of every stream, so that the state in which
a recurrence ends one minibatch is that in which it begins the next. Where only groups of rows go on from each other,
streams are made of these, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeliest.augmentation import Augmentation
from likeliest.engines.base import Engine
from likeliest.ops import RECURRENCES
from likeliest.optimizers import Optimizer
from likeliest.program import Step

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


@dataclass(frozen=True)
class Consecutive:
    """How rows go on from each other, and how they are read.

    Attributes
    ----------
    streams : int
        How many rows a minibatch has, each the next one of its stream.
    length : int
        So many rows go on from each other, and those after them are another sequence, or another part of it; these
        groups are shuffled. 0: all rows do.
    """

    streams: int
    length: int = 0

    def groups(self, n: int) -> int:
        """How many groups n rows have."""
        return -(-n // self.length) if self.length else 1

    def order(self, n: int, groups: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """The order of n rows in each epoch (epochs, n), and whether each goes on from the one at its place before it.

        ``groups`` (epochs, G) is in what order groups follow one another in the streams. At the start of an epoch,
        and where a stream begins in the middle of a group, none does.
        """
        length = self.length or n
        rows = (groups[:, :, None].astype(np.int64) * length + np.arange(length)).reshape(len(groups), -1)
        rows = rows[rows < n].reshape(len(groups), n)
        goes_on = rows % length > 0
        places = order_of(n, self.streams)
        goes_on[:, places[: self.streams]] = False
        return rows[:, places].astype(np.uint32), goes_on[:, places]

    def held_out(self, rows: npt.NDArray[np.uint32]) -> Iterator[tuple[npt.NDArray[np.uint32], bool]]:
        """The minibatches of held-out rows, and whether they go on: groups side by side, or streams of the rows."""
        n = len(rows)
        if self.length:
            first = np.arange(0, n, self.length)
            for begin in range(0, len(first), self.streams):
                for k in range(self.length):
                    places = first[begin : begin + self.streams] + k
                    if places[0] < n:
                        yield rows[places[places < n]], k > 0
            return
        streams = min(self.streams, max(1, n // LEAST))
        order = order_of(n, streams)
        for begin in range(0, n, streams):
            yield rows[order[begin : begin + streams]], begin > 0

    def check_mask(self, mask: npt.NDArray[np.bool_]) -> None:
        """A ValueError unless what a mask leaves, and what it takes, are rows that go on from each other."""
        cuts = np.flatnonzero(mask[1:] != mask[:-1]) + 1
        if self.length and (cuts % self.length).any():
            raise ValueError(
                f"validation: with consecutive={self.length}, expected a mask of whole groups of {self.length} rows, "
                f"found one that changes at row {cuts[(cuts % self.length) > 0][0]}"
            )
        if not self.length and len(cuts) != 1:
            raise ValueError(
                "validation: with consecutive=True, expected a mask of the first rows or of the last ones, so that "
                f"those left go on from each other; found one that changes {len(cuts)} times"
            )


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


def check_carrying(engine: Engine) -> None:
    """A ValueError unless the engine carries states, and its program has recurrences that can all go on."""
    program = engine.program
    if not getattr(engine, "carries_states", False):
        raise ValueError(
            f"consecutive: the engine {type(engine).__name__} does not carry a state from row to row; use "
            'engine="native", or leave consecutive=True out'
        )
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
