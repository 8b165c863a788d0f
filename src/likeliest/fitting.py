"""Fitting a network: from the arguments of ``Network.fit`` to the steps of `likeliest.fit`, checkpoints included."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import examples
from likeliest.augmentation import Augmentation
from likeliest.averaging import Averaging
from likeliest.checkpoint import FRESH, Checkpoints, describe_call, digest_of_state
from likeliest.consecutive import Consecutive, check_arguments, check_carrying, check_length
from likeliest.data import as_weights, check_codes
from likeliest.engines import drawn_seed, is_first, kept_in
from likeliest.engines.base import Terms, of_processes
from likeliest.fit import Callback, Position, climb, fit
from likeliest.history import History
from likeliest.layers.base import all_of
from likeliest.layers.recurrent import Recurrent, clip_norm_for
from likeliest.optimizers import Optimizer
from likeliest.preparation import check_full_batch, compose_for, hold_out, start_output, warn_of_symmetry
from likeliest.program import Form
from likeliest.progress import make_progress
from likeliest.schedules import Schedule
from likeliest.sequences import Ragged, as_sequences, as_step_targets

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
    lengths: Any,
    clip_norm: float | str | None,
    validation: Any,
    validation_every: int,
    early_stopping: int | None,
    seed: int | None,
    threads: int,
    callbacks: tuple[Callback, ...],
    verbose: bool | str,
    augment: tuple[Augmentation, ...],
    consecutive: bool | int,
    checkpoints: Checkpoints | None,
) -> History:
    """What `Network.fit` does with arguments that make sense one by one: see there for what they are."""
    X, y, validation, form, of_each = read(network, X, y, lengths, validation)
    going_on = None
    if consecutive:
        check_arguments(form.lengths, augment, optimizer)
        going_on = Consecutive(batch_size or 1, 0 if consecutive is True else consecutive)
    if form.lengths and augment:
        raise ValueError("augment: sequences of different lengths cannot be changed; leave it out, or cut them alike")
    y = examples.check_targets(network._likelihood_for(form), X, y)
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
    if network.likelihood.classes is not None and len(labels := np.unique(y[y == y])) == 1:  # a NaN is not itself
        raise ValueError(f"y: there is one class only, {labels[0]:g}; a network learns to tell at least two apart")
    longest = longest_gradient(network, clip_norm, optimizer, min(batch_size or len(X), len(X)))
    check_held_out = partial(examples.check_targets, network.likelihood)
    if checkpoints is not None:
        if optimizer.full_batch:
            raise ValueError(
                f"checkpoint: {type(optimizer).__name__} keeps in SciPy what it has learned of the slopes, and "
                "could not go on to the bit; leave checkpoint out, or use Adam()"
            )
        other = hold_out(X, y, weights, validation, 0, check_held_out, going_on)[1]
        checkpoints.find(
            describe_call(
                network,
                _start(network, checkpoints),
                input_shape=form.shape,
                X=X,
                y=y,
                sample_weight=weights,
                validation=validation if other is None or other.X is X else (other.X, other.y),
                optimizer=optimizer,
                epochs=epochs,
                batch_size=batch_size,
                schedule=schedule,
                averaging=averaging,
                clip_norm=longest if longest < math.inf else None,
                validation_every=validation_every,
                early_stopping=early_stopping,
                seed=seed,
                **({"augment": augment} if augment else {}),
                **({"consecutive": consecutive} if consecutive else {}),
            )
        )
    found = None if checkpoints is None else checkpoints.found
    if found is not None:
        seed = found.position.seed
    if seed is None:
        seed = drawn_seed(network.devices) if network._position.seed is None else network._position.seed
    rows, held_out = hold_out(X, y, weights, validation, seed, check_held_out, going_on)
    if consecutive:
        check_length(len(X) if rows is None else len(rows), batch_size)
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
        network._start_anew(form, seed)
    elif form != network.program.form:
        network._reshape(form)
    try:
        check_read(network, X, threads)
        if held_out is not None and held_out.X is not X:
            check_read(network, held_out.X, threads, "validation X")
        if consecutive:
            check_carrying(network._built())
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
        progress = make_progress(
            verbose if is_first(network.devices) else False, network._position.epochs, first + epochs, n
        )
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
        "terms": Terms(1 / (highest * n), longest, seed, augmentation),
        "keeper": checkpoints,
        "lengths": of_each,
        "consecutive": going_on,
    }
    if optimizer.full_batch:
        check_full_batch(optimizer, schedule, averaging, longest if longest < math.inf else None, engine.program)
        if network.likelihood.training() is not network.likelihood:
            raise ValueError(f"optimizer: {type(optimizer).__name__} does not smooth labels; use Adam()")
        method, how = climb, {"log_prior": network._log_prior_and_score, "prior_scale": 1 / (highest * n)}
    begun = of_processes(engine, position.epochs, -1 if found is None else found.finished)
    if (begun != begun[0]).any():
        raise ValueError(
            f"checkpoint: of the {len(begun)} processes some found another checkpoint than others, after epochs "
            f"{begun[:, 0].astype(int).tolist()}; give a folder that all of them see"
        )
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
        engine.forget()
        if checkpoints is not None:
            network._last_call = checkpoints.place, checkpoints.start, digest_of_state(engine, position)


def longest_gradient(network: Any, clip_norm: float | str | None, optimizer: Optimizer, batch_size: int) -> float:
    """How long a gradient may be: what was asked for, or what is right for the layers; infinity for no bound."""
    if isinstance(clip_norm, str):
        recurrent = any(isinstance(layer, Recurrent) for layer in all_of(network.layers))
        return clip_norm_for(batch_size) if recurrent and not optimizer.full_batch else math.inf
    return math.inf if clip_norm is None else clip_norm


def check_read(network: Any, X: Array, threads: int, argument: str = "X") -> None:
    """A ValueError unless every number in the rows that were read is finite, and every code one."""
    program = network.program
    if program.form.lengths:  # numbers have been looked at before they were laid out
        check_codes(X, program, argument)
    else:
        examples.check(network, X, argument, threads)


def _start(network: Any, checkpoints: Checkpoints) -> str:
    """From where a fit starts: no θ, or what is learned so far; or where the last one did that this goes on with."""
    if not network._is_built:
        return FRESH
    now = digest_of_state(network._built(), network._position)
    return network._last_call[1] if (checkpoints.place, now) == network._last_call[::2] else now


def read(
    network: Any, X: Any, y: Any, lengths: Any, validation: Any
) -> tuple[Array, Any, Any, Form, npt.NDArray[np.int64] | None]:
    """X, y and the held-out pair as arrays that one program takes; its form; and the lengths, if there are any.

    The network's layers and likelihood get to know the form, if it has none yet.
    """
    given: dict[str, Any] = {"X": as_sequences(X, lengths)}
    targets = {"X": y}
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        given["validation X"] = as_sequences(
            validation[0], validation[2] if len(validation) == 3 else None, "validation X", "validation lengths"
        )
        targets["validation X"] = validation[1]
    form = Form(given["X"].shape if isinstance(given["X"], Ragged) else given["X"].shape[1:])
    if any(isinstance(one, Ragged) for one in given.values()):
        for name, one in given.items():
            if not isinstance(one, Ragged):
                if one.ndim not in (2, 3):
                    raise ValueError(f"{name}: expected sequences, as the others are, found shape {one.shape}")
                given[name] = Ragged(one, np.full(len(one), one.shape[1]), True)
            if given[name].step != given["X"].step:
                raise ValueError(f"{name}: expected steps of shape {given['X'].step}, found {given[name].step}")
        form = Form((max(one.longest for one in given.values()), *given["X"].step), True)
    if network._is_built:
        network._engine_for(form, "X")  # a network that does not take such examples says so
    read: dict[str, Array] = {}
    for name, one in given.items():
        T = form.shape[0] if isinstance(one, Ragged) else 0
        steps = network._steps_given(form) if targets[name] is not None else 0
        if steps:
            targets[name] = as_step_targets(targets[name], one, T or steps, "y" if name == "X" else "validation y")
        if isinstance(one, Ragged):
            one.check(kept_in(network.dtype), name)
            read[name] = one.pack(T, kept_in(network.dtype))
        else:
            read[name] = one
    if not network._is_built:
        network._settle(form, targets["X"])
    if "validation X" in given:
        validation = (read["validation X"], targets["validation X"])
    first = given["X"]
    return read["X"], targets["X"], validation, form, first.lengths if isinstance(first, Ragged) else None
