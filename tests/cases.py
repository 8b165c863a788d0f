"""One list of cases, which meets every oracle.

Each operation, likelihood, optimizer and initializer has one row here; a new one needs its row and no more. Networks
of every activation and likelihood follow from the rows.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats

from likeliest import initializers, likelihoods, optimizers
from likeliest.initializers import Initializer
from likeliest.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Add,
    Attention,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv3D,
    ConvTranspose1D,
    ConvTranspose2D,
    ConvTranspose3D,
    Dense,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Graph,
    GroupNorm,
    Last,
    Layer,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    Parallel,
    Positions,
    Residual,
    RMSNorm,
    SeparableConv2D,
    TransformerBlock,
    Upsample1D,
    Upsample2D,
    Upsample3D,
)
from likeliest.likelihoods import Bernoulli, Categorical, Likelihood
from likeliest.network import Network
from likeliest.ops import ACTIVATIONS
from likeliest.optimizers import Optimizer

Array = np.ndarray[Any, Any]

ENGINES = ("native", "reference")
"""Those that are always there. What JAX does is compared with them in test_jax.py."""

# Operations ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OperationCase:
    """What an operation should compute, said in two other ways."""

    shapes: tuple[tuple[int, ...], ...]  # of its values; n stands first where there is one
    formula: Callable[..., Array]  # (*values, **attributes) in NumPy and SciPy, from the definition
    torch: Callable[..., Any]  # (torch, *values, **attributes) in PyTorch
    attributes: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)  # what an engine adds to the attributes while training
    adjust: Callable[[list[Array]], list[Array]] = lambda values: values  # makes values that fit of random ones
    observed: tuple[int, ...] = ()  # which values are observed: they get no gradient
    inputs: int = 1  # how many of its values have n first


_Z = ((5, 7),)


def _norm(x: Array, gamma: Array, beta: Array, mean: float, variance: float, epsilon: float) -> Array:
    return gamma * (x - mean) / math.sqrt(variance + epsilon) + beta


def _batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    momentum: float,
    training: Any = 0,
) -> Array:
    h = np.empty_like(x)
    for j, column in enumerate(x.T.tolist()):
        m, v = (statistics.fmean(column), statistics.pvariance(column)) if training else (mean[j], variance[j])
        h[:, j] = _norm(x[:, j], gamma[j], beta[j], m, v, epsilon)
    return h


def _layer_norm(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    rows = x.tolist()
    return np.stack(
        [_norm(np.array(row), gamma, beta, statistics.fmean(row), statistics.pvariance(row), epsilon) for row in rows]
    )


def _rms_norm(x: Array, gamma: Array, epsilon: float) -> Array:
    return np.stack([gamma * row / math.sqrt(math.fsum(row * row) / len(row) + epsilon) for row in x])


def _embedding(x: Array, *tables: Array, columns: tuple[int, ...]) -> Array:
    """One-hot columns times the tables."""
    one_hot = [
        (np.floor(x[:, c])[:, None] == np.arange(len(E))).astype(float) @ E
        for c, E in zip(columns, tables, strict=True)
    ]
    return np.hstack([np.delete(x, columns, axis=1), *one_hot])


def _torch_embedding(torch: Any, x: Any, *tables: Any, columns: tuple[int, ...]) -> Any:
    numbers = [j for j in range(x.shape[1]) if j not in columns]
    rows = [torch.nn.functional.embedding(x[:, c].long(), E) for c, E in zip(columns, tables, strict=True)]
    return torch.cat([x[:, numbers], *rows], dim=1)


def _codes(values: list[Array]) -> list[Array]:
    """Codes and a half, so that a small step leaves them what they are: a code is the whole part."""
    x, *tables = values
    for c, E in zip((3, 1), tables, strict=True):
        x[:, c] = np.arange(len(x)) * 3 % len(E) + 0.5
    return [x, *tables]


def _attention(
    q: Array, k: Array, v: Array, *limits: Array, heads: int = 1, causal: bool = False, lengths: bool = False
) -> Array:
    """Example by example, head by head, step by step."""
    h = np.zeros((*q.shape[:2], v.shape[2]))
    d, e = q.shape[2] // heads, v.shape[2] // heads
    for i, head, t in product(range(len(q)), range(heads), range(q.shape[1])):
        last = k.shape[1] if not limits else math.ceil(limits[0][i, 0])
        seen = slice(min(last, t + 1) if causal else last)
        columns = slice(head * d, (head + 1) * d)
        a = scipy.special.softmax(k[i, seen, columns] @ q[i, t, columns] / math.sqrt(d))
        h[i, t, head * e : (head + 1) * e] = a @ v[i, seen, head * e : (head + 1) * e]
    return h


def _torch_attention(
    torch: Any, q: Any, k: Any, v: Any, *limits: Any, heads: int = 1, causal: bool = False, lengths: bool = False
) -> Any:
    q, k, v = (one.unflatten(2, (heads, -1)).transpose(1, 2) for one in (q, k, v))
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)[None, None]
    if causal:
        seen = seen.tril()
    if limits:
        seen = seen & (torch.arange(k.shape[2]) < limits[0])[:, None, None, :]
    h = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    return h.transpose(1, 2).flatten(2)


def _limits(values: list[Array]) -> list[Array]:
    """Lengths and a half, so that a small step leaves them what they are."""
    *rest, lengths = values
    return [*rest, np.arange(len(lengths))[:, None] * 2 % rest[1].shape[1] + 0.5]


def _waves(x: Array, base: float) -> Array:
    (_, T, p), h = x.shape, x.copy()
    for t, j in product(range(T), range(p)):
        angle = t / base ** (2 * (j // 2) / p)
        h[:, t, j] += math.cos(angle) if j % 2 else math.sin(angle)
    return h


def _torch_waves(torch: Any, x: Any, base: float) -> Any:
    return x + torch.tensor(_waves(np.zeros(x.shape), base))


def _rotary(x: Array, heads: int, base: float) -> Array:
    """Pairs as complex numbers."""
    d = x.shape[2] // heads
    turns = np.exp(1j * np.outer(np.arange(x.shape[1]), base ** (-np.arange(0, d, 2) / d)))
    pairs = (x[..., ::2] + 1j * x[..., 1::2]) * np.tile(turns, heads)
    return np.stack([pairs.real, pairs.imag], axis=-1).reshape(x.shape)


def _torch_rotary(torch: Any, x: Any, heads: int, base: float) -> Any:
    d = x.shape[2] // heads
    turns = torch.outer(torch.arange(x.shape[1]).double(), base ** (-torch.arange(0, d, 2).double() / d))
    pairs = torch.view_as_complex(x.unflatten(2, (-1, 2))) * torch.polar(torch.ones_like(turns), turns).tile(heads)
    return torch.view_as_real(pairs).flatten(2)


def _symbols(values: list[Array]) -> list[Array]:
    """Codes and a half, so that a small step leaves them what they are."""
    x, E = values
    return [np.arange(x.size).reshape(x.shape) * 3 % len(E) + 0.5, E]


def _convolution(
    x: Array,
    W: Array,
    b: Any = 0,
    *,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Array:
    """One number at a time, from the definition."""
    *kernel, c, q = W.shape
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    out = [(size - r) // s + 1 for size, r, s in zip(x.shape[1:-1], reach, stride, strict=True)]
    z = np.zeros((len(x), *out, q))
    for *at, o in np.ndindex(*out, q):
        for *tap, i in np.ndindex(*kernel, c):
            place = (a * s + t * d for a, s, t, d in zip(at, stride, tap, dilation, strict=True))
            z[(slice(None), *at, o)] += W[(*tap, i, o)] * x[(slice(None), *place, o // (q // groups) * c + i)]
    return z + b


def _transposed_convolution(
    x: Array,
    W: Array,
    b: Any = 0,
    *,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
    output_padding: tuple[int, ...],
) -> Array:
    """One number at a time: each lays down a copy of the kernel."""
    *kernel, q, c = W.shape
    lengths = zip(x.shape[1:-1], stride, dilation, kernel, output_padding, strict=True)
    z = np.zeros((len(x), *((size - 1) * s + d * (k - 1) + 1 + more for size, s, d, k, more in lengths), q * groups))
    for *at, i in np.ndindex(*x.shape[1:]):
        for *tap, o in np.ndindex(*kernel, q):
            place = (a * s + t * d for a, s, t, d in zip(at, stride, tap, dilation, strict=True))
            z[(slice(None), *place, i // (c // groups) * q + o)] += W[(*tap, o, i)] * x[(slice(None), *at, i)]
    kept = (slice(before, size - after) for (before, after), size in zip(padding, z.shape[1:-1], strict=True))
    return z[(slice(None), *kept)] + b


def _pooled(of: Callable[[Array], Array]) -> Callable[..., Array]:
    """What a function says of the numbers of x in each window, without those of the padding."""

    def pool(x: Array, window: tuple[int, ...], stride: tuple[int, ...], padding: tuple[tuple[int, int], ...]) -> Array:
        axes = list(zip(x.shape[1:-1], window, stride, padding, strict=True))
        h = np.zeros((len(x), *((size + sum(pad) - w) // s + 1 for size, w, s, pad in axes), x.shape[-1]))
        for i, *at, k in np.ndindex(h.shape):
            box = (
                slice(max(a * s - pad[0], 0), max(a * s - pad[0] + w, 0))
                for a, (_, w, s, pad) in zip(at, axes, strict=True)
            )
            h[(i, *at, k)] = of(x[(i, *box, k)])
        return h

    return pool


def _group_norm(x: Array, gamma: Array, beta: Array, groups: int, epsilon: float) -> Array:
    h, size = np.empty_like(x), x.shape[-1] // groups
    for i, g in product(range(len(x)), range(groups)):
        own = slice(g * size, (g + 1) * size)
        numbers = x[i][..., own].ravel().tolist()
        mean, variance = statistics.fmean(numbers), statistics.pvariance(numbers)
        h[i][..., own] = _norm(x[i][..., own], gamma[own], beta[own], mean, variance, epsilon)
    return h


def _first(x: Any) -> Any:
    """PyTorch's images have channels first."""
    return x.movedim(-1, 1)


