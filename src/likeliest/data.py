"""What a user hands in, as arrays that the engines take: checked before any work, copied only where it must be."""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from likeliest.program import Program, Step

Array = npt.NDArray[Any]


def as_examples(X: Any, argument: str = "X") -> Array:
    """X as an array (n, ...) of real numbers; a memory-mapped array stays on disk.

    Raises
    ------
    ValueError
        When X has no examples, fewer than two dimensions, or something other than real numbers in it.
    """
    if type(X) is np.ndarray and X.ndim >= 2 and X.dtype.char in "fd" and X.size:
        flags = X.flags
        if flags.c_contiguous and flags.aligned and X.dtype.isnative:
            return X
    if hasattr(X, "toarray") and hasattr(X, "nnz"):
        raise ValueError(f"{argument}: sparse matrices are not supported; use {argument}.toarray()")
    X = np.asanyarray(X)
    if X.dtype == object:
        X = _numbers_from_objects(X, argument)
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"{argument}: expected real numbers, found dtype {X.dtype}; encode categories as numbers first"
        )
    if X.ndim < 2:
        cure = f"{argument}[None, :] is one example, {argument}[:, None] is one number an example"
        raise ValueError(f"{argument}: expected shape (n, p), found {X.shape}; {cure}")
    if X.shape[0] == 0:
        raise ValueError(f"{argument}: there are no examples, the shape is {X.shape}")
    if X.size == 0:
        raise ValueError(f"{argument}: the examples are empty, the shape is {X.shape}")
    if isinstance(X, np.ma.MaskedArray):
        raise ValueError(f"{argument}: masked arrays are not supported; fill or drop the masked values")
    if X.dtype.itemsize > 8:
        X = X.astype(np.float64)
    if not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))
    if any(stride % X.itemsize for stride in X.strides):  # a field of packed records
        X = X.copy()
    if isinstance(X, np.memmap):
        return np.asarray(X)
    # Rows are read one by one, so an array laid out by columns is turned once; strided rows may stay.
    inner = X.strides[1:]
    expected = tuple(X.itemsize * int(np.prod(X.shape[k + 1 :])) for k in range(1, X.ndim))
    return np.asarray(X) if inner == expected else np.ascontiguousarray(X)


def _numbers_from_objects(X: Array, argument: str) -> Array:
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError):
        for index, value in np.ndenumerate(X):
            try:
                float(value)
            except (TypeError, ValueError):
                where = f"row {index[0]}" + (f", column {index[1]}" if len(index) > 1 else "")
                raise ValueError(
                    f"{argument}: expected real numbers, found {value!r} in {where}; "
                    "encode categories as numbers and fill in what is missing first"
                ) from None
        raise


def check_codes(X: Array, program: Program, argument: str = "X") -> None:
    """A ValueError unless the columns that embeddings read hold codes 0 … K − 1; it names the first that does not."""
    for step in program.steps:
        if step.operation == "embedding":
            for column, table in zip(step.attributes["columns"], step.parameters, strict=True):
                wrong = _first_wrong(X.reshape(len(X), -1)[:, column : column + 1], program.parameters[table][0])
                if wrong:
                    raise ValueError(
                        f"{argument}: {table} takes codes 0 to {program.parameters[table][0] - 1} from column "
                        f"{column}, found {wrong[2]:g} in row {wrong[0]}; number the categories from 0, and give "
                        "unknown ones a code of their own"
                    )
        elif step.operation == "token_embedding":
            table = step.parameters[0]
            wrong = _first_wrong(X.reshape(len(X), -1)[:, _read_by(step, program)], program.parameters[table][0])
            if wrong:
                raise ValueError(
                    f"{argument}: {table} takes codes 0 to {program.parameters[table][0] - 1}, found {wrong[2]:g} in "
                    f"row {wrong[0]}, step {wrong[1]}; number the symbols from 0, and give unknown ones a code of "
                    "their own"
                )


def _first_wrong(codes: Array, count: int) -> tuple[int, int, float] | None:
    """The row, the column and the number of the first that is no code 0 … count − 1."""
    wrong = ~((codes >= 0) & (codes < count) & (codes == np.floor(codes)))
    if not wrong.any():
        return None
    row, column = divmod(int(np.argmax(wrong)), codes.shape[1])
    return row, column, float(codes[row, column])


def _read_by(step: Step, program: Program) -> slice:
    """Which columns of the flattened example a step reads, through slices and reshapes."""
    made = {one.output: one for one in program.steps}
    name, begin = step.inputs[0], 0
    width = math.prod(program.values[name])
    while name in made:
        begin += made[name].attributes.get("begin", 0)
        name = made[name].inputs[0]
    return slice(begin, begin + width)


def non_finite_message(X: Array, row: int, column: int, argument: str = "X") -> str:
    """What to say about a NaN or an infinity in X, at a column of the flattened example."""
    index = np.unravel_index(column, X.shape[1:])
    place = str(int(index[0])) if len(index) == 1 else str(tuple(int(i) for i in index))
    value = X[(row, *index)]
    cure = "drop the row or fill in the value first"
    if np.isfinite(value):
        cure = 'which is too large for float32: scale the data, or use dtype="float64"'
    return f"{argument}: found {value} in row {row}, column {place}; {cure}"


def check_same_length(X: Sized, y: Sized, X_name: str = "X", y_name: str = "y") -> None:
    """A ValueError unless X and y have the same number of examples."""
    if len(X) != len(y):
        raise ValueError(f"{y_name}: {X_name} has {len(X)} examples, {y_name} has {len(y)}; they must be as many")


def as_weights(sample_weight: Any, n: int) -> npt.NDArray[np.float64] | None:
    """Weights (n,), none of them negative, not all of them 0; None stays None.

    Raises
    ------
    ValueError
        When they are not.
    """
    if sample_weight is None:
        return None
    try:
        w = np.asarray(sample_weight)
    except ValueError:
        raise ValueError("sample_weight: expected one weight an example, found a ragged list") from None
    if w.dtype.kind not in "biuf":
        raise ValueError(f"sample_weight: expected numbers, found dtype {w.dtype}")
    if w.shape != (n,):
        raise ValueError(f"sample_weight: expected shape ({n},), one weight an example; found {w.shape}")
    wrong = ~(np.isfinite(w) & (w >= 0))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"sample_weight: expected finite numbers of at least 0, found {w[row]} in row {row}")
    if w.max(initial=0) < np.finfo(np.float64).tiny:  # nothing may be divided by those even smaller
        raise ValueError("sample_weight: all sample weights are zero, so there is nothing to learn from")
    w = w.astype(np.float64)
    with np.errstate(over="ignore"):
        if not np.isfinite(w.sum()):
            raise ValueError("sample_weight: the sum is too large for float64; divide the weights by the largest")
    return w
