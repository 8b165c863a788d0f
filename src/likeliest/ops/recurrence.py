"""Recurrence: one cell at every step of a sequence, with a state that it hands on:  x (n, T, p), s (n, k), h (n, T, q).

    s_t = step(x_t, s_{t−1}),   h_t = the first q numbers of s_t

A page says what ``step`` is, and its chain rule; what all recurrences share is here. Sequences may be shorter than T:
beyond the ``lengths`` (n, 1) the state stays as it is and h_t is 0. In ``reverse`` time runs from the end of each
sequence to its start. With ``truncate`` = k the gradient does not pass between the steps t − 1 and t where t is a
multiple of k: backpropagation through k steps at most, with the state carried over (Williams and Peng 1990,
https://doi.org/10.1162/neco.1990.2.4.490). That changes no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from likeliest.xp import numpy_namespace


class Given(NamedTuple):
    """What a recurrence takes besides x, sorted; what is not there is None."""

    lengths: Any
    state: Any
    keep: Any
    parameters: tuple[Any, ...]


def given(values: Sequence[Any], lengths: bool, state: bool, keep: bool) -> Given:
    """The values after x: those of the three that are there, in this order, and then the parameters."""
    rest = iter(values)
    optional = [next(rest) if there else None for there in (lengths, state, keep)]
    return Given(*optional, tuple(rest))


def forward(
    xp: Any,
    step: Callable[..., Any],
    k: int,
    width: int,
    x: Any,
    has: Given,
    *,
    every: bool,
    reverse: bool,
    truncate: int,
) -> Any:
    """The first ``width`` numbers of the state: of every step (n, T, width), or of the last one (n, width)."""
    states, last = through(xp, step, k, x, has, reverse, truncate)
    if not every:
        return last[:, :width]
    h = states[:, :, :width]
    return xp.swapaxes(h if has.lengths is None else xp.where(running(x, has), h, 0.0), 0, 1)


def through(
    xp: Any, step: Callable[..., Any], k: int, x: Any, has: Given, reverse: bool, truncate: int
) -> tuple[Any, Any]:
    """The state after each step (T, n, k), in the order of x, and after the last one (n, k)."""

    def advance(s: Any, at: Any) -> tuple[Any, Any]:
        x_t, runs, cut = at
        after = step(xp, x_t, s if cut is None else xp.where(cut, xp.stop_gradient(s), s), has.keep, *has.parameters)
        s = after if runs is None else xp.where(runs, after, s)
        return s, s

    ticks = xp.swapaxes(x, 0, 1), running(x, has), cuts(x, has, reverse, truncate)
    last, states = xp.scan(advance, start(xp, k, x, has), ticks, reverse=reverse)
    return states, last


def backward(
    g: Any,
    step: Callable[..., Any],
    step_backward: Callable[..., Any],
    k: int,
    x: Any,
    has: Given,
    *,
    every: bool,
    reverse: bool,
    truncate: int,
) -> tuple[Any, ...]:
    """Backpropagation through time: from the last step to the first, ∂LL/∂s_t comes from above and from s_{t+1}."""
    states, _ = through(numpy_namespace, step, k, x, has, reverse, truncate)
    runs, cut, first = running(x, has), cuts(x, has, reverse, truncate), start(np, k, x, has)
    n, T, width = len(x), x.shape[1], g.shape[-1]
    g_x, g_s, sums = np.zeros_like(x), np.zeros((n, k), g.dtype), None
    if not every:
        g_s[:, :width] = g
    order = range(T)[::-1] if reverse else range(T)
    for t, before in reversed(list(zip(order, [None, *order], strict=False))):
        run = True if runs is None else runs[t]
        if every:
            g_s[:, :width] += np.where(run, g[:, t], 0)
        s = first if before is None else states[before]
        g_x[:, t], g_before, *rest = step_backward(np.where(run, g_s, 0), x[:, t], s, has.keep, *has.parameters)
        if cut is not None:
            g_before = np.where(cut[t], 0, g_before)
        g_s = np.where(run, g_before, g_s)
        sums = rest if sums is None else [total + one for total, one in zip(sums, rest, strict=True)]
    g_keep, *g_parameters = sums or []
    optional = (has.lengths, np.zeros_like(has.lengths)), (has.state, g_s), (has.keep, g_keep)
    return g_x, *(gradient for value, gradient in optional if value is not None), *g_parameters


def start(xp: Any, k: int, x: Any, has: Given) -> Any:
    """The state before the first step."""
    return xp.broadcast_to(np.zeros((1, k), x.dtype), (x.shape[0], k)) if has.state is None else has.state


def running(x: Any, has: Given) -> Any:
    """Whether a step is one of the sequence's: (T, n, 1), or None where all are."""
    return None if has.lengths is None else has.lengths[None] > np.arange(x.shape[1], dtype=x.dtype)[:, None, None]


def cuts(x: Any, has: Given, reverse: bool, truncate: int) -> Any:
    """Whether the gradient of the state ends before a step, (T, n or 1, 1); None where it never does.

    It ends between steps, not before the first one of a sequence: that has its state from outside.
    """
    if not truncate:
        return None
    t = np.arange(x.shape[1], dtype=x.dtype)[:, None, None]
    if not reverse:
        return (t % truncate == 0) & (t > 0)
    end = np.array(x.shape[1], x.dtype) if has.lengths is None else has.lengths[None]
    return ((t + 1) % truncate == 0) & (t + 1 < end)