def _border(torch: Any, x: Any, padding: tuple[tuple[int, int], ...], value: float = 0.0) -> Any:
    return torch.nn.functional.pad(x, [size for pair in reversed(padding) for size in pair], value=value)


def _torch_convolution(
    torch: Any, x: Any, W: Any, b: Any = None, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    d = len(stride)
    convolve = getattr(torch.nn.functional, f"conv{d}d")
    W = W.permute(d + 1, d, *range(d)).contiguous()
    z = convolve(_border(torch, _first(x), padding), W, b, stride, 0, dilation, groups)
    return z.movedim(1, -1)


def _torch_transposed_convolution(
    torch: Any,
    x: Any,
    W: Any,
    b: Any = None,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    output_padding: Any,
) -> Any:
    d = len(stride)
    convolve = getattr(torch.nn.functional, f"conv_transpose{d}d")
    W = W.permute(d + 1, d, *range(d)).contiguous()
    z = convolve(_first(x), W, b, stride, 0, output_padding, groups, dilation).movedim(1, -1)
    kept = (slice(before, size - after) for (before, after), size in zip(padding, z.shape[1:-1], strict=True))
    return z[(slice(None), *kept)]


def _torch_max_pool(torch: Any, x: Any, window: Any, stride: Any, padding: Any) -> Any:
    pool = getattr(torch.nn.functional, f"max_pool{len(window)}d")
    return pool(_border(torch, _first(x), padding, -math.inf), window, stride).movedim(1, -1)


def _torch_average_pool(torch: Any, x: Any, window: Any, stride: Any, padding: Any) -> Any:
    pool = getattr(torch.nn.functional, f"avg_pool{len(window)}d")
    total, share = (pool(_border(torch, _first(one), padding), window, stride) for one in (x, torch.ones_like(x)))
    return (total / share).movedim(1, -1)


def _recurrence(step: Callable[..., Any], parts: int) -> Callable[..., Array]:
    """The definition, one sequence and one step at a time; ``step`` is (x_t, h, rest of the state, *parameters)."""

    def formula(
        x: Array, ends: Array, first: Array, mask: Array, *parameters: Array,
        every: bool, reverse: bool, truncate: int = 0, cell: bool = False, **has: Any,
    ) -> Array:  # fmt: skip
        q, more = len(parameters[1]), {k: v for k, v in has.items() if k not in ("lengths", "state", "keep")}
        out = np.zeros((len(x), x.shape[1], q)) if every else np.zeros((len(x), parts * q if cell else q))
        for i, sequence in enumerate(x):
            h, rest, end = first[i, :q], first[i, q:], int(ends[i, 0])
            for t in range(end)[::-1] if reverse else range(end):
                h, rest = step(sequence[t], h, h * mask[i], rest, *parameters, **more)
                if every:
                    out[i, t] = h
            if not every:
                out[i] = np.append(h, rest) if cell else h
        return out

    return formula


def _rnn_step(x: Array, h: Array, held: Array, rest: Array, W: Array, U: Array, b: Array, relu: bool) -> Any:
    z = np.einsum("i,ij->j", x, W) + np.einsum("i,ij->j", held, U) + b
    return (z * (z > 0) if relu else 2 * scipy.special.expit(2 * z) - 1), rest


def _lstm_cells(z: Array, c: Array, shown: Callable[[Array], Array] = lambda c: c) -> Any:
    i, f, g, o = np.split(z, 4)
    c = scipy.special.expit(f) * c + scipy.special.expit(i) * np.tanh(g)
    return scipy.special.expit(o) * np.tanh(shown(c)), c


def _lstm_step(x: Array, h: Array, held: Array, c: Array, W: Array, U: Array, b: Array) -> Any:
    return _lstm_cells(np.einsum("i,ij->j", x, W) + np.einsum("i,ij->j", held, U) + b, c)


def _layer_norm_lstm_step(
    x: Array, h: Array, held: Array, c: Array, W: Array, U: Array, b: Array, *normalized: Array, epsilon: float
) -> Any:
    gamma_x, gamma_h, gamma_c, beta_c = normalized
    z = _layer_norm((x @ W)[None], gamma_x, b, epsilon) + _layer_norm((held @ U)[None], gamma_h, 0 * b, epsilon)
    return _lstm_cells(z[0], c, lambda c: _layer_norm(c[None], gamma_c, beta_c, epsilon)[0])


def _gru_step(
    x: Array, h: Array, held: Array, rest: Array, W: Array, U: Array, b: Array, c: Array, reset_after: bool
) -> Any:
    (xr, xz, xn), (U_r, U_z, U_n), (c_r, c_z, c_n) = np.split(x @ W + b, 3), np.split(U, 3, axis=1), np.split(c, 3)
    r, z = scipy.special.expit(xr + held @ U_r + c_r), scipy.special.expit(xz + held @ U_z + c_z)
    n = np.tanh(xn + (r * (held @ U_n + c_n) if reset_after else (r * held) @ U_n + c_n))
    return (1 - z) * n + z * h, rest


def _torch_recurrence(step: Callable[..., Any], parts: int) -> Callable[..., Any]:
    """All sequences at once in PyTorch, by masks; its own layers, which take no keep, are in test_recurrence.py."""

    def run(
        torch: Any, x: Any, *values: Any, every: bool, reverse: bool, truncate: int = 0, cell: bool = False, **more: Any
    ) -> Any:
        rest, states = list(values), {}
        ends, s, mask = (rest.pop(0) if more.pop(name) else None for name in ("lengths", "state", "keep"))
        q = len(rest[1])
        s = x.new_zeros(len(x), parts * q) if s is None else s
        for t in range(x.shape[1])[::-1] if reverse else range(x.shape[1]):
            h, *other = s.split(q, dim=1)
            after = torch.cat(step(torch, x[:, t], h, h if mask is None else h * mask, other, *rest, **more), dim=1)
            runs = torch.ones(len(x), 1, dtype=bool) if ends is None else t < ends
            s = torch.where(runs, after, s)
            states[t] = runs * s[:, :q]
        if every:
            return torch.stack([states[t] for t in range(x.shape[1])], dim=1)
        return s if cell else s[:, :q]

    return run


def _torch_rnn(torch: Any, x: Any, h: Any, held: Any, rest: Any, W: Any, U: Any, b: Any, relu: bool) -> Any:
    z = x @ W + held @ U + b
    return [torch.relu(z) if relu else torch.tanh(z)]


def _torch_lstm(torch: Any, x: Any, h: Any, held: Any, rest: Any, W: Any, U: Any, b: Any) -> Any:
    i, f, g, o = (x @ W + held @ U + b).chunk(4, dim=1)
    c = f.sigmoid() * rest[0] + i.sigmoid() * g.tanh()
    return [o.sigmoid() * c.tanh(), c]


def _torch_layer_norm_lstm(
    torch: Any, x: Any, h: Any, held: Any, rest: Any, W: Any, U: Any, b: Any, *normalized: Any, epsilon: float
) -> Any:
    gamma_x, gamma_h, gamma_c, beta_c = normalized
    norm = torch.nn.functional.layer_norm
    z = norm(x @ W, b.shape, gamma_x, b, epsilon) + norm(held @ U, b.shape, gamma_h, None, epsilon)
    i, f, g, o = z.chunk(4, dim=1)
    c = f.sigmoid() * rest[0] + i.sigmoid() * g.tanh()
    return [o.sigmoid() * norm(c, gamma_c.shape, gamma_c, beta_c, epsilon).tanh(), c]


def _torch_gru(
    torch: Any, x: Any, h: Any, held: Any, rest: Any, W: Any, U: Any, b: Any, c: Any, reset_after: bool
) -> Any:
    (xr, xz, xn), (U_r, U_z, U_n), (c_r, c_z, c_n) = (x @ W + b).chunk(3, 1), U.chunk(3, 1), c.chunk(3)
    r, z = (xr + held @ U_r + c_r).sigmoid(), (xz + held @ U_z + c_z).sigmoid()
    n = (xn + (r * (held @ U_n + c_n) if reset_after else (r * held) @ U_n + c_n)).tanh()
    return [(1 - z) * n + z * h]


def _lengths(values: list[Array]) -> list[Array]:
    """Lengths from T down to 1, and a half, so that a small step leaves them what they are."""
    x, lengths, *rest = values
    lengths[:, 0] = np.maximum(x.shape[1] - 2 * np.arange(len(x)), 1)
    return [x, lengths, *rest]


_ALL = {"lengths": True, "state": True, "keep": True}


_DRAWN = np.random.default_rng(3).normal(size=(4, 6))

OPERATIONS: dict[str, OperationCase] = {
    "token_embedding": OperationCase(
        ((3, 4), (5, 2)),
        lambda x, E: (np.floor(x)[..., None] == np.arange(len(E))).astype(float) @ E,
        lambda torch, x, E: torch.nn.functional.embedding(x.long(), E),
        adjust=_symbols,
    ),
    "attention": OperationCase(
        ((5, 3, 4), (5, 4, 4), (5, 4, 6), (5, 1)),
        _attention,
        _torch_attention,
        {"lengths": True, "heads": 2, "causal": True},
        adjust=_limits,
        inputs=4,
    ),
    "positions": OperationCase(
        ((5, 3, 4), (7, 4)),
        lambda x, P: np.stack([x[:, t] + P[t] for t in range(x.shape[1])], axis=1),
        lambda torch, x, P: x + P[: x.shape[1]],
    ),
    "sinusoidal": OperationCase(((2, 6, 5),), _waves, _torch_waves, {"base": 100.0}),
    "rotary": OperationCase(((2, 6, 8),), _rotary, _torch_rotary, {"heads": 2, "base": 100.0}),
    "add": OperationCase(
        ((5, 2, 3),) * 3,
        lambda *values: np.einsum("k...->...", np.stack(values)),
        lambda torch, *values: torch.stack(values).sum(dim=0),
        inputs=3,
    ),
    "concatenate": OperationCase(
        ((5, 2, 3), (5, 2, 1), (5, 2, 4)),
        lambda *values: np.moveaxis([plane for x in values for plane in np.moveaxis(x, -1, 0)], 0, -1),
        lambda torch, *values: torch.cat(values, dim=-1),
        inputs=3,
    ),
    "append": OperationCase(
        ((5, 3), (2,)),
        lambda x, c: np.stack([np.append(row, c) for row in x]),
        lambda torch, x, c: torch.cat([x, c.expand(len(x), -1)], dim=1),
    ),
    "batch_norm": OperationCase(
        ((6, 4), (4,), (4,), (4,), (4,)),
        _batch_norm,
        lambda torch, x, gamma, beta, mean, variance, epsilon, momentum, training=False: torch.nn.functional.batch_norm(
            x, mean.clone(), variance.clone(), gamma, beta, training, 1 - momentum, epsilon
        ),
        {"epsilon": 0.01, "momentum": 0.8},
        {"training": True},
        lambda values: [*values[:4], np.abs(values[4])],
        observed=(3, 4),
    ),
    "dropout": OperationCase(
        ((4, 6),),
        lambda x, rate, noise=None: x if noise is None else np.where(noise > 0, x, 0) / (1 - rate),
        lambda torch, x, rate, noise=None: x if noise is None else x * torch.tensor(noise) / (1 - rate),
        {"rate": 0.25},
        {"noise": (_DRAWN > -0.5).astype(float)},
    ),
    "embedding": OperationCase(
        ((7, 5), (3, 2), (4, 3)), _embedding, _torch_embedding, {"columns": (3, 1)}, adjust=_codes
    ),
    "gaussian_noise": OperationCase(
        ((4, 6),),
        lambda x, scale, noise=0: x + scale * noise,
        lambda torch, x, scale, noise=0: torch.add(x, torch.as_tensor(noise), alpha=scale),
        {"scale": 0.3},
        {"noise": _DRAWN},
    ),
    "layer_norm": OperationCase(
        ((5, 7), (7,), (7,)),
        _layer_norm,
        lambda torch, x, gamma, beta, epsilon: torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, epsilon),
        {"epsilon": 0.1},
    ),
    "rms_norm": OperationCase(
        ((5, 7), (7,)),
        _rms_norm,
        lambda torch, x, gamma, epsilon: torch.nn.functional.rms_norm(x, gamma.shape, gamma, epsilon),
        {"epsilon": 0.1},
    ),
    "convolution": OperationCase(
        ((3, 6, 5, 4), (3, 2, 2, 6), (6,)),
        _convolution,
        _torch_convolution,
        {"stride": (2, 1), "padding": ((1, 2), (0, 1)), "dilation": (1, 2), "groups": 2},
    ),
    "transposed_convolution": OperationCase(
        ((2, 4, 3, 4), (3, 2, 3, 4), (6,)),
        _transposed_convolution,
        _torch_transposed_convolution,
        {"stride": (2, 1), "padding": ((1, 2), (0, 1)), "dilation": (1, 2), "groups": 2, "output_padding": (1, 0)},
    ),
    "max_pool": OperationCase(
        ((3, 6, 5, 2),),
        _pooled(np.max),
        _torch_max_pool,
        {"window": (3, 2), "stride": (2, 1), "padding": ((1, 2), (0, 1))},
    ),
    "average_pool": OperationCase(
        ((3, 6, 5, 2),),
        _pooled(np.mean),
        _torch_average_pool,
        {"window": (3, 2), "stride": (2, 1), "padding": ((1, 2), (0, 1))},
    ),
    "global_max_pool": OperationCase(
        ((3, 4, 3, 2),),
        lambda x: np.array([[c.max() for c in i.T] for i in x]),
        lambda torch, x: x.amax(tuple(range(1, x.ndim - 1))),
    ),
    "global_average_pool": OperationCase(
        ((3, 4, 3, 2),),
        lambda x: np.array([[statistics.fmean(c.flat) for c in i.T] for i in x]),
        lambda torch, x: x.mean(tuple(range(1, x.ndim - 1))),
    ),
    "upsample": OperationCase(
        ((2, 3, 4, 2),),
        lambda x, factor: np.stack([np.kron(i, np.ones((*factor, 1))) for i in x]),
        lambda torch, x, factor: torch.nn.functional.interpolate(
            _first(x), scale_factor=[float(f) for f in factor], mode="nearest"
        ).movedim(1, -1),
        {"factor": (3, 2)},
    ),
    "group_norm": OperationCase(
        ((3, 4, 3, 6), (6,), (6,)),
        _group_norm,
        lambda torch, x, gamma, beta, groups, epsilon: torch.nn.functional.group_norm(
            _first(x), groups, gamma, beta, epsilon
        ).movedim(1, -1),
        {"groups": 2, "epsilon": 0.1},
    ),
    "affine": OperationCase(
        ((5, 3), (3, 4), (4,)),
        lambda x, W, b=0: np.einsum("ik,kj->ij", x, W) + b,
        lambda torch, x, W, b=0: x @ W + b,
    ),
    "rescale": OperationCase(
        ((5, 2, 3),),
        lambda x, shift, scale: np.stack([(x[..., k] - shift[k]) * scale[k] for k in range(3)], axis=-1),
        lambda torch, x, shift, scale: (x - torch.tensor(shift)) * torch.tensor(scale),
        {"shift": (1.0, -2.0, 0.5), "scale": (2.0, 0.25, -3.0)},
    ),
    "reshape": OperationCase(
        ((5, 2, 3),),
        lambda x, shape: np.stack([np.fromiter(row.flat, float).reshape(shape) for row in x]),
        lambda torch, x, shape: x.reshape(-1, *shape),
        {"shape": (6,)},
    ),
    "slice": OperationCase(
        ((4, 3, 4),),
        lambda x, begin, end, shape: np.stack([np.array(list(i.flat)[begin:end]).reshape(shape) for i in x]),
        lambda torch, x, begin, end, shape: x.flatten(1)[:, begin:end].reshape(-1, *shape),
        {"begin": 2, "end": 8, "shape": (3, 2)},
    ),
    "fill": OperationCase(
        ((4, 3),),
        lambda x, value, width: np.array([[value] * width for _ in x]),
        lambda torch, x, value, width: torch.full((len(x), width), value, dtype=x.dtype),
        {"value": 1.5, "width": 2},
        observed=(0,),
    ),
    "gate": OperationCase(
        ((4, 3, 5), (4, 5)),
        lambda x, k: np.einsum("itp,ip->itp", x, k),
        lambda torch, x, k: x * k.unsqueeze(1),
        inputs=2,
    ),
    "last_step": OperationCase(
        ((4, 5, 3), (4, 1)),
        lambda x, ends, **_: np.stack([i[int(k) - 1] for i, k in zip(x, ends[:, 0], strict=True)]),
        lambda torch, x, ends=None, **_: x[torch.arange(len(x)), -1 if ends is None else ends[:, 0].long() - 1],
        {"lengths": True},
        adjust=_lengths,
        observed=(1,),
        inputs=2,
    ),
    "rnn": OperationCase(
        ((4, 5, 3), (4, 1), (4, 2), (4, 2), (3, 2), (2, 2), (2,)),
        _recurrence(_rnn_step, 1),
        _torch_recurrence(_torch_rnn, 1),
        {**_ALL, "every": True, "reverse": False, "relu": True},
        adjust=_lengths,
        observed=(1,),
        inputs=4,
    ),
    "lstm": OperationCase(
        ((4, 5, 3), (4, 1), (4, 4), (4, 2), (3, 8), (2, 8), (8,)),
        _recurrence(_lstm_step, 2),
        _torch_recurrence(_torch_lstm, 2),
        {**_ALL, "every": False, "cell": True, "reverse": True},
        adjust=_lengths,
        observed=(1,),
        inputs=4,
    ),
    "layer_norm_lstm": OperationCase(
        ((4, 5, 3), (4, 1), (4, 6), (4, 3), (3, 12), (3, 12), (12,), (12,), (12,), (3,), (3,)),
        _recurrence(_layer_norm_lstm_step, 2),
        _torch_recurrence(_torch_layer_norm_lstm, 2),
        {**_ALL, "every": True, "reverse": True, "epsilon": 0.5},
        adjust=_lengths,
        observed=(1,),
        inputs=4,
    ),
    "gru": OperationCase(
        ((4, 5, 3), (4, 1), (4, 2), (4, 2), (3, 6), (2, 6), (6,), (6,)),
        _recurrence(_gru_step, 1),
        _torch_recurrence(_torch_gru, 1),
        {**_ALL, "every": True, "reverse": False, "reset_after": False},
        adjust=_lengths,
        observed=(1,),
        inputs=4,
    ),
    "identity": OperationCase(_Z, lambda z: z, lambda torch, z: z),
    "logistic": OperationCase(_Z, scipy.special.expit, lambda torch, z: torch.sigmoid(z)),
    "tanh": OperationCase(_Z, lambda z: 2 * scipy.special.expit(2 * z) - 1, lambda torch, z: torch.tanh(z)),
    "relu": OperationCase(_Z, lambda z: (z + np.abs(z)) / 2, lambda torch, z: torch.relu(z)),
    "leaky_relu": OperationCase(
        _Z,
        lambda z, slope=0.01: np.maximum(z, slope * z),
        lambda torch, z, slope=0.01: torch.nn.functional.leaky_relu(z, slope),
        {"slope": 0.2},
    ),
    "elu": OperationCase(
        _Z,
        lambda z, alpha=1.0: np.maximum(z, 0) + alpha * (np.exp(np.minimum(z, 0)) - 1),
        lambda torch, z, alpha=1.0: torch.nn.functional.elu(z, alpha),
        {"alpha": 0.5},
    ),
    "softplus": OperationCase(_Z, lambda z: -scipy.special.log_expit(-z), lambda torch, z: torch.logaddexp(z, 0 * z)),
    "gelu": OperationCase(_Z, lambda z: z * scipy.stats.norm.cdf(z), lambda torch, z: torch.nn.functional.gelu(z)),
    "silu": OperationCase(_Z, lambda z: z / (1 + np.exp(-z)), lambda torch, z: torch.nn.functional.silu(z)),
}

