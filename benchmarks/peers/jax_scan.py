"""JAX: the whole epoch is one compiled call, a `lax.scan` over minibatches.

The data are resident, the state is donated (updated where it lies) and the order is drawn by NumPy, since sorting on
the device takes longer. W is held as (q, p), and Adam's corrections are applied to the scalars: both help XLA in W2.
Four steps per turn of the loop help W1; gathering all minibatches before the scan, and the compiler's other flags, do
not help either.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks.data import X, Y
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload

Parameters = list[tuple[jax.Array, jax.Array]]
State = tuple[Parameters, Parameters, Parameters, jax.Array]
"""θ, Adam's two moments (empty for gradient ascent), and the number of steps so far."""


class Jax(Peer):
    """jax.jit, jax.lax.scan, jax.grad."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        self.inputs = jnp.asarray(inputs)
        self.labels = jnp.asarray(labels if workload.is_normal else labels.astype(np.int32))
        self.random = np.random.default_rng(0)
        theta: Parameters = [(glorot(self.random, p, q), jnp.zeros(q)) for p, q in pairwise(workload.widths)]

        def zeros() -> Parameters:
            return jax.tree.map(jnp.zeros_like, theta) if workload.optimizer == "adam" else []

        self.state: State = (theta, zeros(), zeros(), jnp.zeros(()))
        self.unroll = 4 if workload.optimizer == "gradient ascent" else 1
        self.compiled_epoch = jax.jit(self.scan, donate_argnums=0)
        self.forward = jax.jit(self.network)

    def network(self, theta: Parameters, x: jax.Array) -> jax.Array:
        activation = jax.nn.sigmoid if self.workload.activation == "logistic" else jax.nn.relu
        for W, b in theta[:-1]:
            x = activation(x @ W.T + b)
        W, b = theta[-1]
        return x @ W.T + b

    def log_likelihood(self, theta: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
        eta = self.network(theta, x)
        if self.workload.is_normal:
            return -0.5 * jnp.mean((y - eta[:, 0]) ** 2)
        if self.workload.is_bernoulli:
            return jnp.mean(y * eta[:, 0] - jax.nn.softplus(eta[:, 0]))
        return jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(eta), y[:, None], axis=1))

    def step(self, state: State, x: jax.Array, y: jax.Array) -> State:
        theta, m, v, t = state
        slope = jax.grad(self.log_likelihood)(theta, x, y)
        w = self.workload
        if w.optimizer == "gradient ascent":
            return jax.tree.map(lambda p, g: p + w.learning_rate * g, theta, slope), m, v, t
        t = t + 1
        m = jax.tree.map(lambda m, g: w.beta1 * m + (1 - w.beta1) * g, m, slope)
        v = jax.tree.map(lambda v, g: w.beta2 * v + (1 - w.beta2) * g * g, v, slope)
        root = jnp.sqrt(1 - w.beta2**t)
        rate, epsilon = w.learning_rate * root / (1 - w.beta1**t), w.epsilon * root
        return jax.tree.map(lambda p, m, v: p + rate * m / (jnp.sqrt(v) + epsilon), theta, m, v), m, v, t

    def scan(self, state: State, order: jax.Array, inputs: jax.Array, labels: jax.Array) -> State:
        """One epoch; the remainder that does not fill a minibatch is a step of its own after the scan."""

        def step(state: State, rows: jax.Array) -> tuple[State, None]:
            x, y = (values.at[rows].get(mode="promise_in_bounds", unique_indices=True) for values in (inputs, labels))
            return self.step(state, x, y), None

        size = self.workload.batch_size
        full = len(order) // size * size
        state, _ = jax.lax.scan(step, state, order[:full].reshape(-1, size), unroll=self.unroll)
        return step(state, order[full:])[0] if full < len(order) else state

    def epoch(self) -> None:
        order = self.random.permutation(len(self.inputs)).astype(np.int32)
        self.state = jax.block_until_ready(self.compiled_epoch(self.state, order, self.inputs, self.labels))

    def eta(self, inputs: X) -> NDArray[Any]:
        return np.asarray(self.forward(self.state[0], inputs))

    def predictor(self, row: X) -> Callable[[], jax.Array]:
        x, theta = jnp.asarray(row), self.state[0]
        probability = jax.jit(lambda theta, x: jax.nn.sigmoid(self.network(theta, x)))
        return lambda: probability(theta, x).block_until_ready()


def glorot(random: np.random.Generator, p: int, q: int) -> jax.Array:
    """Weights (q, p), uniform as Glorot and Bengio (2010) proposed."""
    bound = np.sqrt(6 / (p + q))
    return jnp.asarray(random.uniform(-bound, bound, (q, p)), jnp.float32)


PEER = Jax
