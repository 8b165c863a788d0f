"""ResNet-8: the smallest of the residual networks for small images, 6 n + 2 layers with n = 1.

He, Zhang, Ren and Sun 2016, https://arxiv.org/abs/1512.03385, section 4.2; where the shape changes, the shortcut is a
1 x 1 convolution (their option B).
"""

from __future__ import annotations

from likeliest.layers import Activation, BatchNorm, Conv2D, GlobalAvgPool, Layer, Residual
from likeliest.layers.space import written

WIDTHS = (16, 32, 64)


def resnet8(input_shape: tuple[int, ...], widths: tuple[int, ...] = WIDTHS) -> list[Layer]:
    """One convolution, three residual blocks of two, each half as large as the one before, and the mean over space.

    Parameters
    ----------
    input_shape : tuple of int
        Of one image: (H, W) or (H, W, c); the structure was made for 32 x 32.
    widths : tuple of int
        The channels of each block.

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError
        When the examples are no images.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network("resnet8", likelihood=ll.likelihoods.Categorical(10)).build((32, 32, 3))
    >>> net.program.values["global_avg_pool_1.h"]
    (64,)
    """
    if len(input_shape) not in (2, 3):
        raise ValueError(f"resnet8 expects images (n, H, W) or (n, H, W, c), got {written(input_shape)}")
    layers: list[Layer] = [*_convolution(widths[0]), Activation("relu")]
    for k, width in enumerate(widths):
        block = [*_convolution(width, 2 if k else 1), Activation("relu"), *_convolution(width)]
        layers += [Residual(*block), Activation("relu")]
    return [*layers, GlobalAvgPool()]


def _convolution(width: int, stride: int = 1) -> list[Layer]:
    return [Conv2D(width, 3, stride=stride, padding="same", bias=False), BatchNorm()]
