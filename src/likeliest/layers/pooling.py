"""MaxPool, AvgPool, GlobalMaxPool, GlobalAvgPool:  x (n, *space, c), h (n, *out, c) or (n, c), channel by channel."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from likeliest.layers.base import Layer
from likeliest.layers.padding import has_padding, mean_before_end, with_low_padding, with_zero_padding
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
from likeliest.ops.windows import Sizes
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Pooling(Layer):
    """What all with a window have in common; see `MaxPool2D` for the parameters."""

    window: int | Sizes = 2
    stride: int | Sizes | None = field(default=None, kw_only=True)
    padding: Any = field(default="valid", kw_only=True)

    d: ClassVar[int]
    operation: ClassVar[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", check_sizes("window", self.window, self.d))
        if self.stride is not None:
            object.__setattr__(self, "stride", check_sizes("stride", self.stride, self.d))
        object.__setattr__(self, "padding", check_padding(self.padding, self.d))

    def build(self, net: Builder, x: Value) -> Value:
        """One operation."""
        once, window = (1,) * self.d, per_axis(self.window, self.d)
        stride = window if self.stride is None else per_axis(self.stride, self.d)
        keeps = self.operation == "max_pool" and keeps_steps(net, x, window, stride, self.padding, once)
        x = with_channels(net, x, self.d, keeps)
        padding = pairs(self.padding, x.shape[:-1], window, stride, once)
        check_reach(net, x, "window", window, stride, padding, once)
        if any(max(pad) >= size for pad, size in zip(padding, window, strict=True)):
            raise ValueError(
                f"{net.layer}: padding {padding} must be less than the window {window}, or a window has nothing to see"
            )
        how: dict[str, Any] = {"window": window, "stride": stride, "padding": padding}
        if not keeps:
            return net.emit(self.operation, x, name="h", **how)
        return with_zero_padding(net, net.emit(self.operation, with_low_padding(net, x), name="h", **how))


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """The largest number of each window."""

    operation = "max_pool"


@dataclass(frozen=True)
class AvgPooling(Pooling):
    """The mean of each window."""

    operation = "average_pool"


@dataclass(frozen=True)
class MaxPool1D(MaxPooling):
    """The largest number of each window in time: x (n, T, c), h (n, T', c); see `MaxPool2D`.

    Of sequences that differ in length, with ``stride=1, padding="same"`` only, which keeps their lengths.

    Examples
    --------
    >>> from likeliest.layers import MaxPool1D
    >>> MaxPool1D(3)
    MaxPool1D(window=3, stride=None, padding='valid')
    """

    d = 1


@dataclass(frozen=True)
class MaxPool2D(MaxPooling):
    """The largest number of each window, channel by channel: x (n, H, W, c), h (n, H', W', c).

    H' = floor((H + before + after − window) / stride) + 1, so that what is left at the end is not seen.

    Parameters
    ----------
    window : int or tuple of int
        How large it is; one number for both axes, or (high, wide).
    stride : int or tuple of int, optional
        How far it moves; by default its own size, so that windows do not overlap.
    padding : {"valid", "same"}, int or tuple
        A border that never wins, less wide than the window; as in `Conv2D`.

    Raises
    ------
    ValueError
        When an argument is none of these. When the network is built: when x is no image, its channels seem to come
        first, or the window is larger than x.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network([ll.MaxPool2D(2), ll.Flatten()], likelihood="bernoulli").build((9, 8, 3))
    >>> net.program.values["max_pool2d_1.h"]
    (4, 4, 3)
    """

    d = 2


@dataclass(frozen=True)
class MaxPool3D(MaxPooling):
    """The largest number of each window of a volume: x (n, D, H, W, c), h (n, D', H', W', c); see `MaxPool2D`.

    Examples
    --------
    >>> from likeliest.layers import MaxPool3D
    >>> MaxPool3D((1, 2, 2))
    MaxPool3D(window=(1, 2, 2), stride=None, padding='valid')
    """

    d = 3


@dataclass(frozen=True)
class AvgPool1D(AvgPooling):
    """The mean of each window in time: x (n, T, c), h (n, T', c); see `AvgPool2D`.

    Examples
    --------
    >>> from likeliest.layers import AvgPool1D
    >>> AvgPool1D(3, stride=1, padding="same")
    AvgPool1D(window=3, stride=1, padding='same')
    """

    d = 1


@dataclass(frozen=True)
class AvgPool2D(AvgPooling):
    """The mean of each window, channel by channel: x (n, H, W, c), h (n, H', W', c).

    Padding does not count: at the border, the mean is of the numbers that are there. The parameters, and what is
    raised, are those of `MaxPool2D`.

    Examples
    --------
    >>> import likeliest as ll
    >>> pool = ll.AvgPool2D(3, stride=2, padding="same")
    >>> net = ll.Network([pool, ll.Flatten()], likelihood="bernoulli").build((9, 8, 3))
    >>> net.program.values["avg_pool2d_1.h"]
    (5, 4, 3)
    """

    d = 2


@dataclass(frozen=True)
class AvgPool3D(AvgPooling):
    """The mean of each window of a volume: x (n, D, H, W, c), h (n, D', H', W', c); see `AvgPool2D`.

    Examples
    --------
    >>> from likeliest.layers import AvgPool3D
    >>> AvgPool3D()
    AvgPool3D(window=2, stride=None, padding='valid')
    """

    d = 3


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """What both without a window have in common."""

    operation: ClassVar[str]

    def build(self, net: Builder, x: Value) -> Value:
        """One operation."""
        if len(x.shape) < 2:
            raise ValueError(
                f"{net.layer} expects channels and at least one axis of space, such as (n, H, W, c); "
                f"got {written(x.shape)}: leave it out"
            )
        return self.over_steps(net, x) if has_padding(net, x) else net.emit(self.operation, x, name="h")

    @abstractmethod
    def over_steps(self, net: Builder, x: Value) -> Value:
        """The same over the steps of sequences that differ in length."""


@dataclass(frozen=True)
class GlobalMaxPool(GlobalPooling):
    """The largest number of each channel: x (n, *space, c), h (n, c), for signals, images and volumes.

    Of sequences that differ in length, the largest up to each one's end. The last axis has the channels; X without one
    needs it, ``X[..., None]``.

    Raises
    ------
    ValueError
        When x is (n, c) already.

    Examples
    --------
    >>> from likeliest.layers import GlobalMaxPool
    >>> GlobalMaxPool()
    GlobalMaxPool()
    """

    operation = "global_max_pool"

    def over_steps(self, net: Builder, x: Value) -> Value:
        """Steps beyond an end are brought so low that they are never the largest."""
        return net.emit(self.operation, with_low_padding(net, x), name="h")


@dataclass(frozen=True)
class GlobalAvgPool(GlobalPooling):
    """The mean of each channel: x (n, *space, c), h (n, c), for signals, images and volumes.

    Between the last convolution and the output it takes the place of Flatten, with far fewer weights after it (Lin,
    Chen and Yan 2014, https://arxiv.org/abs/1312.4400). Of sequences that differ in length, the mean of each one's own
    steps. The last axis has the channels; X without one needs it, ``X[..., None]``.

    Raises
    ------
    ValueError
        When x is (n, c) already.

    Examples
    --------
    >>> from likeliest.layers import GlobalAvgPool
    >>> GlobalAvgPool()
    GlobalAvgPool()
    """

    operation = "global_average_pool"

    def over_steps(self, net: Builder, x: Value) -> Value:
        """Attention to all steps alike, and to none beyond an end."""
        return mean_before_end(net, x)
