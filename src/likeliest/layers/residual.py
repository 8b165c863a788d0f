"""Residual: h = s(x) + f(x),  x (n, ...), f(x), s(x) and h of one shape; s is the identity where it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from likeliest.layers.base import Layer, as_layers, chain, numbered
from likeliest.layers.convolution import Conv1D, Conv2D, Conv3D
from likeliest.layers.dense import Dense
from likeliest.layers.space import written
from likeliest.program import Builder, Shape, Value

POINTWISE = {1: Conv1D, 2: Conv2D, 3: Conv3D}


@dataclass(frozen=True, init=False, repr=False)
class Residual(Layer):
    """Layers whose output is added to their input: h = x + f(x), so that gradients have a short way past f.

    He, Zhang, Ren and Sun 2016, https://doi.org/10.1109/CVPR.2016.90. There is no activation after the sum: follow with
    ``Activation("relu")`` for the blocks of that paper, or begin f with it for those of
    https://doi.org/10.1007/978-3-319-46493-0_38.

    Parameters
    ----------
    *layers : Layer
        f, one after another. Their parameters are called ``"residual_1.dense_1.W"``.
    shortcut : Layer or list of Layer, optional
        s, what is done to x before it is added. By default x is added as it is, and where f changes its shape, what
        a linear layer makes of it, ``"residual_1.shortcut.W"``: W x for rows (n, p), for images a 1 × 1 convolution
        whose stride is the smallest that gives the size of f(x), and for sequences that differ in length W x at every
        step; none has a bias.

    Raises
    ------
    ValueError
        When there is no layer or something is none; when the network is built, when f(x) and s(x) are not of one shape.

    Examples
    --------
    >>> import likeliest as ll
    >>> block = ll.Residual(ll.Dense(16, "relu"), ll.Dense(8))
    >>> net = ll.Network([block, ll.Activation("relu")], likelihood="bernoulli").build(8)
    >>> list(net.parameters)[:2], net.program.steps[3].inputs
    (['residual_1.dense_1.W', 'residual_1.dense_1.b'], ('x', 'residual_1.dense_2.h'))
    """

    layers: tuple[Layer, ...]
    shortcut: Layer | tuple[Layer, ...] | None = None

    def __init__(self, *layers: Layer, shortcut: Any = None) -> None:
        if len(layers) == 1 and isinstance(layers[0], list | tuple):
            raise ValueError(f"layers: write the layers one after another, Residual(*layers); found {layers[0]!r}")
        if not layers:
            raise ValueError("layers: expected at least one layer such as Dense(32, 'relu'), found none")
        as_layers("layers", layers)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "shortcut", None if shortcut is None else as_layers("shortcut", shortcut))

    def __repr__(self) -> str:
        given = [*map(repr, self.layers), *([] if self.shortcut is None else [f"shortcut={self.shortcut!r}"])]
        return f"Residual({', '.join(given)})"

    def parts(self) -> list[tuple[str, Layer]]:
        """The layers of f, and those of a given shortcut."""
        if self.shortcut is None:
            return numbered(self.layers)
        if isinstance(self.shortcut, Layer):
            return [*numbered(self.layers), ("shortcut", self.shortcut)]
        return [*numbered(self.layers), *((f"shortcut.{name}", layer) for name, layer in numbered(self.shortcut))]

    def build(self, net: Builder, x: Value) -> Value:
        """f(x), then s(x), then their sum."""
        h = chain(net, self.layers, x)
        shortcut = self._projection(net, x.shape, h.shape) if self.shortcut is None else self.shortcut
        with net.within("shortcut"):
            s = shortcut.build(net, x) if isinstance(shortcut, Layer) else chain(net, shortcut, x)
        if s.shape != h.shape:
            raise ValueError(
                f"{net.layer}: its layers make {written(h.shape)} of x {written(x.shape)}, but its shortcut makes "
                f"{written(s.shape)}, which cannot be added: give them the same width, padding and stride"
            )
        return net.emit("add", s, h, name="h")

    def _projection(self, net: Builder, x: Shape, h: Shape) -> Layer | tuple[Layer, ...]:
        """The shortcut where none is given."""
        if x == h:
            return ()
        d = len(h) - 1
        if len(x) == 1 and d == 0:
            return Dense(h[0], bias=False)
        if d == 1 and net.lengths is not None and x[:1] == h[:1]:
            return Dense(h[1], bias=False)
        if d in POINTWISE and len(x) in (d, d + 1):
            strides = [_stride(size, out) for size, out in zip(x[:d], h[:-1], strict=True)]
            if all(strides):
                return POINTWISE[d](h[-1], 1, stride=tuple(strides), bias=False)
        raise ValueError(
            f"{net.layer}: its layers make {written(h)} of x {written(x)}, which no stride of a 1 × 1 convolution "
            'does: use padding="same", or give the shortcut, such as shortcut=[Flatten(), Dense(8)]'
        )


def _stride(size: int, out: int) -> int:
    """The smallest stride that takes so many places to so many, ceil(size / stride); 0 if there is none."""
    stride = -(-size // out)
    return stride if -(-size // stride) == out else 0
