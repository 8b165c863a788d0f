"""The operations: the textbook's vocabulary, each on a page of its own.

A page is a module with two functions. ``forward(xp, *values, **attributes)`` computes the operation on an array
namespace; ``backward(g, output, *values, **attributes)`` is its chain rule in NumPy: from g = ∂LL/∂output to the tuple
of ∂LL/∂value, in the order of the values. Shapes stand on the first line of a page.

Three things more may be on a page. ``draw(key, shape)`` gives the random numbers that it takes as ``noise`` while
training. ``observe(*values, **attributes)`` gives the new values of its last parameters, running statistics, after a
minibatch; such a page takes ``training=True``. In prediction, neither is passed.
"""

from types import ModuleType

from likeliest.ops import (
    add,
    affine,
    append,
    attention,
    average_pool,
    batch_norm,
    concatenate,
    convolution,
    dropout,
    elu,
    embedding,
    fill,
    gate,
    gaussian_noise,
    gelu,
    global_average_pool,
    global_max_pool,
    group_norm,
    gru,
    identity,
    last_step,
    layer_norm,
    layer_norm_lstm,
    leaky_relu,
    logistic,
    lstm,
    max_pool,
    positions,
    relu,
    rescale,
    reshape,
    rms_norm,
    rnn,
    rotary,
    silu,
    sinusoidal,
    slice,
    softplus,
    tanh,
    token_embedding,
    transposed_convolution,
    upsample,
)

ACTIVATIONS: dict[str, ModuleType] = {
    page.__name__.rpartition(".")[2]: page
    for page in (identity, logistic, tanh, relu, leaky_relu, elu, softplus, gelu, silu)
}
"""The scalar activations: h = f(z), one number at a time."""

RECURRENCES = ("rnn", "lstm", "gru", "layer_norm_lstm")
"""The operations that go through a sequence step by step."""

OPERATIONS: dict[str, ModuleType] = {
    page.__name__.rpartition(".")[2]: page
    for page in (
        add,
        affine,
        append,
        attention,
        average_pool,
        batch_norm,
        concatenate,
        convolution,
        dropout,
        embedding,
        fill,
        gate,
        gaussian_noise,
        global_average_pool,
        global_max_pool,
        group_norm,
        gru,
        last_step,
        layer_norm,
        layer_norm_lstm,
        lstm,
        max_pool,
        positions,
        rescale,
        reshape,
        rms_norm,
        rotary,
        rnn,
        sinusoidal,
        slice,
        token_embedding,
        transposed_convolution,
        upsample,
        *ACTIVATIONS.values(),
    )
}
"""Every operation by name."""
