"""The layers: what a user writes. A layer is a frozen description; ``build(net, x)`` emits its operations."""

from likeliest.layers.activation import Activation
from likeliest.layers.base import Layer
from likeliest.layers.dense import Dense
from likeliest.layers.dropout import Dropout
from likeliest.layers.embedding import Embedding
from likeliest.layers.flatten import Flatten
from likeliest.layers.gaussian_noise import GaussianNoise
from likeliest.layers.normalization import BatchNorm, LayerNorm, RMSNorm

__all__ = [
    "Activation",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "RMSNorm",
]
