"""Fitting a network: from the arguments of ``Network.fit`` to the steps of `likeliest.fit`, checkpoints included."""

from __future__ import annotations

import math
import secrets
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.augmentation import Augmentation
from likeliest.averaging import Averaging
from likeliest.checkpoint import FRESH, Checkpoints, describe_call, digest_of_state
from likeliest.data import as_examples, as_weights
from likeliest.engines.base import Terms
from likeliest.fit import Callback, Position, climb, fit
from likeliest.history import History
from likeliest.optimizers import Optimizer
from likeliest.preparation import check_full_batch, compose_for, hold_out, start_output, warn_of_symmetry
from likeliest.progress import make_progress
from likeliest.schedules import Schedule

Array = npt.NDArray[Any]


def fit_network(
    network: Any,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None,
    sample_weight: Any,
    schedule: Schedule,
    averaging: Averaging | None,
    clip_norm: float | None,
    validation: Any,
    validation_every: int,
    early_stopping: int | None,
    seed: int | None,
    threads: int,
    callbacks: tuple[Callback, ...],
    verbose: bool | str,
    augment: tuple[Augmentation, ...],
    checkpoints: Checkpoints | None,
) -> History:
    """What `Network.fit` does with arguments that make sense one by one: see there for what they are."""
    X = as_examples(X)
    if not network._is_built:
        network._settle(X.shape[1:], y)
    y = network._targets(X, y)
    weights = as_weights(sample_weight, len(X))
    highest = 1.0
    if augment and optimizer.full_batch:
        raise ValueError(
            f"augment: {type(optimizer).__name__} takes all examples at once and compares steps, so they cannot change "
            "under it; use Adam()"
        )
    if weights is not None:
        highest = float(weights.max())
        weights = weights / highest  # so that no sum of them overflows
    if network.likelihood.classes is not None and len(np.unique(y[~np.isnan(y)])) == 1:
        raise ValueError(f"y: there is one class only, {y[0]}; a network learns to tell at least two apart")
    if checkpoints is not None:
        if optimizer.full_batch:
            raise ValueError(
                f"checkpoint: {type(optimizer).__name__} keeps in SciPy what it has learned of the slopes, and "
                "could not go on to the bit; leave checkpoint out, or use Adam()"
            )
        other = hold_out(X, y, weights, validation, 0, network._targets)[1]
        checkpoints.find(
            describe_call(
                network,
                _start(network, checkpoints),
                input_shape=X.shape[1:],
                X=X,
                y=y,
                sample_weight=weights,
                validation=validation if other is None or other.X is X else (other.X, other.y),
                optimizer=optimizer,
                epochs=epochs,
                batch_size=batch_size,
                schedule=schedule,
                averaging=averaging,
                clip_norm=clip_norm,
                validation_every=validation_every,
                early_stopping=early_stopping,
                seed=seed,
                **({"augment": augment} if augment else {}),
            )
        )
    found = None if checkpoints is None else checkpoints.found
    if found is not None:
        seed = found.position.seed
    if seed is None:
        seed = secrets.randbits(32) if network._position.seed is None else network._position.seed
    rows, held_out = hold_out(X, y, weights, validation, seed, network._targets)
    training = slice(None) if rows is None else rows
    if weights is not None:
        if not weights[training].any():
            raise ValueError("sample_weight: all training examples have weight 0: there is nothing to learn from")
        if held_out is not None and held_out.weights is not None and not weights[held_out.rows].any():
            raise ValueError("sample_weight: all held-out examples have weight 0: there is nothing to validate on")
        mean = float(weights[training].mean())
        weights, highest = weights / mean, highest * mean
    fresh = not network._is_built
    if fresh:
        network.build(X.shape[1:], seed)
    try:
        network._check_examples(X, "X", threads)
        if held_out is not None and held_out.X is not X:
            network._check_examples(held_out.X, "validation X", threads)
        augmentation = compose_for(augment, network._built().program)
        if found is not None:
            assert checkpoints is not None
            checkpoints.restore(network)
        elif fresh:
            start_output(
                network._built(), network.likelihood, y[training], None if weights is None else weights[training]
            )
        if found is None:
            warn_of_symmetry(network._built())
        n = len(X) if rows is None else len(rows)
        first = network._position.epochs if found is None else found.course.history.first_epoch
        progress = make_progress(verbose, network._position.epochs, first + epochs, n)
    except ValueError:
        if fresh:
            network._engine, network._position = None, Position()
        raise
    engine = network._built()
    position = network._position
    position.seed = seed
    if optimizer != position.optimizer:
        position.optimizer = optimizer
        position.steps = 0
        if not optimizer.full_batch:
            engine.start(optimizer)
    method: Any = fit
    how: dict[str, Any] = {
        "batch_size": min(batch_size or n, n),
        "schedule": schedule,
        "averaging": averaging,
        "terms": Terms(1 / (highest * n), math.inf if clip_norm is None else clip_norm, seed, augmentation),
        "keeper": checkpoints,
    }
    if optimizer.full_batch:
        check_full_batch(optimizer, schedule, averaging, clip_norm, engine.program)
        if network.likelihood.training() is not network.likelihood:
            raise ValueError(f"optimizer: {type(optimizer).__name__} does not smooth labels; use Adam()")
        method, how = climb, {"log_prior": network._log_prior_and_score, "prior_scale": 1 / (highest * n)}
    try:
        if found is not None and found.finished:
            network.history = found.course.history
            return found.course.history
        history: History = method(
            engine,
            X,
            y,
            weights,
            rows,
            position,
            epochs=epochs,
            **how,
            validation=held_out,
            validation_every=validation_every,
            early_stopping=early_stopping,
            threads=threads,
            callbacks=callbacks,
            progress=progress,
            network=network,
        )
        network.history = history
        return history
    except OSError:
        if fresh and not position.steps:  # not even the first checkpoint could be written
            network._engine, network._position = None, Position()
        raise
    finally:
        progress.close()
        if checkpoints is not None:
            network._last_call = checkpoints.place, checkpoints.start, digest_of_state(engine, position)


def _start(network: Any, checkpoints: Checkpoints) -> str:
    """From where a fit starts: no θ, or what is learned so far; or where the last one did that this goes on with."""
    if not network._is_built:
        return FRESH
    now = digest_of_state(network._built(), network._position)
    return network._last_call[1] if (checkpoints.place, now) == network._last_call[::2] else now
