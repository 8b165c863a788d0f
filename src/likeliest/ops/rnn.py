"""h_t = f(x_t W + h_{t−1} U + b):  x (n, T, p), W (p, q), U (q, q), b (q,), h (n, T, q) or the last one (n, q).

The simple recurrence (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1); f is tanh, or with ``relu`` max(z, 0)
(Le, Jaitly and Hinton 2015, https://arxiv.org/abs/1504.00941). Optional values, in this order after x: ``lengths``
(n, 1), the first ``state`` h_0 (n, q), ``keep`` (n, q), which multiplies h_{t−1} where it goes into U.
"""

from typing import Any

import numpy as np

from likeliest.ops import recurrence


def forward(
    xp: Any,
    x: Any,
    *values: Any,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    reverse: bool = False,
    truncate: int = 0,
    relu: bool = False,
) -> Any:
    """h_1 … h_T, or h_T."""
    has, run = recurrence.given(values, lengths, state, keep), step_relu if relu else step
    q = has.parameters[1].shape[0]
    return recurrence.forward(xp, run, q, q, x, has, every=every, reverse=reverse, truncate=truncate)


def step(xp: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any) -> Any:
    """H = tanh(x W + (h ∘ keep) U + b)."""
    return xp.tanh(x @ W + (h if keep is None else h * keep) @ U + b)


def step_relu(xp: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any) -> Any:
    """H = max(x W + (h ∘ keep) U + b, 0)."""
    return xp.maximum(x @ W + (h if keep is None else h * keep) @ U + b, 0)


def backward(
    g: Any,
    h: Any,
    x: Any,
    *values: Any,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    reverse: bool = False,
    truncate: int = 0,
    relu: bool = False,
) -> tuple[Any, ...]:
    """∂LL/∂z_t = ∂LL/∂h_t ∘ f′(z_t), and from z_t to x_t, h_{t−1} and the parameters."""
    has, run = recurrence.given(values, lengths, state, keep), step_relu if relu else step

    def step_backward(g: Any, x: Any, h: Any, keep: Any, W: Any, U: Any, b: Any) -> tuple[Any, ...]:
        after, held = run(np, x, h, keep, W, U, b), h if keep is None else h * keep
        d = g * (after > 0) if relu else g * (1 - after) * (1 + after)
        back = d @ U.T
        return d @ W.T, back if keep is None else back * keep, back * h, x.T @ d, held.T @ d, d.sum(axis=0)

    q = has.parameters[1].shape[0]
    options: Any = {"every": every, "reverse": reverse, "truncate": truncate}
    return recurrence.backward(g, run, step_backward, q, x, has, **options)
