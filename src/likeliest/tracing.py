"""Trace: one forward pass and one backpropagation, with every number kept and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.engines import reference
from likeliest.likelihoods import Bernoulli, Likelihood
from likeliest.ops import ACTIVATIONS, OPERATIONS
from likeliest.program import INPUT, OUTPUT, Program
from likeliest.xp import numpy_namespace as xp

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Trace:
    """Every value of the forward pass and every factor of the chain rule, in float64, for n examples.

    Attributes
    ----------
    values : mapping from name to (n, ...)
        The forward pass in order: ``"x"``, ``"dense_1.z"``, ``"dense_1.h"``, ..., ``"eta"``, and ``"y_hat"``, the
        probability of Y = 1 (n,) or of each class (n, K).
    log_likelihood : (n,) or None
        log P(y | x) of each example; None when no y was given, as is all that follows.
    factors : mapping from name to (n, ...)
        The factors of the chain rule: ``"dLL/deta"``, the likelihood's score; for Bernoulli also its own two factors,
        ``"dLL/dy_hat"`` and ``"dy_hat/deta"``; ``"ddense_1.h/ddense_1.z"`` for each activation.
    derivatives : mapping from name to (n, ...)
        ∂LL/∂value for every value of the forward pass.
    gradient : mapping from parameter name to array
        ∂LL/∂θ, summed over the n examples.
    """

    values: Mapping[str, Array]
    log_likelihood: Array | None
    factors: Mapping[str, Array]
    derivatives: Mapping[str, Array]
    gradient: Mapping[str, Array]


def trace(program: Program, likelihood: Likelihood, theta: Mapping[str, Array], X: Array, y: Array | None) -> Trace:
    """The trace of X (n, ...) and, with y (n,), of its backpropagation."""
    theta = {name: np.asarray(value, np.float64) for name, value in theta.items()}
    values = reference.forward(program, theta, X.astype(np.float64))
    eta = values[OUTPUT]
    shown = {**values, "y_hat": np.asarray(likelihood.mean(xp, eta))}
    if y is None:
        return Trace(shown, None, {}, {}, {})
    score = likelihood.score(eta, y)
    factors: dict[str, Array] = {}
    if isinstance(likelihood, Bernoulli):
        y_hat, not_y_hat = xp.logistic(eta), xp.logistic(-eta)
        factors["dLL/dy_hat"] = y[:, None] / y_hat - (1 - y[:, None]) / not_y_hat
        factors["dy_hat/deta"] = y_hat * not_y_hat
    factors["dLL/deta"] = score
    for step in reversed(program.steps):
        if step.operation in ACTIVATIONS:
            z, h = values[step.inputs[0]], values[step.output]
            one = np.ones_like(h)
            factors[f"d{step.output}/d{step.inputs[0]}"] = OPERATIONS[step.operation].backward(
                one, h, z, **step.attributes
            )[0]
    derivatives, gradient = reference.backward(program, theta, values, score)
    return Trace(shown, np.asarray(likelihood.log_prob(xp, eta, y)), factors, derivatives, gradient)


def diagnose(program: Program, theta: Mapping[str, Array], X: Array, dtype: Any) -> str:
    """Where divergence shows: the first parameter or value that is not finite, or else the largest value.

    In the engine's precision ``dtype``, on the examples X (n, ...) of the minibatch at fault.
    """
    for name, value in theta.items():
        if not np.isfinite(value).all():
            return f"{name} is not finite any more"
    with np.errstate(all="ignore"):
        values = reference.forward(program, dict(theta), X.astype(dtype))
    operations = {INPUT: "the input", **{step.output: f"operation {step.operation}" for step in program.steps}}
    for name, value in values.items():
        if not np.isfinite(value).all():
            return f"{name} ({operations[name]}) is not finite any more"
    sizes = {name: float(np.abs(value).max()) for name, value in values.items()}
    name = max(sizes, key=sizes.__getitem__)
    return f"{name} ({operations[name]}) has grown to {sizes[name]:.3g}"
