"""Anatomy: a network of dense layers seen as columns of cells, for the pictures and the explanation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods import Bernoulli

if TYPE_CHECKING:
    from likeliest.network import Network

Array = npt.NDArray[Any]

ACROSS = ("affine", "reshape")  # operations that are not a scalar activation, and that a picture of columns can show


@dataclass(frozen=True)
class Column:
    """One layer of cells and what leads to it: cell j gets f( b_j + Σ_i x_i W_ij ).

    Attributes
    ----------
    name : str
        The layer's name in parameter names: ``"dense_1"``, ..., ``"output"``.
    value : str
        The name of the cells' values in a trace.
    z : str
        The name of their sums before the activation.
    activation : str
        f, by name; ``"identity"`` for the output layer, whose link belongs to the likelihood.
    W : (p, q) array
        The weights, float64.
    b : (q,) array or None
        The biases.
    """

    name: str
    value: str
    z: str
    activation: str
    W: Array
    b: Array | None


def columns(network: Network) -> list[Column]:
    """The columns of a network, the last one the output.

    Raises
    ------
    ValueError
        When the network has something else than dense layers, activations and Flatten.
    """
    from likeliest.ops import ACTIVATIONS

    theta = {name: np.asarray(value, np.float64) for name, value in network.parameters.items()}
    found: list[Column] = []
    for step in network.program.steps:
        if step.operation == "affine":
            W, b = theta[step.parameters[0]], theta[step.parameters[1]] if len(step.parameters) > 1 else None
            name = step.parameters[0].removesuffix(".W")
            found.append(Column(name, step.output, step.output, "identity", W, b))
        elif step.operation in ACTIVATIONS and found and found[-1].activation == "identity":
            last = found[-1]
            found[-1] = Column(last.name, step.output, last.z, step.operation, last.W, last.b)
        elif step.operation not in ("reshape", "rescale"):
            raise ValueError(
                f"only networks of Dense layers, each with one activation, can be drawn cell by cell; "
                f"this one has {step.operation} ({step.output})"
            )
    return found


def output_names(network: Network, class_names: Any = None) -> list[str]:
    """What the classes are called: ``class_names``, or 0, 1, ...

    Raises
    ------
    ValueError
        When there are not as many names as classes, or y is no class at all.
    """
    classes = network.likelihood.classes
    if classes is None:
        raise ValueError(
            f"network: this picture is of a likelihood with classes, found {network.likelihood!r}; "
            f"plots.WeightsDisplay draws the weights of any"
        )
    names = [str(name) for name in (range(classes) if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"class_names: the likelihood has {classes} classes, found {len(names)} names")
    return names


def is_bernoulli(network: Network) -> bool:
    """Whether the output is the handout's: one cell, ŷ = P(Y = 1 | x)."""
    return isinstance(network.likelihood, Bernoulli)


def as_image_shape(network: Network, image_shape: Any) -> tuple[int, int] | None:
    """The shape (H, W) to show an example in: the given one, the input's own, or a square; None when there is none.

    Raises
    ------
    ValueError
        When the given shape does not hold as many numbers as an example.
    """
    shape = network.program.input_shape
    size = math.prod(shape)
    if image_shape is not None:
        given = tuple(int(length) for length in image_shape)
        if len(given) != 2 or min(given) < 1 or math.prod(given) != size:
            raise ValueError(f"image_shape: expected (H, W) with H W = {size} inputs, found {image_shape!r}")
        return given[0], given[1]
    if len(shape) == 2:
        return shape
    if len(shape) == 3 and shape[-1] == 1:
        return shape[0], shape[1]
    side = math.isqrt(size)
    return (side, side) if side * side == size and side >= 4 else None