# Likelihoods ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LikelihoodCase:
    """A likelihood with its distribution from elsewhere.

    ``frozen`` takes η of one example (width,) to a frozen distribution of SciPy, or to one for each target;
    ``log_prob`` takes η and y of one example to log P(y | η) where that is not the distribution's.
    """

    likelihood: Likelihood
    frozen: Callable[[Array], Any]
    log_prob_of_one: Callable[[Array, Any], float] | None = None
    draw_one: Callable[[Array, np.random.Generator], Any] | None = None

    @property
    def id(self) -> str:
        return repr(self.likelihood)

    def eta(self, n: int = 6, seed: int = 0) -> Array:
        """η (n, width) of ordinary size."""
        return np.random.default_rng(seed).normal(size=(n, self.likelihood.width))

    def y(self, eta: Array, seed: int = 1) -> Array:
        """Draws y as the likelihood takes it."""
        rng = np.random.default_rng(seed)
        if self.draw_one is not None:
            return np.array([self.draw_one(row, rng) for row in eta])
        frozen = [self.frozen(row) for row in eta]
        rows = [f if isinstance(f, list) else [f] for f in frozen]
        y = np.array([[one.rvs(random_state=rng) for one in row] for row in rows])
        return y if isinstance(frozen[0], list) else y[:, 0]

    def log_prob(self, eta: Array, y: Any) -> float:
        """log P(y | η) of one example."""
        if self.log_prob_of_one is not None:
            return self.log_prob_of_one(eta, y)
        frozen = self.frozen(eta)
        pairs = zip(frozen, y, strict=True) if isinstance(frozen, list) else [(frozen, y)]
        name = "logpmf" if self.likelihood.discrete else "logpdf"
        return math.fsum(float(getattr(one, name)(v)) for one, v in pairs)


