"""Fitting: epochs, minibatches, validation, stopping. What an engine does with a minibatch is its own affair."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from likeliest.averaging import Averaging
from likeliest.consecutive import Consecutive
from likeliest.engines.base import Array, Chunk, Engine, Terms, of_processes
from likeliest.history import History
from likeliest.optimizers import Optimizer
from likeliest.progress import Progress
from likeliest.schedules import Schedule
from likeliest.sequences import gathered
from likeliest.threads import counted, is_part, is_stopped, share
from likeliest.warned import warn

CHUNK_SECONDS = 0.5  # how long the engine works before Ctrl-C and the progress bar get their turn
CHUNK_EXAMPLES = 1 << 20  # and how many examples it takes at most, which bounds the memory for their order
NOTHING = nullcontext()
PACES: WeakKeyDictionary[Engine, tuple[Any, float]] = WeakKeyDictionary()
"""What the steps of an engine's last fit were like, and how many it took a second: so will the next of such steps."""
COLLAPSE = 1e6  # a log-likelihood this many times worse than at the start is divergence too


class DivergenceError(ArithmeticError):
    """Training ran away; θ is the last good one. ``history`` is what happened until then."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history

    def __reduce__(self) -> Any:
        """The whole of it, so that it comes back from workers: a pickle of an exception has the message only."""
        return type(self), (*self.args, self.history)


class Epoch(NamedTuple):
    """What a callback is told after each epoch. It returns True to stop.

    Attributes
    ----------
    number : int
        Of the epoch, counted from the first fit on: 1 is the first.
    log_likelihood : float
        The mean log-likelihood per training example, over the minibatches of the epoch.
    validation_log_likelihood : float or None
        The same of the held-out examples after the epoch; NaN where no look was taken, None without such examples.
    seconds : float
        How long the epoch took, without validation and callbacks.
    network : Network
        Which is fitted, as it is now.
    learning_rate : float or None
        That of the last step, after the schedule; None where the optimizer has none.
    """

    number: int
    log_likelihood: float
    validation_log_likelihood: float | None
    seconds: float
    network: Any
    learning_rate: float | None = None


Callback = Callable[[Epoch], Any]


@dataclass
class Position:
    """How far training has come, so that fitting again continues: epochs finished, steps taken, who takes them.

    ``averaged``: θ is an average now, and the engine keeps the θ that training goes on from in its place.
    """

    epochs: int = 0
    steps: int = 0
    optimizer: Optimizer | None = None
    seed: int | None = None
    averaged: bool = False


@dataclass
class Course:
    """How far one fit has come, between two epochs, besides what the engine holds and the position says.

    ``first_step``: the steps taken before it. ``floor``: the log-likelihood below which it has diverged. ``best``: θ
    at ``history.best_epoch``, by name; nothing without early stopping.
    """

    history: History
    first_step: int
    floor: float
    best: dict[str, Array] = field(default_factory=dict)


class Keeper(Protocol):
    """Who keeps the course of a fit, from time to time: `likeliest.checkpoint`."""

    course: Course | None
    """From where to go on: the engine and the position have been brought there."""

    def is_due(self, epochs: int) -> bool:
        """Whether it is time, after so many epochs."""

    def keep(self, engine: Engine, position: Position, course: Course, finished: bool = False) -> None:
        """Takes all of it down."""


@dataclass(frozen=True)
class Validation:
    """Held-out examples: rows of X, with their weights if there are any, and how they go on from each other."""

    X: Array
    y: Array
    rows: npt.NDArray[np.uint32]
    weights: Array | None
    consecutive: Consecutive | None = None

    def log_likelihood(self, engine: Engine, threads: int) -> float:
        """The mean log-likelihood per example, in blocks, so that data on disk stay there."""
        total = 0.0
        weight = 0.0
        blocks: Iterable[npt.NDArray[np.uint32]] = np.array_split(self.rows, -(-len(self.rows) // 8192))
        pairs: Iterable[tuple[npt.NDArray[np.uint32], bool | None]] = ((block, None) for block in blocks)
        if self.consecutive is not None:
            pairs = self.consecutive.held_out(self.rows)
        for block, carries in pairs:
            log_prob = engine.log_likelihood(self.X[block], self.y[block], threads, carries)
            w = np.ones(len(block)) if self.weights is None else self.weights[block]
            total, weight = total + float(w @ log_prob), weight + float(w.sum())
        return total / weight


@counted()
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
    schedule: Schedule,
    averaging: Averaging | None,
    terms: Terms,
    validation: Validation | None,
    validation_every: int,
    early_stopping: int | None,
    threads: int,
    callbacks: Sequence[Callback],
    progress: Progress,
    network: Any,
    keeper: Keeper | None = None,
    lengths: npt.NDArray[np.int64] | None = None,
    consecutive: Consecutive | None = None,
) -> History:
    """Takes ``epochs`` passes over the examples in ``rows`` (all of them for None), in minibatches.

    X (n, ...), y (n,) or (n, targets), weights (n,) of mean 1 over the rows, or None. ``position`` is brought forward,
    so that the next call continues. The order of epoch e depends on (seed, e) only, and on the ``lengths`` (n,) of
    sequences if there are any, of which like ones come together; ``consecutive`` rows are read as streams of
    them. With a ``keeper`` that has a course, it goes on from there.
    """
    assert position.seed is not None
    n = len(X) if rows is None else len(rows)
    per_epoch = -(-n // batch_size)
    if keeper is not None and keeper.course is not None:
        course = keeper.course
    else:
        history = History(first_epoch=position.epochs, seed=position.seed, examples=n)
        course = Course(history, position.steps, _floor(engine, X, y, rows, threads))
        if position.averaged:  # what an earlier fit went on from
            engine.swap()
            position.averaged = False
        engine.average(averaging is not None)
        if keeper is not None:
            keeper.keep(engine, position, course)
    history, floor, first_step = course.history, course.floor, course.first_step
    last_epoch = history.first_epoch + epochs
    best = _Best(early_stopping, course)
    like = batch_size, X.shape[1:], X.dtype, share(threads), terms.augmentation is None, lengths is None
    known, steps_a_second = PACES.get(engine, (None, 0.0))
    if known != like:
        steps_a_second = 16.0  # a first guess, so that the first chunk is of 8 steps
    order = np.zeros((0, n), np.uint32)  # of the examples in the epochs under way, a row each
    goes_on = np.zeros((0, n), np.bool_)  # whether each begins in a state that is carried
    step, seconds = 0, 0.0  # how far the epoch is
    of_epoch: list[Array] = []  # the log-likelihoods of its steps

    with _interruptible() as interrupted:
        while position.epochs < last_epoch and history.stopped == "finished":
            # Where several processes fit a network together, all take as many steps, and all stop if one is to.
            asked, pace = of_processes(engine, interrupted(), steps_a_second).max(axis=0)
            if asked:
                if keeper is not None and step == 0:
                    keeper.keep(engine, position, course)
                history.stopped = "interrupted"
                break
            steps = max(1, int(pace * CHUNK_SECONDS))
            if step == 0:
                several = min(steps // per_epoch, CHUNK_EXAMPLES // n, last_epoch - position.epochs)
                if validation is not None:
                    several = min(several, validation_every - history.epochs % validation_every)
                if several < 1 or callbacks or schedule.watches:
                    several = 1
                which = range(position.epochs, position.epochs + several)
                if consecutive is not None:
                    groups = engine.permutations(position.seed, which, consecutive.groups(n), threads)
                    order, goes_on = consecutive.order(n, groups)
                else:
                    order = engine.permutations(position.seed, which, n, threads)
                if lengths is not None:
                    of_rows = lengths if rows is None else lengths[rows]
                    order = gathered(order, of_rows, batch_size, position.seed, which)
                order = order if rows is None else rows[order]
            order_of_chunk, bounds = _chunk(order, step, steps, batch_size)
            at = position.steps - first_step, len(bounds) - 1, epochs * per_epoch
            watched = history.log_likelihood if validation is None else history.validation_log_likelihood
            factors = schedule.factors(*at, watched)
            rates = None if averaging is None else averaging.rates(*at)
            carries = None if consecutive is None else _chunk(goes_on, step, steps, batch_size)[0]
            chunk = Chunk(order_of_chunk, bounds, factors, rates, carries)
            engine.keep()
            begin = time.perf_counter()
            try:
                totals = engine.train(X, y, weights, chunk, position.steps + 1, floor, terms, share(threads))
            except BaseException:  # what a likelihood of the user's raised, or a second Ctrl-C inside it
                engine.restore()
                raise
            took = time.perf_counter() - begin
            _check(engine, X, y, chunk, totals, floor, threads, position, per_epoch, history, network)
            position.steps += len(totals)
            steps_a_second = min(len(totals) / max(took, 1e-9), 64 * steps_a_second)
            PACES[engine] = like, steps_a_second
            progress.advance(int(chunk.bounds[-1]), took, float(totals.sum() / chunk.bounds[-1]))
            if len(order) > 1:
                of_each = totals.reshape(len(order), per_epoch).sum(axis=1).tolist()
                done = [(total_of_one, took / len(order)) for total_of_one in of_each]
            else:
                step, seconds = step + len(totals), seconds + took
                of_epoch.append(totals)
                # All at once: how long the chunks were must not show in the last digits.
                done = [(float(np.concatenate(of_epoch).sum()), seconds)] if step == per_epoch else []
            for epoch_total, epoch_seconds in done:
                step, seconds, of_epoch = 0, 0.0, []
                position.epochs += 1
                looks = (history.epochs + 1) % validation_every == 0 or position.epochs == last_epoch
                seen = bool(callbacks) or (validation is not None and looks)
                # What the network will be is looked at: the average, if there is one.
                with _swapped(engine) if seen and averaging is not None else NOTHING:
                    held_out = None
                    if validation is not None:
                        held_out = validation.log_likelihood(engine, share(threads)) if looks else float("nan")
                    rate = getattr(position.optimizer, "learning_rate", None)
                    rate = None if rate is None else rate * float(chunk.factors[-1])
                    epoch = Epoch(position.epochs, epoch_total / n, held_out, epoch_seconds, network, rate)
                    _tell(epoch, history, progress, best, engine, callbacks)
            over = position.epochs == last_epoch or history.stopped != "finished"
            if keeper is not None and done and (over or of_processes(engine, keeper.is_due(history.epochs)).any()):
                keeper.keep(engine, position, course)
    if history.stopped == "interrupted" and not is_part():
        warn("fit was stopped by Ctrl-C; the network keeps the θ it had reached")
    if averaging is not None and not course.best:
        engine.swap()
        position.averaged = True
    elif averaging is not None:
        engine.average(False)  # what is kept is the best of the averages; the next fit goes on from it
    best.restore(engine)
    if keeper is not None and history.stopped != "interrupted":
        keeper.keep(engine, position, course, finished=True)
    return history


@counted()
def climb(
    engine: Engine,
    X: Array,
    y: Array,
    weights: Array | None,
    rows: npt.NDArray[np.uint32] | None,
    position: Position,
    *,
    epochs: int,
    log_prior: Callable[[], tuple[float, dict[str, Array]]],
    prior_scale: float,
    validation: Validation | None,
    validation_every: int,
    early_stopping: int | None,
    threads: int,
    callbacks: Sequence[Callback],
    progress: Progress,
    network: Any,
) -> History:
    """As `fit`, for an optimizer that takes all examples at once and chooses its own steps: an iteration an epoch."""
    assert position.seed is not None
    optimizer: Any = position.optimizer
    if rows is not None:
        X, y, weights = X[rows], y[rows], None if weights is None else weights[rows]
    n = len(X)
    history = History(first_epoch=position.epochs, seed=position.seed, examples=n)
    names = [name for name in engine.program.parameters if name not in engine.program.statistics]
    best = _Best(early_stopping, Course(history, position.steps, -math.inf))
    seen: dict[bytes, float] = {}  # the mean log-likelihood at the θ that were looked at last

    def put(theta: npt.NDArray[np.float64]) -> None:
        begin = 0
        for name in names:
            shape = engine.program.parameters[name]
            size = math.prod(shape)
            engine.set(name, theta[begin : begin + size].reshape(shape))
            begin += size

    def value_and_gradient(theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        put(theta)
        log_prob = engine.log_likelihood(X, y, share(threads))
        mean = float(log_prob.mean() if weights is None else weights @ log_prob / n)
        seen[theta.tobytes()] = mean
        prior, score = log_prior()
        gradient = engine.gradient(X, y, weights, share(threads))
        parts = [gradient[name] / n + prior_scale * score.get(name, 0.0) for name in names]
        return mean + prior_scale * prior, np.concatenate([np.ravel(part) for part in parts]).astype(np.float64)

    begin = time.perf_counter()
    with _interruptible() as interrupted:

        def after(value: float, theta: npt.NDArray[np.float64]) -> bool:
            nonlocal begin
            put(theta)
            position.epochs, position.steps = position.epochs + 1, position.steps + 1
            mean, seconds = seen.get(theta.tobytes(), value), time.perf_counter() - begin
            seen.clear()
            held_out = None
            if validation is not None:
                looks = (history.epochs + 1) % validation_every == 0 or history.epochs + 1 == epochs
                held_out = validation.log_likelihood(engine, share(threads)) if looks else float("nan")
            epoch = Epoch(position.epochs, mean, held_out, seconds, network)
            progress.advance(n, seconds, mean)
            _tell(epoch, history, progress, best, engine, callbacks)
            if interrupted():
                history.stopped = "interrupted"
            begin = time.perf_counter()
            return history.stopped != "finished"

        start = np.concatenate([engine.get(name).ravel() for name in names]).astype(np.float64)
        put(optimizer.climb(value_and_gradient, start, epochs, after))
    if history.stopped == "interrupted" and not is_part():
        warn("fit was stopped by Ctrl-C; the network keeps the θ it had reached")
    best.restore(engine)
    return history


def _tell(
    epoch: Epoch, history: History, progress: Progress, best: _Best, engine: Engine, callbacks: Sequence[Callback]
) -> None:
    """Takes an epoch down, and asks all who may end the fit."""
    history.add(epoch.log_likelihood, epoch.validation_log_likelihood, epoch.seconds)
    progress.epoch(epoch.number, epoch.log_likelihood, epoch.validation_log_likelihood, epoch.seconds)
    if best.is_over(engine, history):
        history.stopped = "early stopping"
    stops = [callback(epoch) is True for callback in callbacks]  # every one of them is called
    if any(stops) and history.stopped == "finished":
        history.stopped = "callback"


def _chunk(order: Array, step: int, steps: int, batch_size: int) -> tuple[Array, npt.NDArray[np.int64]]:
    """Order and bounds: of several whole epochs, or of up to ``steps`` steps of the only epoch, from ``step`` on."""
    epochs, n = order.shape
    if epochs > 1:
        bounds = (np.arange(epochs)[:, None] * n + np.arange(0, n, batch_size)).ravel()
        return order.ravel(), np.append(bounds, order.size)
    stop = min(step + steps, -(-n // batch_size))
    bounds = np.minimum(np.arange(step, stop + 1) * batch_size, n)
    return order[0, bounds[0] : bounds[-1]], bounds - bounds[0]


class _Best:
    """Early stopping: remembers the θ with the best validation log-likelihood, and says when to give up."""

    def __init__(self, patience: int | None, course: Course) -> None:
        self.patience, self.course = patience, course

    def is_over(self, engine: Engine, history: History) -> bool:
        """Whether the last ``patience`` epochs brought nothing better."""
        if self.patience is None:
            return False
        values, last = history.validation_log_likelihood, history.epochs - 1
        if np.isnan(values[last]):  # no look was taken
            return False
        if history.best_epoch is None or values[last] > values[history.best_epoch]:
            history.best_epoch = last
            self.course.best = {name: engine.get(name) for name in engine.program.parameters}
        return last - history.best_epoch >= self.patience

    def restore(self, engine: Engine) -> None:
        """Puts the best θ back."""
        for name, value in self.course.best.items():
            engine.set(name, value)


def _few(X: Array) -> int:
    """How many examples are enough to see whether training has diverged: of large ones fewer."""
    return max(4, min(256, 2**13 // math.prod(X.shape[1:])))


def _floor(engine: Engine, X: Array, y: Array, rows: Any, threads: int) -> float:
    """The mean log-likelihood below which training has diverged, from what it is before the first step."""
    some = slice(_few(X)) if rows is None else rows[: _few(X)]
    start = engine.log_likelihood(X[some], y[some], threads).mean()
    if not np.isfinite(start):
        raise ValueError(
            f"the log-likelihood is {start} before the first step: X or θ is too large for {engine.dtype}; "
            'scale X, start from smaller θ, or use dtype="float64"'
        )
    return -COLLAPSE * (1.0 + abs(float(start)))


def _check(
    engine: Engine,
    X: Array,
    y: Array,
    chunk: Chunk,
    totals: Array,
    floor: float,
    threads: int,
    position: Position,
    per_epoch: int,
    history: History,
    network: Any,
) -> None:
    """A DivergenceError, with θ as it was before the chunk, if a step went below the floor or to NaN."""
    batch = chunk.order[chunk.bounds[len(totals) - 1] : chunk.bounds[len(totals)]]
    mean = totals[-1] / len(batch)
    if len(totals) == len(chunk.bounds) - 1 and mean >= floor:
        # Each total is from before its update; this is from after the last one.
        few = batch[: _few(X)]
        mean = engine.log_likelihood(X[few], y[few], threads).mean()
    if mean >= floor:
        return
    step = position.steps + len(totals)
    epoch = position.epochs + 1 + (len(totals) - 1) // per_epoch
    rate = getattr(position.optimizer, "learning_rate", None)
    cure = "a smaller learning_rate" + (f" than {rate:g}" if rate else "") + ", or inputs scaled to about 1, will help"
    message = (
        f"training diverged at step {step}, in epoch {epoch}: the log-likelihood of its minibatch is "
        f"{float(mean):.4g} per example; {network.diagnose(X[batch])}. θ is back where it was after step "
        f"{position.steps}; {cure}"
    )
    engine.restore()
    raise DivergenceError(message, history)


@contextmanager
def _swapped(engine: Engine) -> Iterator[None]:
    """Puts the average of θ in its place for a while, and θ back whatever happens."""
    engine.swap()
    try:
        yield
    finally:
        engine.swap()


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a request to stop after the current chunk; a second one interrupts as usual.

    Only the main thread gets signals; elsewhere, and where somebody else handles SIGINT, it is for `threads.stop`.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield is_stopped
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
