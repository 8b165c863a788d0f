"""What every layer offers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from likeliest.ops import ACTIVATIONS
from likeliest.program import Builder, Value


class Layer(ABC):
    """A piece of a network: declares its parameters and emits operations; it holds no numbers."""

    @abstractmethod
    def build(self, net: Builder, x: Value) -> Value:
        """Emits the layer's operations on x and returns its output."""

    @classmethod
    def prefix(cls) -> str:
        """The layer's name in parameter names: ``Dense`` -> ``dense``, ``MaxPool2D`` -> ``max_pool_2d``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", cls.__name__).lower()


def check_activation(activation: Any) -> None:
    """A ValueError unless there is an activation of that name."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}; found {activation!r}")


def check_width(width: Any) -> None:
    """A ValueError unless width is a whole number of at least 1."""
    if isinstance(width, bool) or not hasattr(width, "__index__") or int(width) < 1:
        raise ValueError(f"width: expected a whole number of cells, at least 1, found {width!r}")
