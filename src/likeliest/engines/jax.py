"""The JAX engine: the same pages, compiled by XLA for processors, GPUs and TPUs. JAX differentiates them.

A fit's steps are one compiled loop over minibatches. What a step does is a pure function of θ, the optimizer's state
and a minibatch, with θ by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from likeliest import random
from likeliest.engines.base import AVERAGE, Array, Chunk, Terms, kept_in
from likeliest.engines.cache import cache_folder
from likeliest.engines.devices import Devices, devices_of, resident_bytes
from likeliest.engines.native import first_non_finite, permutations
from likeliest.likelihoods import Likelihood
from likeliest.likelihoods.base import has_score_on, score_on
from likeliest.likelihoods.custom import check_shape
from likeliest.ops import OPERATIONS
from likeliest.ops.windows import Padding, Sizes, out_sizes, pad, taps
from likeliest.optimizers import Optimizer
from likeliest.priors import Prior
from likeliest.program import INPUT, OUTPUT, Program, Step
from likeliest.xp import Namespace

Values = dict[str, Any]
"""Arrays of JAX by name."""

ROWS_IN_A_LOOP = 1 << 16  # how many places for examples a compiled loop has, and
STEPS_IN_A_LOOP = 1 << 12  # how many steps at most; a chunk takes several loops, or leaves the rest of one alone
CONTINUED = 80  # terms of the continued fraction of E₁: enough for float64 at 1
GATHERED = 1 << 25  # bytes of rows that are gathered at a time, where the data are not on the device
THIN = 2  # a matrix with so many times as many rows as columns is thin
BLOCK = 1 << 22  # numbers of X that a prediction takes at a time


class Numbers(Namespace):
    """NumPy's names on JAX, with JAX's own logistic function."""

    def __init__(self) -> None:
        super().__init__(jnp, "jax.scipy.special", "jax.lax")

    def logistic(self, z: Any) -> Any:
        """σ(z)."""
        return jax.nn.sigmoid(z)

    def scaled_exp1(self, u: Any) -> Any:
        """e^u E₁(u) for u > 0."""
        return scaled_exp1(u)


@jax.custom_jvp
def scaled_exp1(u: Any) -> Any:
    """e^u E₁(u) for u > 0: by its power series up to 1, and by its continued fraction from there on.

    JAX's own E₁ goes round and round for ever on some numbers in float64.
    """
    near, far = jnp.minimum(u, 1.0), jnp.maximum(u, 1.0)
    series, term = -np.euler_gamma - jnp.log(near), -jnp.ones_like(near)
    for k in range(1, 20):
        term = -term * near / k
        series = series + term / k

    def deeper(i: Any, f: Any) -> Any:
        k = (CONTINUED - i).astype(far.dtype)
        return far + 2 * k - 1 - k * k / f

    fraction = lax.fori_loop(0, CONTINUED, deeper, far + 2 * CONTINUED + 1)
    return jnp.where(u < 1.0, jnp.exp(near) * series, 1 / fraction)


@scaled_exp1.defjvp
def _scaled_exp1_slope(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    """e^u E₁(u) − 1/u; far out, where that cancels, −1/u² + 2/u³ − 6/u⁴."""
    (u,), (du,) = primals, tangents
    value, far = scaled_exp1(u), jnp.maximum(u, 1.0)
    return value, du * jnp.where(u > 1e4, -(1 - (2 - 6 / far) / far) / far / far, value - 1 / u)


xp = Numbers()


def convolution(
    xp: Any, x: Any, W: Any, b: Any = None, *, stride: Sizes, padding: Padding, dilation: Sizes, groups: int
) -> Any:
    """As the page says: by XLA's own convolution; on a processor, where that is slow, as one product of all patches.

    A depthwise convolution is a sum of products there.
    """
    kernel, (c, q) = W.shape[:-2], W.shape[-2:]
    on_processor = jax.default_backend() == "cpu"
    if on_processor and groups > 1 and c > 1:
        return OPERATIONS["convolution"].forward(
            xp, x, W, b, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    if on_processor:
        padded, out = pad(xp, x, padding), out_sizes(x.shape[1:-1], kernel, stride, padding, dilation)
        seen = [padded[under] for _, under in taps(kernel, out, stride, dilation)]
        if groups == 1:
            z = jnp.concatenate(seen, axis=-1) @ W.reshape(-1, q)
        else:
            each = W.reshape(-1, q)
            z = sum(jnp.repeat(one, q // groups, axis=-1) * each[k] for k, one in enumerate(seen))
    else:
        space = "DHW"[-len(kernel) :]
        names = (f"N{space}C", f"{space}IO", f"N{space}C")
        z = lax.conv_general_dilated(x, W, stride, padding, None, dilation, names, groups)
    return z if b is None else z + b


def global_max_pool(xp: Any, x: Any) -> Any:
    """As the page says; its derivative by machine goes to the first of the largest only."""
    rows = x.reshape(x.shape[0], -1, x.shape[-1])
    return jnp.take_along_axis(rows, rows.argmax(axis=1, keepdims=True), axis=1)[:, 0]


def max_pool(xp: Any, x: Any, *, window: Sizes, stride: Sizes, padding: Padding) -> Any:
    """As the page says; where windows lie side by side, without slices that skip, which are slow on a processor."""
    if window != stride or any(map(any, padding)):
        return OPERATIONS["max_pool"].forward(xp, x, window=window, stride=stride, padding=padding)
    return largest_of_tiles(window, x)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def largest_of_tiles(window: Sizes, x: Any) -> Any:
    """The largest number in each window, side by side from the first corner."""
    tiles, axes = tiled(window, x)
    return tiles.max(axes)


def tiled(window: Sizes, x: Any) -> tuple[Any, tuple[int, ...]]:
    """X (n, *space, c), without what is left over, as (n, places, taps, places, taps, …, c); the axes of the taps."""
    places = [size // k for size, k in zip(x.shape[1:-1], window, strict=True)]
    whole = x[(slice(None), *(slice(count * k) for count, k in zip(places, window, strict=True)))]
    shape = [size for pair in zip(places, window, strict=True) for size in pair]
    return whole.reshape(len(x), *shape, x.shape[-1]), tuple(range(2, 2 + 2 * len(window), 2))


def _tiles_forward(window: Sizes, x: Any) -> tuple[Any, Any]:
    h = largest_of_tiles(window, x)
    return h, (x, h)


def _tiles_backward(window: Sizes, kept: tuple[Any, Any], g: Any) -> tuple[Any]:
    """The first of the largest, in row order, has the gradient."""
    x, h = kept
    tiles, axes = tiled(window, x)
    h, g = (jnp.expand_dims(one, axes) for one in (h, g))
    number = jnp.zeros((1,) * tiles.ndim, jnp.int32)
    for axis, k in zip(axes, window, strict=True):
        number = number * k + jnp.expand_dims(jnp.arange(k), [a for a in range(tiles.ndim) if a != axis])
    first = jnp.where((tiles == h) | (tiles != tiles), number, math.prod(window)).min(axes, keepdims=True)
    slope = jnp.where(number == first, g, jnp.zeros((), g.dtype))
    whole = slope.reshape(len(x), *(a * b for a, b in zip(*[iter(slope.shape[1:-1])] * 2, strict=True)), x.shape[-1])
    left = [(0, size - done) for size, done in zip(x.shape, whole.shape, strict=True)]
    return (jnp.pad(whole, left),)


largest_of_tiles.defvjp(_tiles_forward, _tiles_backward)

OWN: dict[str, Callable[..., Any]] = {
    "convolution": convolution,
    "max_pool": max_pool,
    "global_max_pool": global_max_pool,
}
"""What stands in for a page's forward pass, and equals it."""
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")


