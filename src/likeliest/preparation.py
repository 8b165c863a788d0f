"""Preparation: what a fit does and checks before its first step."""

from __future__ import annotations

import math
import numbers
import operator
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.augmentation import Augmentation, Composition, Mixup, compose
from likeliest.consecutive import Consecutive
from likeliest.data import as_examples
from likeliest.engines.base import Engine
from likeliest.fit import Validation
from likeliest.likelihoods import Likelihood
from likeliest.ops import RECURRENCES
from likeliest.optimizers import Optimizer
from likeliest.optimizers.base import check_positive
from likeliest.program import Program
from likeliest.schedules import Constant, Schedule
from likeliest.warned import warn

Array = npt.NDArray[Any]


class SymmetryWarning(UserWarning):
    """All cells of a layer start alike, so they will stay alike."""


def start_output(engine: Engine, likelihood: Likelihood, y: Array, weights: Array | None) -> None:
    """Starts the output where η fits y as well as it can without x: its biases, and nothing of x in its scales."""
    start, likelihood = likelihood.start(y, weights), likelihood.of_step  # of several steps, all are as the first
    own = likelihood.width - likelihood.shared
    start = start[: likelihood.width]
    if start.any():
        engine.set("output.b", start[:own])
    if likelihood.shared:
        engine.set("output.c", start[own:])
    if likelihood.locations < own:
        W = engine.get("output.W")
        W[:, likelihood.locations :] = 0
        engine.set("output.W", W)


def hold_out(
    X: Array,
    y: Array,
    weights: Array | None,
    validation: Any,
    seed: int,
    targets: Callable[..., Array],
    consecutive: Consecutive | None = None,
) -> tuple[npt.NDArray[np.uint32] | None, Validation | None]:
    """The rows to train on (None for all) and what is held out; ``targets`` checks y that is given for that.

    Of ``consecutive`` rows, a fraction is that of the last ones, in whole groups.
    """
    if validation is None:
        return None, None

    def held(X: Array, y: Array, rows: Array, weights: Array | None) -> Validation:
        return Validation(X, y, rows, weights, consecutive)

    if isinstance(validation, numbers.Real) and not isinstance(validation, bool):
        fraction = float(validation)
        count = round(fraction * len(X)) if 0 < fraction < 1 else 0
        if consecutive is not None and consecutive.length and count:
            count = max(0, len(X) - consecutive.length * max(1, round((len(X) - count) / consecutive.length)))
        if not 0 < count < len(X):
            raise ValueError(
                f"validation: expected a fraction that leaves some of the {len(X)} examples on both sides, "
                f"found {validation!r}"
            )
        order = np.argsort(random.uniform(random.stream(seed, random.SPLIT), (len(X),)), kind="stable")
        if consecutive is not None:
            order = np.arange(len(X))[::-1]
        held_out, rows = (np.sort(part).astype(np.uint32) for part in (order[:count], order[count:]))
        return rows, held(X, y, held_out, weights)
    if isinstance(validation, np.ndarray) and validation.dtype == bool:
        if validation.shape != (len(X),) or validation.all() or not validation.any():
            raise ValueError(
                f"validation: expected a mask of shape ({len(X)},) that leaves some examples on both sides, found "
                f"{validation.sum()} of shape {validation.shape}"
            )
        if consecutive is not None:
            consecutive.check_mask(validation)
        rows, held_out = (np.flatnonzero(mask).astype(np.uint32) for mask in (~validation, validation))
        return rows, held(X, y, held_out, weights)
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ValueError(
            f"validation: expected (X, y), a fraction such as 0.1 or a mask, found {type(validation).__name__}"
        )
    X_val = as_examples(validation[0], "validation X")
    if X_val.shape[1:] != X.shape[1:]:
        raise ValueError(f"validation X: expected examples of shape {X.shape[1:]} as in X, found {X_val.shape[1:]}")
    y_val = targets(X_val, validation[1], "validation X", "validation y")
    return None, held(X_val, y_val, np.arange(len(X_val), dtype=np.uint32), None)


