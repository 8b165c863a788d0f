"""Upsample1D, 2D, 3D:  x (n, *space, c), h (n, *(space · factor), c), every place repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from likeliest.layers.base import Layer
from likeliest.layers.space import check_sizes, per_axis, with_channels
from likeliest.ops.windows import Sizes
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Upsampling(Layer):
    """What the three have in common; see `Upsample2D`."""

    factor: int | Sizes = 2

    d: ClassVar[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", check_sizes("factor", self.factor, self.d))

    def build(self, net: Builder, x: Value) -> Value:
        """One operation."""
        x = with_channels(net, x, self.d)
        return net.emit("upsample", x, name="h", factor=per_axis(self.factor, self.d))


@dataclass(frozen=True)
class Upsample1D(Upsampling):
    """A signal in which every step is repeated: x (n, T, c), h (n, T · factor, c).

    Examples
    --------
    >>> from likeliest.layers import Upsample1D
    >>> Upsample1D(3)
    Upsample1D(factor=3)
    """

    d = 1


@dataclass(frozen=True)
class Upsample2D(Upsampling):
    """An image in which every place is repeated, the nearest neighbour: (n, H, W, c) to (n, fH, fW, c).

    Followed by a `Conv2D`, an alternative to `ConvTranspose2D` without its chequerboard (Odena, Dumoulin and Olah 2016,
    https://doi.org/10.23915/distill.00003).

    Parameters
    ----------
    factor : int or tuple of int
        How often; one number for both axes, or (down, across).

    Raises
    ------
    ValueError
        When factor is neither; when x is no image or its channels seem to come first.

    Examples
    --------
    >>> from likeliest.layers import Upsample2D
    >>> Upsample2D((2, 3))
    Upsample2D(factor=(2, 3))
    """

    d = 2


@dataclass(frozen=True)
class Upsample3D(Upsampling):
    """A volume in which every place is repeated: x (n, D, H, W, c), each of D, H and W times its factor.

    Examples
    --------
    >>> from likeliest.layers import Upsample3D
    >>> Upsample3D()
    Upsample3D(factor=2)
    """

    d = 3