@lru_cache(maxsize=1)
def use_cache() -> None:
    """Has JAX keep compiled programs in the user's folder, unless the user has said where, or that it is not to."""
    settings: Any = jax.config
    if settings.jax_compilation_cache_dir is not None or not settings.jax_enable_compilation_cache:
        return
    folder = cache_folder()
    if folder is None:
        return
    from jax.experimental.compilation_cache import compilation_cache

    settings.update("jax_compilation_cache_dir", folder)
    settings.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    compilation_cache.reset_cache()  # for whoever has compiled something already


class Learner(NamedTuple):
    """What training changes: θ, the optimizer's state for each parameter, and an average of θ if one is kept."""

    theta: Values
    state: dict[str, tuple[Any, ...]]
    averages: Values


class Batch(NamedTuple):
    """One minibatch of m rows, and what else the step on it hangs on.

    x (m, ...), y (m, ...), w (m,) weights, 0 for the rows that only fill it up; ``count``, how many others there are.
    ``shares`` (m,) of each row in itself where they are mixed, else None. ``keys`` (k, 2) of the random numbers of each
    operation that takes some. ``t`` is the number of the step; ``factor`` multiplies the learning rate, and the average
    goes ``rate`` of its way.
    """

    x: Any
    y: Any
    w: Any
    count: Any
    shares: Any
    keys: Any
    t: Any
    factor: Any
    rate: Any


class Steps(NamedTuple):
    """The minibatches of a loop, (steps, ...) each: which rows of the data, and the rest of `Batch`.

    ``order`` is None where the data are the rows of each step: (steps, m, ...).
    """

    order: Any
    count: Any
    shares: Any
    keys: Any
    t: Any
    factor: Any
    rate: Any


class Climb(NamedTuple):
    """How a step climbs: the divisor of the prior, the longest gradient, and where it gives up."""

    prior_scale: Any
    clip_norm: Any
    floor: Any


