"""What layers on images and signals have in common: sizes for each axis of space, padding, and the axis of channels."""

from __future__ import annotations

from typing import Any

from likeliest.layers.base import NO_PADDING, check_no_padding
from likeliest.layers.padding import has_padding
from likeliest.ops.windows import Padding, Sizes, out_sizes
from likeliest.program import INPUT, Builder, Shape, Value

AXES = {1: "(n, T, c)", 2: "(n, H, W, c)", 3: "(n, D, H, W, c)"}
PLAIN = {1: "(n, T)", 2: "(n, H, W)", 3: "(n, D, H, W)"}
FEW, MANY = (1, 3), 8  # a first axis this short before axes this long holds the channels


def check_sizes(name: str, value: Any, d: int, least: int = 1) -> int | Sizes:
    """One whole number for all d axes, or a tuple of d; a ValueError otherwise."""
    if _whole(value, least):
        return int(value)
    if isinstance(value, tuple | list) and len(value) == d and all(_whole(one, least) for one in value):
        return tuple(int(one) for one in value)
    raise ValueError(f"{name}: expected a whole number of at least {least}, or {d} of them in a tuple; found {value!r}")


def check_padding(value: Any, d: int) -> Any:
    """Padding as users write it: a word, a whole number, or a tuple of d numbers or pairs (before, after)."""
    if _whole(value, 0):
        return int(value)
    if isinstance(value, str) and value in ("valid", "same"):
        return value
    if isinstance(value, tuple | list) and len(value) == d:
        borders = tuple(_border(one) for one in value)
        if None not in borders:
            return borders
    raise ValueError(
        f'padding: expected "valid", "same", a whole number of at least 0, or a tuple with such a number or a pair '
        f"(before, after) for {'the one axis' if d == 1 else f'each of the {d} axes'}; found {value!r}"
    )


def _border(value: Any) -> int | tuple[int, ...] | None:
    """A number, or a pair; None where it is neither."""
    if _whole(value, 0):
        return int(value)
    pair = isinstance(value, tuple | list) and len(value) == 2 and all(_whole(one, 0) for one in value)
    return tuple(map(int, value)) if pair else None


def _whole(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") and int(value) >= least


def per_axis(value: int | Sizes, d: int) -> Sizes:
    """One entry for each axis of space."""
    return (value,) * d if isinstance(value, int) else value


def pairs(padding: Any, space: Shape, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Padding:
    """Padding as (before, after) for each axis.

    With "same" there are ceil(size / stride) positions; where the zeros that takes are odd in number, there is one more
    after than before, as in TensorFlow and ONNX.
    """
    if padding == "same":
        wanted = (
            max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            for size, k, s, d in zip(space, kernel, stride, dilation, strict=True)
        )
        return tuple((total // 2, total - total // 2) for total in wanted)
    each = per_axis(0 if padding == "valid" else padding, len(space))
    return tuple(one if isinstance(one, tuple) else (one, one) for one in each)


def keeps_steps(net: Builder, x: Value, kernel: Sizes, stride: Sizes, padding: Any, dilation: Sizes) -> bool:
    """Whether a window in time goes over sequences with padding, and gives as many steps as there are."""
    if not has_padding(net, x) or len(kernel) > 1:
        return False
    border = sum(pairs(padding, x.shape[:1], kernel, stride, dilation)[0])
    return stride == (1,) and border == dilation[0] * (kernel[0] - 1)


def with_channels(net: Builder, x: Value, d: int, keeps: bool = False) -> Value:
    """X as (n, *space, c), d sizes of space; an axis for one channel is added to what has none.

    A layer that does not keep the padding of sequences out of its numbers gets none.

    Raises
    ------
    ValueError
        When x is neither, or the images that a network gets seem to have their channels first.
    """
    if not keeps:
        cure = 'a convolution and MaxPool1D keep it out with stride=1 and padding="same"; or ' if d == 1 else ""
        check_no_padding(net, x, cure + NO_PADDING)
    shape = x.shape
    if len(shape) == d:
        return net.emit("reshape", x, name="x", shape=(*shape, 1))
    if len(shape) != d + 1:
        cure = f", or use the layer for {len(shape) - 1}D" if 2 <= len(shape) <= 4 else ""
        raise ValueError(
            f"{net.layer} expects {AXES[d]}, or {PLAIN[d]} without channels; got {written(shape)}: reshape X{cure}"
        )
    if x.name == INPUT and d > 1 and shape[0] in FEW and min(shape[1:]) >= MANY:
        raise ValueError(
            f"{net.layer} expects {AXES[d]}, got {written(shape)}: the channels seem to come first; move them to the "
            "end with np.moveaxis(X, 1, -1)"
        )
    return x


def check_reach(
    net: Builder, x: Value, what: str, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> None:
    """A ValueError when a kernel or window does not fit into x and its padding even once."""
    space = x.shape[:-1]
    if min(out_sizes(space, kernel, (1,) * len(space), padding, dilation)) >= 1:
        return
    spread = "" if max(dilation) == 1 else f" with dilation {dilation}"
    border = "" if not any(map(any, padding)) else f" with padding {padding}"
    raise ValueError(
        f"{net.layer}: a {what} of {kernel}{spread} is larger than x {written(x.shape)}{border}: make it smaller, use "
        'padding="same", or pool less before; if the channels come first, move them with np.moveaxis(X, 1, -1)'
    )


def written(shape: Shape) -> str:
    """(28, 28, 1) as (n, 28, 28, 1)."""
    return f"(n, {', '.join(map(str, shape))})"
