"""Twins: engines that only compute the values of some program, with the θ of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.engines import kept_in, make_engine
from likeliest.engines.base import Engine
from likeliest.likelihoods import Likelihood
from likeliest.program import OUTPUT, Program

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NoLikelihood(Likelihood):
    """What an engine gets that is only asked for values."""

    columns: int

    @property
    def width(self) -> int:
        """How many numbers the last value has."""
        return self.columns

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Nothing has a probability."""
        raise NotImplementedError


def twin_of(network: Network, program: Program, engine: Engine | None = None) -> Engine:
    """An engine for a program whose last value is a row, with θ as it is now in the network or one of its engines."""
    engine = engine or network._built()
    twin = make_engine(network.engine, program, NoLikelihood(math.prod(program.values[OUTPUT])), network.dtype)
    for name in program.parameters:
        twin.set(name, engine.get(name))
    return twin


def hidden(network: Network, engine: Engine, X: Array, threads: int) -> Array:
    """The values that the output layer of one of the network's engines takes: (n, m_h), or (n, T, m_h)."""
    program = engine.program.hidden()
    if all(step.operation == "reshape" for step in program.steps):
        return np.asarray(X.reshape(len(X), -1), kept_in(network.dtype))
    twin = twin_of(network, program.flat(), engine)
    return twin.output(X, threads).reshape(-1, *program.values[OUTPUT])