class Model:
    """The pure functions of a network, from θ by name; compiled when they are first called."""

    def __init__(
        self, program: Program, likelihood: Likelihood, dtype: str, priors: Mapping[str, Prior], devices: Devices
    ) -> None:
        self.program, self.likelihood, self.priors, self.devices = program, likelihood, dict(priors), devices
        self.dtype = np.dtype(kept_in(dtype))
        self.compute = jnp.dtype(dtype)
        self.turned = turned_in(program)
        self.noisy = [k for k, step in enumerate(program.steps) if hasattr(OPERATIONS[step.operation], "draw")]
        self.observing = [step for step in program.steps if hasattr(OPERATIONS[step.operation], "observe")]
        self.output = jax.jit(self._output)
        self.log_prob = jax.jit(self._log_prob)
        self.probabilities = jax.jit(self._probabilities)
        self.gradient = jax.jit(self._gradient)

    # Forward ----------------------------------------------------------------------------------------------------------

    def forward(self, theta: Values, x: Any, keys: Any = None) -> Values:
        """Every value of the forward pass by name; with ``keys``, as training has them."""
        values: Values = {INPUT: x.astype(self.dtype)}
        for index, step in enumerate(self.program.steps):
            page, attributes = OPERATIONS[step.operation], dict(step.attributes)
            arguments = [values[name] for name in step.inputs]
            arguments += [self.upright(theta, name) for name in step.parameters]
            if self.compute != self.dtype:
                arguments = self._rounded(step, arguments)
            if keys is not None and index in self.noisy:
                key = keys[self.noisy.index(index)]
                attributes["noise"] = page.draw(
                    (key[0], key[1]), arguments[0].shape, **step.attributes, xp=xp, dtype=self.dtype
                ).astype(arguments[0].dtype)
            if keys is not None and step in self.observing:
                attributes["training"] = True
            h = OWN.get(step.operation, page.forward)(xp, *arguments, **attributes)
            values[step.output] = h.astype(self.compute) if step.operation in NORMS else h
        return {**values, OUTPUT: values[OUTPUT].astype(self.dtype)}

    def _rounded(self, step: Step, arguments: list[Any]) -> list[Any]:
        """The arguments of a step in the precision of layers, where that is not the one of θ.

        X stays as it is on its way to where codes and lengths are taken from it, which must be exact; and norms look at
        more numbers than so few digits can add up.
        """
        if step.operation in NORMS:
            return [one.astype(self.dtype) for one in arguments]
        exact = arguments[0].dtype == self.dtype
        if exact and step.operation in ("slice", "reshape", "identity", "rescale", "embedding"):
            return arguments
        kept = {0} if step.operation == "token_embedding" else set()
        if step.attributes.get("lengths"):
            kept = {k for k, name in enumerate(step.inputs) if k and self.program.values[name] == (1,)}
        return [one if k in kept else one.astype(self.compute) for k, one in enumerate(arguments)]

    def _output(self, theta: Values, x: Any) -> Any:
        return self.forward(theta, x)[OUTPUT]

    def _log_prob(self, theta: Values, x: Any, y: Any) -> Any:
        return log_prob_of(self.likelihood, self._output(theta, x), y)

    def _probabilities(self, theta: Values, x: Any) -> Any:
        return self.likelihood.probabilities(xp, self._output(theta, x))

    def _gradient(self, theta: Values, x: Any, y: Any, w: Any) -> Values:
        def LL(learned: Values) -> Any:
            return (w * log_prob_of(self.likelihood, self._output({**theta, **learned}, x), y)).sum()

        gradient: Values = self.devices.kept(jax.grad(LL)(self.learned(theta)))
        return gradient

    def upright(self, theta: Values, name: str) -> Any:
        """A parameter as the pages have it."""
        return theta[name].T if name in self.turned else theta[name]

    def learned(self, theta: Values) -> Values:
        """Those of θ that are learned, not observed."""
        return {name: value for name, value in theta.items() if name not in self.program.statistics}

    # A step -----------------------------------------------------------------------------------------------------------

    def score(self, theta: Values, batch: Batch) -> tuple[Any, Values, Values]:
        """Σ_i w_i log P(y_i | x_i) of a minibatch as training has it, its mean's gradient, and values on the way."""
        likelihood = self.likelihood.training()

        def LL(learned: Values) -> tuple[Any, tuple[Any, Values]]:
            values = self.forward({**theta, **learned}, batch.x, batch.keys)
            eta, shares, w = values[OUTPUT], batch.shares, batch.w
            if shares is None:
                total = (w * log_prob_of(likelihood, eta, batch.y)).sum()
            else:
                after = following(batch)
                total = (shares * w * log_prob_of(likelihood, eta, batch.y)).sum()
                counts = jnp.arange(len(w)) < batch.count
                total += (
                    jnp.where(counts, (1 - shares) * w[after], 0.0) * log_prob_of(likelihood, eta, batch.y[after])
                ).sum()
            values = {name: values[name] for step in self.observing for name in step.inputs}
            return total / batch.count, (total, values)

        (_, (total, values)), gradient = jax.value_and_grad(LL, has_aux=True)(self.learned(theta))
        return total, gradient, values

    def objective(self, theta: Values, gradient: Values, climb: Climb, clips: bool) -> Values:
        """The gradient of the objective: mean score of the minibatch, plus the priors', clipped."""
        g = dict(gradient)
        for name, prior in self.priors.items():
            slope = jax.grad(lambda value, prior=prior: prior.log_prob(xp, value).sum())(theta[name])
            g[name] = g[name] + climb.prior_scale * slope
        if clips:
            norm = jnp.sqrt(sum((value * value).sum() for value in g.values()))
            scale = jnp.where(norm > climb.clip_norm, climb.clip_norm / norm, 1.0)
            g = {name: value * scale for name, value in g.items()}
        return g

    def update(self, optimizer: Optimizer, learner: Learner, g: Values, batch: Batch) -> Learner:
        """The optimizer's step, and the columns of weights that are too long for their ``max_norm`` cut back."""
        theta, state, free = dict(learner.theta), dict(learner.state), optimizer.free()
        for name, slope in g.items():
            rule = optimizer if name in self.program.weights else free
            theta[name], state[name] = rule.update(theta[name], slope, state[name], batch.t, batch.factor, xp)
        for name, longest in self.program.max_norm.items():
            W = theta[name]
            axes = (1,) if name in self.turned else tuple(range(W.ndim - 1))
            norm = jnp.sqrt((W * W).sum(axis=axes, keepdims=True))
            theta[name] = W * jnp.minimum(1.0, longest / jnp.maximum(norm, 1e-30))
        return Learner(theta, state, learner.averages)

    def observe(self, theta: Values, values: Values) -> Values:
        """θ with the running statistics brought up to date with a minibatch."""
        theta = dict(theta)
        for step in self.observing:
            arguments = [values[name].astype(self.dtype) for name in step.inputs]
            arguments += [theta[name] for name in step.parameters]
            seen = OPERATIONS[step.operation].observe(*arguments, **step.attributes)
            theta.update(zip(step.parameters[-len(seen) :], seen, strict=True))
        return theta

    def step(
        self, optimizer: Optimizer, clips: bool, learner: Learner, batch: Batch, climb: Climb
    ) -> tuple[Learner, Any, Any]:
        """After a minibatch; Σ_i w_i log P before it; and whether that was good enough to take the step at all."""
        if batch.shares is not None:
            share = batch.shares.reshape(-1, *[1] * (batch.x.ndim - 1))
            x = batch.x.astype(self.dtype)
            batch = batch._replace(x=share * x + (1 - share) * x[following(batch)])
        total, gradient, values = self.score(learner.theta, batch)
        good = total >= climb.floor * batch.count

        def taken() -> Learner:
            g = self.objective(learner.theta, gradient, climb, clips)
            after = self.update(optimizer, learner, g, batch)
            theta = self.observe(after.theta, values)
            averages = {name: old + batch.rate * (theta[name] - old) for name, old in learner.averages.items()}
            return jax.tree.map(lambda new, old: new.astype(old.dtype), Learner(theta, after.state, averages), learner)

        # Not by `where`: on a processor, XLA then computes the optimizer's state twice, from copies of the old one.
        after = lax.cond(good, taken, lambda: learner)
        return self.devices.kept(after), *self.devices.everywhere((total, good))

    @lru_cache(maxsize=16)  # noqa: B019 (a model lives as long as its compiled functions)
    def loop(self, optimizer: Optimizer, clips: bool) -> Callable[..., Any]:
        """The compiled loop over steps: see `_loop`."""

        def run(learner: Learner, alive: Any, data: tuple[Any, Any, Any], steps: Steps, many: Any, climb: Climb) -> Any:
            return self._loop(optimizer, clips, learner, alive, data, steps, many, climb)

        return jax.jit(run, donate_argnums=0)

    def _loop(
        self,
        optimizer: Optimizer,
        clips: bool,
        learner: Learner,
        alive: Any,
        data: tuple[Any, Any, Any],
        steps: Steps,
        many: Any,
        climb: Climb,
    ) -> tuple[Learner, Any, Any, Any]:
        """The first ``many`` of the steps, while all goes well, on X, y and perhaps w.

        Returns the learner after them, whether all went well, how many were taken and Σ_i w_i log P of each.
        """

        def at_step(tree: Any, k: Any) -> Any:
            return jax.tree.map(lambda each: lax.dynamic_index_in_dim(each, k, keepdims=False), tree)

        def body(loop: tuple[Any, Any, Learner, Any]) -> tuple[Any, Any, Learner, Any]:
            k, _, learner, totals = loop
            at = at_step(steps, k)
            if at.order is None:
                x, y, weights = at_step(data, k)
            else:
                rows = self.devices.spread(at.order)
                x, y, weights = jax.tree.map(lambda each: each.at[rows].get(mode="promise_in_bounds"), data)
            w = (jnp.arange(len(y)) < at.count).astype(self.dtype)
            if weights is not None:
                w = w * weights
            x, y, w, shares = self.devices.spread((x, y, w, at.shares))
            batch = Batch(x, y, w, at.count.astype(self.dtype), shares, *at[3:])
            learner, total, good = self.step(optimizer, clips, learner, batch, climb)
            return k + 1, good, learner, totals.at[k].set(total)

        first = (jnp.zeros((), jnp.int32), alive, learner, jnp.zeros(steps.count.shape, self.dtype))
        k, alive, learner, totals = lax.while_loop(lambda loop: (loop[0] < many) & loop[1], body, first)
        return learner, alive, k, totals


