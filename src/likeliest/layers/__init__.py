"""The layers: what a user writes. A layer is a frozen description; ``build(net, x)`` emits its operations."""

from likeliest.layers.activation import Activation
from likeliest.layers.base import Layer
from likeliest.layers.dense import Dense
from likeliest.layers.flatten import Flatten

__all__ = ["Activation", "Dense", "Flatten", "Layer"]
