"""What ``Classifier()`` and ``Regressor()`` do where nothing is said; docs/decisions/09-defaults.md tells why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from likeliest.likelihoods import Likelihood, StudentT
from likeliest.optimizers import LBFGS, Adam, Optimizer
from likeliest.priors import Normal, Prior
from likeliest.schedules import Constant, Cosine, Schedule, WarmUp

FEW = 100  # rows, below which nothing is held out: all are taken at once, and the prior has to hold θ back
LOOKS = 100  # at the held-out rows


@dataclass(frozen=True)
class Recipe:
    """How to fit a table of some size."""

    optimizer: Optimizer
    schedule: Schedule
    epochs: int
    batch_size: int | None
    holds_out: bool
    dtype: str
    prior: Prior | dict[str, Prior]
    likelihood: Likelihood
    """Of a number whose variance is 1."""


def recipe(n: int, regression: bool) -> Recipe:
    """For n rows."""
    if n < FEW:
        prior: Any = Normal(0.35)
        if regression:  # the prior of log s² lets no handful of rows look like a perfect fit
            prior = {"weights": prior, "output.c": Normal(0.3)}
        return Recipe(LBFGS(), Constant(), 300, None, False, "float64", prior, StudentT(scale="learned"))
    batch_size = 32 if n < 5000 else 256
    epochs = max(math.ceil(10_000 * batch_size / n), 10)
    schedule = WarmUp(0.1, then=Cosine())
    return Recipe(Adam(0.03), schedule, epochs, batch_size, True, "float32", Normal(0.7), StudentT(min_scale=1e-3))