def turned_in(program: Program) -> frozenset[str]:
    """Weights W (p, q) of affine steps alone that are kept as Wᵀ: the thin ones.

    A processor is quicker with the gradient (q, p) of a few cells that see many numbers, and with (p, q) otherwise.
    """
    affine = {step.parameters[0] for step in program.steps if step.operation == "affine"}
    others = {name for step in program.steps for name in step.parameters[step.operation == "affine" :]}
    shapes = program.parameters
    return frozenset(name for name in affine - others if shapes[name][0] > THIN * shapes[name][1])


def following(batch: Batch) -> Any:
    """The row after each one; after the last that counts comes the first."""
    i = jnp.arange(batch.w.shape[0])
    return jnp.where(i + 1 < batch.count, i + 1, 0)


def log_prob_of(likelihood: Likelihood, eta: Any, y: Any) -> Any:
    """Log P(y | η): (n,); a ValueError where a likelihood of the user's cannot be compiled, or gives another shape."""
    try:
        log_prob = likelihood.log_prob(xp, eta, y)
    except jax.errors.JAXTypeError as error:
        raise ValueError(
            f"likelihood: JAX cannot compile log_prob of {getattr(likelihood, 'own', likelihood)!r}: write it with "
            "functions of the xp that it is given in place of NumPy's, and xp.where in place of if; or use "
            f'engine="native" ({str(error).splitlines()[0]})'
        ) from error
    check_shape(likelihood, "log_prob", np.shape(log_prob), (len(eta),))
    return scored(likelihood, eta, y) if has_score_on(likelihood) else log_prob


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def scored(likelihood: Likelihood, eta: Any, y: Any) -> Any:
    """Log P(y | η): (n,), whose derivative by η is what the likelihood's page says: it stays precise at the ends."""
    return likelihood.log_prob(xp, eta, y)


