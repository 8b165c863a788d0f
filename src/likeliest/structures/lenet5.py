"""LeNet-5: two convolutions, each with a pool, then two dense layers.

LeCun, Bottou, Bengio and Haffner 1998, https://doi.org/10.1109/5.726791, figure 2. As it is built today: relu where
there was tanh, the largest of each 2 x 2 where there was their mean, all channels of the first convolution into all of
the second, and the likelihood's own output where there were distances to drawn letters.
"""

from __future__ import annotations

from likeliest.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D
from likeliest.layers.space import written

LEAST = 4  # pixels along each side, of which the two pools leave one


def lenet5(input_shape: tuple[int, ...], activation: str = "relu") -> list[Layer]:
    """The five layers with θ of LeNet-5, the last of which is the output: 6 and 16 channels, then 120 and 84 cells.

    Parameters
    ----------
    input_shape : tuple of int
        Of one image: (H, W) or (H, W, c), at least 4 x 4; the structure was made for 28 x 28.
    activation : str
        Of all of them; ``"tanh"`` for that of 1998.

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError
        When the examples are no images, or smaller.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network("lenet5", likelihood=ll.likelihoods.Categorical(10)).build((28, 28))
    >>> net.program.size
    61706
    """
    if len(input_shape) not in (2, 3) or min(input_shape[:2]) < LEAST:
        raise ValueError(
            f"lenet5 expects images (n, H, W) or (n, H, W, c) of at least {LEAST} x {LEAST}, got {written(input_shape)}"
        )
    # 28 -> 28 -> 14 -> 10 -> 5, as in the paper with its border of two; where so little would be left, it is kept.
    second = "valid" if min(input_shape[:2]) >= 16 else "same"
    return [
        Conv2D(6, 5, activation, padding="same"),
        MaxPool2D(2),
        Conv2D(16, 5, activation, padding=second),
        MaxPool2D(2),
        Flatten(),
        Dense(120, activation),
        Dense(84, activation),
    ]
