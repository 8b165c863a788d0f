"""The reference engine: a program run with NumPy. This is where backpropagation is, in one loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.engines.base import Array, Chunk
from likeliest.likelihoods import Likelihood
from likeliest.ops import OPERATIONS
from likeliest.optimizers import Optimizer
from likeliest.optimizers.base import State
from likeliest.program import INPUT, OUTPUT, Program
from likeliest.xp import numpy_namespace as xp

Values = dict[str, Array]


def forward(program: Program, theta: Values, X: Array) -> Values:
    """Every value of the forward pass by name, from x to η."""
    values: Values = {INPUT: X}
    for step in program.steps:
        values[step.output] = OPERATIONS[step.operation].forward(
            xp, *_arguments(step, values, theta), **step.attributes
        )
    return values


def backward(program: Program, theta: Values, values: Values, score: Array) -> tuple[Values, Values]:
    """Backpropagation: from ∂LL/∂η to ∂LL/∂value for every value and ∂LL/∂θ for every parameter.

    Each step, last to first, multiplies the gradient of its output by its own derivative (the chain rule) and adds the
    result to the gradients of what went in.
    """
    g: Values = {OUTPUT: score}
    for step in reversed(program.steps):
        arguments = _arguments(step, values, theta)
        page = OPERATIONS[step.operation]
        gradients = page.backward(g[step.output], values[step.output], *arguments, **step.attributes)
        for name, gradient in zip((*step.inputs, *step.parameters), gradients, strict=True):
            g[name] = g[name] + gradient if name in g else gradient
    return {name: g[name] for name in values}, {name: g[name] for name in theta}


def _arguments(step: Any, values: Values, theta: Values) -> list[Array]:
    return [*(values[name] for name in step.inputs), *(theta[name] for name in step.parameters)]


class Reference:
    """Holds θ as NumPy arrays by name; in float64 it is the oracle for every other engine."""

    def __init__(self, program: Program, likelihood: Likelihood, dtype: str) -> None:
        self.program, self.likelihood, self.dtype = program, likelihood, np.dtype(dtype)
        self.theta: Values = {name: np.zeros(shape, self.dtype) for name, shape in program.parameters.items()}
        self.optimizer: Optimizer | None = None
        self.state: dict[str, State] = {}
        self._kept = dict(self.theta), dict(self.state)

    def get(self, name: str, slot: int = 0) -> Array:
        """A copy of one parameter, or of the optimizer's state for it: slots 1, 2, ..."""
        return np.array(self.state[name][slot - 1] if slot else self.theta[name])

    def set(self, name: str, value: Array, slot: int = 0) -> None:
        """Replaces one parameter, or the optimizer's state for it."""
        value = np.array(value, self.dtype)
        if slot:
            state = self.state[name]
            self.state[name] = (*state[: slot - 1], value, *state[slot:])
        else:
            self.theta[name] = value

    def keep(self) -> None:
        """Keeps θ and the optimizer's state aside; nothing here is ever changed in place."""
        self._kept = dict(self.theta), dict(self.state)

    def restore(self) -> None:
        """Brings back what was kept last."""
        self.theta, self.state = dict(self._kept[0]), dict(self._kept[1])

    def first_non_finite(self, X: Array, threads: int) -> tuple[int, int] | None:
        """The row and the column (of the flattened example) of the first NaN or infinity in X, if there is one."""
        with np.errstate(over="ignore"):
            wrong = np.argwhere(~np.isfinite(X.reshape(X.shape[0], -1).astype(self.dtype)))
        return (int(wrong[0][0]), int(wrong[0][1])) if len(wrong) else None

    def start(self, optimizer: Optimizer) -> None:
        """Takes an optimizer, with its state before the first step."""
        self.optimizer = optimizer
        self.state = {name: optimizer.init(theta) for name, theta in self.theta.items()}

    def permutations(self, seed: int, epochs: range, n: int) -> npt.NDArray[np.uint32]:
        """The order of the n examples in each of the epochs: (len(epochs), n)."""
        return random.permutations(seed, epochs, n)

    def train(self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, floor: float, threads: int) -> Array:
        """Takes the steps of a chunk; see `Engine.train`."""
        assert self.optimizer is not None
        totals: list[float] = []
        for k in range(len(chunk.bounds) - 1):
            batch = chunk.order[chunk.bounds[k] : chunk.bounds[k + 1]]
            weights = None if w is None else w[batch]
            total, gradient = self._score(X[batch], y[batch], weights)
            totals.append(total)
            if not total >= floor * len(batch):
                break
            for name, g in gradient.items():
                mean = (g / len(batch)).astype(self.dtype)
                theta, state = self.optimizer.update(self.theta[name], mean, self.state[name], t + k)
                self.theta[name], self.state[name] = theta.astype(self.dtype, copy=False), state
        return np.array(totals)

    def log_likelihood(self, X: Array, y: Array, threads: int) -> Array:
        """Log P(y_i | x_i): (n,) float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.likelihood.log_prob(xp, self.output(X, threads), y), np.float64)

    def gradient(self, X: Array, y: Array, w: Array | None, threads: int) -> Values:
        """∂/∂θ Σ_i w_i log P(y_i | x_i), by parameter name."""
        return self._score(X, y, w)[1]

    def _score(self, X: Array, y: Array, w: Array | None) -> tuple[float, Values]:
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging network is reported by whoever called
            values = forward(self.program, self.theta, X.astype(self.dtype))
            score = self.likelihood.score(values[OUTPUT], y)
            log_prob = self.likelihood.log_prob(xp, values[OUTPUT], y)
            if w is not None:
                score, log_prob = score * w[:, None].astype(self.dtype), log_prob * w
            return float(log_prob.sum(dtype=np.float64)), backward(self.program, self.theta, values, score)[1]

    def output(self, X: Array, threads: int) -> Array:
        """η: (n, width)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return forward(self.program, self.theta, np.asarray(X).astype(self.dtype))[OUTPUT]

    def probabilities(self, X: Array, threads: int) -> Array:
        """P(Y = k | x): (n, classes)."""
        return np.asarray(self.likelihood.probabilities(xp, self.output(X, threads)))
