"""What layers and examples say of each other: how many axes there are, and which of them is one of channels."""

from __future__ import annotations

from typing import Any

from likeliest.assembly import assemble
from likeliest.estimators.arguments import is_frame
from likeliest.layers import Layer, TokenEmbedding
from likeliest.likelihoods import Bernoulli
from likeliest.sequences import Ragged
from likeliest.tables import columns_of

OVER_TIME = ("rnn", "lstm", "gru", "layer_norm_lstm", "last_step")
OVER_SPACE = ("convolution", "transposed_convolution", "max_pool", "average_pool", "upsample")


def of_examples(X: Any) -> tuple[int, ...]:
    """The shape of one example: (p,) of a table; of sequences that of the longest."""
    if isinstance(X, Ragged):
        return X.shape
    return (len(columns_of(X)),) if is_frame(X) else tuple(int(size) for size in X.shape[1:])


def has_channels(layers: list[Layer], shape: tuple[int, ...]) -> bool:
    """Whether the last axis of examples of a shape (at least two sizes) holds channels.

    The first layer that looks at space says so: Conv2D takes (H, W) for an image of one channel, and (H, W, c) for one
    of c. Where there is none, examples of three sizes or more have channels.

    Raises
    ------
    ValueError
        When a layer does not fit the one before it.
    """
    steps = assemble(layers, Bernoulli(), None, shape)[0].steps
    for step in steps:
        if step.operation == "reshape":
            made = step.attributes["shape"]
            if made == (*shape, 1):
                return False
            if len(made) == 1:
                break
        elif step.operation in OVER_SPACE or step.operation in OVER_TIME:
            return True
    return len(shape) > 2


def are_codes(layers: list[Layer]) -> bool:
    """Whether examples are codes of symbols, which must stay as they are."""
    return bool(layers) and isinstance(layers[0], TokenEmbedding)
