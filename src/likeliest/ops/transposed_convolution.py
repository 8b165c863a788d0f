"""z = x ∗ᵀ W + b:  x (n, *space, c), W (*kernel, q/groups, c), b (q,), z (n, *out, q).

Every number of x lays down a copy of the kernel, times itself, and copies that overlap add up: a convolution backwards,
from few places to many (Zeiler, Krishnan, Taylor and Fergus 2010, https://doi.org/10.1109/CVPR.2010.5539957). As a
linear map it is the transpose of the `convolution` with the same W, from q channels to c. ``padding`` is cut off, and
``output_padding`` more places are kept at the end:
out = (size − 1) stride − before − after + dilation (k − 1) + 1 + output_padding.
"""

from typing import Any

import numpy as np

from likeliest.ops import convolution
from likeliest.ops.convolution import times_transposed
from likeliest.ops.windows import Padding, Sizes, crop, pad


def forward(
    xp: Any,
    x: Any,
    W: Any,
    b: Any = None,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    output_padding: Sizes,
) -> Any:
    """Z = Σ_tap (x W[tap]ᵀ, spread by the stride, moved by the tap) + b."""
    kernel, z = W.shape[:-2], 0.0
    for tap in np.ndindex(*kernel):
        z_tap = spread(xp, times_transposed(xp, x, W[tap], groups), stride)
        before = [d * t for d, t in zip(dilation, tap, strict=True)]
        after = [d * (k - 1 - t) + more for d, k, t, more in zip(dilation, kernel, tap, output_padding, strict=True)]
        z = z + pad(xp, z_tap, tuple(zip(before, after, strict=True)))
    z = crop(z, padding)
    return z if b is None else z + b


def spread(xp: Any, x: Any, stride: Sizes) -> Any:
    """X with stride − 1 zeros between its numbers: (n, *size, c) to (n, *(size − 1) · stride + 1, c)."""
    for axis, s in enumerate(stride, 1):
        before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
        x = xp.reshape(x, (*before, size, 1, *after))
        x = xp.pad(x, [(0, s - 1 if k == axis + 1 else 0) for k in range(len(x.shape))])
        x = xp.reshape(x, (*before, size * s, *after))
    return crop(x, tuple((0, s - 1) for s in stride))


def backward(
    g: Any,
    z: Any,
    x: Any,
    W: Any,
    b: Any = None,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    output_padding: Sizes,
) -> tuple[Any, ...]:
    """∂LL/∂x = g ∗ W, the convolution itself;  ∂LL/∂W as there, with the parts of x and g exchanged;  ∂LL/∂b = Σ g."""
    rest: Any = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    slope = convolution.forward(np, g, W, **rest)
    gradients = slope, convolution.backward(x, slope, g, W, **rest)[1]
    return gradients if b is None else (*gradients, g.reshape(-1, len(b)).sum(axis=0))