def _by_hand(eta: Array, y: int) -> float:
    """log e^η_y / Σ e^η_k, summed exactly."""
    return float(eta[y] - eta.max()) - math.log(math.fsum(math.exp(e - eta.max()) for e in eta))


def _classes(p: Array) -> Any:
    """SciPy's distribution of classes with probabilities p."""
    return scipy.stats.rv_discrete(values=(np.arange(len(p)), p / p.sum()))


def _ordinal(eta: Array) -> Any:
    """Differences of σ(c − f), from the definition."""
    c = np.cumsum([eta[1], *np.log1p(np.exp(eta[2:]))])
    return _classes(np.diff([0, *scipy.special.expit(c - eta[0]), 1]))


class _ZeroInflated(scipy.stats.rv_discrete):  # type: ignore[misc]
    def _pmf(self, k: Array, rate: Array, pi: Array) -> Array:
        return pi * (k == 0) + (1 - pi) * scipy.stats.poisson.pmf(k, rate)


class _Mixture:
    """A frozen mixture of Normals from SciPy's Normals."""

    def __init__(self, p: Array, mu: Array, s: Array) -> None:
        self.p = p / p.sum()
        self.parts = [scipy.stats.norm(*row) for row in zip(mu, s, strict=True)]

    def logpdf(self, y: float) -> float:
        return math.log(math.fsum(self.p * [part.pdf(y) for part in self.parts]))

    def cdf(self, y: float) -> float:
        return math.fsum(self.p * [part.cdf(y) for part in self.parts])

    def ppf(self, q: float) -> float:
        return scipy.optimize.brentq(lambda y: self.cdf(y) - q, -100, 100, xtol=1e-13)

    def mean(self) -> float:
        return math.fsum(self.p * [part.mean() for part in self.parts])

    def var(self) -> float:
        return math.fsum(self.p * [part.var() + (part.mean() - self.mean()) ** 2 for part in self.parts])

    def rvs(self, random_state: np.random.Generator) -> float:
        return self.parts[random_state.choice(len(self.p), p=self.p)].rvs(random_state=random_state)