def _scored_forward(likelihood: Likelihood, eta: Any, y: Any) -> tuple[Any, Any]:
    return likelihood.log_prob(xp, eta, y), (eta, y)


def _scored_backward(likelihood: Likelihood, kept: Any, g: Any) -> tuple[Any, None]:
    eta, y = kept
    return g[:, None] * score_on(xp, likelihood, eta, y), None


scored.defvjp(_scored_forward, _scored_backward)


@lru_cache(maxsize=64)
def shared_model(
    program: str, likelihood: Likelihood, dtype: str, priors: tuple[tuple[str, Prior], ...], devices: Devices
) -> Model:
    """The same functions for networks that are alike, so that they are compiled once."""
    return Model(Program.from_json(program), likelihood, dtype, dict(priors), devices)


def model_of(
    program: Program, likelihood: Likelihood, dtype: str, priors: Mapping[str, Prior], devices: Devices
) -> Model:
    """The functions of a network."""
    try:
        return shared_model(program.to_json(), likelihood, dtype, tuple(priors.items()), devices)
    except TypeError:  # a likelihood that has no hash
        return Model(program, likelihood, dtype, priors, devices)


@contextmanager
def precision(dtype: np.dtype[Any]) -> Iterator[None]:
    """Within it, JAX has float64 if that is what is computed in, whatever it has outside; and float32 means that.

    GPUs and TPUs would multiply float32 in fewer digits; who wants that takes bfloat16.
    """
    enable: Any = getattr(jax if hasattr(jax, "enable_x64") else jax.experimental, "enable_x64")  # noqa: B009
    with enable(dtype == np.float64), exact_products():
        yield


def exact_products() -> AbstractContextManager[Any]:
    """Products in all digits; a processor has no others, and XLA's fast ones there are not for those who ask."""
    if jax.default_backend() == "cpu":
        return nullcontext()
    context: AbstractContextManager[Any] = jax.default_matmul_precision("highest")
    return context


