"""Sequences of different lengths: what a user hands in, as rows of one width; and the order that gathers like lengths.

A row is the sequence (T, p) with zeros after its end, and then its length: (T · p + 1,), as `Builder` takes it apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.data import as_examples, non_finite_message

if TYPE_CHECKING:
    from likeliest.program import Program

Array = npt.NDArray[Any]
Order = npt.NDArray[np.uint32]

WINDOW = 64  # minibatches, within which like lengths are gathered
NUMBERS = 1 << 22  # of a block of rows, which bounds the memory of a prediction


@dataclass(frozen=True, eq=False)
class Ragged:
    """Examples that are sequences of different lengths.

    Attributes
    ----------
    parts : list of (T_i, p) or (T_i,) arrays, or (n, T, p) or (n, T) array
        The sequences; what stands in an array beyond a length is never looked at.
    lengths : (n,) array of int
        T_i, at least 1.
    padded : bool
        Whether the user gave an array, and so wants one back.
    """

    parts: Sequence[Array] | Array
    lengths: npt.NDArray[np.int64]
    padded: bool

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """T of the longest sequence, or of the array."""
        return int(self.parts.shape[1]) if isinstance(self.parts, np.ndarray) else int(self.lengths.max())

    @property
    def step(self) -> tuple[int, ...]:
        """The shape of one step: (p,), or () of a number."""
        return tuple(self.parts[0].shape[1:])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the longest sequence."""
        return (self.longest, *self.step)

    def pack(self, T: int, dtype: Any, rows: Any = None) -> Array:
        """Rows (n, T · p + 1) for a network of T steps, all of them or some."""
        rows = np.arange(len(self)) if rows is None else rows
        p = int(np.prod(self.step))
        packed = np.zeros((len(rows), T * p + 1), dtype)
        for row, i in zip(packed, rows, strict=True):
            t = int(self.lengths[i])
            with np.errstate(over="ignore"):  # an infinity is refused
                row[: t * p] = np.ravel(self.parts[i][:t])
            row[-1] = t
        return packed

    def check(self, dtype: Any, argument: str) -> None:
        """A ValueError that names the first number that is not finite in this precision."""
        for i, t in enumerate(self.lengths):
            part = self.parts[i][:t]
            if part.dtype.kind in "biu":
                continue
            with np.errstate(over="ignore"):
                wrong = np.argwhere(~np.isfinite(part.astype(dtype)))
            if len(wrong):
                at = tuple(int(k) for k in wrong[0])
                column = int(np.ravel_multi_index(at, part.shape))
                raise ValueError(non_finite_message(_One(part, i), i, column, argument))  # type: ignore[arg-type]

    def check_codes(self, program: Program, argument: str) -> None:
        """A ValueError that names the first symbol that is none of those the program has a table for."""
        tables = [step.parameters[0] for step in program.steps if step.operation == "token_embedding"]
        for table in tables:
            count = program.parameters[table][0]
            for i, t in enumerate(self.lengths):
                codes = np.ravel(self.parts[i][:t])
                wrong = ~((codes >= 0) & (codes < count) & (codes == np.floor(codes)))
                if wrong.any():
                    at = int(np.argmax(wrong))
                    raise ValueError(
                        f"{argument}: {table} takes codes 0 to {count - 1}, found {codes[at]:g} in row {i}, step {at}; "
                        "number the symbols from 0, and give unknown ones a code of their own"
                    )

    def blocks(self) -> Iterator[tuple[npt.NDArray[np.int64], int]]:
        """All sequences, those of like lengths together and the longest first: their numbers, and T enough for them.

        T is one of few, so that few programs are needed, and never much longer than the sequences are.
        """
        order = np.argsort(-self.lengths, kind="stable")
        p = max(1, int(np.prod(self.step)))
        first = 0
        while first < len(order):
            T = min(rounded(int(self.lengths[order[first]])), max(self.longest, 1))
            least = T - max(T // 4, 8)
            last = first + max(1, NUMBERS // (T * p))
            alike = first + int(np.searchsorted(-self.lengths[order[first:]], -least, side="right"))
            last = max(first + 1, min(last, alike, len(order)))
            yield order[first:last], T
            first = last


class _One:
    """One example of many, as `non_finite_message` reads it."""

    def __init__(self, part: Array, row: int) -> None:
        self.part, self.shape, self.row = part, (row + 1, *part.shape), row

    def __getitem__(self, index: tuple[int, ...]) -> Any:
        return self.part[index[1:]]


def rounded(T: int) -> int:
    """T or a little more, so that there are eight lengths between a power of two and the next.

    >>> [rounded(T) for T in (1, 15, 17, 33, 100, 1000)]
    [1, 15, 18, 36, 104, 1024]
    """
    unit = 1 << max(0, (T - 1).bit_length() - 4)
    return -(-T // unit) * unit


# What a user hands in -------------------------------------------------------------------------------------------------


def as_sequences(X: Any, lengths: Any = None, argument: str = "X", lengths_name: str = "lengths") -> Array | Ragged:
    """X as an array of examples, or as `Ragged` where there are lengths, or X is a list whose arrays differ in theirs.

    Raises
    ------
    ValueError
        When X holds no examples, or a sequence is empty or of another width; or the lengths are not those of X.
    """
    if isinstance(X, Ragged):
        return X
    if lengths is not None:
        return _with_lengths(X, lengths, argument, lengths_name)
    if not is_list(X):
        return as_examples(X, argument)
    parts = _parts(X, argument)
    counts = np.array([len(part) for part in parts])
    if not counts.all():
        i = int(np.argmin(counts))
        raise ValueError(
            f"{argument}: sequence {i} is empty; a sequence has at least one step: drop it, with its target"
        )
    return Ragged(parts, counts, False)


def is_list(X: Any) -> bool:
    """Whether X is a list, or an array of objects, of sequences that differ in length."""
    listed = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    lengths = {_length(one) for one in X} if listed else set()
    return len(lengths) > 1 and None not in lengths


def _length(one: Any) -> int | None:
    """How long an array or a list is; None of a number, or text."""
    if isinstance(one, np.ndarray):
        return len(one) if one.ndim else None
    return len(one) if isinstance(one, list | tuple) else None


def _parts(X: Any, argument: str) -> list[Array]:
    parts: list[Array] = []
    for i, one in enumerate(X):
        try:
            part = np.asarray(one)
        except ValueError:
            raise ValueError(f"{argument}: in sequence {i}, the steps are not of one width") from None
        if part.size == 0:
            part = np.zeros((0,))
        elif part.dtype.kind not in "biuf":
            raise ValueError(
                f"{argument}: expected real numbers, found dtype {part.dtype} in sequence {i}; encode symbols as "
                "numbers 0, 1, 2 … first"
            )
        if part.ndim not in (1, 2) and part.size:
            raise ValueError(
                f"{argument}: expected sequences of shape (T, p) or (T,), found {part.shape} in sequence {i}"
            )
        parts.append(part)
    step = next((part.shape[1:] for part in parts if part.size), ())
    for i, part in enumerate(parts):
        if part.size and part.shape[1:] != step:
            raise ValueError(
                f"{argument}: expected sequences of steps of one shape, {step} in the first, found {part.shape[1:]} in "
                f"sequence {i} (it is {part.shape})"
            )
    return parts


def _with_lengths(X: Any, lengths: Any, argument: str, name: str) -> Ragged:
    if is_list(X):
        raise ValueError(f"{name}: the sequences of a list tell theirs; leave it out, or give one padded array")
    X = as_examples(X, argument)
    if X.ndim not in (2, 3):
        raise ValueError(f"{argument}: with {name}, expected shape (n, T, p) or (n, T), found {X.shape}")
    given = np.asarray(lengths)
    if given.shape != (len(X),) or given.dtype.kind not in "iuf" or not (given == np.floor(given)).all():
        raise ValueError(
            f"{name}: expected a whole number for each of the {len(X)} sequences, found shape {given.shape} of "
            f"{given.dtype}"
        )
    wrong = ~((given >= 1) & (given <= X.shape[1]))
    if wrong.any():
        i = int(np.argmax(wrong))
        problem = f"sequence {i} is empty; drop it, with its target" if given[i] == 0 else f"found {given[i]} at {i}"
        raise ValueError(f"{name}: expected 1 to {X.shape[1]}, the steps of {argument}; {problem}")
    return Ragged(X, given.astype(np.int64), True)


def as_step_targets(y: Any, like: Array | Ragged, T: int, argument: str = "y") -> Any:
    """Targets at every step, as the floats (n, T) or (n, T, d) with NaN behind the ends that `PerStep` takes.

    Lists are laid out; an array has NaN put behind the lengths of ``like``. What has no axis of steps stays as it is.

    Raises
    ------
    ValueError
        When a sequence of targets is not as long as its sequence in X.
    """
    n = len(like)
    expected = like.lengths if isinstance(like, Ragged) else np.full(n, T)
    if is_list(y):
        parts = _parts(y, argument)
        if len(parts) != n:
            raise ValueError(f"{argument}: X has {n} sequences, {argument} has {len(parts)}; they must be as many")
        found = np.array([len(part) for part in parts])
    else:
        y = np.asarray(y)
        if y.ndim < 2 or y.dtype.kind not in "biuf":
            return y
        parts, found = list(y), np.full(len(y), y.shape[1])
        if isinstance(like, Ragged) and len(y) == n and y.shape[1] in (like.longest, T):
            found = expected
    if len(found) == n and (found != expected).any():
        i = int(np.argmax(found != expected))
        raise ValueError(
            f"{argument}: expected a target at every step, {expected[i]} for sequence {i}, found {found[i]}; NaN is "
            "for a step without one"
        )
    laid = np.full((len(parts), T, *parts[0].shape[1:]), np.nan)
    for row, part, t in zip(laid, parts, found, strict=True):
        row[:t] = part[:t]
    return laid


def as_user_had(values: Array, like: Ragged) -> Any:
    """What there is at every step (n, T, …): a list of (T_i, …) arrays for a list, else NaN (or −1) behind the ends."""
    if not like.padded:
        return [value[:t].copy() for value, t in zip(values, like.lengths, strict=True)]
    values = values[:, : like.longest].copy()
    behind = np.arange(values.shape[1]) >= like.lengths[:, None]
    values[behind] = np.nan if values.dtype.kind == "f" else -1
    return values


# The order of an epoch ------------------------------------------------------------------------------------------------


def gathered(order: Order, lengths: npt.NDArray[np.int64], batch_size: int, seed: int, epochs: range) -> Order:
    """The order (epochs, n) changed so that a minibatch holds sequences of like lengths, the longest of it first.

    Within windows of 64 minibatches, examples are sorted by length; then the minibatches are shuffled. What is left
    over for a last, smaller one is not chosen by its length, so that no length counts more than another.
    """
    n = order.shape[1]
    whole = n // batch_size
    changed = np.empty_like(order)
    for row, new, epoch in zip(order, changed, epochs, strict=True):
        for first in range(0, whole * batch_size, WINDOW * batch_size):
            part = row[first : min(first + WINDOW * batch_size, whole * batch_size)]
            new[first : first + len(part)] = part[np.argsort(-lengths[part], kind="stable")]
        key = random.substream(random.stream(seed, random.BATCHES), epoch)
        shuffled = np.argsort(random.uniform(key, (whole,)), kind="stable")
        new[: whole * batch_size] = new[: whole * batch_size].reshape(whole, batch_size)[shuffled].ravel()
        rest = row[whole * batch_size :]
        new[whole * batch_size :] = rest[np.argsort(-lengths[rest], kind="stable")]
    return changed
