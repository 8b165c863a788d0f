"""What ``Classifier()`` and ``Regressor()`` do where nothing is said; docs/decisions/09-defaults.md tells why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from likeliest.averaging import EMA, Averaging
from likeliest.initializers import Uniform
from likeliest.layers import Dense
from likeliest.likelihoods import Likelihood, StudentT
from likeliest.optimizers import LBFGS, Adam, Optimizer
from likeliest.priors import Normal, Prior
from likeliest.schedules import Constant, Schedule, WarmUp

FEW = 100  # rows, below which nothing is held out: all are taken at once, and the prior has to hold θ back
MANY = 3_000  # rows, from which on a minibatch has more of them
PLENTY = 10_000  # rows, from which on those that were held out are not missed
STEPS, STEPS_FOR_CLASSES = 10_000, 5_000
LOOKS = 80  # at the held-out rows


@dataclass(frozen=True)
class Recipe:
    """How to fit a table of some size."""

    optimizer: Optimizer
    schedule: Schedule
    averaging: Averaging | None
    clip_norm: float | None
    epochs: int
    batch_size: int | None
    holds_out: bool
    refits: bool
    dtype: str
    prior: Prior | dict[str, Prior] | None
    likelihood: Likelihood
    """Of a number whose variance is 1."""


def recipe(n: int, regression: bool, usual: bool, held_out: float) -> Recipe:
    """For n rows.

    Parameters
    ----------
    n : int
        How many.
    regression : bool
        Whether y is numbers.
    usual : bool
        Whether the likelihood is the default one.
    held_out : float
        The share of the rows that is held out if any is.
    """
    if n < FEW:
        prior: Any = Normal(0.35)
        if regression:  # the prior of log s² lets no handful of rows look like a perfect fit
            prior = {"weights": prior, "output.c": Normal(0.3)}
        return Recipe(
            LBFGS(), Constant(), None, None, 300, None, False, False, "float64", prior, StudentT(scale="learned")
        )
    batch_size = 32 if n < MANY else 256
    steady = usual and regression
    return Recipe(
        Adam(0.03 if steady else 0.01),
        WarmUp(0.1, then="cosine"),
        EMA(0.999),
        None if steady else 1.0,
        math.ceil((STEPS if regression else STEPS_FOR_CLASSES) / math.ceil((1 - held_out) * n / batch_size)),
        batch_size,
        True,
        n < PLENTY,
        "float32",
        Normal(max(3, 1000 / n) ** -0.5) if regression else {"weights": Normal(0.4), "output": Normal(1.0)},
        StudentT(min_scale=1e-3),
    )


def of_grids(recipe: Recipe) -> Recipe:
    """The same for images, series and volumes, whose networks are deeper and take smaller steps."""
    if isinstance(recipe.optimizer, Adam):
        return replace(recipe, optimizer=Adam(0.003), clip_norm=1.0)
    return recipe


def dense(width: int, activation: str) -> Dense:
    """A hidden layer whose cells bend in different places from the beginning."""
    return Dense(width, activation, bias_initializer=Uniform(-1, 1))
