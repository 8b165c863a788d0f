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
        distributed,
        handout,
        initializers,
        likelihoods,
        optimizers,
        plots,
        priors,
        schedules,
        structures,
    )
    from likeliest.character_model import CharacterModel
    from likeliest.estimators import Classifier, Ensemble, Regressor
    from likeliest.export import export_onnx
    from likeliest.fit import DivergenceError, Epoch
    from likeliest.forecasting import windows
    from likeliest.history import History
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
        BatchNorm,
        Bidirectional,
        Concatenate,
        Conv1D,
        Conv2D,
        Conv3D,
        ConvTranspose1D,
        ConvTranspose2D,
        ConvTranspose3D,
        Dense,
        Dropout,
        Embedding,
        EncoderDecoder,
        Flatten,
        GaussianNoise,
        GlobalAvgPool,
        GlobalMaxPool,
        Graph,
        GroupNorm,
        Last,
        LayerNorm,
        MaxPool1D,
        MaxPool2D,
        MaxPool3D,
        Parallel,
        Positions,
        Rescale,
        Residual,
        RMSNorm,
        SeparableConv1D,
        SeparableConv2D,
        SeparableConv3D,
        TokenEmbedding,
        TransformerBlock,
        Upsample1D,
        Upsample2D,
        Upsample3D,
    )
    from likeliest.learning_rate_finder import find_learning_rate
    from likeliest.likelihood_check import check_likelihood
    from likeliest.model_file import load
    from likeliest.network import Network, SymmetryWarning
    from likeliest.sequence_to_sequence import SequenceToSequence
    from likeliest.tensor_file import ModelFileError

__version__ = "0.1.0"

_MODULES = (
    "augmentation",
    "averaging",
    "callbacks",
    "data_dependent",
    "datasets",
    "distributed",
    "handout",
    "initializers",
    "likelihoods",
    "optimizers",
    "plots",
    "priors",
    "schedules",
    "structures",
)
_NAMES = {
    "Activation": "likeliest.layers",
    "Add": "likeliest.layers",
    "Attention": "likeliest.layers",
    "AvgPool1D": "likeliest.layers",
    "AvgPool2D": "likeliest.layers",
    "AvgPool3D": "likeliest.layers",
    "BatchNorm": "likeliest.layers",
    "Bidirectional": "likeliest.layers",
    "CharacterModel": "likeliest.character_model",
    "Classifier": "likeliest.estimators",
    "Concatenate": "likeliest.layers",
    "Conv1D": "likeliest.layers",
    "Conv2D": "likeliest.layers",
    "Conv3D": "likeliest.layers",
    "ConvTranspose1D": "likeliest.layers",
    "ConvTranspose2D": "likeliest.layers",
    "ConvTranspose3D": "likeliest.layers",
    "Dense": "likeliest.layers",
    "DivergenceError": "likeliest.fit",
    "Dropout": "likeliest.layers",
    "Embedding": "likeliest.layers",
    "EncoderDecoder": "likeliest.layers",
    "Ensemble": "likeliest.estimators",
    "Epoch": "likeliest.fit",
    "Flatten": "likeliest.layers",
    "GRU": "likeliest.layers",
    "GaussianNoise": "likeliest.layers",
    "GlobalAvgPool": "likeliest.layers",
    "GlobalMaxPool": "likeliest.layers",
    "Graph": "likeliest.layers",
    "GroupNorm": "likeliest.layers",
    "History": "likeliest.history",
    "LSTM": "likeliest.layers",
    "Last": "likeliest.layers",
    "LayerNorm": "likeliest.layers",
    "MaxPool1D": "likeliest.layers",
    "MaxPool2D": "likeliest.layers",
    "MaxPool3D": "likeliest.layers",
    "ModelFileError": "likeliest.tensor_file",
    "Network": "likeliest.network",
    "Parallel": "likeliest.layers",
    "Positions": "likeliest.layers",
    "RMSNorm": "likeliest.layers",
    "RNN": "likeliest.layers",
    "Regressor": "likeliest.estimators",
    "Rescale": "likeliest.layers",
    "Residual": "likeliest.layers",
    "SeparableConv1D": "likeliest.layers",
    "SeparableConv2D": "likeliest.layers",
    "SeparableConv3D": "likeliest.layers",
    "SequenceToSequence": "likeliest.sequence_to_sequence",
    "SymmetryWarning": "likeliest.network",
    "TokenEmbedding": "likeliest.layers",
    "TransformerBlock": "likeliest.layers",
    "Upsample1D": "likeliest.layers",
    "Upsample2D": "likeliest.layers",
    "Upsample3D": "likeliest.layers",
    "check_likelihood": "likeliest.likelihood_check",
    "export_onnx": "likeliest.export",
    "find_learning_rate": "likeliest.learning_rate_finder",
    "load": "likeliest.model_file",
    "windows": "likeliest.forecasting",
}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Attention",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm",
    "Bidirectional",
    "CharacterModel",
    "Classifier",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "Dense",
    "DivergenceError",
    "Dropout",
    "Embedding",
    "EncoderDecoder",
    "Ensemble",
    "Epoch",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Graph",
    "GroupNorm",
    "History",
    "Last",
    "LayerNorm",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "ModelFileError",
    "Network",
    "Parallel",
    "Positions",
    "RMSNorm",
    "Regressor",
    "Rescale",
    "Residual",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConv3D",
    "SequenceToSequence",
    "SymmetryWarning",
    "TokenEmbedding",
    "TransformerBlock",
    "Upsample1D",
    "Upsample2D",
    "Upsample3D",
    "augmentation",
    "averaging",
    "callbacks",
    "check_likelihood",
    "data_dependent",
    "datasets",
    "distributed",
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
    "structures",
    "windows",
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