class Jax:
    """Holds θ as arrays of JAX by name, on its default device or on those it is told of."""

    def __init__(
        self,
        program: Program,
        likelihood: Likelihood,
        dtype: str,
        priors: Mapping[str, Prior],
        devices: Any = None,
    ) -> None:
        use_cache()
        self.program, self.likelihood, self.dtype = program, likelihood, np.dtype(kept_in(dtype))
        self._devices = devices_of(devices, program.size, self.dtype.itemsize)
        self._model = model_of(program, likelihood, dtype, priors, self._devices)
        with precision(self.dtype):
            theta = {name: self._zeros(name) for name in program.parameters}
        self._now = Learner(theta, {}, {})
        self._kept = self._now
        self._shared = True  # whether arrays of what is now are also in what is kept, so that none may be given away
        self._optimizer: Optimizer | None = None
        self._data: tuple[Any, ...] | None = None  # the arrays of a fit, and the same on the device
        self._rows = 0  # how many a minibatch of this fit has at most

    def get(self, name: str, slot: int = 0) -> Array:
        """A copy of one parameter, of the optimizer's state for it (slots 1, 2, ...), or of its average."""
        now = self._now
        found = now.averages[name] if slot == AVERAGE else now.state[name][slot - 1] if slot else now.theta[name]
        return np.array(self._turned(name, self._devices.numbers(found)), order="C")

    def _turned(self, name: str, value: Array) -> Array:
        """From the way that the pages have a parameter to the one that it is kept in, or back."""
        return value.T if name in self._model.turned else value

    def _zeros(self, name: str) -> Any:
        return self._devices.parameter(self._turned(name, np.zeros(self.program.parameters[name], self.dtype)))

    def set(self, name: str, value: Array, slot: int = 0) -> None:
        """Replaces one parameter, the optimizer's state for it, or its average."""
        with precision(self.dtype):
            new = self._devices.parameter(self._turned(name, np.asarray(value, self.dtype)))
        now = self._now
        if slot == AVERAGE:
            self._now = now._replace(averages={**now.averages, name: new})
        elif slot:
            state = now.state[name]
            self._now = now._replace(state={**now.state, name: (*state[: slot - 1], new, *state[slot:])})
        else:
            self._now = now._replace(theta={**now.theta, name: new})

    def keep(self) -> None:
        """Keeps θ, the optimizer's state and the average aside."""
        self._kept, self._shared = self._now, True

    def restore(self) -> None:
        """Brings back what was kept last."""
        self._now, self._shared = self._kept, True

    def first_non_finite(self, X: Array, threads: int) -> tuple[int, int] | None:
        """The row and the column (of the flattened example) of the first NaN or infinity in X, if there is one."""
        own = slice(None)
        if self._devices.several:  # each process reads a part
            count, index = jax.process_count(), jax.process_index()
            own = slice(len(X) * index // count, len(X) * (index + 1) // count)
        found = first_non_finite(X[own], self.dtype, threads)
        place = (np.inf, 0) if found is None else (found[0] + (own.start or 0), found[1])
        row, column = min(map(tuple, self._devices.of_processes(place)))
        return None if math.isinf(row) else (int(row), int(column))

    def start(self, optimizer: Optimizer) -> None:
        """Takes an optimizer, with its state before the first step."""
        with precision(self.dtype):
            theta = self._now.theta
            state = {name: tuple(self._zeros(name) for _ in range(optimizer.slots)) for name in theta}
        self._optimizer, self._now = optimizer, self._now._replace(state=state)

    def average(self, wanted: bool) -> None:
        """Begins to keep an average of θ, from what θ is now; or stops to."""
        self._now = self._now._replace(averages=_copies(self._now.theta) if wanted else {})

    def swap(self) -> None:
        """Exchanges θ and its average."""
        now = self._now
        self._now = Learner(now.averages, now.state, now.theta)

    def permutations(self, seed: int, epochs: range, n: int, threads: int) -> npt.NDArray[np.uint32]:
        """The order of the n examples in each of the epochs: (len(epochs), n)."""
        return permutations(seed, epochs, n, threads)

    def forget(self) -> None:
        """Lets go of the examples of a fit."""
        self._data, self._rows = None, 0

    def train(
        self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, floor: float, terms: Terms, threads: int
    ) -> Array:
        """Takes the steps of a chunk; see `Engine.train`."""
        assert self._optimizer is not None
        optimizer, rate = _unit(self._optimizer)
        loop = self._model.loop(optimizer, terms.clip_norm < math.inf)
        with precision(self.dtype):
            pieces = self._loops(X, y, w, chunk, t, rate, terms)
            now, alive = _copies(self._now) if self._shared else self._now, np.bool_(True)
            self._shared = False
            climb = Climb(*(self.dtype.type(one) for one in (terms.prior_scale, terms.clip_norm, floor)))
            seen = []
            with self._devices.watched():
                for data, steps, many in pieces:
                    now, alive, taken, totals = loop(now, alive, data, steps, np.int32(many), climb)
                    self._now = now
                    seen.append((taken, totals))
                return np.concatenate([np.asarray(totals, np.float64)[: int(taken)] for taken, totals in seen])

    def _resident(self, X: Array, y: Array, w: Array | None) -> tuple[Any, Any, Any]:
        """The arrays on the device, where they stay until the fit is over."""
        if self._data is None or any(one is not old for one, old in zip((X, y, w), self._data, strict=False)):
            on_device = jax.tree.map(self._devices.whole, self._arrays(X, y, w))
            self._data = X, y, w, on_device
        found: tuple[Any, Any, Any] = self._data[3]
        return found

    def _arrays(self, X: Array, y: Array, w: Array | None) -> tuple[Array, Array, Array | None]:
        """X, y and w in types that the device has."""
        return self._numbers(X), self._targets(y), None if w is None else np.asarray(w, self.dtype)

    def _targets(self, y: Array) -> Array:
        """Whole numbers as such, and others in the precision of θ."""
        return y.astype(np.int32 if y.dtype.kind in "biu" else self.dtype)

    def _numbers(self, a: Array) -> Array:
        """As it is, if the device reads that as exactly; or in the precision of θ."""
        small = a.dtype.itemsize <= 2 or (a.dtype.kind == "i" and a.dtype.itemsize <= 4)
        return a if small or a.dtype in (self.dtype, np.float32) else a.astype(self.dtype)

    def _loops(
        self, X: Array, y: Array, w: Array | None, chunk: Chunk, t: int, rate: float, terms: Terms
    ) -> Iterator[tuple[tuple[Any, Any, Any], Steps, int]]:
        """The steps of a chunk: loops on data that are on the device, or on some rows at a time, gathered meanwhile."""
        augmentation = terms.augmentation
        if self._streams(X) or (augmentation is not None and augmentation.parts):
            self._data = None
            yield from ahead(
                (self._gathered(X, y, w, steps, terms, at), steps._replace(order=None), many)
                for steps, many, at in self._steps(chunk, t, rate, terms, _room(X))
            )
            return
        data = self._resident(X, y, w)
        for steps, many, _ in self._steps(chunk, t, rate, terms, ROWS_IN_A_LOOP):
            yield data, steps, many

    def _streams(self, X: Array) -> bool:
        """Whether X stays where it is: it would fill the device, is in a file, or is for several to read."""
        base: Any = X
        while base is not None and not isinstance(base, np.memmap):
            base = getattr(base, "base", None)
        return base is not None or self._devices.several or X.nbytes > resident_bytes()

    def _gathered(
        self, X: Array, y: Array, w: Array | None, steps: Steps, terms: Terms, t: int
    ) -> tuple[Any, Any, Any]:
        """The rows of some steps, the first of which is step t, as training is to see them: (steps, m, ...) each.

        Of these, a process reads the ones that its own devices take.
        """
        length, m = steps.order.shape
        order = steps.order[: np.count_nonzero(steps.count)]  # without what fills the loop up
        augmentation = terms.augmentation

        def gathered(values: Array, own: slice, read: Callable[[Array], Array]) -> Array:
            rows = order[:, own]
            found = read(values[rows.reshape(-1)])
            whole = np.zeros((length, rows.shape[1], *values.shape[1:]), found.dtype)
            whole[: len(order)] = found.reshape(*rows.shape, *values.shape[1:])
            return whole

        def examples(own: slice) -> Array:
            x = gathered(X, own, self._numbers)
            if augmentation is not None and augmentation.parts:
                x = x.astype(self.dtype)
                begin, end, _ = own.indices(m)
                for k, count in enumerate(steps.count[: len(order)]):
                    some = x[k, : max(0, min(end, int(count)) - begin)]
                    if len(some):
                        some[...] = augmentation.forward(some, terms.seed, t + k, begin)
            return x

        def targets(own: slice) -> Array:
            return gathered(y, own, self._targets)

        def weights(own: slice) -> Array:
            assert w is not None
            return gathered(w, own, partial(np.asarray, dtype=self.dtype))

        with precision(self.dtype):  # which is a matter of threads, and this is done on another
            rows = self._devices.rows
            return (
                rows(examples, (length, m, *X.shape[1:]), 1),
                rows(targets, (length, m, *y.shape[1:]), 1),
                None if w is None else rows(weights, (length, m), 1),
            )

    def _steps(self, chunk: Chunk, t: int, rate: float, terms: Terms, room: int) -> Iterator[tuple[Steps, int, int]]:
        """The steps of a chunk in loops of one shape, so that one program serves; how many are in each, and its first.

        Minibatches are filled up to the same number of rows, as many for every device, with copies of their last row
        of weight 0. Not where an operation looks at all rows of a minibatch: those of a size are together then.
        """
        sizes = np.diff(chunk.bounds)
        if self._model.observing:
            ends = [0, *(np.flatnonzero(np.diff(sizes)) + 1), len(sizes)]
        else:
            most, count = int(sizes.max()), self._devices.count
            self._rows, ends = max(self._rows, -(-most // count) * count), [0, len(sizes)]
        keys, dtype = self._keys(t + np.arange(len(sizes), dtype=np.uint64), terms), self.dtype
        shares = None if terms.augmentation is None else terms.augmentation.shares(terms.seed, t, chunk.bounds)
        for begin, end in pairwise(ends):
            m = int(sizes[begin]) if self._model.observing else self._rows
            length = max(1, min(room // m, STEPS_IN_A_LOOP))
            for first in range(begin, end, length):
                part = slice(first, min(first + length, end))
                many = part.stop - first

                def filled(values: Any, kind: Any, part: slice = part, length: int = length) -> Array:
                    whole = np.zeros((length, *np.shape(values)[1:]), kind)
                    whole[: part.stop - part.start] = values
                    return whole

                places = chunk.bounds[part, None] + np.minimum(np.arange(m), sizes[part, None] - 1)
                yield (
                    Steps(
                        filled(chunk.order[places], np.int32),
                        filled(sizes[part], np.int32),
                        None if shares is None else filled(shares[places], dtype),
                        filled(keys[part], np.uint32),
                        filled(t + np.arange(first, part.stop), dtype),
                        filled(rate * chunk.factors[part], dtype),
                        filled(0.0 if chunk.rates is None else chunk.rates[part], dtype),
                    ),
                    many,
                    t + first,
                )

    def _keys(self, t: npt.NDArray[np.uint64], terms: Terms) -> npt.NDArray[np.uint32]:
        """The streams of random numbers for the steps t (steps,): (steps, operations that take some, 2)."""
        keys = np.empty((len(t), len(self._model.noisy), 2), np.uint32)
        for k, index in enumerate(self._model.noisy):
            stream = random.stream(terms.seed, random.NOISE, index)
            words = random.threefry(stream, t.astype(np.uint32), (t >> np.uint64(32)).astype(np.uint32))
            keys[:, k] = np.stack(words, axis=1)
        return keys

    def log_likelihood(self, X: Array, y: Array, threads: int, carries: bool | None = None) -> Array:
        """Log P(y_i | x_i): (n,) float64."""
        assert carries is None, "no state is carried here"
        return self._by_blocks(self._model.log_prob, X, self._targets(y)).astype(np.float64)

    def gradient(self, X: Array, y: Array, w: Array | None, threads: int) -> dict[str, Array]:
        """∂/∂θ Σ_i w_i log P(y_i | x_i), by parameter name."""
        y, w = self._targets(y), np.ones(len(y), self.dtype) if w is None else np.asarray(w, self.dtype)
        total = {name: np.zeros(shape, self.dtype) for name, shape in self.program.parameters.items()}
        with precision(self.dtype):
            for block, places in self._blocks(len(X)):
                counts = np.arange(len(places)) < block.stop - block.start
                weights = np.where(counts, w[places], 0).astype(self.dtype)
                g = self._model.gradient(self._now.theta, *self._block(places, X, y), weights)
                for name, value in g.items():
                    total[name] += self._turned(name, self._devices.numbers(value))
        return total

    def output(self, X: Array, threads: int) -> Array:
        """η: (n, width)."""
        return self._by_blocks(self._model.output, X)

    def probabilities(self, X: Array, threads: int) -> Array:
        """P(Y = k | x): (n, classes)."""
        return self._by_blocks(self._model.probabilities, X)

    def _by_blocks(self, run: Callable[..., Any], X: Array, *others: Array) -> Array:
        """What a function gives for every example, a block of them at a time."""
        made = []
        with precision(self.dtype):
            for block, places in self._blocks(len(X)):
                values = run(self._now.theta, *self._block(places, X, *others))
                made.append(self._devices.numbers(values)[: block.stop - block.start])
        return made[0].copy() if len(made) == 1 else np.concatenate(made)

    def _block(self, places: Array, X: Array, *others: Array) -> list[Any]:
        """The rows at some places of X, in numbers that the device has, and of other arrays."""
        rows = self._devices.rows
        return [
            rows(lambda own: self._numbers(X[places[own]]), (len(places), *X.shape[1:])),
            *(rows(partial(_at, one, places), (len(places), *one.shape[1:])) for one in others),
        ]

    def _blocks(self, n: int) -> Iterator[tuple[slice, Array]]:
        """Blocks of n examples, and their rows with the last one again and again after their end.

        Together they are a power of two, so that few programs do, and as many for every device. Of no examples, one
        block of none.
        """
        most = 1 << max(0, (BLOCK // max(1, math.prod(self.program.input_shape))).bit_length() - 1)
        for first in range(0, max(n, 1), most):
            last = min(n, first + most)
            size, count = last - first, self._devices.count
            filled = -(-(1 << (size - 1).bit_length()) // count) * count if size else 0
            yield slice(first, last), np.minimum(np.arange(first, first + filled), last - 1)

    def of_processes(self, value: Any) -> npt.NDArray[np.float64]:
        """What each process has for a number or a few: (processes, ...)."""
        return self._devices.of_processes(value)


def _at(array: Array, places: Array, own: slice) -> Array:
    return array[places[own]]


def ahead(pieces: Iterator[Any]) -> Iterator[Any]:
    """The same pieces, of which the next is made on a thread while one is being worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece


def _room(X: Array) -> int:
    """How many rows of X are gathered at a time."""
    return max(1, min(ROWS_IN_A_LOOP, GATHERED // max(1, X[:1].nbytes)))


@jax.jit
def _copies(tree: Any) -> Any:
    return jax.tree.map(jnp.copy, tree)


def _unit(optimizer: Optimizer) -> tuple[Optimizer, float]:
    """The optimizer with a learning rate of 1, and its own to multiply by: one program serves for any."""
    rate = getattr(optimizer, "learning_rate", None)
    changes: dict[str, Any] = {"learning_rate": 1.0}
    return (optimizer, 1.0) if rate is None else (replace(optimizer, **changes), float(rate))


__all__ = ["Jax"]
