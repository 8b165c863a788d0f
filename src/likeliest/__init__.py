"""likeliest: neural networks by maximum likelihood.

>>> import likeliest as ll
>>> net = ll.Network([ll.Dense(32, "logistic")], likelihood=ll.likelihoods.Bernoulli())

Everything is imported when it is first used, so that ``import likeliest`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeliest import (
        augmentation,
        averaging,
        callbacks,
        data_dependent,
        datasets,
        handout,
        initializers,
        likelihoods,
        optimizers,
        plots,
        priors,
        schedules,
    )
    from likeliest.estimators import Classifier, Regressor
    from likeliest.export import export_onnx
    from likeliest.fit import DivergenceError, Epoch
    from likeliest.history import History
    from likeliest.layers import (
        Activation,
        BatchNorm,
        Dense,
        Dropout,
        Embedding,
        Flatten,
        GaussianNoise,
        LayerNorm,
        RMSNorm,
    )
    from likeliest.learning_rate_finder import find_learning_rate
    from likeliest.likelihood_check import check_likelihood
    from likeliest.model_file import load
    from likeliest.network import Network, SymmetryWarning
    from likeliest.tensor_file import ModelFileError

__version__ = "0.1.0"

_MODULES = (
    "augmentation",
    "averaging",
    "callbacks",
    "data_dependent",
    "datasets",
    "handout",
    "initializers",
    "likelihoods",
    "optimizers",
    "plots",
    "priors",
    "schedules",
)
_NAMES = {
    "Activation": "likeliest.layers",
    "BatchNorm": "likeliest.layers",
    "Classifier": "likeliest.estimators",
    "Dense": "likeliest.layers",
    "DivergenceError": "likeliest.fit",
    "Dropout": "likeliest.layers",
    "Embedding": "likeliest.layers",
    "Epoch": "likeliest.fit",
    "Flatten": "likeliest.layers",
    "GaussianNoise": "likeliest.layers",
    "History": "likeliest.history",
    "LayerNorm": "likeliest.layers",
    "ModelFileError": "likeliest.tensor_file",
    "Network": "likeliest.network",
    "RMSNorm": "likeliest.layers",
    "Regressor": "likeliest.estimators",
    "SymmetryWarning": "likeliest.network",
    "check_likelihood": "likeliest.likelihood_check",
    "export_onnx": "likeliest.export",
    "find_learning_rate": "likeliest.learning_rate_finder",
    "load": "likeliest.model_file",
}

__all__ = [
    "Activation",
    "BatchNorm",
    "Classifier",
    "Dense",
    "DivergenceError",
    "Dropout",
    "Embedding",
    "Epoch",
    "Flatten",
    "GaussianNoise",
    "History",
    "LayerNorm",
    "ModelFileError",
    "Network",
    "RMSNorm",
    "Regressor",
    "SymmetryWarning",
    "augmentation",
    "averaging",
    "callbacks",
    "check_likelihood",
    "data_dependent",
    "datasets",
    "export_onnx",
    "find_learning_rate",
    "handout",
    "initializers",
    "likelihoods",
    "load",
    "optimizers",
    "plots",
    "priors",
    "schedules",
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