def _scale(r: float, least: float = 0.0) -> float:
    return math.sqrt(least**2 + math.exp(r))


def _student(mu: float, scale: float, v: float) -> Any:
    return scipy.stats.t(math.exp(v), mu, scale)


def _log_normal(eta: Array) -> Any:
    return scipy.stats.lognorm(_scale(eta[1]), scale=math.exp(eta[0]))


def _weibull(eta: Array) -> Any:
    return scipy.stats.weibull_min(math.exp(eta[1]), scale=math.exp(eta[0]))


def _gamma(mu: float, a: float) -> Any:
    return scipy.stats.gamma(a, scale=mu / a)


def _beta(mu: float, phi: float) -> Any:
    return scipy.stats.beta(mu * phi, (1 - mu) * phi)


def _wide_beta(eta: Array) -> Any:
    return _beta(scipy.special.expit(eta[0]), math.exp(eta[1]))


def _nbinom(mu: float, alpha: float) -> Any:
    return scipy.stats.nbinom(1 / alpha, 1 / (1 + alpha * mu))


def _zero_inflated(eta: Array) -> Any:
    return _ZeroInflated(name="zip")(math.exp(eta[0]), scipy.special.expit(eta[1]))


def _mixture(eta: Array, K: int, s: Array) -> Any:
    return _Mixture(np.exp([0.0, *eta[: K - 1]]), eta[K - 1 : 2 * K - 1], s)


def _censored(frozen: Callable[[Array], Any]) -> tuple[Any, Any, Any]:
    """Density where observed, else survival; a third of the times are censored."""

    def log_prob(eta: Array, y: Array) -> float:
        return float(frozen(eta).logpdf(y[0]) if y[1] else frozen(eta).logsf(y[0]))

    return frozen, log_prob, lambda eta, rng: (frozen(eta).rvs(random_state=rng), rng.random() < 2 / 3)


def _exposed(eta: Array, y: Array) -> float:
    return float(scipy.stats.poisson(math.exp(eta[0]) * y[1]).logpmf(y[0]))


def _exposed_count(eta: Array, rng: np.random.Generator) -> tuple[float, float]:
    E = rng.uniform(0.1, 5)
    return rng.poisson(math.exp(eta[0]) * E), E


def _covariance(eta: Array, d: int) -> Array:
    """From the regressions of each target on those before it, one after the other."""
    S = np.zeros((d, d))
    first = 2 * d
    for i in range(d):
        a = eta[first : first + i]
        first += i
        S[i, :i] = S[:i, i] = S[:i, :i] @ a
        S[i, i] = math.exp(eta[d + i]) + a @ S[:i, :i] @ a
    return S


def _marginals(eta: Array, d: int) -> list[Any]:
    return [scipy.stats.norm(eta[i], math.sqrt(_covariance(eta, d)[i, i])) for i in range(d)]


def _multivariate(d: int) -> tuple[Any, Any, Any]:
    def joint(eta: Array) -> Any:
        return scipy.stats.multivariate_normal(eta[:d], _covariance(eta, d))

    return (
        lambda eta: _marginals(eta, d),
        lambda eta, y: float(joint(eta).logpdf(y)),
        lambda eta, rng: joint(eta).rvs(random_state=rng),
    )


def _asymmetric(taus: tuple[float, ...], s: float = 1.0) -> tuple[Any, Any, Any]:
    """Asymmetric Laplace densities; the quantiles are Normal's, so that the distribution between them is known."""

    def q(eta: Array) -> Array:
        return np.cumsum([eta[0], *np.log1p(np.exp(eta[1:]))])

    def log_prob(eta: Array, y: float) -> float:
        return math.fsum(
            scipy.stats.laplace_asymmetric(math.sqrt(t / (1 - t)), loc, s / math.sqrt(t * (1 - t))).logpdf(y)
            for t, loc in zip(taus, q(eta), strict=True)
        )

    def two(eta: Array) -> Any:
        z = scipy.stats.norm.ppf(taus)
        b = (q(eta)[1] - q(eta)[0]) / (z[1] - z[0])
        return scipy.stats.norm(q(eta)[0] - b * z[0], b)

    frozen = two if len(taus) == 2 else None
    return frozen, log_prob, lambda eta, rng: rng.normal(eta[0], 2)


LIKELIHOODS: dict[str, list[LikelihoodCase]] = {
    "per_step": [
        LikelihoodCase(
            likelihoods.PerStep(likelihoods.Normal(scale="function"), 2),
            lambda eta: [scipy.stats.norm(eta[t], _scale(eta[t + 1])) for t in (0, 2)],
        ),
    ],
    "bernoulli": [LikelihoodCase(Bernoulli(), lambda eta: scipy.stats.bernoulli(scipy.special.expit(eta[0])))],
    "categorical": [
        LikelihoodCase(Categorical(K), lambda eta: _classes(scipy.special.softmax(eta)), _by_hand)
        for K in (2, 3, 17, 64)
    ],
    "independent": [
        LikelihoodCase(
            likelihoods.Independent(Bernoulli(), 2),
            lambda eta: [scipy.stats.bernoulli(p) for p in scipy.special.expit(eta)],
        ),
        LikelihoodCase(
            likelihoods.Independent(likelihoods.Normal(scale="learned"), 2),
            lambda eta: [scipy.stats.norm(eta[i], _scale(eta[2 + i])) for i in range(2)],
        ),
    ],
    "ordinal": [LikelihoodCase(likelihoods.Ordinal(K), _ordinal) for K in (2, 3, 7)],
    "normal": [
        LikelihoodCase(likelihoods.Normal(), lambda eta: scipy.stats.norm(eta[0], _scale(eta[1]))),
        LikelihoodCase(
            likelihoods.Normal(scale="learned", min_scale=0.3),
            lambda eta: scipy.stats.norm(eta[0], _scale(eta[1], 0.3)),
        ),
        LikelihoodCase(likelihoods.Normal(scale=0.7), lambda eta: scipy.stats.norm(eta[0], 0.7)),
    ],
    "multivariate_normal": [
        LikelihoodCase(likelihoods.MultivariateNormal(2), *_multivariate(2)),
        LikelihoodCase(likelihoods.MultivariateNormal(4, scale="learned"), *_multivariate(4)),
    ],
    "laplace": [
        LikelihoodCase(
            likelihoods.Laplace(min_scale=0.2), lambda eta: scipy.stats.laplace(eta[0], _scale(eta[1], 0.2))
        ),
        LikelihoodCase(likelihoods.Laplace(scale=2.0), lambda eta: scipy.stats.laplace(eta[0], 2.0)),
    ],
    "student_t": [
        LikelihoodCase(likelihoods.StudentT(), lambda eta: _student(eta[0], _scale(eta[1]), math.log(4))),
        LikelihoodCase(
            likelihoods.StudentT(df="learned", min_scale=0.1), lambda eta: _student(eta[0], _scale(eta[1], 0.1), eta[2])
        ),
        LikelihoodCase(
            likelihoods.StudentT(df="function", scale="learned"), lambda eta: _student(eta[0], _scale(eta[2]), eta[1])
        ),
        LikelihoodCase(likelihoods.StudentT(df="function", scale=1.5), lambda eta: _student(eta[0], 1.5, eta[1])),
    ],
    "log_normal": [
        LikelihoodCase(likelihoods.LogNormal(), _log_normal),
        LikelihoodCase(likelihoods.LogNormal(censored=True), *_censored(_log_normal)),
        LikelihoodCase(likelihoods.LogNormal(scale=0.5), lambda eta: scipy.stats.lognorm(0.5, scale=math.exp(eta[0]))),
    ],
    "gamma": [
        LikelihoodCase(likelihoods.Gamma(), lambda eta: _gamma(math.exp(eta[0]), math.exp(eta[1]))),
        LikelihoodCase(likelihoods.Gamma(shape=30.0), lambda eta: _gamma(math.exp(eta[0]), 30.0)),
    ],
    "weibull": [
        LikelihoodCase(likelihoods.Weibull(), _weibull),
        LikelihoodCase(likelihoods.Weibull(censored=True), *_censored(_weibull)),
        LikelihoodCase(likelihoods.Weibull(shape=2.0), lambda eta: _weibull(np.array([eta[0], math.log(2)]))),
    ],
    "beta": [
        LikelihoodCase(
            likelihoods.Beta(),
            _wide_beta,
            draw_one=lambda eta, rng: np.clip(_wide_beta(eta).rvs(random_state=rng), 1e-4, 1 - 1e-4),
        ),
        LikelihoodCase(likelihoods.Beta(concentration=20.0), lambda eta: _beta(scipy.special.expit(eta[0]), 20.0)),
    ],
    "poisson": [
        LikelihoodCase(likelihoods.Poisson(), lambda eta: scipy.stats.poisson(math.exp(eta[0]))),
        LikelihoodCase(
            likelihoods.Poisson(exposure=True),
            lambda eta: scipy.stats.poisson(math.exp(eta[0])),
            _exposed,
            _exposed_count,
        ),
    ],
    "negative_binomial": [
        LikelihoodCase(likelihoods.NegativeBinomial(), lambda eta: _nbinom(math.exp(eta[0]), math.exp(eta[1]))),
        LikelihoodCase(likelihoods.NegativeBinomial(dispersion=0.02), lambda eta: _nbinom(math.exp(eta[0]), 0.02)),
    ],
    "zero_inflated_poisson": [LikelihoodCase(likelihoods.ZeroInflatedPoisson(), _zero_inflated)],
    "quantile": [
        LikelihoodCase(likelihoods.Quantile((0.2, 0.7)), *_asymmetric((0.2, 0.7))),
        LikelihoodCase(likelihoods.Quantile(scale=0.5), *_asymmetric((0.05, 0.5, 0.95), 0.5)),
    ],
    "normal_mixture": [
        LikelihoodCase(likelihoods.NormalMixture(), lambda eta: _mixture(eta, 3, np.exp(eta[5:] / 2))),
        LikelihoodCase(likelihoods.NormalMixture(2, scale=0.6), lambda eta: _mixture(eta, 2, np.array([0.6, 0.6]))),
    ],
}

