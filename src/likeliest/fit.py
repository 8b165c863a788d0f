"""Fitting: epochs, minibatches, validation, stopping. What an engine does with a minibatch is its own affair."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likeliest.engines.base import Array, Chunk, Engine
from likeliest.history import History
from likeliest.optimizers import Optimizer
from likeliest.progress import Progress

CHUNK_SECONDS = 0.1  # how long the engine works before Ctrl-C and the progress bar get their turn
CHUNK_EXAMPLES = 1 << 20  # and how many examples it takes at most, which bounds the memory for their order
COLLAPSE = 1e6  # a log-likelihood this many times worse than at the start is divergence too


class DivergenceError(ArithmeticError):
    """Training ran away; θ is the last good one. ``history`` is what happened until then."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Epoch(NamedTuple):
    """What a callback is told after each epoch. It returns True to stop."""

    number: int
    log_likelihood: float
    validation_log_likelihood: float | None
    seconds: float
    network: Any


Callback = Callable[[Epoch], Any]


@dataclass
class Position:
    """How far training has come, so that fitting again continues: epochs finished, steps taken, who takes them."""

    epochs: int = 0
    steps: int = 0
    optimizer: Optimizer | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Validation:
    """Held-out examples: rows of X, with their weights if there are any."""

    X: Array
    y: Array
    rows: npt.NDArray[np.uint32]
    weights: Array | None

    def log_likelihood(self, engine: Engine, threads: int) -> float:
        """The mean log-likelihood per example, in blocks, so that data on disk stay there."""
        total = 0.0
        weight = 0.0
        for block in np.array_split(self.rows, -(-len(self.rows) // 8192)):
            log_prob = engine.log_likelihood(self.X[block], self.y[block], threads)
            w = np.ones(len(block)) if self.weights is None else self.weights[block]
            total, weight = total + float(w @ log_prob), weight + float(w.sum())
        return total / weight


def fit(
    engine: Engine,
    X: Array,
    y: Array,
    weights: Array | None,
    rows: npt.NDArray[np.uint32] | None,
    position: Position,
    *,
    epochs: int,
    batch_size: int,
    validation: Validation | None,
    early_stopping: int | None,
    threads: int,
    callbacks: Sequence[Callback],
    progress: Progress,
    network: Any,
) -> History:
    """Takes ``epochs`` passes over the examples in ``rows`` (all of them for None), in minibatches.

    X (n, ...), y (n,), weights (n,) of mean 1 over the rows, or None. ``position`` is brought forward, so that the next
    call continues. The order of epoch e depends on (seed, e) only.
    """
    assert position.seed is not None
    seed, n = position.seed, len(X) if rows is None else len(rows)
    history = History(first_epoch=position.epochs, seed=seed, examples=n)
    per_epoch = -(-n // batch_size)
    floor = _floor(engine, X, y, rows, threads)
    whole_epochs = validation is None and not callbacks  # then a chunk may hold several
    last_epoch = position.epochs + epochs
    steps_a_second = 80.0  # a first guess, so that the first chunk is of 8 steps
    best = float("-inf")
    best_theta: dict[str, Array] = {}
    step, total, seconds, order = 0, 0.0, 0.0, _NO_ORDER  # within the epoch

    with _interruptible() as interrupted:
        while position.epochs < last_epoch:
            if interrupted():
                history.stopped = "interrupted"
                break
            chunk_steps = max(1, int(steps_a_second * CHUNK_SECONDS))
            if step == 0:
                many = min(chunk_steps // per_epoch, max(1, CHUNK_EXAMPLES // n), last_epoch - position.epochs)
                several = max(1, many) if whole_epochs else 1
                order = engine.permutations(seed, range(position.epochs, position.epochs + several), n)
                order = order if rows is None else rows[order]
            if len(order) > 1:
                bounds = (np.arange(len(order))[:, None] * n + np.arange(0, n, batch_size)).ravel()
                chunk = Chunk(order.ravel(), np.append(bounds, order.size))
            else:
                stop = min(step + chunk_steps, per_epoch)
                bounds = np.minimum(np.arange(step, stop + 1) * batch_size, n)
                chunk = Chunk(order[0, bounds[0] : bounds[-1]], bounds - bounds[0])
            engine.keep()
            begin = time.perf_counter()
            totals = engine.train(X, y, weights, chunk, position.steps + 1, floor, threads)
            took = time.perf_counter() - begin
            sizes = np.diff(chunk.bounds)
            examples = chunk.order[chunk.bounds[len(totals) - 1] : chunk.bounds[len(totals)]]
            mean = totals[-1] / len(examples)
            if len(totals) == len(sizes) and mean >= floor:
                # Each total is from before its update; this is from after the last one.
                mean = engine.log_likelihood(X[examples[:256]], y[examples[:256]], threads).mean()
            if not mean >= floor:
                epoch = position.epochs + 1 + (len(totals) - 1) // per_epoch if len(order) > 1 else position.epochs + 1
                message = _divergence_message(
                    network, engine, X[examples], float(mean), position.steps + len(totals), epoch, position
                )
                engine.restore()
                raise DivergenceError(message, history)
            position.steps += len(totals)
            steps_a_second = min(len(totals) / max(took, 1e-9), 8 * steps_a_second)
            progress.advance(int(chunk.bounds[-1]), took, float(totals.sum() / chunk.bounds[-1]))
            if len(order) > 1:
                done = [(float(t.sum()), took / len(order)) for t in totals.reshape(len(order), per_epoch)]
            else:
                step, total, seconds = step + len(totals), total + float(totals.sum()), seconds + took
                done = [(total, seconds)] if step == per_epoch else []
            for epoch_total, epoch_seconds in done:
                step, total, seconds = 0, 0.0, 0.0
                position.epochs += 1
                history.log_likelihood.append(epoch_total / n)
                history.seconds.append(epoch_seconds)
                held_out = None
                if validation is not None:
                    held_out = validation.log_likelihood(engine, threads)
                    history.validation_log_likelihood.append(held_out)
                progress.epoch(position.epochs, epoch_total / n, held_out, epoch_seconds)
                if early_stopping is not None and held_out is not None:
                    if held_out > best:
                        best, history.best_epoch = held_out, history.epochs - 1
                        best_theta = {name: engine.get(name) for name in engine.program.parameters}
                    elif history.best_epoch is not None and history.epochs - 1 - history.best_epoch >= early_stopping:
                        history.stopped = "early stopping"
                report = Epoch(position.epochs, epoch_total / n, held_out, epoch_seconds, network)
                stops = [callback(report) is True for callback in callbacks]  # every one of them is called
                if any(stops) and history.stopped == "finished":
                    history.stopped = "callback"
            if history.stopped != "finished":
                break
    if history.stopped == "interrupted":
        warnings.warn("fit was stopped by Ctrl-C; the network keeps the θ it had reached", stacklevel=3)
    for name, value in best_theta.items():
        engine.set(name, value)
    return history


_NO_ORDER = np.zeros((1, 0), np.uint32)


def _floor(engine: Engine, X: Array, y: Array, rows: Any, threads: int) -> float:
    """The mean log-likelihood below which training has diverged, from what it is before the first step."""
    some = np.arange(min(len(X), 256)) if rows is None else rows[:256]
    start = engine.log_likelihood(X[some], y[some], threads).mean()
    if not np.isfinite(start):
        raise ValueError(
            f"the log-likelihood is {start} before the first step: X or θ is too large for {engine.dtype}; "
            'scale X, start from smaller θ, or use dtype="float64"'
        )
    return -COLLAPSE * (1.0 + abs(float(start)))


def _divergence_message(
    network: Any, engine: Engine, X: Array, mean: float, step: int, epoch: int, position: Position
) -> str:
    """What happened, where it showed first, and what to do about it."""
    rate = getattr(position.optimizer, "learning_rate", None)
    cure = "a smaller learning_rate" + (f" than {rate:g}" if rate else "") + ", or inputs scaled to about 1, will help"
    return (
        f"training diverged at step {step}, in epoch {epoch}: the log-likelihood of its minibatch is "
        f"{mean:.4g} per example; {network.diagnose(X)}. θ is back where it was after step {position.steps}; {cure}"
    )


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a request to stop after the current chunk; a second one interrupts as usual.

    Only the main thread gets signals; elsewhere, and where somebody else handles SIGINT, nothing changes.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield lambda: False
        return
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
