"""likeliest: neural networks by maximum likelihood.

>>> import likeliest as ll
>>> net = ll.Network([ll.Dense(32, "logistic")], likelihood=ll.likelihoods.Bernoulli())

Everything is imported when it is first used, so that ``import likeliest`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeliest import datasets, handout, initializers, likelihoods, optimizers, plots
    from likeliest.fit import DivergenceError, Epoch
    from likeliest.history import History
    from likeliest.layers import Activation, Dense, Flatten
    from likeliest.network import Network, SymmetryWarning

__version__ = "0.1.0"

_MODULES = ("datasets", "handout", "initializers", "likelihoods", "optimizers", "plots")
_NAMES = {
    "Activation": "likeliest.layers",
    "Dense": "likeliest.layers",
    "DivergenceError": "likeliest.fit",
    "Epoch": "likeliest.fit",
    "Flatten": "likeliest.layers",
    "History": "likeliest.history",
    "Network": "likeliest.network",
    "SymmetryWarning": "likeliest.network",
}

__all__ = [
    "Activation",
    "Dense",
    "DivergenceError",
    "Epoch",
    "Flatten",
    "History",
    "Network",
    "SymmetryWarning",
    "datasets",
    "handout",
    "initializers",
    "likelihoods",
    "optimizers",
    "plots",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"likeliest.{name}")
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'likeliest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
