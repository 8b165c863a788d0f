"""Examples: what a user hands to a network that has θ, in blocks that one engine takes, and what engines make of them.

An array is one block. Sequences of different lengths are several, of like lengths each; what comes of them is put back
into the order in which they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.data import check_codes, check_same_length, non_finite_message
from likeliest.engines.base import Engine, kept_in
from likeliest.likelihoods import Likelihood, PerStep
from likeliest.program import Form
from likeliest.sequences import Ragged, as_sequences, as_step_targets, as_user_had, laid, step_targets

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[Any]


def checked(network: Network, X: Any, threads: int | None, lengths: Any = None) -> Any:
    """X as an array of examples that fit the network, or as `Ragged` ones that do."""
    given = as_sequences(X, lengths)
    if isinstance(given, Ragged):
        network._engine_for(Form(given.shape, True), "X")
        given.check(kept_in(network.dtype), "X")
        given.check_codes(network.program, "X")
    else:
        check(network, given, "X", network._threads(threads))
    return given


def check(network: Network, X: Array, argument: str, threads: int) -> None:
    """A ValueError unless X fits the network and every number in it is finite."""
    engine = network._engine_for(Form(X.shape[1:]), argument)
    found = None if X.dtype.kind in "biu" else engine.first_non_finite(X, threads)  # those are always finite
    if found is not None:
        raise ValueError(non_finite_message(X, *found, argument))
    check_codes(X, engine.program, argument)


def blocks(network: Network, X: Any) -> Iterator[tuple[Any, Engine, Array]]:
    """Examples as engines take them: which of them, the engine, and its input. All at once if they are an array."""
    if not isinstance(X, Ragged):
        yield slice(None), network._engine_for(Form(X.shape[1:])), X
        return
    for rows, T in X.blocks():
        yield rows, network._engine_for(Form((T, *X.step), True)), X.pack(T, kept_in(network.dtype), rows)


def at_once(network: Network, X: Any) -> tuple[Engine, Array, Likelihood]:
    """All examples in one array, with the engine and the likelihood for them."""
    if isinstance(X, Ragged):
        engine = network._engine_for(Form(X.shape, True))
        return engine, X.pack(X.longest, kept_in(network.dtype)), likelihood_of(network, X)
    return network._engine_for(Form(X.shape[1:])), X, likelihood_of(network, X)


def likelihood_of(network: Network, X: Any) -> Likelihood:
    """The likelihood of examples with so many steps."""
    return network._likelihood_for(Form(X.shape, True) if isinstance(X, Ragged) else Form(X.shape[1:]))


def each(network: Network, X: Any, run: Callable[[Engine, Array], Array]) -> Any:
    """What engines make of the examples, in the order of these; what there is at every step, as long as each is."""
    if not isinstance(X, Ragged):
        return run(network._engine_for(Form(X.shape[1:])), X)
    if isinstance(network.likelihood, PerStep):
        parts: list[Any] = [None] * len(X)  # never all steps of all as an array: one may be long among many short ones
        for rows, engine, block in blocks(network, X):
            for i, values in zip(rows, run(engine, block), strict=True):
                parts[i] = values[: X.lengths[i]].copy()
        return as_user_had(parts, X)
    made: Array | None = None
    for rows, engine, block in blocks(network, X):
        values = run(engine, block)
        made = np.empty((len(X), *values.shape[1:]), values.dtype) if made is None else made
        made[rows] = values
    return made


def eta(network: Network, X: Any, threads: int) -> Array:
    """Η of the examples, in rows (n, width); where there is one at every step, up to the longest, 0 beyond an end."""
    if not isinstance(X, Ragged) or not isinstance(network.likelihood, PerStep):
        return np.asarray(each(network, X, lambda engine, rows: engine.output(rows, threads)))
    k = network.likelihood.of_step.width
    made = np.zeros((len(X), X.longest, k), kept_in(network.dtype))
    for rows, engine, block in blocks(network, X):
        T = engine.program.form.shape[0]
        values = engine.output(block, threads).reshape(len(rows), T, k)
        values[np.arange(T) >= X.lengths[rows][:, None]] = 0
        made[rows, :T] = values
    return made.reshape(len(X), -1)


def targets(network: Network, X: Any, y: Any) -> Array | list[Array]:
    """The targets of examples as the likelihood takes them; at every step of sequences, those of each by itself."""
    likelihood = likelihood_of(network, X)
    if not isinstance(likelihood, PerStep) or y is None:
        return check_targets(likelihood, X, y)
    if not isinstance(X, Ragged):
        return check_targets(likelihood, X, as_step_targets(y, X, likelihood.T))
    parts = step_targets(y, X, X.longest)
    if isinstance(parts, np.ndarray) or len(parts) != len(X):
        return check_targets(likelihood, X, parts if isinstance(parts, np.ndarray) else laid(parts, X.longest))
    try:  # all steps one after the other, since one sequence may be long among many short ones
        steps = replace(likelihood, steps=1).check(np.concatenate(parts)[:, None])
    except ValueError:
        check_targets(likelihood, X, laid(parts, X.longest))  # says in which sequence it is
        raise
    return np.split(steps[:, 0], np.cumsum(X.lengths)[:-1])


def of_block(y: Array | list[Array], rows: Any, engine: Engine) -> Array:
    """Targets of a block of examples, for as many steps as it has."""
    if isinstance(y, list):
        chosen = y if isinstance(rows, slice) else [y[i] for i in rows]
        return laid(chosen, engine.program.form.shape[0])
    return np.asarray(y[rows])


def check_targets(likelihood: Likelihood, X: Any, y: Any, X_name: str = "X", y_name: str = "y") -> Array:
    """The targets as the likelihood takes them, as many as X has examples."""
    if y is None:
        raise ValueError(f"{y_name}: expected the targets of the {len(X)} examples, found None")
    try:
        found = likelihood.check(y)
    except ValueError as error:
        raise ValueError(f"{y_name}{str(error).removeprefix('y')}") from None
    check_same_length(X, found, X_name, y_name)
    return found