def warn_of_symmetry(engine: Engine) -> None:
    """The handout's warning, for this θ: cells that start alike stay alike."""
    for name, after in _cells_of_cells(engine.program):
        W, following = engine.get(name), engine.get(after)
        bias = name.removesuffix("W") + "b"
        alike = (W[:, :1] == W).all() and (following == following[:1]).all()
        if bias in engine.program.parameters:
            b = engine.get(bias)
            alike = alike and bool((b == b[0]).all())
        if alike and W.shape[1] > 1:
            layer = name.removesuffix(".W")
            warn(
                f"{layer}: all {W.shape[1]} cells start with the same θ, so they will get the same gradient and "
                f"stay copies of one cell; start from random θ, for example initializer='glorot'",
                SymmetryWarning,
            )


def _cells_of_cells(program: Program) -> list[tuple[str, str]]:
    """The weights of layers of cells with those of the layer that alone takes what the cells give."""
    made = {step.output: step for step in program.steps}
    uses = Counter(name for step in program.steps for name in step.inputs)
    found = []
    for step in program.steps:
        before = made.get(step.inputs[0])
        while step.operation == "affine" and before is not None and len(before.inputs) == uses[before.output] == 1:
            if before.operation == "affine":
                found.append((before.parameters[0], step.parameters[0]))
                break
            before = None if before.operation in RECURRENCES else made.get(before.inputs[0])
    return found


def check_full_batch(
    optimizer: Optimizer, schedule: Schedule, averaging: Any, clip_norm: Any, program: Program
) -> None:
    """A ValueError for what has no meaning with an optimizer that chooses its steps itself, on all examples."""
    name = type(optimizer).__name__
    for argument, given in (
        ("schedule", schedule != Constant()), ("averaging", averaging is not None), ("clip_norm", clip_norm is not None)
    ):  # fmt: skip
        if given:
            raise ValueError(f"{argument}: {name} chooses its steps itself; leave it out, or use Adam()")
    for operation in (step.operation for step in program.steps):
        if operation in ("dropout", "gaussian_noise", "batch_norm"):
            raise ValueError(f"optimizer: {name} needs the same log-likelihood at every look, but there is {operation}")
    if program.max_norm:
        raise ValueError(f"optimizer: {name} knows no max_norm; use Adam(), or a prior")


def compose_for(augment: tuple[Augmentation, ...], program: Program) -> Composition | None:
    """The augmentations as one, for the examples of a program.

    Where a convolution or a pool takes them, its kernel tells how many axes of space they have; else they are images.

    Raises
    ------
    ValueError
        When one of them is not for such examples.
    """
    if any(isinstance(one, Mixup) for one in augment):
        for step in program.steps:
            if step.operation in ("embedding", "token_embedding"):
                raise ValueError("augment: Mixup mixes numbers, but X holds the codes of categories; leave it out")
    axes = None
    for step in program.steps:
        sizes = step.attributes.get("stride", step.attributes.get("factor"))
        if isinstance(sizes, tuple):
            axes = len(sizes)
            break
    return compose(augment, program.input_shape, axes)


def check_clip_norm(value: Any) -> float | str | None:
    """A positive number, "auto", or None for no bound; a ValueError otherwise."""
    if value is None or value == math.inf:
        return None
    if isinstance(value, str) and value == "auto":
        return value
    check_positive("clip_norm", value, "1.0 is usual for a gradient of the mean")
    return float(value)


def check_seed(seed: Any) -> int:
    """A whole number that 64 bits hold, or a ValueError."""
    number = check_integer("seed", seed, 0)
    if number >= 2**64:
        raise ValueError(f"seed: expected a whole number below 2**64, found {seed!r}")
    return number


def check_integer(name: str, value: Any, least: int) -> int:
    """A whole number of at least so much, or a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}")
    return number
