"""EncoderDecoder:  x (n, S·p + 1 + U), a sequence, its length and U symbols -> h (n, U, q)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from likeliest.layers.attention import Attention
from likeliest.layers.base import Layer, as_layers, chain, numbered
from likeliest.layers.dense import Dense
from likeliest.layers.recurrent import Recurrent, check_count
from likeliest.layers.space import written
from likeliest.layers.transformer_block import TransformerBlock
from likeliest.program import INPUT, Builder, Value

KINDS = TransformerBlock, Recurrent
PREVIOUS = "previous"
"""The name of the value that the decoder reads, within the layer."""


@dataclass(frozen=True)
class EncoderDecoder(Layer):
    """One network reads a sequence, another writes one symbol after the other, each from those before it.

    The encoder makes the source a context c, its last value (or its value at the last step). The recurrences of the
    decoder begin with states c W + b; at each step the decoder reads the symbol before (in training that of the target:
    teacher forcing). With attention, it also looks at every step of the encoder: h'_t = tanh([h_t, a_t] W + b), where
    a_t is what the heads give for the query h_t. Cho et al. 2014, https://arxiv.org/abs/1406.1078; Sutskever, Vinyals
    and Le 2014, https://arxiv.org/abs/1409.3215; Luong, Pham and Manning 2015, https://arxiv.org/abs/1508.04025. A
    `TransformerBlock` of the decoder looks at every step of the encoder by itself, after those that are written
    (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).

    An example is a row: the source with zeros after its end, its length, and the U symbols that the decoder reads.
    `SequenceToSequence` makes these rows, and reads such a network step by step.

    Parameters
    ----------
    encoder, decoder : sequence of Layer
        What reads, and what writes; the decoder begins with a `TokenEmbedding`. It has at least one recurrence or
        `TransformerBlock`; recurrences are made to return sequences and to begin with what the encoder says.
    source : tuple of int
        (S, p), or (S,) for numbers or codes: the longest source.
    steps : int
        U, the most symbols that the decoder reads.
    attention : int, optional
        How many heads look at the steps of the encoder, which must be a sequence then; by default none.

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when x or what the encoder gives is of another
        shape.

    Examples
    --------
    >>> import likeliest as ll
    >>> layer = ll.EncoderDecoder([ll.LSTM(8)], [ll.TokenEmbedding(5, 4), ll.LSTM(6)], (10, 3), 7)
    >>> net = ll.Network([layer], likelihood=ll.likelihoods.Categorical(5)).build(10 * 3 + 1 + 7)
    >>> net.program.values["encoder_decoder_1.decoder.lstm_1.h"]
    (7, 6)
    """

    encoder: Sequence[Layer]
    decoder: Sequence[Layer]
    source: tuple[int, ...]
    steps: int
    attention: int | None = None

    def __post_init__(self) -> None:
        for name in ("encoder", "decoder"):
            given: Any = as_layers(name, getattr(self, name))
            object.__setattr__(self, name, given if isinstance(given, tuple) else (given,))
        object.__setattr__(self, "source", tuple(self.source))
        if len(self.source) not in (1, 2):
            raise ValueError(f"source: expected (S, p) or (S,), found {self.source}")
        for size in self.source:
            check_count("source", size)
        check_count("steps", self.steps)
        if self.attention is not None:
            check_count("attention", self.attention)
        if not any(isinstance(layer, Recurrent | TransformerBlock) for layer in self.decoder):
            raise ValueError(
                "decoder: expected at least one layer that knows what was written: a recurrence, such as LSTM(64), or "
                "TransformerBlock(4, 256, causal=True)"
            )
        object.__setattr__(self, "decoder", tuple(map(_begun_by_context, self.decoder)))

    def parts(self) -> list[tuple[str, Layer]]:
        """Both networks' layers."""
        return [
            (f"{where}.{name}", layer)
            for where, layers in (("encoder", self.encoder), ("decoder", self.decoder))
            for name, layer in numbered(layers)
        ]

    def build(self, net: Builder, x: Value) -> Value:
        """Takes the row apart, then encoder, decoder, and attention."""
        size, U = math.prod(self.source), int(self.steps)
        if x.name != INPUT or x.shape != (size + 1 + U,):
            raise ValueError(
                f"{net.layer} expects rows (n, {size + 1 + U}) of a source {self.source}, its length and {U} symbols, "
                f"got {written(x.shape)}: make it the first layer, and let SequenceToSequence make the rows"
            )
        source = net.emit("slice", x, name="source", begin=0, end=size, shape=self.source)
        lengths = net.emit("slice", x, name="source_lengths", begin=size, end=size + 1, shape=(1,))
        previous = net.emit("slice", x, name=PREVIOUS, begin=size + 1, end=size + 1 + U, shape=(U,))
        outside = net.input, net.lengths, net.context, net.memory
        blocks, recurrences = (any(isinstance(one, kind) for one in self.decoder) for kind in KINDS)
        try:
            net.input, net.lengths = source, lengths
            with net.within("encoder"):
                memory = chain(net, self.encoder, source)
            net.context = memory
            if len(memory.shape) == 2 and recurrences:
                net.context = net.emit("last_step", memory, lengths, name="context", lengths=True)
            elif len(memory.shape) != 2 and (self.attention or blocks):
                what = "attention" if self.attention else "a TransformerBlock"
                raise ValueError(
                    f"{net.layer}: {what} looks at every step of the encoder, which gives {written(memory.shape)}: "
                    "set return_sequences=True in its last recurrence, and leave out what makes a row of its steps"
                )
            net.memory = (memory, lengths) if blocks else ()
            net.input, net.lengths = previous, None
            with net.within("decoder"):
                h = chain(net, self.decoder, previous)
            if len(h.shape) != 2:
                raise ValueError(f"{net.layer}: the decoder must give every step (n, U, q), got {written(h.shape)}")
            if self.attention:
                with net.within("attention"):
                    seen = Attention(int(self.attention), h.shape[1]).merge(net, h, memory, lengths)
                both = net.emit("concatenate", h, seen, name="both")
                with net.within("combined"):
                    h = Dense(h.shape[1], "tanh").build(net, both)
        finally:
            net.input, net.lengths, net.context, net.memory = outside
        return h


def _begun_by_context(layer: Layer) -> Layer:
    """A layer of the decoder; a recurrence keeps every step, and begins with what the encoder says."""
    if isinstance(layer, Attention | TransformerBlock) and not layer.causal:
        raise ValueError(f"decoder: {layer!r} looks at symbols that are not written yet; set causal=True")
    if not isinstance(layer, Recurrent):
        return layer
    if layer.bidirectional:
        raise ValueError(f"decoder: {layer!r} looks at symbols that are not written yet; leave bidirectional out")
    return replace(layer, return_sequences=True, initial_state="context")