ORDINARY = (1e-3, 0.1, 0.5, 1.0, 3.0, 40.0, 1e4)


def ordinary_targets(likelihood: Likelihood) -> Array:
    """Valid y of every ordinary size, (n,) or (n, targets)."""
    if likelihood.classes is not None:
        return np.arange(likelihood.classes)
    low, high = likelihood.support
    values = [y for y in (*ORDINARY, *(-y for y in ORDINARY), 0.0) if low <= y <= high]
    if likelihood.discrete:
        values = [y for y in values if y == round(y)]
    elif np.isfinite(low):
        values = [y for y in values if low < y < high]
    if likelihood.name == "poisson" and likelihood.targets == 2:
        return np.array(list(product(values, (0.01, 100.0))))
    if getattr(likelihood, "censored", False):
        return np.array(list(product(values, (0.0, 1.0))))
    if likelihood.targets > 1:
        rng = np.random.default_rng(0)
        return rng.choice(values, size=(12, likelihood.targets))
    return np.array(values)


def huge_eta(likelihood: Likelihood) -> Array:
    """η (n, width) whose columns are far out, at either end, or 0."""
    values = (-1e4, -30.0, 0.0, 30.0, 1e4)
    if likelihood.width <= 4:
        return np.array(list(product(values, repeat=likelihood.width)))
    return np.random.default_rng(0).choice(values, size=(300, likelihood.width))


# Optimizers ----------------------------------------------------------------------------------------------------------

Peer = Callable[[Array, Array], Array]
"""From θ_0 (size,) and the gradients (steps, size) to θ after every step (steps, size), by another library."""


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer, its published rule for one number, and another library's."""

    optimizer: Optimizer
    published: Callable[[float, list[float]], float]  # from θ_0 and g_1 … g_t to θ_t, from the papers
    peer: Peer

    @property
    def id(self) -> str:
        return repr(self.optimizer)


def _torch(make: Callable[[Any, Any], Any]) -> Peer:
    """PyTorch's optimizer, made from (torch.optim, parameters); it is to maximise."""

    def peer(theta: Array, gradients: Array) -> Array:
        torch = pytest.importorskip("torch")
        parameter = torch.nn.Parameter(torch.tensor(theta))
        optimizer = make(torch.optim, [parameter])
        thetas = []
        for g in gradients:
            parameter.grad = torch.tensor(g)
            optimizer.step()
            thetas.append(parameter.detach().numpy().copy())
        return np.array(thetas)

    return peer


def _optax(make: Callable[[Any], Any]) -> Peer:
    """Optax's optimizer, which minimises, so that it is shown −g."""

    def peer(theta: Array, gradients: Array) -> Array:
        jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
        with jax.enable_x64(True):
            rule = make(optax)
            parameter = jax.numpy.asarray(theta)
            state = rule.init(parameter)
            thetas = []
            for g in gradients:
                step, state = rule.update(jax.numpy.asarray(-g), state, parameter)
                parameter = optax.apply_updates(parameter, step)
                thetas.append(np.asarray(parameter))
        return np.array(thetas)

    return peer


def _ascent(theta: float, g: list[float]) -> float:
    """θ_t = θ_0 + ε Σ g_i."""
    return theta + 0.3 * math.fsum(g)


def _velocity(g: list[float], momentum: float) -> list[float]:
    """Unrolled: v_t = Σ_i μ^(t−i) g_i."""
    return [math.fsum(momentum ** (t - i) * g[i] for i in range(t + 1)) for t in range(len(g))]


def _mean(g: list[float], decay: float, t: int) -> float:
    """Unrolled: m_t = (1 − β) Σ_i β^(t−i) g_i, t = 1, 2, ... (Kingma and Ba, section 3)."""
    return (1 - decay) * math.fsum(decay ** (t - i) * g[i - 1] for i in range(1, t + 1))


def _momentum(theta: float, g: list[float]) -> float:
    """θ_t = θ_0 + ε Σ_t v_t."""
    return theta + 0.05 * math.fsum(_velocity(g, 0.8))


def _nesterov(theta: float, g: list[float]) -> float:
    """The rule of 1983: the gradient is that at φ_t = θ_t + μ u_t; what is followed here is φ."""
    u, phi = 0.0, theta
    for gradient in g:
        at = phi - 0.8 * u  # θ_t
        u = 0.8 * u + 0.05 * gradient
        phi = at + u + 0.8 * u
    return phi


def _adagrad(theta: float, g: list[float]) -> float:
    """Each gradient over the root of the sum of squares up to it."""
    return theta + math.fsum(
        0.3 * g[t] / (math.sqrt(math.fsum(x * x for x in g[: t + 1])) + 1e-6) for t in range(len(g))
    )


def _rmsprop(theta: float, g: list[float]) -> float:
    """Each gradient over the root of the running mean of squares."""
    square = [x * x for x in g]
    return theta + math.fsum(0.02 * g[t - 1] / (math.sqrt(_mean(square, 0.9, t)) + 1e-6) for t in range(1, len(g) + 1))


def _adam(theta: float, g: list[float], weight_decay: float = 0.0) -> float:
    """Kingma and Ba's Algorithm 1; with weight decay, Loshchilov and Hutter's Algorithm 2."""
    square = [x * x for x in g]
    for t in range(1, len(g) + 1):
        m = _mean(g, 0.8, t) / (1 - 0.8**t)
        v = _mean(square, 0.99, t) / (1 - 0.99**t)
        theta += 0.02 * (m / (math.sqrt(v) + 1e-6) - weight_decay * theta)
    return theta


def _nadam(theta: float, g: list[float]) -> float:
    """Dozat's Algorithm 2 with μ_t = 0.8 throughout."""
    square = [x * x for x in g]
    for t in range(1, len(g) + 1):
        m = 0.8 * _mean(g, 0.8, t) / (1 - 0.8 ** (t + 1)) + 0.2 * g[t - 1] / (1 - 0.8**t)
        v = _mean(square, 0.99, t) / (1 - 0.99**t)
        theta += 0.02 * m / (math.sqrt(v) + 1e-6)
    return theta


def _lion(theta: float, g: list[float]) -> float:
    """Chen et al.'s Algorithm 2: the sign is taken before the mean of the step before takes g in."""
    for t in range(1, len(g) + 1):
        c = 0.8 * _mean(g, 0.95, t - 1) + 0.2 * g[t - 1]
        theta += 0.005 * (math.copysign(1, c) - 0.3 * theta)
    return theta


