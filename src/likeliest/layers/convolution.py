"""Conv1D, Conv2D, Conv3D: h = f(x ∗ W + b),  x (n, *space, c), W (*kernel, c/groups, q), b (q,), h (n, *out, q)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from likeliest import initializers
from likeliest.initializers import Initializer, Zeros
from likeliest.layers.base import Layer, check_activation, check_positive, check_width
from likeliest.layers.padding import with_zero_padding
from likeliest.layers.space import (
    check_padding,
    check_reach,
    check_sizes,
    keeps_steps,
    pairs,
    per_axis,
    with_channels,
    written,
)
from likeliest.ops.windows import Padding, Sizes
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Convolution(Layer):
    """What the three have in common; see `Conv2D` for the parameters."""

    width: int
    kernel: int | Sizes
    activation: str = "identity"
    stride: int | Sizes = field(default=1, kw_only=True)
    padding: Any = field(default="valid", kw_only=True)
    dilation: int | Sizes = field(default=1, kw_only=True)
    groups: int | str = field(default=1, kw_only=True)
    bias: bool = field(default=True, kw_only=True)
    initializer: Initializer | str | None = field(default=None, kw_only=True)
    bias_initializer: Initializer | str | None = field(default=None, kw_only=True)
    max_norm: float | None = field(default=None, kw_only=True)

    d: ClassVar[int]
    """How many axes space has."""

    def __post_init__(self) -> None:
        check_width(self.width)
        check_activation(self.activation)
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, check_sizes(name, getattr(self, name), self.d))
        object.__setattr__(self, "padding", check_padding(self.padding, self.d))
        if self.groups != "depthwise":
            if isinstance(self.groups, str) or isinstance(check_sizes("groups", self.groups, 1), tuple):
                raise ValueError(
                    f'groups: expected a whole number of at least 1, or "depthwise"; found {self.groups!r}'
                )
            if self.width % int(self.groups):
                raise ValueError(
                    f"groups: {self.groups} groups cannot share {self.width} cells evenly: change the width"
                )
        if self.max_norm is not None:
            check_positive("max_norm", self.max_norm)
        initializers.resolve(self.initializer, "initializer", Zeros())
        initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """Z = x ∗ W + b, then h = f(z)."""
        d, q = self.d, int(self.width)
        kernel, stride, dilation = (per_axis(one, d) for one in (self.kernel, self.stride, self.dilation))
        x, padding = bordered(net, x, kernel, stride, self.padding, dilation)
        c = x.shape[-1]
        groups = c if isinstance(self.groups, str) else int(self.groups)
        if c % groups or q % groups:
            raise ValueError(
                f"{net.layer}: {groups} groups must divide the {c} channels of x {written(x.shape)} and the {q} cells: "
                "change groups or the width"
            )
        check_reach(net, x, "kernel", kernel, stride, padding, dilation)
        chosen = net.initializer if self.initializer is None else self.initializer
        start = initializers.resolve(chosen, "initializer", initializers.for_activation(self.activation))
        shape, taps = (*kernel, c // groups, q), math.prod(kernel)
        fans = taps * c // groups, taps * q // groups
        parameters = [net.parameter("W", shape, start, weight=True, max_norm=self.max_norm, fans=fans)]
        if self.bias:
            bias = initializers.resolve(self.bias_initializer, "bias_initializer", Zeros())
            parameters.append(net.parameter("b", (q,), bias))
        attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return activated(net, "convolution", x, parameters, attributes, self.activation)


def bordered(
    net: Builder, x: Value, kernel: Sizes, stride: Sizes, padding: Any, dilation: Sizes
) -> tuple[Value, Padding]:
    """X with channels, and its border as pairs; sequences that end before the others have zeros behind their ends."""
    keeps, comes_in = keeps_steps(net, x, kernel, stride, padding, dilation), x.name == net.input.name
    x = with_channels(net, x, len(kernel), keeps)
    border = pairs(padding, x.shape[:-1], kernel, stride, dilation)
    if keeps and not comes_in and border[0][1]:  # a causal one does not look there, and what comes in has zeros
        x = with_zero_padding(net, x)
    return x, border


def activated(
    net: Builder, operation: str, x: Value, parameters: list[str], attributes: dict[str, Any], activation: str
) -> Value:
    """Z = operation(x, …), then h = f(z); only h where f is the identity."""
    if activation == "identity":
        return net.emit(operation, x, *parameters, name="h", **attributes)
    z = net.emit(operation, x, *parameters, name="z", **attributes)
    return net.emit(activation, z, name="h")


@dataclass(frozen=True)
class Conv1D(Convolution):
    """Cells that look at a few steps of a signal at a time: x (n, T, c), h (n, T', q).

    Signals (n, T) without channels count as having one. The parameters are those of `Conv2D`, with one number for the
    axis of time where there are two. Sequences that differ in length keep their lengths with ``padding="same"``, or
    with ``padding=((k − 1, 0),)``, which is causal: h_t then does not hang on what comes after t.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network([ll.Conv1D(8, 5, "relu"), ll.GlobalMaxPool()], likelihood="bernoulli")
    >>> net.build((100, 3)).parameters["conv1d_1.W"].shape
    (5, 3, 8)
    """

    d = 1


@dataclass(frozen=True)
class Conv2D(Convolution):
    """Cells that look at a small box of an image at a time, with the same weights everywhere: h = f(x ∗ W + b).

    z[at] = Σ_tap x[at · stride + tap · dilation] W[tap] + b (LeCun, Bottou, Bengio and Haffner 1998,
    https://doi.org/10.1109/5.726791). Images x are (n, H, W, c), channels last, or (n, H, W), which counts as one
    channel; h is (n, H', W', q) with H' = floor((H + before + after − dilation (k − 1) − 1) / stride) + 1.

    Parameters
    ----------
    width : int
        q, how many cells at each place: the channels of h.
    kernel : int or tuple of int
        How large the box is; one number for both axes, or (high, wide).
    activation : str
        f, by name: identity, logistic, tanh, relu, leaky_relu, elu, softplus, gelu or silu.
    stride : int or tuple of int
        How far the box moves from place to place.
    padding : {"valid", "same"}, int or tuple
        Zeros around x. "valid" is none; "same" is what gives ceil(size / stride) places along each axis, with the odd
        zero at the end; a number is that many on each side; a tuple has for each axis a number or (before, after).
    dilation : int or tuple of int
        How far the taps of the box are apart.
    groups : int or "depthwise"
        In how many parts the channels are split; each part of h sees its own part of x. "depthwise" is one channel a
        part. Must divide c and q.
    bias : bool
        Whether there is a bias term for each cell.
    initializer : Initializer or str, optional
        Where W (*kernel, c/groups, q) starts; by default Glorot, or He for relu and its relatives, with
        fan_in = taps · c/groups and fan_out = taps · q/groups.
    bias_initializer : Initializer or str, optional
        Where b (q,) starts; by default 0.
    max_norm : float, optional
        The longest that the weights into one cell may be, as a vector; see `Dense`.

    Raises
    ------
    ValueError
        When an argument is none of these. When the network is built: when x is no image, its channels seem to come
        first, the box is larger than x, or the groups do not divide the channels.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network(
    ...     [ll.Conv2D(32, 3, "relu", padding="same"), ll.MaxPool2D(2), ll.Flatten(), ll.Dense(10, "tanh")],
    ...     likelihood=ll.likelihoods.Categorical(10),
    ... ).build((28, 28))
    >>> net.program.values["conv2d_1.h"], net.program.values["max_pool2d_1.h"]
    ((28, 28, 32), (14, 14, 32))
    >>> net.parameters["conv2d_1.W"].shape
    (3, 3, 1, 32)
    """

    d = 2


@dataclass(frozen=True)
class Conv3D(Convolution):
    """Cells that look at a small box of a volume at a time: x (n, D, H, W, c), h (n, D', H', W', q).

    Volumes (n, D, H, W) without channels count as having one. The parameters are those of `Conv2D`, for three axes.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network([ll.Conv3D(4, (1, 3, 3)), ll.Flatten()], likelihood="bernoulli")
    >>> net.build((5, 6, 6, 2)).program.values["conv3d_1.h"]
    (5, 4, 4, 4)
    """

    d = 3
