"""Recurrence: one cell at every step of a sequence, with a state that it hands on:  x (n, T, p), s (n, k), h (n, T, q).

    s_t = step(x_t, s_{t−1}),   h_t = the first q numbers of s_t

A page says what ``step`` is, and its chain rule; what all recurrences share is here. Values that a recurrence may take
after x, in this order: ``lengths`` (n, 1), beyond which the state stays as it is and h_t is 0; the ``state`` s_0
(n, k); ``keep`` (n, q), which multiplies h_{t−1} where it goes into U, the same at every step (Gal and Ghahramani 2016,
https://arxiv.org/abs/1512.05287). In ``reverse``, time runs from the end of each sequence to its start. With
``truncate`` = m, the gradient does not pass between the steps t − 1 and t where t is a multiple of m, counted from 0:
backpropagation through m steps at most, with the state carried over (Williams and Peng 1990,
https://doi.org/10.1162/neco.1990.2.4.490). That changes no value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from likeliest.xp import numpy_namespace


class Given(NamedTuple):
    """What a recurrence takes, sorted; what is not there is None."""

    x: Any
    lengths: Any
    state: Any
    keep: Any
    parameters: tuple[Any, ...]  # W, U, …


def sort(x: Any, values: tuple[Any, ...], lengths: bool, state: bool, keep: bool) -> Given:
    """The values by what they are."""
    rest = iter(values)
    has = [next(rest) if there else None for there in (lengths, state, keep)]
    return Given(x, has[0], has[1], has[2], tuple(rest))


def forward(
    xp: Any,
    step: Callable[..., Any],
    parts: int,
    x: Any,
    values: tuple[Any, ...],
    *,
    lengths: bool,
    state: bool,
    keep: bool,
    every: bool,
    reverse: bool,
    truncate: int,
    cell: bool = False,
) -> Any:
    """The h of every step (n, T, q) or of the last one (n, q); with ``cell`` all of the last state, (n, parts · q)."""
    given = sort(x, values, lengths, state, keep)
    q = given.parameters[1].shape[0]
    states, last = through(xp, step, parts * q, given, reverse, truncate)
    if not every:
        return last if cell else last[:, :q]
    h = states[:, :, :q]
    return xp.swapaxes(h if given.lengths is None else xp.where(running(given), h, 0.0), 0, 1)


def through(xp: Any, step: Callable[..., Any], k: int, given: Given, reverse: bool, truncate: int) -> tuple[Any, Any]:
    """The state after each step (T, n, k), in the order of x, and after the last one (n, k)."""

    def advance(s: Any, now: Any) -> tuple[Any, Any]:
        x, runs, cut = now
        s_before = s if cut is None else xp.where(cut, xp.stop_gradient(s), s)
        after = step(xp, x, s_before, given.keep, *given.parameters)
        s = after if runs is None else xp.where(runs, after, s)
        return s, s

    steps = xp.swapaxes(given.x, 0, 1), running(given), cuts(given, reverse, truncate)
    last, states = xp.scan(advance, start(xp, k, given), steps, reverse=reverse)
    return states, last


def backward(
    g: Any,
    step: Callable[..., Any],
    step_backward: Callable[..., tuple[Any, ...]],
    parts: int,
    x: Any,
    values: tuple[Any, ...],
    *,
    lengths: bool = False,
    state: bool = False,
    keep: bool = False,
    every: bool = False,
    reverse: bool = False,
    truncate: int = 0,
    cell: bool = False,
) -> tuple[Any, ...]:
    """Backpropagation through time: from the last step to the first, ∂LL/∂s_t is from h_t and from s_{t+1}.

    ``step_backward`` goes from ∂LL/∂s_t to x_t, s_{t−1}, keep and the parameters, whose gradients add up over steps.
    """
    given = sort(x, values, lengths, state, keep)
    k, width, T = parts * len(given.parameters[1]), g.shape[-1], x.shape[1]
    states, _ = through(numpy_namespace, step, k, given, reverse, truncate)
    runs, cut, first = running(given), cuts(given, reverse, truncate), start(np, k, given)
    g_x, g_s, sums = np.zeros_like(x), np.zeros((len(x), k), g.dtype), list[Any]()
    if not every:
        g_s[:, :width] = g
    order = range(T)[::-1] if reverse else range(T)
    for t, before in reversed(list(zip(order, [None, *order], strict=False))):
        run = True if runs is None else runs[t]
        if every:
            g_s[:, :width] += np.where(run, g[:, t], 0)
        s = first if before is None else states[before]
        g_x[:, t], g_before, *rest = step_backward(np.where(run, g_s, 0), x[:, t], s, given.keep, *given.parameters)
        if cut is not None:
            g_before = np.where(cut[t], 0, g_before)
        g_s = np.where(run, g_before, g_s)
        sums = [total + one for total, one in zip(sums, rest, strict=True)] if sums else rest
    optional = (given.lengths, np.zeros_like(given.lengths)), (given.state, g_s), (given.keep, sums[0])
    return g_x, *(gradient for value, gradient in optional if value is not None), *sums[1:]


def start(xp: Any, k: int, given: Given) -> Any:
    """The state before the first step; 0 where none is given."""
    x = given.x
    return xp.zeros_like(x[:, 0, :1]) + np.zeros((1, k), x.dtype) if given.state is None else given.state


def running(given: Given) -> Any:
    """Whether a step is one of the sequence's: (T, n, 1), or None where all are."""
    return None if given.lengths is None else given.lengths[None] > ticks(given, given.lengths)


def ticks(given: Given, of: Any) -> Any:
    """The steps t = 0, 1, …, as numbers of the type that ``of`` has: (T, 1, 1)."""
    return np.arange(given.x.shape[1], dtype=of.dtype)[:, None, None]


def cuts(given: Given, reverse: bool, truncate: int) -> Any:
    """Whether the gradient ends between a step and the one taken before it: (T, n or 1, 1); None if it never does.

    The first step of a sequence has its state from outside, which gets its gradient.
    """
    if not truncate:
        return None
    t, T = ticks(given, given.x if given.lengths is None else given.lengths), given.x.shape[1]
    if not reverse:
        return (t % truncate == 0) & (t > 0)
    return ((t + 1) % truncate == 0) & (t + 1 < (T if given.lengths is None else given.lengths[None]))