_ADAM: dict[str, Any] = {"lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-6, "maximize": True}

OPTIMIZERS: dict[str, OptimizerCase] = {
    "gradient_ascent": OptimizerCase(
        optimizers.GradientAscent(0.3), _ascent, _torch(lambda optim, p: optim.SGD(p, lr=0.3, maximize=True))
    ),
    "momentum": OptimizerCase(
        optimizers.Momentum(0.05, 0.8),
        _momentum,
        _torch(lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.8, maximize=True)),
    ),
    "nesterov": OptimizerCase(
        optimizers.Nesterov(0.05, 0.8),
        _nesterov,
        _torch(lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, maximize=True)),
    ),
    "adagrad": OptimizerCase(
        optimizers.AdaGrad(0.3, 1e-6),
        _adagrad,
        _torch(lambda optim, p: optim.Adagrad(p, lr=0.3, eps=1e-6, maximize=True)),
    ),
    "rmsprop": OptimizerCase(
        optimizers.RMSProp(0.02, 0.9, 1e-6),
        _rmsprop,
        _torch(lambda optim, p: optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-6, maximize=True)),
    ),
    "adam": OptimizerCase(
        optimizers.Adam(0.02, 0.8, 0.99, 1e-6), _adam, _torch(lambda optim, p: optim.Adam(p, **_ADAM))
    ),
    "adamw": OptimizerCase(
        optimizers.AdamW(0.02, 0.8, 0.99, 1e-6, 0.3),
        lambda theta, g: _adam(theta, g, 0.3),
        _torch(lambda optim, p: optim.AdamW(p, weight_decay=0.3, **_ADAM)),
    ),
    "nadam": OptimizerCase(
        optimizers.NAdam(0.02, 0.8, 0.99, 1e-6), _nadam, _optax(lambda optax: optax.nadam(0.02, 0.8, 0.99, 1e-6))
    ),
    "lion": OptimizerCase(
        optimizers.Lion(0.005, 0.8, 0.95, 0.3),
        _lion,
        _optax(lambda optax: optax.lion(0.005, 0.8, 0.95, weight_decay=0.3)),
    ),
}

# Initializers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InitializerCase:
    """An initializer with the mean, variance and bound of W (fan_in, fan_out) = (200, 300)."""

    initializer: Initializer
    mean: float
    variance: float
    bound: float = math.inf  # of |W − mean|; uniform draws come close to it
    drawn: bool = True

    @property
    def id(self) -> str:
        return repr(self.initializer)


FANS = (200, 300)


def _scaled(kind: Any, variance: float) -> list[InitializerCase]:
    return [
        InitializerCase(kind(), 0, variance, math.sqrt(3 * variance)),
        InitializerCase(kind("normal"), 0, variance),
    ]


def _truncated(scale: float, low: float, high: float) -> InitializerCase:
    draw = scipy.stats.truncnorm(low, high, scale=scale)
    bound = scale * max(high - draw.mean() / scale, draw.mean() / scale - low)
    return InitializerCase(initializers.TruncatedNormal(scale, low, high), draw.mean(), draw.var(), bound)


INITIALIZERS: list[InitializerCase] = [
    InitializerCase(initializers.Zeros(), 0, 0, 0, drawn=False),
    InitializerCase(initializers.Constant(-0.3), -0.3, 0, 0, drawn=False),
    InitializerCase(initializers.Normal(0.4, mean=2.0), 2, 0.16),
    InitializerCase(initializers.Uniform(-0.1, 0.5), 0.2, 0.6**2 / 12, 0.3),
    *(_truncated(*arguments) for arguments in ((0.3, -2.0, 2.0), (0.1, -1.0, 0.5), (2.0, 0.5, 3.0), (1.0, 5.0, 5.5))),
    InitializerCase(initializers.Orthogonal(1.5), 0, 1.5**2 / 300),
    InitializerCase(initializers.Identity(1.5), 1.5 / 300, 1.5**2 / 300 * (1 - 1 / 300), 1.5 - 1.5 / 300, drawn=False),
    *_scaled(initializers.Glorot, 2 / 500),
    *_scaled(initializers.He, 2 / 200),
    *_scaled(initializers.LeCun, 1 / 200),
]

# Networks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NetworkCase:
    """Layers, a likelihood, the shape of an example, how many examples, and what draws y where it is no label."""

    layers: tuple[Layer, ...]
    likelihood: Likelihood
    shape: tuple[int, ...]
    n: int
    draw: LikelihoodCase | None = None

    @property
    def id(self) -> str:
        layers = "-".join(
            f"{layer.activation}{layer.width}" if isinstance(layer, Dense) else getattr(layer, "name", layer.prefix())
            for layer in self.layers
        )
        shape = "x".join(map(str, self.shape))
        return f"{shape}-{layers or 'none'}-{self.likelihood!r}-n{self.n}"

    def network(self, engine: str = "native", dtype: str = "float64", seed: int = 3) -> Network:
        """A network with biases away from 0, the same θ (that of float32) for every engine and precision."""
        net = Network(self.layers, likelihood=self.likelihood, engine=engine, dtype=dtype).build(self.shape, seed=seed)
        rng = np.random.default_rng(seed)
        for name, value in net.parameters.items():
            if name.endswith((".b", ".c", ".state")):
                value = 0.3 * rng.normal(size=value.shape)
            net.parameters[name] = value.astype(np.float32)
        return net

    def data(self, seed: int = 4) -> tuple[Array, Array]:
        """X of size about 1 and y, whose numbers float32 holds: labels, or what the network itself expects."""
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(self.n, *self.shape)).astype(np.float32)
        if self.draw is None:
            return X, rng.integers(0, self.likelihood.classes, self.n)
        y = self.draw.y(self.network("reference").output(X), seed)
        return X, y.astype(np.float32 if y.dtype.kind == "f" else y.dtype)


TRAINED = (Bernoulli(), Categorical(3))

# Every activation, and the likelihoods that are trained here, in widths around those of registers and panels, and
# batches around tiles.
SMALL = [
    NetworkCase((Dense(width, activation),), likelihood, (6,), n)
    for activation, likelihood, width, n in product(ACTIVATIONS, TRAINED, (1, 3, 17, 64, 100), (1, 5, 33))
]

