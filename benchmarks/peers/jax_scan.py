"""JAX: the whole epoch is one compiled call, a `lax.scan` over minibatches.

The data are resident, the state is donated (updated where it lies) and the order is drawn by NumPy, since sorting on
the device takes longer. W is held as (q, p), and Adam's corrections are applied to the scalars: both help XLA in W2.
Four steps per turn of the loop help W1; gathering all minibatches before the scan, and the compiler's other flags, do
not help either.
Convolutions: XLA's own are slow on a processor, and pathologically so within a scan. Patches gathered by hand and
multiplied are three times as quick in W3 and four times in Conv3D, within the scan (outside of it, three times slower);
a depthwise one is a sum of shifted products, five times as quick. Conv1D alone is quickest with XLA's convolution, one
compiled step at a time.
Recurrences are a scan over time within that of the epoch, with both products in the step: multiplying all inputs by W
before the scan takes W4 a fifth longer, joining x_t and h to one product a tenth; a derivative written by hand that
multiplies by all states at once, or several steps per turn of the loop, do not help.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks.data import X, Y
from benchmarks.layers import Convolution, Dense, GlobalAverage, MaxPool, Recurrence
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload

Parameters = list[tuple[jax.Array, ...]]
State = tuple[Parameters, Parameters, Parameters, jax.Array]
"""θ, Adam's two moments (empty for gradient ascent), and the number of steps so far."""

ACTIVATIONS = {"logistic": jax.nn.sigmoid, "relu": jax.nn.relu, "identity": lambda z: z}


class Jax(Peer):
    """jax.jit, jax.lax.scan, jax.grad."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        self.inputs = jnp.asarray(inputs)
        self.labels = jnp.asarray(labels if workload.is_normal else labels.astype(np.int32))
        self.random = np.random.default_rng(0)
        theta: Parameters = []
        for layer, given in zip(workload.layers, workload.shapes, strict=True):
            if isinstance(layer, Dense):
                theta.append((glorot(self.random, (layer.width, given[0])), jnp.zeros(layer.width)))
            elif isinstance(layer, Convolution):
                kernel = (layer.kernel,) * workload.axes
                W = (*kernel, 1 if layer.depthwise else given[-1], layer.width)
                theta.append((glorot(self.random, W), jnp.zeros(layer.width)))
            elif isinstance(layer, Recurrence):
                theta.append(recurrence(self.random, given[-1], layer))

        def zeros() -> Parameters:
            return jax.tree.map(jnp.zeros_like, theta) if workload.optimizer == "adam" else []

        self.state: State = (theta, zeros(), zeros(), jnp.zeros(()))
        self.unroll = 4 if workload.optimizer == "gradient ascent" else 1
        self.one_call = not workload.is_series
        self.compiled_epoch = jax.jit(self.scan, donate_argnums=0)
        self.compiled_step = jax.jit(self.step_of, donate_argnums=0)
        self.forward = jax.jit(self.network)

    def network(self, theta: Parameters, x: jax.Array) -> jax.Array:
        weights = iter(theta)
        for layer in self.workload.layers:
            match layer:
                case Dense():
                    W, b = next(weights)
                    x = ACTIVATIONS[layer.activation](x @ W.T + b)
                case Convolution():
                    W, b = next(weights)
                    convolve = depthwise if layer.depthwise else by_patches if self.one_call else convolution
                    x = ACTIVATIONS[layer.activation](convolve(x, W) + b)
                case Recurrence():
                    x = RECURRENCES[layer.kind](x, *next(weights))
                case MaxPool():
                    x = max_pool(x)
                case GlobalAverage():
                    x = x.mean(tuple(range(1, x.ndim - 1)))
                case _:
                    x = x.reshape(len(x), -1)
        return x

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

    def step_of(self, state: State, rows: jax.Array, inputs: jax.Array, labels: jax.Array) -> State:
        """A step on the examples ``rows``."""
        x, y = (values.at[rows].get(mode="promise_in_bounds", unique_indices=True) for values in (inputs, labels))
        return self.step(state, x, y)

    def scan(self, state: State, order: jax.Array, inputs: jax.Array, labels: jax.Array) -> State:
        """One epoch; the remainder that does not fill a minibatch is a step of its own after the scan."""

        def step(state: State, rows: jax.Array) -> tuple[State, None]:
            return self.step_of(state, rows, inputs, labels), None

        size = self.workload.batch_size
        full = len(order) // size * size
        state, _ = jax.lax.scan(step, state, order[:full].reshape(-1, size), unroll=self.unroll)
        return step(state, order[full:])[0] if full < len(order) else state

    def epoch(self) -> None:
        order = self.random.permutation(len(self.inputs)).astype(np.int32)
        if self.one_call:
            self.state = self.compiled_epoch(self.state, order, self.inputs, self.labels)
        else:
            for start in range(0, len(order), self.workload.batch_size):
                rows = order[start : start + self.workload.batch_size]
                self.state = self.compiled_step(self.state, rows, self.inputs, self.labels)
        jax.block_until_ready(self.state)

    def eta(self, inputs: X) -> NDArray[Any]:
        return np.asarray(self.forward(self.state[0], inputs))

    def predictor(self, row: X) -> Callable[[], jax.Array]:
        x, theta = jnp.asarray(row), self.state[0]
        probability = jax.jit(lambda theta, x: jax.nn.sigmoid(self.network(theta, x)))
        return lambda: probability(theta, x).block_until_ready()

    def streamer(self, step: X) -> Callable[[], NDArray[Any]]:
        (W, U, b), (W_y, b_y) = self.state[0]

        @jax.jit
        def read(state: tuple[jax.Array, jax.Array], x: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            state = lstm_step(state, x, W, U, b)
            return state, jax.nn.softmax(state[0] @ W_y.T + b_y)

        state = (jnp.zeros((1, len(U))), jnp.zeros((1, len(U))))

        def call() -> NDArray[Any]:
            nonlocal state
            state, p = read(state, step[None])
            return np.asarray(p)

        return call


def glorot(random: np.random.Generator, shape: tuple[int, ...]) -> jax.Array:
    """Weights (q, p) or (*kernel, c, q), uniform as Glorot and Bengio (2010) proposed."""
    bound = np.sqrt(6 / ((shape[-2] + shape[-1]) * np.prod(shape[:-2])))
    return jnp.asarray(random.uniform(-bound, bound, shape), jnp.float32)


def recurrence(random: np.random.Generator, p: int, layer: Recurrence) -> tuple[jax.Array, ...]:
    """W (p, gates · q) and U (q, gates · q), each gate's drawn by themselves, and biases."""
    q, gates = layer.width, range(layer.gates)
    W = jnp.concatenate([glorot(random, (p, q)) for _ in gates], axis=1)
    U = np.concatenate([np.linalg.qr(random.standard_normal((q, q)))[0] for _ in gates], axis=1)
    b = np.zeros((layer.gates, q))
    if layer.kind == "gru":
        return W, jnp.asarray(U, jnp.float32), jnp.zeros(b.size), jnp.zeros(b.size)
    b[1] = 1  # the forget gate's
    return W, jnp.asarray(U, jnp.float32), jnp.asarray(b.ravel(), jnp.float32)


