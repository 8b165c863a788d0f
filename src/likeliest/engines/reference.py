"""The reference engine: a program run with NumPy. This is where backpropagation is, in one loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.augmentation import mix
from likeliest.engines.base import AVERAGE, Array, Chunk, Terms
from likeliest.engines.finite import first_non_finite
from likeliest.likelihoods import Likelihood, log_prob_of, score_of
from likeliest.ops import OPERATIONS, RECURRENCES
from likeliest.optimizers import Optimizer
from likeliest.optimizers.base import State
from likeliest.priors import Prior
from likeliest.program import INPUT, OUTPUT, Program, Step
from likeliest.xp import numpy_namespace as xp

Values = dict[str, Array]

GOES_ON = "goes on"  # beside the states that are carried: (n, 1) whether a row begins in them


class Training(NamedTuple):
    """That a forward pass is for training, and at which step: what the noise of operations depends on."""

    seed: int
    t: int


def forward(
    program: Program, theta: Values, X: Array, training: Training | None = None, carried: Values | None = None
) -> Values:
    """Every value of the forward pass by name, from x to η; recurrences begin in the state that is carried, if any."""
    values: Values = {INPUT: X}
    for index, step in enumerate(program.steps):
        arguments, attributes = _called(index, step, values, theta, training, carried)
        values[step.output] = OPERATIONS[step.operation].forward(xp, *arguments, **attributes)
    return values


def last_states(program: Program, theta: Values, values: Values, carried: Values | None) -> Values:
    """The state (n, k) in which each recurrence has ended, by the name of its value."""
    states: Values = {}
    for index, step in enumerate(program.steps):
        if step.operation in RECURRENCES:
            arguments, attributes = _called(
                index, step, values, theta, None, carried
            )  # they have no noise of their own
            attributes["every"] = False
            if "cell" in attributes:
                attributes["cell"] = True
            states[step.output] = OPERATIONS[step.operation].forward(xp, *arguments, **attributes)
    return states


def backward(
    program: Program,
    theta: Values,
    values: Values,
    score: Array,
    training: Training | None = None,
    carried: Values | None = None,
) -> tuple[Values, Values]:
    """Backpropagation: from ∂LL/∂η to ∂LL/∂value for every value and ∂LL/∂θ for every parameter.

    Each step, last to first, multiplies the gradient of its output by its own derivative (the chain rule) and adds the
    result to the gradients of what went in.
    """
    g: Values = {OUTPUT: score}
    for index, step in reversed(list(enumerate(program.steps))):
        arguments, attributes = _called(index, step, values, theta, training, carried)
        page = OPERATIONS[step.operation]
        gradients = list(page.backward(g[step.output], values[step.output], *arguments, **attributes))
        if carried and step.output in carried:  # a constant: the gradient ends here
            place, goes_on = _place_of_state(step), carried[GOES_ON]
            gradients[place : place + 1] = [np.where(goes_on, 0, gradients[place])] if step.attributes["state"] else []
        for name, gradient in zip((*step.inputs, *step.parameters), gradients, strict=True):
            g[name] = g[name] + gradient if name in g else gradient
    return {name: g[name] for name in values}, {name: g[name] for name in theta}


def _called(
    index: int, step: Step, values: Values, theta: Values, training: Training | None, carried: Values | None
) -> tuple[list[Array], dict[str, Any]]:
    """What a page is called with: its values and parameters, with the state that is carried; its attributes."""
    arguments, attributes = _arguments(step, values, theta), _attributes(index, step, values, training)
    if carried and step.output in carried:
        place, state = _place_of_state(step), carried[step.output]
        own = arguments[place : place + bool(step.attributes["state"])]
        arguments[place : place + len(own)] = [
            np.where(carried[GOES_ON], state, own[0] if own else 0).astype(state.dtype)
        ]
        attributes["state"] = True
    return arguments, attributes


def _place_of_state(step: Step) -> int:
    """Where the first state of a recurrence stands among its values."""
    return 1 + bool(step.attributes["lengths"])


def _arguments(step: Step, values: Values, theta: Values) -> list[Array]:
    return [*(values[name] for name in step.inputs), *(theta[name] for name in step.parameters)]


def _attributes(index: int, step: Step, values: Values, training: Training | None) -> dict[str, Any]:
    """The attributes of a step and, while training, its noise or that it is training."""
    attributes = dict(step.attributes)
    page = OPERATIONS[step.operation]
    if training is not None and hasattr(page, "draw"):
        x = values[step.inputs[0]]
        key = random.stream(training.seed, random.NOISE, index, training.t)
        attributes["noise"] = page.draw(key, x.shape, **step.attributes).astype(x.dtype)
    if training is not None and hasattr(page, "observe"):
        attributes["training"] = True
    return attributes


class Reference:
    """Holds θ as NumPy arrays by name; in float64 it is the oracle for every other engine."""

    carries_states = True

    def __init__(self, program: Program, likelihood: Likelihood, dtype: str, priors: Mapping[str, Prior]) -> None:
        self.program, self.likelihood, self.dtype, self.priors = program, likelihood, np.dtype(dtype), priors
        self.theta: Values = {name: np.zeros(shape, self.dtype) for name, shape in program.parameters.items()}
        self.optimizer: Optimizer | None = None
        self.state: dict[str, State] = {}
        self.averages: Values = {}
        self.carried: Values = {}  # the state in which recurrences ended, where it is to be carried
        self.keep()

    def get(self, name: str, slot: int = 0) -> Array:
        """A copy of one parameter, of the optimizer's state for it (slots 1, 2, ...), or of its average."""
        if slot == AVERAGE:
            return np.array(self.averages[name])
        return np.array(self.state[name][slot - 1] if slot else self.theta[name])

    def set(self, name: str, value: Array, slot: int = 0) -> None:
        """Replaces one parameter, the optimizer's state for it, or its average."""
        value = np.array(value, self.dtype)
        if slot == AVERAGE:
            self.averages[name] = value
        elif slot:
            state = self.state[name]
            self.state[name] = (*state[: slot - 1], value, *state[slot:])
        else:
            self.theta[name] = value

    def keep(self) -> None:
        """Keeps aside all that training changes; nothing here is ever changed in place."""
        self._kept = dict(self.theta), dict(self.state), dict(self.averages), dict(self.carried)

    def restore(self) -> None:
        """Brings back what was kept last."""
        theta, state, averages, carried = self._kept
        self.theta, self.state, self.averages, self.carried = dict(theta), dict(state), dict(averages), dict(carried)

    def first_non_finite(self, X: Array, threads: int) -> tuple[int, int] | None:
        """The row and the column (of the flattened example) of the first NaN or infinity in X, if there is one."""
        return first_non_finite(X, self.dtype)

    def start(self, optimizer: Optimizer) -> None:
        """Takes an optimizer, with its state before the first step."""
        self.optimizer = optimizer
        self.state = {name: optimizer.init(theta) for name, theta in self.theta.items()}

    def average(self, wanted: bool) -> None:
        """Begins to keep an average of θ, from what θ is now; or stops to."""
        self.averages = dict(self.theta) if wanted else {}

    def swap(self) -> None:
        """Exchanges θ and its average."""
        self.theta, self.averages = self.averages, self.theta

    def permutations(self, seed: int, epochs: range, n: int, threads: int) -> npt.NDArray[np.uint32]:
        """The order of the n examples in each of the epochs: (len(epochs), n)."""
        return random.permutations(seed, epochs, n)

    def forget(self) -> None:
        """Nothing: examples are taken from where they are."""

    def train(
        self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, floor: float, terms: Terms, threads: int
    ) -> Array:
        """Takes the steps of a chunk; see `Engine.train`."""
        totals: list[float] = []
        for k in range(len(chunk.bounds) - 1):
            batch = chunk.order[chunk.bounds[k] : chunk.bounds[k + 1]]
            training = Training(terms.seed, t + k)
            x, shares = self._augmented(X[batch], terms, t + k)
            carries = None if chunk.carries is None else chunk.carries[chunk.bounds[k] : chunk.bounds[k + 1]]
            carried = self._carried(carries)
            weights = None if w is None else w[batch]
            total, gradient, values = self._score(x, y[batch], weights, training, shares, carried)
            self._carry(carries, values, carried)
            totals.append(total)
            if not total >= floor * len(batch):
                break
            g = self._objective(gradient, len(batch), terms)
            self._update(g, t + k, chunk.factors[k])
            self._observe(values)
            if chunk.rates is not None and chunk.rates[k]:
                for name, average in self.averages.items():
                    moved = average + chunk.rates[k] * (self.theta[name] - average)
                    self.averages[name] = moved.astype(self.dtype, copy=False)
        return np.array(totals)

    def _augmented(self, x: Array, terms: Terms, t: int) -> tuple[Array, Array | None]:
        """The examples of a minibatch as training sees them, and with what share each is itself if they are mixed."""
        if terms.augmentation is None:
            return x, None
        x = terms.augmentation.forward(np.asarray(x).astype(self.dtype), terms.seed, t)
        shares = terms.augmentation.shares(terms.seed, t, np.array([0, len(x)]))
        return (x, None) if shares is None else (mix(x, shares), shares)

    def _objective(self, gradient: Values, m: int, terms: Terms) -> Values:
        """The gradient of the objective: mean score of the minibatch, plus the priors', clipped."""
        g = {name: (value / m).astype(self.dtype) for name, value in gradient.items()}
        for name, prior in self.priors.items():
            g[name] = (g[name] + terms.prior_scale * prior.score(self.theta[name])).astype(self.dtype)
        if terms.clip_norm < math.inf:
            learned = [g[name].ravel() for name in g if name not in self.program.statistics]
            norm = math.sqrt(sum(float(part.astype(np.float64) @ part.astype(np.float64)) for part in learned))
            if norm > terms.clip_norm:
                g = {name: (value * (terms.clip_norm / norm)).astype(self.dtype) for name, value in g.items()}
        return g

    def _update(self, g: Values, t: int, factor: float) -> None:
        """The optimizer's step, and the columns of weights that are too long for their ``max_norm`` cut back."""
        assert self.optimizer is not None
        free = self.optimizer.free()
        for name, value in g.items():
            if name in self.program.statistics:
                continue
            optimizer = self.optimizer if name in self.program.weights else free
            theta, state = optimizer.update(self.theta[name], value, self.state[name], t, factor)
            self.theta[name], self.state[name] = theta.astype(self.dtype, copy=False), state
        for name, longest in self.program.max_norm.items():
            W = self.theta[name]
            norm = np.sqrt((W * W).reshape(-1, W.shape[-1]).sum(axis=0))
            self.theta[name] = (W * np.minimum(1, longest / np.maximum(norm, 1e-30))).astype(self.dtype)

    def _observe(self, values: Values) -> None:
        """Brings the running statistics up to date with a minibatch."""
        for step in self.program.steps:
            page = OPERATIONS[step.operation]
            if hasattr(page, "observe"):
                seen = page.observe(*_arguments(step, values, self.theta), **step.attributes)
                for name, value in zip(step.parameters[-len(seen) :], seen, strict=True):
                    self.theta[name] = value.astype(self.dtype)

    def _carried(self, carries: npt.NDArray[np.bool_] | None) -> Values | None:
        """The state in which rows begin that go on from the last ones, by recurrence, and which rows these are."""
        if carries is None or not carries.any():
            return None
        last = np.minimum(np.arange(len(carries)), len(next(iter(self.carried.values()))) - 1)
        return {GOES_ON: carries[:, None]} | {name: state[last] for name, state in self.carried.items()}

    def _carry(self, carries: npt.NDArray[np.bool_] | None, values: Values, carried: Values | None) -> None:
        """Takes down the state in which rows end, where others may go on."""
        if carries is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                self.carried = last_states(self.program, self.theta, values, carried)

    def log_likelihood(self, X: Array, y: Array, threads: int, carries: bool | None = None) -> Array:
        """Log P(y_i | x_i): (n,) float64; see `Engine.log_likelihood`."""
        of_each = None if carries is None else np.full(len(X), carries)
        carried = self._carried(of_each)
        with np.errstate(over="ignore", invalid="ignore"):
            values = forward(self.program, self.theta, np.asarray(X).astype(self.dtype), None, carried)
            self._carry(of_each, values, carried)
            return np.asarray(log_prob_of(self.likelihood, values[OUTPUT], y), np.float64)

    def gradient(self, X: Array, y: Array, w: Array | None, threads: int) -> Values:
        """∂/∂θ Σ_i w_i log P(y_i | x_i), by parameter name."""
        return self._score(X, y, w, None)[1]

    def _score(
        self,
        X: Array,
        y: Array,
        w: Array | None,
        training: Training | None,
        shares: Array | None = None,
        carried: Values | None = None,
    ) -> tuple[float, Values, Values]:
        """LL, ∂LL/∂θ and the values of the forward pass; with shares (n,) each row counts for the next target, too."""
        likelihood = self.likelihood if training is None else self.likelihood.training()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            values = forward(self.program, self.theta, np.asarray(X).astype(self.dtype), training, carried)
            if shares is None:
                score, log_prob = _scored(likelihood, values[OUTPUT], y, w)
            else:
                w = np.ones(len(y)) if w is None else w
                score, log_prob = _scored(likelihood, values[OUTPUT], y, shares * w)
                after = _scored(likelihood, values[OUTPUT], np.roll(y, -1, axis=0), (1 - shares) * np.roll(w, -1))
                score, log_prob = score + after[0], log_prob + after[1]
            gradient = backward(self.program, self.theta, values, score, training, carried)[1]
        return float(log_prob.sum(dtype=np.float64)), gradient, values

    def output(self, X: Array, threads: int) -> Array:
        """η: (n, width)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return forward(self.program, self.theta, np.asarray(X).astype(self.dtype))[OUTPUT]

    def probabilities(self, X: Array, threads: int) -> Array:
        """P(Y = k | x): (n, classes)."""
        return np.asarray(self.likelihood.probabilities(xp, self.output(X, threads)))


def _scored(likelihood: Likelihood, eta: Array, y: Array, w: Array | None) -> tuple[Array, Array]:
    """W ∂ log P(y | η) / ∂η and w log P(y | η), row by row."""
    score, log_prob = score_of(likelihood, eta, y), log_prob_of(likelihood, eta, y)
    return (score, log_prob) if w is None else (score * w[:, None].astype(eta.dtype), log_prob * w)
