"""Ready structures, by name: hidden layers that have proved themselves, as a function of the shape of an example.

``Classifier(layers="lenet5")``, ``Network("lenet5", likelihood=…)``, or ``structures.lenet5((28, 28))`` for the list of
layers, to be changed. The output layer follows from the likelihood, as always.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likeliest.layers import Layer
from likeliest.structures.fcn import fcn
from likeliest.structures.gru import gru
from likeliest.structures.lenet5 import lenet5
from likeliest.structures.lstm import lstm
from likeliest.structures.resnet8 import resnet8

__all__ = ["STRUCTURES", "fcn", "gru", "lenet5", "lstm", "resnet8"]

STRUCTURES: dict[str, Callable[[tuple[int, ...]], list[Layer]]] = {
    page.__name__: page for page in (fcn, gru, lenet5, lstm, resnet8)
}
"""Every structure by name."""


def check_name(layers: Any) -> None:
    """A ValueError unless there is a structure of that name."""
    if layers not in STRUCTURES:
        raise ValueError(
            f'layers: expected a list of layers such as Dense(32, "relu"), or one of {", ".join(STRUCTURES)}; '
            f"found {layers!r}"
        )
