"""Streaming: a network's stream, by whether recurrences carry what came before or all steps are read again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.assembly import assemble
from likeliest.causality import check_causal
from likeliest.engines import kept_in
from likeliest.engines.base import Engine
from likeliest.likelihoods import PerStep
from likeliest.one_step import OneStep, is_carried, one_step
from likeliest.program import Form, Program
from likeliest.rereading import Rereading
from likeliest.sequences import rounded
from likeliest.stream import Carried, Stream
from likeliest.twins import twin_of

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[Any]


def program_of_steps(network: Network) -> Program:
    """The program for sequences of one length, the longest; a ValueError where they cannot go on."""
    form = network.program.form
    program = network.program
    if form.lengths:
        likelihood = network._likelihood_for(Form(form.shape))
        program = assemble(network.layers, likelihood, None, form.shape, program.parameters)[0]
    check_causal(program)
    return program


def stream_of(network: Network, examples: int | None) -> Stream:
    """A stream with θ as it is now."""
    program = program_of_steps(network)
    if is_carried(program):
        return carried(network, one_step(program), {}, examples)
    return _reread(network, program, examples)


def carried(network: Network, step: OneStep, given: Mapping[str, Array], examples: int | None) -> Stream:
    """A stream whose state recurrences carry, and values that are known before the first step."""
    engine = network._built()
    named = [one.start for one in step.states if one.start is not None]
    starts = {name: engine.get(name) for name in named if name in engine.program.parameters}
    twin, likelihood = twin_of(network, step.program), network.likelihood.of_step
    return Carried(twin, step, {**starts, **given}, likelihood, examples, codes_of(step.program))


def codes_of(program: Program) -> int | None:
    """How many symbols there are; None where steps are none."""
    tables = [one.parameters[0] for one in program.steps if one.operation == "token_embedding"]
    return min((program.parameters[name][0] for name in tables), default=None)


def _reread(network: Network, program: Program, examples: int | None) -> Stream:
    """A stream that reads all steps again; they stand in a row of one of few lengths, so that few programs are made.

    Where there is something at every step, nothing that stands after the last one changes it; where there is one thing
    of the whole sequence, the row ends in its length.
    """
    twin = copy.copy(network)
    most, *step = program.input_shape
    every, width = isinstance(network.likelihood, PerStep), network.likelihood.of_step.width

    def engine_for(T: int) -> Engine:
        return twin._engine_for(Form((T, *step), not every))

    last = {1: engine_for(1)}  # kept, so that θ is not handed over at each step

    def read(steps: Array, _: Array | None) -> Array:
        n, t = steps.shape[:2]
        T = min(rounded(t), most)
        if T not in last:
            last.clear()
            last[T] = engine_for(T)
        rows = np.zeros((n, T, *step), twin.dtype)
        rows[:, :t] = steps
        if every:
            return last[T].output(rows, twin._threads(None))[:, (t - 1) * width : t * width]
        rows = np.column_stack([rows.reshape(n, -1), np.full(n, t, rows.dtype)])
        return last[T].output(rows, twin._threads(None))

    return Rereading(
        read, most, kept_in(network.dtype), network.likelihood.of_step, tuple(step), examples, codes_of(program)
    )
