"""Which learning rate to take: the log-likelihood of step after step, while the learning rate rises."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.engines.base import Chunk, Terms
from likeliest.examples import check_targets
from likeliest.fitting import check_read, longest_gradient, read
from likeliest.optimizers import Adam, Optimizer
from likeliest.preparation import check_clip_norm, start_output
from likeliest.sequences import gathered
from likeliest.threads import resolve_threads

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[np.float64]

WIDTH = 0.03  # of the smoothing kernel (its standard deviation), as a share of all steps


@dataclass(frozen=True, eq=False)
class LearningRateFinder:
    """What ``find_learning_rate`` found.

    Attributes
    ----------
    learning_rates : (steps,) array
        Of the steps, rising exponentially. Fewer than asked for when the log-likelihood was no number any more.
    log_likelihood : (steps,) array
        The mean log-likelihood per example of each step's minibatch, before the step.
    """

    learning_rates: Array
    log_likelihood: Array

    @property
    def smoothed(self) -> Array:
        """The log-likelihood without the noise of the minibatches: a mean over neighbours with normal weights.

        What lies further below the start than the best lies above it is cut off there, so that the steps which ran
        away do not drown those before them.
        """
        values = self.log_likelihood
        start = values[: max(1, len(values) // 10)].mean()
        values = np.maximum(values, start - (values.max() - start))
        at = np.arange(len(values))
        weights = np.exp(-0.5 * ((at[:, None] - at) / max(WIDTH * len(values), 0.5)) ** 2)
        smooth: Array = weights @ values / weights.sum(axis=1)
        return smooth

    @property
    def suggestion(self) -> float:
        """The learning rate at which the smoothed log-likelihood rises fastest, before it is at its best."""
        smoothed = self.smoothed
        if len(smoothed) < 2:
            return float(self.learning_rates[0])
        slope = np.gradient(smoothed, np.log(self.learning_rates))
        return float(self.learning_rates[np.argmax(slope[: np.argmax(smoothed) + 1])])

    def plot(self, ax: Any = None) -> Any:
        """Draws the log-likelihood against the learning rate and returns its axes; needs matplotlib."""
        from likeliest import plots

        return plots.learning_rates(self, ax=ax)


def find_learning_rate(
    network: Network,
    X: Any,
    y: Any,
    optimizer: Optimizer | None = None,
    *,
    lengths: Any = None,
    clip_norm: float | str | None = "auto",
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRateFinder:
    """Takes some steps with a learning rate that rises from low to high, on a copy: the network does not change.

    Smith 2017, https://arxiv.org/abs/1506.01186: the log-likelihood stays where it is while the learning rate is too
    small, rises while it is right, and falls when it is too large. A good one is where the rise is steepest.

    Parameters
    ----------
    network : Network
        From whose θ the steps start; one that is not built starts as ``fit`` would, from the θ of the seed.
    X : (n, ...) array or data frame, or list of sequences
        The examples.
    y : (n,) array, or for a target at every step (n, T) array or list of (T_i,) arrays
        The targets.
    optimizer : Optimizer, optional
        ``Adam()`` by default; its learning rate does not matter.
    lengths : (n,) array of int, optional
        As in `Network.fit`.
    clip_norm : float, "auto" or None
        As in `Network.fit`.
    low, high : float
        The first and the last learning rate.
    steps : int
        How many steps, at least 2.
    batch_size : int
        How many examples a step takes.
    seed : int
        For the order of the examples.

    Returns
    -------
    LearningRateFinder
        ``.suggestion`` is the learning rate, ``.plot()`` the picture.

    Raises
    ------
    ValueError
        When an argument cannot be.
    """
    optimizer = Adam() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer) or optimizer.full_batch:
        raise ValueError(f"optimizer: expected one that has a learning rate, such as Adam(); found {optimizer!r}")
    if not 0 < low < high < math.inf:
        raise ValueError(f"low, high: expected positive numbers with low < high, found {low!r} and {high!r}")
    for name, value, least in (("steps", steps, 2), ("batch_size", batch_size, 1)):
        if isinstance(value, bool) or value != int(value) or value < least:
            raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}")
    clip_norm = check_clip_norm(clip_norm)
    twin, threads = copy.copy(network), resolve_threads(None)
    fresh = not twin._is_built
    X, y, _, form, of_each = read(twin, X, y, lengths, None)
    y = check_targets(twin._likelihood_for(form), X, y)
    if fresh:
        twin._start_anew(form, seed)
    elif form != twin.program.form:
        twin._reshape(form)
    check_read(twin, X, threads)
    if fresh:
        start_output(twin._built(), twin.likelihood, y, None)
    rates = np.geomspace(low, high, steps)
    engine = twin._built()
    unit: Any = replace(optimizer, **{"learning_rate": 1.0})
    engine.start(unit)
    m = min(batch_size, len(X))
    whole = len(X) // m  # minibatches an epoch; what is left over waits for the next one
    epochs = range(-(-steps // whole))
    order = engine.permutations(seed, epochs, len(X), threads)
    if of_each is not None:
        order = gathered(order, of_each, m, seed, epochs)
    order = order[:, : whole * m].ravel()[: steps * m]
    chunk = Chunk(order, np.arange(steps + 1) * m, rates)
    terms = Terms(1 / len(X), longest_gradient(twin, clip_norm, optimizer, m), seed)
    mean = engine.train(X, y, None, chunk, 1, -math.inf, terms, threads) / m
    good = mean[: np.argmin(np.append(np.isfinite(mean), False))]  # up to the first that is no number
    if len(good) == 0:
        raise ValueError(
            f"the log-likelihood is {mean[0]} before the first step: X or θ is too large for {engine.dtype}; scale X"
        )
    return LearningRateFinder(rates[: len(good)], good)
