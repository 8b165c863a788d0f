"""Sampling: a step is drawn from what the network says of it, and read as the next one (ancestral sampling)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.layers.base import check_finite
from likeliest.likelihoods import Likelihood
from likeliest.likelihoods.categorical import first_passing
from likeliest.stream import Stream
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


def check_temperature(temperature: Any, likelihood: Likelihood) -> float:
    """A temperature that a likelihood has, or a ValueError."""
    check_finite("temperature", temperature)
    if temperature < 0:
        raise ValueError(f"temperature: expected at least 0, found {temperature!r}")
    if likelihood.classes is None and temperature not in (0, 1):
        raise ValueError(
            f"temperature: y has no classes under {likelihood!r}, so there is 1, which draws, and 0, which takes the "
            f"mean; found {temperature!r}"
        )
    return float(temperature)


def tempered(log_p: Array, temperature: float) -> Array:
    """P(Y = k)^(1/temperature) / Σ: (n, K) of log P -> (n, K) of probabilities; at 0 all of it for the likeliest.

    >>> tempered(np.log([[0.2, 0.8]]), 0.5).round(3).tolist()
    [[0.059, 0.941]]
    """
    if temperature == 0:
        return np.asarray(np.eye(log_p.shape[1])[np.argmax(log_p, axis=1)])
    z = log_p / temperature
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def log_probabilities(likelihood: Likelihood, eta: Array) -> Array:
    """Log P(Y = k) in float64: η (n, width) -> (n, K)."""
    p = np.asarray(likelihood.probabilities(numpy_namespace, eta.astype(np.float64)))
    return np.asarray(np.log(np.maximum(p, np.finfo(np.float64).tiny)))


def one_draw(likelihood: Likelihood, eta: Array, temperature: float, key: random.Key) -> Array:
    """One y for each row of η: (n, width) -> (n,) or (n, d)."""
    if likelihood.classes is None:
        eta = eta.astype(np.float64)
        if temperature == 0:
            return np.asarray(likelihood.mean(numpy_namespace, eta))
        u = random.uniform(key, (len(eta), likelihood.draws))
        return np.asarray(likelihood.sample(eta, u[:, 0] if likelihood.draws == 1 else u))
    p = tempered(log_probabilities(likelihood, eta), temperature)
    return np.asarray(first_passing(p, random.uniform(key, (len(eta),))))


def reader(likelihood: Likelihood, step: tuple[int, ...], codes: int | None) -> Callable[[Array], Array]:
    """How what was drawn, y (n,) or (n, d), is the next step of x.

    Raises
    ------
    ValueError
        When it cannot be.
    """
    d, K = likelihood.row, likelihood.classes
    if step == d and (codes is None or (K is not None and codes >= K)):
        return lambda y: y
    if K is not None and step == (K,):
        return lambda y: np.eye(K)[y]
    if not d and step == (1,) and K is None:
        return lambda y: y[:, None]
    numbers = f"steps of {step[0]} numbers" if step else "numbers"
    found = numbers if codes is None else f"codes 0 to {codes - 1}"
    raise ValueError(f"sample: y of {likelihood!r} cannot be the next step of x, which are {found}")


def draw(
    make: Callable[[int], Stream],
    shape: tuple[int, ...],
    likelihood: Likelihood,
    start: Any,
    steps: int,
    temperature: Any,
    seed: int,
) -> Array:
    """What `Network.sample` does: x has this ``shape`` at every step."""
    temperature = check_temperature(temperature, likelihood)
    start = np.asarray(start)
    one = start.ndim == len(shape) + 1
    X = start[None] if one else start
    if X.ndim != len(shape) + 2 or X.shape[2:] != shape or not X.size or X.dtype.kind not in "biuf":
        raise ValueError(
            f"start: expected the beginning of a sequence, at least one step of shape {shape}, or n beginnings of one "
            f"length; found shape {start.shape} of {start.dtype}"
        )
    stream = make(len(X))
    read = reader(likelihood, shape, stream.codes)
    eta = stream.read(X)
    drawn = []
    for t in range(steps):
        y = one_draw(likelihood, eta, temperature, random.stream(seed, random.SAMPLES, t))
        if not np.isfinite(y).all():
            raise ValueError(f"sample: step {t} is not finite: the series has run away; start nearer to the data")
        drawn.append(y)
        if t + 1 < steps:
            eta = stream.output(read(y))
    values = np.stack(drawn, axis=1)
    return np.asarray(values[0] if one else values)