def lstm_step(
    state: tuple[jax.Array, jax.Array], x: jax.Array, W: jax.Array, U: jax.Array, b: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """H and c (n, q) after x (n, p)."""
    h, c = state
    i, f, g, o = jnp.split(x @ W + h @ U + b, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def lstm(x: jax.Array, W: jax.Array, U: jax.Array, b: jax.Array) -> jax.Array:
    """(n, T, p) → (n, q), gates i, f, g, o."""

    def step(state: tuple[jax.Array, jax.Array], x: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        return lstm_step(state, x, W, U, b), None

    zeros = jnp.zeros((len(x), len(U)))
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), x.swapaxes(0, 1))
    return h


def gru(x: jax.Array, W: jax.Array, U: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
    """(n, T, p) → (n, q), gates r, z, n."""
    q = len(U)

    def step(h: jax.Array, x: jax.Array) -> tuple[jax.Array, None]:
        given, own = x @ W + b, h @ U + c
        r, z = jnp.split(jax.nn.sigmoid(given[:, : 2 * q] + own[:, : 2 * q]), 2, axis=1)
        n = jnp.tanh(given[:, 2 * q :] + r * own[:, 2 * q :])
        return n + z * (h - n), None

    return jax.lax.scan(step, jnp.zeros((len(x), q)), x.swapaxes(0, 1))[0]


RECURRENCES: dict[str, Callable[..., jax.Array]] = {"lstm": lstm, "gru": gru}


def shifts(x: jax.Array, kernel: tuple[int, ...]) -> list[jax.Array]:
    """For each place in the kernel, in row order, what it sees: (n, *space - kernel + 1, c)."""
    sizes = [size - k + 1 for size, k in zip(x.shape[1:-1], kernel, strict=True)]
    places = product(*map(range, kernel))
    return [x[:, *(slice(a, a + size) for a, size in zip(place, sizes, strict=True))] for place in places]


def by_patches(x: jax.Array, W: jax.Array) -> jax.Array:
    return jnp.concatenate(shifts(x, W.shape[:-2]), -1) @ W.reshape(-1, W.shape[-1])


def depthwise(x: jax.Array, W: jax.Array) -> jax.Array:
    return sum(shift * w for shift, w in zip(shifts(x, W.shape[:-2]), W.reshape(-1, W.shape[-1]), strict=True))


def convolution(x: jax.Array, W: jax.Array) -> jax.Array:
    """XLA's own, of a series."""
    return jax.lax.conv_general_dilated(x, W, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))


def max_pool(x: jax.Array) -> jax.Array:
    """Of images; quicker than XLA's window."""
    n, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


PEER = Jax