# Compositions, and shapes that the engines treat in ways of their own.
AWKWARD = [
    NetworkCase((), Bernoulli(), (1,), 1),
    NetworkCase((), Categorical(4), (9,), 12),
    NetworkCase((Flatten(),), Categorical(3), (2, 3, 2), 7),
    NetworkCase((Flatten(), Dense(5, "tanh"), Flatten()), Bernoulli(), (4, 3), 7),
    *(NetworkCase((Dense(11, name), Dense(19, name)), Categorical(5), (7,), 13) for name in ACTIVATIONS),
    NetworkCase((Dense(5, "tanh"), Dense(6, "gelu"), Dense(7, "logistic"), Dense(8, "relu")), Bernoulli(), (3,), 9),
    NetworkCase((Dense(6, "tanh", bias=False), Dense(5, "silu", bias=False)), Categorical(3), (4,), 9),
    NetworkCase((Activation("tanh"),), Bernoulli(), (5,), 9),
    NetworkCase((Flatten(), Activation("softplus"), Dense(5, "logistic")), Categorical(3), (3, 3), 9),
    NetworkCase((Dense(8), Activation("leaky_relu", {"slope": 0.2})), Categorical(3), (5,), 9),
    NetworkCase((Dense(8), Activation("elu", {"alpha": 0.5})), Categorical(3), (5,), 9),
    # Activations in a row: no engine may lose the value that an earlier derivative still needs.
    *(
        NetworkCase((Dense(6, first), Activation(second)), Categorical(3), (4,), 9)
        for first, second in product(ACTIVATIONS, ("logistic", "tanh", "softplus", "gelu"))
    ),
    NetworkCase((Dense(6, "tanh"), Activation("logistic"), Activation("tanh"), Flatten()), Bernoulli(), (4,), 9),
    # Many inputs to few cells, which may be cut along the inputs; also where that is not the first layer.
    NetworkCase((Dense(64, "tanh"),), Categorical(10), (256,), 20),
    NetworkCase((Dense(10, "logistic"),), Bernoulli(), (300,), 33),
    NetworkCase((Dense(1, "tanh"),), Bernoulli(), (1999,), 5),
    NetworkCase((Dense(32, "relu"),), Categorical(10), (784,), 128),
    NetworkCase((), Categorical(10), (784,), 65),
    NetworkCase((Dense(30, "silu"), Dense(300, "tanh"), Dense(20, "elu")), Categorical(4), (12,), 21),
    # Minibatches that go through in blocks, with whole and partial last ones.
    NetworkCase((Dense(5, "tanh"),), Categorical(3), (4,), 1024),
    NetworkCase((Dense(5, "tanh"),), Categorical(3), (4,), 1025),
    NetworkCase((Dense(9, "gelu"),), Bernoulli(), (300,), 2500),
    # Images, signals and volumes.
    NetworkCase((Conv2D(5, 3), Activation("tanh"), Flatten()), Categorical(3), (6, 7), 5),
    NetworkCase(
        (Conv2D(7, (2, 3), "tanh", stride=(2, 1), padding="same", dilation=(1, 2)), MaxPool2D(2), GlobalAvgPool()),
        *(Categorical(3), (7, 8, 3), 9),
    ),
    NetworkCase(
        (
            Conv2D(6, 3, "silu", groups=3, padding=((0, 1), 2)),
            Conv2D(6, 3, "tanh", groups="depthwise"),
            GlobalMaxPool(),
        ),
        *(Bernoulli(), (5, 6, 3), 7),
    ),
    NetworkCase(
        (SeparableConv2D(9, 3, "gelu"), GroupNorm(3), AvgPool2D(3, stride=2, padding="same"), Flatten()),
        *(Categorical(3), (6, 6, 4), 5),
    ),
    NetworkCase(
        (Conv1D(17, 3, "tanh"), MaxPool1D(3, stride=2, padding=1), Conv1D(1, 2, bias=False), Flatten()),
        *(Bernoulli(), (11,), 33),
    ),
    NetworkCase(
        (Conv3D(4, 2, "tanh"), AvgPool3D(2, stride=1), Upsample3D((1, 2, 1)), MaxPool3D(2), Flatten()),
        *(Categorical(3), (4, 3, 5), 3),
    ),
    NetworkCase(
        (
            ConvTranspose2D(6, 3, "tanh", stride=2, padding="same", groups=2),
            ConvTranspose2D(2, (1, 4), stride=(3, 2), padding=((0, 1), 1), output_padding=(2, 1), dilation=(1, 2)),
            GlobalAvgPool(),
        ),
        *(Categorical(3), (3, 4, 4), 4),
    ),
    NetworkCase(
        (ConvTranspose1D(3, 4, "tanh", stride=3), Upsample1D(2), AvgPool1D(3), GlobalMaxPool()),
        *(Bernoulli(), (5, 2), 1),
    ),
    NetworkCase((ConvTranspose3D(2, 2, "tanh"), GroupNorm(1), Flatten()), Bernoulli(), (2, 2, 3), 4),
    NetworkCase(
        (Upsample2D((2, 3)), Conv2D(64, 5, "tanh", padding="same"), GroupNorm(32), Conv2D(33, 1), Flatten()),
        *(Categorical(3), (4, 4, 2), 3),
    ),
    # Many classes.
    NetworkCase((Dense(7, "tanh"),), Categorical(64), (5,), 40),
    NetworkCase((Dense(7, "tanh"),), Categorical(1000), (5,), 40),
]

# Every likelihood that the native engine has, with batches around registers.
NO_KERNEL = {"per_step", "ordinal", "quantile", "multivariate_normal", "normal_mixture"}
LIKELY = [
    NetworkCase((Dense(7, "tanh"),), row.likelihood, (4,), n, row)
    for name, rows in LIKELIHOODS.items()
    for row, n in product(rows, (1, 5, 37))
    if name not in NO_KERNEL
]

# Networks that branch, which meet every test there is.
_DIAMOND = Graph(
    [
        ("top", Dense(5, "tanh"), "x"),
        ("left", Dense(4, "gelu"), "top"),
        ("right", [Dense(6, "tanh"), Dense(4)], "top"),
        ("sum", Add(), ["left", "right"]),
    ]
)
_THRICE = Graph(
    [
        ("a", Dense(4, "tanh")),
        ("b", Dense(4, "logistic")),
        ("c", Dense(3, "silu"), "a"),
        ("sum", Add(), ["a", "b", "a"]),
        ("all", Concatenate(), ["sum", "c", "x", "a"]),
    ]
)
_BRANCHING: list[tuple[Any, ...]] = [
    ((Residual(Dense(7, "relu"), Dense(6)), Activation("relu")), Categorical(3), (6,), 9),
    ((Dense(5, "tanh"), Residual(Dense(9, "gelu"), Dense(17))), Bernoulli(), (4,), 33),
    ((Residual(Dense(3, "tanh"), shortcut=Dense(3, "logistic")),), Categorical(3), (5,), 1),
    ((Parallel(Dense(3, "tanh"), [Dense(7, "silu"), Dense(2)], []),), Categorical(3), (6,), 9),
    ((Parallel(Dense(4, "tanh"), Dense(4, "elu"), merge="add"), Dense(3, "tanh")), Bernoulli(), (1,), 5),
    ((_DIAMOND, Activation("tanh")), Categorical(3), (6,), 9),
    ((_THRICE,), Bernoulli(), (3,), 7),
    ((Dense(8), Residual(Parallel(Dense(3, "tanh"), Residual(Dense(5, "tanh"))))), Bernoulli(), (4,), 64),
    (
        (Residual(Conv2D(4, 3, "tanh", padding="same"), Conv2D(1, 3, padding="same")), Flatten()),
        *(Bernoulli(), (4, 5, 1), 5),
    ),
    (
        (
            Conv2D(4, 3, "silu", padding="same"),
            Residual(Conv2D(6, 3, "tanh", stride=2, padding="same"), GroupNorm(2)),
            Parallel(Conv2D(2, 1), [MaxPool2D(3, stride=1, padding="same"), Conv2D(3, 1)], []),
            GlobalAvgPool(),
        ),
        *(Categorical(3), (5, 6), 4),
    ),
]
BRANCHING = [NetworkCase(*row) for row in _BRANCHING]
AWKWARD += BRANCHING

# Recurrences, on numbers (n, T) and on steps of several, in batches around tiles.
RECURRENT = [
    NetworkCase((RNN(5),), Categorical(3), (6, 3), 9),
    NetworkCase((RNN(17, "relu", bidirectional=True, return_sequences=True), Last()), Bernoulli(), (5,), 33),
    NetworkCase((LSTM(7),), Bernoulli(), (1, 4), 5),
    NetworkCase((LSTM(1),), Bernoulli(), (3,), 1),
    NetworkCase((LSTM(16, layers=2, return_sequences=True), Dense(6, "tanh"), Flatten()), Categorical(3), (4, 3), 1),
    NetworkCase((LSTM(5, bidirectional=True, initial_state="learned", recurrent_dropout=0.3),), Bernoulli(), (6, 2), 9),
    NetworkCase((GRU(9, layers=2, dropout=0.5, input_dropout=0.2),), Categorical(4), (7, 5), 17),
    NetworkCase((Bidirectional(GRU(3, initial_state="learned", return_sequences=True)), GRU(4)), Bernoulli(), (8,), 7),
    NetworkCase((Residual(GRU(3, return_sequences=True)), LSTM(33)), Categorical(3), (9, 3), 65),
    NetworkCase((LSTM(64),), Categorical(10), (28, 28), 40),
    NetworkCase((LSTM(6, layer_norm=True, return_sequences=True), GlobalAvgPool()), Categorical(3), (5, 6), 9),
    NetworkCase((GRU(9, reset_after=False, layers=2, dropout=0.5, input_dropout=0.2),), Categorical(4), (7, 5), 19),
]
AWKWARD += RECURRENT

# Attention, on steps of several numbers.
ATTENTIVE = [
    NetworkCase((Attention(2), Last()), Categorical(3), (5, 6), 9),
    NetworkCase((Attention(3, 12, causal=True, rotary=True, dropout=0.2), Flatten()), Bernoulli(), (4, 5), 33),
    NetworkCase((Positions(9), TransformerBlock(2, 5, causal=True), LayerNorm(), Last()), Categorical(3), (7, 4), 5),
    NetworkCase((Positions(kind="sinusoidal"), RMSNorm(), Attention(1), GRU(3)), Bernoulli(), (6, 8), 17),
]
AWKWARD += ATTENTIVE

NETWORKS = SMALL + AWKWARD + LIKELY
