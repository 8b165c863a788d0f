"""ConvTranspose1D, 2D, 3D: h = f(x ∗ᵀ W + b),  x (n, *space, c), W (*kernel, q/groups, c), b (q,), h (n, *out, q)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from likeliest import initializers
from likeliest.initializers import Initializer, Zeros
from likeliest.layers.base import Layer, check_activation, check_width
from likeliest.layers.convolution import activated
from likeliest.layers.space import check_padding, check_sizes, pairs, per_axis, with_channels, written
from likeliest.ops.windows import Padding, Sizes
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class TransposedConvolution(Layer):
    """What the three have in common; see `ConvTranspose2D` for the parameters."""

    width: int
    kernel: int | Sizes
    activation: str = "identity"
    stride: int | Sizes = field(default=1, kw_only=True)
    padding: Any = field(default="valid", kw_only=True)
    output_padding: int | Sizes = field(default=0, kw_only=True)
    dilation: int | Sizes = field(default=1, kw_only=True)
    groups: int = field(default=1, kw_only=True)
    bias: bool = field(default=True, kw_only=True)
    initializer: Initializer | str | None = field(default=None, kw_only=True)
    bias_initializer: Initializer | str | None = field(default=None, kw_only=True)

    d: ClassVar[int]

    def __post_init__(self) -> None:
        check_width(self.width)
        check_activation(self.activation)
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, check_sizes(name, getattr(self, name), self.d))
        object.__setattr__(self, "output_padding", check_sizes("output_padding", self.output_padding, self.d, least=0))
        object.__setattr__(self, "padding", check_padding(self.padding, self.d))
        more, stride = per_axis(self.output_padding, self.d), per_axis(self.stride, self.d)
        if self.padding == "same" and any(more):
            raise ValueError(
                'output_padding: with padding="same" it follows from the stride; leave it out, found '
                f"{self.output_padding}"
            )
        if any(a >= b for a, b in zip(more, stride, strict=True)):
            raise ValueError(
                f"output_padding: expected less than the stride {self.stride}, found {self.output_padding}"
            )
        if isinstance(self.groups, str) or isinstance(check_sizes("groups", self.groups, 1), tuple):
            raise ValueError(f"groups: expected a whole number of at least 1, found {self.groups!r}")
        if self.width % self.groups:
            raise ValueError(f"groups: {self.groups} groups cannot share {self.width} cells evenly: change the width")
        initializers.resolve(self.initializer, "initializer", Zeros())
        initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """Z = x ∗ᵀ W + b, then h = f(z)."""
        x, d, q, groups = with_channels(net, x, self.d), self.d, int(self.width), int(self.groups)
        c = x.shape[-1]
        if c % groups:
            raise ValueError(
                f"{net.layer}: {groups} groups must divide the {c} channels of x {written(x.shape)}: change groups"
            )
        kernel, stride, dilation = (per_axis(one, d) for one in (self.kernel, self.stride, self.dilation))
        padding, more = self._borders(x.shape[:-1], kernel, stride, dilation)
        out = [
            (size - 1) * s - sum(pad) + dil * (k - 1) + 1 + m
            for size, s, pad, dil, k, m in zip(x.shape[:-1], stride, padding, dilation, kernel, more, strict=True)
        ]
        if min(out) < 1:
            raise ValueError(f"{net.layer}: padding {padding} cuts off all of h from x {written(x.shape)}: use less")
        chosen = net.initializer if self.initializer is None else self.initializer
        start = initializers.resolve(chosen, "initializer", initializers.for_activation(self.activation))
        taps = math.prod(kernel)
        fans = (
            max(taps * c // groups // math.prod(stride), 1),
            taps * q // groups,
        )  # of the taps, each place sees a part
        parameters = [net.parameter("W", (*kernel, q // groups, c), start, weight=True, fans=fans)]
        if self.bias:
            bias = initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())
            parameters.append(net.parameter("b", (q,), bias))
        attributes = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "output_padding": more,
        }
        return activated(net, "transposed_convolution", x, parameters, attributes, self.activation)

    def _borders(self, space: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Padding, Sizes]:
        """What is cut off and what is kept more; with "same", out = size · stride."""
        if self.padding != "same":
            return pairs(self.padding, space, kernel, stride, dilation), per_axis(self.output_padding, self.d)
        extra = [d * (k - 1) + 1 - s for d, k, s in zip(dilation, kernel, stride, strict=True)]
        cut = tuple((max(one, 0) // 2, max(one, 0) - max(one, 0) // 2) for one in extra)
        return cut, tuple(max(-one, 0) for one in extra)


@dataclass(frozen=True)
class ConvTranspose1D(TransposedConvolution):
    """From a short signal to a long one: x (n, T, c), h (n, T', q); see `ConvTranspose2D`.

    Examples
    --------
    >>> from likeliest.layers import ConvTranspose1D
    >>> ConvTranspose1D(4, 5, stride=2).kernel
    5
    """

    d = 1


@dataclass(frozen=True)
class ConvTranspose2D(TransposedConvolution):
    """From a small image to a large one: every number of x lays down a copy of the kernel, and copies add up.

    As a linear map, the transpose of a `Conv2D` from q channels to c (Zeiler, Krishnan, Taylor and Fergus 2010,
    https://doi.org/10.1109/CVPR.2010.5539957). Images x are (n, H, W, c), or (n, H, W) with one channel; h is
    (n, H', W', q) with H' = (H − 1) stride − before − after + dilation (k − 1) + 1 + output_padding.

    Parameters
    ----------
    width : int
        q, how many cells at each place: the channels of h.
    kernel : int or tuple of int
        How large the copies are.
    activation : str
        f, by name: identity, logistic, tanh, relu, leaky_relu, elu, softplus, gelu or silu.
    stride : int or tuple of int
        How far copies are apart: about how many times larger h is than x.
    padding : {"valid", "same"}, int or tuple
        What is cut off at the ends: "valid" is nothing; "same" what gives exactly size · stride; a number, or for each
        axis a number or (before, after).
    output_padding : int or tuple of int
        How many more places there are at the end, fewer than the stride.
    dilation : int or tuple of int
        How far the taps of the kernel are apart.
    groups : int
        In how many parts the channels are split. Must divide c and q.
    bias : bool
        Whether there is a bias term for each cell.
    initializer : Initializer or str, optional
        Where W (*kernel, q/groups, c) starts; by default Glorot, or He for relu and its relatives, with fan_in the
        number of products that each number of h is a sum of.
    bias_initializer : Initializer or str, optional
        Where b (q,) starts; by default 0.

    Raises
    ------
    ValueError
        When an argument is none of these. When the network is built: when x is no image, its channels seem to come
        first, the padding cuts off everything, or the groups do not divide the channels.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network([ll.ConvTranspose2D(8, 3, "relu", stride=2, padding="same"), ll.Flatten()],
    ...                  likelihood="bernoulli").build((7, 7, 16))
    >>> net.program.values["conv_transpose2d_1.h"]
    (14, 14, 8)
    """

    d = 2


@dataclass(frozen=True)
class ConvTranspose3D(TransposedConvolution):
    """From a small volume to a large one: x (n, D, H, W, c), h (n, D', H', W', q); see `ConvTranspose2D`.

    Examples
    --------
    >>> from likeliest.layers import ConvTranspose3D
    >>> ConvTranspose3D(4, 2, stride=2).stride
    2
    """

    d = 3
