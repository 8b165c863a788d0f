"""TransformerBlock:  x (n, T, p) -> h (n, T, p);  with a memory m (n, S, r) it looks at that, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from likeliest.layers.attention import Attention
from likeliest.layers.base import Layer, Merge, check_activation, check_width
from likeliest.layers.dense import Dense
from likeliest.layers.dropout import Dropout
from likeliest.layers.normalization import LayerNorm
from likeliest.layers.space import written
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class TransformerBlock(Merge):
    """Attention, then two layers of cells at every step, each added to what it was given: x + f(LayerNorm(x)).

    Blocks in a row make an encoder or, with ``causal=True``, a decoder (Vaswani et al. 2017,
    https://arxiv.org/abs/1706.03762). The norm stands before f, not after the sum, which trains without a warm-up
    (Xiong et al. 2020, https://arxiv.org/abs/2002.04745); a last ``LayerNorm()`` belongs after the last block.

    In the decoder of a `SequenceToSequence` it looks at the steps of the encoder after it has looked at itself; so it
    does in a `Graph` with the inputs ``["x", "memory"]``, where a third one (n, 1) tells how many steps of the memory
    count.

    Parameters
    ----------
    heads : int
        How many heads the attention has.
    width : int
        How many cells the layer between has at each step; 4p is common.
    activation : str
        Of that layer.
    causal : bool
        Whether a step sees itself and earlier ones only.
    rotary : bool
        Whether the attention knows distances; see `Attention`.
    dropout : float
        In [0, 1): which share of the numbers that are added is dropped in training.

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when heads do not divide p, or x is no sequence.

    Examples
    --------
    >>> import likeliest as ll
    >>> layers = [ll.TokenEmbedding(27, 8), ll.Positions(100), ll.TransformerBlock(2, 32, causal=True), ll.LayerNorm()]
    >>> net = ll.Network(layers, likelihood=ll.likelihoods.Categorical(27)).build(12)
    >>> net.parameters["transformer_block_1.attention.W_q"].shape, net.program.values["eta"]
    ((8, 8), (324,))
    """

    heads: int
    width: int
    activation: str = "gelu"
    causal: bool = False
    rotary: bool = False
    dropout: float = 0.0
    alone: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_width(self.width)
        check_activation(self.activation)
        self._attention()  # checks its own

    def _attention(self, causal: bool = False, rotary: bool = False) -> Attention:
        return Attention(self.heads, causal=causal, rotary=rotary, dropout=self.dropout)

    def build(self, net: Builder, x: Value) -> Value:
        """Without a memory; in a decoder, with the encoder's."""
        return self.merge(net, x, *net.memory)

    def merge(self, net: Builder, *values: Value) -> Value:
        """Self-attention, attention to the memory if there is one, and the cells."""
        x, *memory = values
        if len(x.shape) != 2:
            raise ValueError(
                f"{net.layer} expects a sequence (n, T, p), got {written(x.shape)}: put TokenEmbedding before it, and "
                "return_sequences=True in a recurrence"
            )
        x = self._added(net, x, "attention", self._attention(self.causal, self.rotary))
        if memory:
            x = self._added(net, x, "cross_attention", self._attention(), *memory)
        cells: list[tuple[str, Layer]] = [
            ("dense_1", Dense(self.width, self.activation)),
            ("dense_2", Dense(x.shape[1])),
        ]
        h = _normed(net, x, "dense")
        for name, layer in cells:
            with net.within(name):
                h = layer.build(net, h)
        if self.dropout:
            with net.within("dropout"):
                h = Dropout(self.dropout).build(net, h)
        return net.emit("add", x, h, name="h")

    def _added(self, net: Builder, x: Value, name: str, attention: Attention, *memory: Value) -> Value:
        h = _normed(net, x, name)
        with net.within(name):
            h = attention.merge(net, h, *memory)
        return net.emit("add", x, h, name=f"{name}_added")


def _normed(net: Builder, x: Value, name: str) -> Value:
    with net.within(f"{name}_norm"):
        return LayerNorm().build(net, x)
