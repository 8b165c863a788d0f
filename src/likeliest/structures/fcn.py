"""FCN: a fully convolutional network for series, the usual first thing to try.

Wang, Yan and Oates 2017, https://doi.org/10.1109/IJCNN.2017.7966039 (https://arxiv.org/abs/1611.06455).
"""

from __future__ import annotations

from likeliest.layers import Activation, BatchNorm, Conv1D, GlobalAvgPool, Layer
from likeliest.layers.space import written

WIDTHS, KERNELS = (128, 256, 128), (8, 5, 3)


def fcn(input_shape: tuple[int, ...], widths: tuple[int, ...] = WIDTHS) -> list[Layer]:
    """Three convolutions along time, each with batch normalization and relu, and the mean over time.

    Parameters
    ----------
    input_shape : tuple of int
        Of one series: (T,) or (T, c), T steps of c channels.
    widths : tuple of three int
        How many channels each convolution has; smaller ones are faster.

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError
        When the examples are no series.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network("fcn", likelihood="bernoulli").build((50, 3))
    >>> net.program.values["global_avg_pool_1.h"]
    (128,)
    """
    if len(input_shape) not in (1, 2):
        raise ValueError(f"fcn expects series (n, T) or (n, T, c), got {written(input_shape)}")
    layers: list[Layer] = []
    for width, kernel in zip(widths, KERNELS, strict=True):
        layers += [Conv1D(width, kernel, padding="same", bias=False), BatchNorm(), Activation("relu")]
    return [*layers, GlobalAvgPool()]
