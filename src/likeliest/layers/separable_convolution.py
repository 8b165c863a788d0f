"""SeparableConv1D, 2D, 3D: h = f((x ∗ D) ∗ W + b),  D (*kernel, 1, c) by channels, W (1, …, c, q), b (q,)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from likeliest import initializers
from likeliest.initializers import Initializer, Zeros
from likeliest.layers.base import Layer, check_activation, check_positive, check_width
from likeliest.layers.convolution import activated, bordered
from likeliest.layers.space import check_padding, check_reach, check_sizes, per_axis
from likeliest.ops.windows import Sizes
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class SeparableConvolution(Layer):
    """What the three have in common; see `SeparableConv2D` for the parameters."""

    width: int
    kernel: int | Sizes
    activation: str = "identity"
    stride: int | Sizes = field(default=1, kw_only=True)
    padding: Any = field(default="valid", kw_only=True)
    dilation: int | Sizes = field(default=1, kw_only=True)
    bias: bool = field(default=True, kw_only=True)
    initializer: Initializer | str | None = field(default=None, kw_only=True)
    bias_initializer: Initializer | str | None = field(default=None, kw_only=True)
    max_norm: float | None = field(default=None, kw_only=True)

    d: ClassVar[int]

    def __post_init__(self) -> None:
        check_width(self.width)
        check_activation(self.activation)
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, check_sizes(name, getattr(self, name), self.d))
        object.__setattr__(self, "padding", check_padding(self.padding, self.d))
        if self.max_norm is not None:
            check_positive("max_norm", self.max_norm)
        initializers.resolve(self.initializer, "initializer", Zeros())
        initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """Each channel by itself, then all channels at each place."""
        d, q, once = self.d, int(self.width), (1,) * self.d
        kernel, stride, dilation = (per_axis(one, d) for one in (self.kernel, self.stride, self.dilation))
        x, padding = bordered(net, x, kernel, stride, self.padding, dilation)
        c = x.shape[-1]
        check_reach(net, x, "kernel", kernel, stride, padding, dilation)
        chosen = net.initializer if self.initializer is None else self.initializer
        linear = initializers.resolve(chosen, "initializer", initializers.for_activation("identity"))
        start = initializers.resolve(chosen, "initializer", initializers.for_activation(self.activation))
        taps = math.prod(kernel)
        D = net.parameter("D", (*kernel, 1, c), linear, weight=True, fans=(taps, taps))
        parameters = [net.parameter("W", (*once, c, q), start, weight=True, max_norm=self.max_norm, fans=(c, q))]
        if self.bias:
            bias = initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())
            parameters.append(net.parameter("b", (q,), bias))
        depthwise = {"stride": stride, "padding": padding, "dilation": dilation, "groups": c}
        x = net.emit("convolution", x, D, name="d", **depthwise)
        pointwise = {"stride": once, "padding": ((0, 0),) * d, "dilation": once, "groups": 1}
        return activated(net, "convolution", x, parameters, pointwise, self.activation)


@dataclass(frozen=True)
class SeparableConv1D(SeparableConvolution):
    """A convolution in time by channels, then one over channels: x (n, T, c), h (n, T', q); see `SeparableConv2D`.

    Examples
    --------
    >>> from likeliest.layers import SeparableConv1D
    >>> SeparableConv1D(16, 9, "relu", stride=2).stride
    2
    """

    d = 1


@dataclass(frozen=True)
class SeparableConv2D(SeparableConvolution):
    """A convolution of each channel by itself, then one over the channels at each place: h = f((x ∗ D) ∗ W + b).

    Where `Conv2D` has taps · c · q weights, this has taps · c + c · q, and as many fewer products (Howard et al. 2017,
    https://arxiv.org/abs/1704.04861). Images are (n, H, W, c), or (n, H, W) with one channel.

    Parameters
    ----------
    width : int
        q, how many cells at each place: the channels of h.
    kernel, stride, padding, dilation
        Those of the convolution of each channel, as in `Conv2D`.
    activation : str
        f, by name; between the two convolutions there is none.
    bias : bool
        Whether there is a bias term for each cell.
    initializer : Initializer or str, optional
        Where D (*kernel, 1, c) and W (1, 1, c, q) start; by default Glorot for D, and as in `Dense` for W.
    bias_initializer : Initializer or str, optional
        Where b (q,) starts; by default 0.
    max_norm : float, optional
        The longest that the weights W into one cell may be, as a vector; see `Dense`.

    Raises
    ------
    ValueError
        As `Conv2D`.

    Examples
    --------
    >>> import likeliest as ll
    >>> layers = [ll.SeparableConv2D(64, 3, "relu"), ll.GlobalAvgPool()]
    >>> net = ll.Network(layers, likelihood="bernoulli").build((12, 12, 32))
    >>> net.parameters["separable_conv2d_1.D"].shape, net.parameters["separable_conv2d_1.W"].shape
    ((3, 3, 1, 32), (1, 1, 32, 64))
    """

    d = 2


@dataclass(frozen=True)
class SeparableConv3D(SeparableConvolution):
    """A convolution by channels, then one over channels: of volumes (n, D, H, W, c); see `SeparableConv2D`.

    Examples
    --------
    >>> from likeliest.layers import SeparableConv3D
    >>> SeparableConv3D(16, (1, 3, 3)).kernel
    (1, 3, 3)
    """

    d = 3
