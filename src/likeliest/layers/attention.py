"""Attention:  x (n, T, p) -> h (n, T, width);  with a memory of S steps, m (n, S, r), too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from likeliest import initializers
from likeliest.initializers import Initializer, Zeros
from likeliest.layers.base import Merge, check_fraction, check_width
from likeliest.layers.recurrent import check_count
from likeliest.layers.space import written
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Attention(Merge):
    """Each step looks at all others: h_t = Σ_s a_ts v_s, a_ts = softmax over s of q_t · k_s / √d, with several heads.

    q = x W_q + b_q, k = x W_k and v = x W_v + b_v, each head has d = width/heads columns of them, and what the heads
    give goes through W_o, b_o: the multi-head attention of Vaswani et al. 2017, https://arxiv.org/abs/1706.03762. A
    bias of k would add the same to all products of a step, which changes no a_ts; there is a b_k only with ``rotary``,
    where it does. Steps beyond the end of a shorter sequence are not looked at.

    In a list of layers it is self-attention. In a `Graph`, with the inputs ``["x", "memory"]``, x asks and the memory
    answers (cross-attention); a third input (n, 1) tells how many steps of the memory count.

    Parameters
    ----------
    heads : int
        How many, each with its own part of the columns.
    width : int, optional
        How many columns h has, a multiple of ``heads``; by default as many as x.
    causal : bool
        Whether a step sees itself and earlier ones only, so that h_t does not hang on what comes after t.
    rotary : bool
        Whether q and k are turned by an angle for each step (RoFormer), so that a_ts knows how far t and s are apart;
        then d is even. The alternative to `Positions`.
    dropout : float
        In [0, 1): which share of the numbers of h is dropped in training.
    bias : bool
        Whether there are the b's.
    initializer : Initializer or str, optional
        Where the W's start; Glorot by default.

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when heads do not divide the width, or x is not a
        sequence.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network([ll.Attention(2, causal=True)], likelihood="bernoulli").build((5, 8))
    >>> list(net.parameters)[:3], net.program.values["attention_1.h"]
    (['attention_1.W_q', 'attention_1.b_q', 'attention_1.W_k'], (5, 8))
    """

    heads: int
    width: int | None = None
    causal: bool = False
    rotary: bool = False
    dropout: float = 0.0
    bias: bool = True
    initializer: Initializer | str | None = None
    alone: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_count("heads", self.heads)
        if self.width is not None:
            check_width(self.width)
            if self.width % self.heads:
                raise ValueError(
                    f"heads: {self.heads} heads do not divide the width {self.width}: use one of "
                    f"{divisors(int(self.width))}"
                )
        check_fraction("dropout", self.dropout)
        initializers.resolve(self.initializer, "initializer", Zeros())

    def build(self, net: Builder, x: Value) -> Value:
        """Self-attention."""
        return self.merge(net, x)

    def merge(self, net: Builder, *values: Value) -> Value:
        """Three projections, the attention, and one projection more."""
        x, memory, lengths = _sources(net, values)
        q = int(self.width or x.shape[1])
        if q % self.heads:
            raise ValueError(
                f"{net.layer}: {self.heads} heads do not divide the {q} columns of x {written(x.shape)}: use one of "
                f"{divisors(q)} heads, or give a width"
            )
        if self.rotary and q // self.heads % 2:
            raise ValueError(
                f"{net.layer}: rotary turns pairs of columns, but each of the {self.heads} heads has {q // self.heads}"
                ": use a width that is a multiple of twice the heads"
            )
        queries, keys, answers = (
            self._projected(net, one, q, name) for one, name in ((x, "q"), (memory, "k"), (memory, "v"))
        )
        if self.rotary:
            queries = net.emit("rotary", queries, name="q_turned", heads=int(self.heads), base=10000.0)
            keys = net.emit("rotary", keys, name="k_turned", heads=int(self.heads), base=10000.0)
        given = () if lengths is None else (lengths,)
        how = {"lengths": lengths is not None, "heads": int(self.heads), "causal": bool(self.causal)}
        heads = net.emit("attention", queries, keys, answers, *given, name="heads", **how)
        if not self.dropout:
            return self._projected(net, heads, q, "o", name="h")
        return net.emit("dropout", self._projected(net, heads, q, "o"), name="h", rate=float(self.dropout))

    def _projected(self, net: Builder, x: Value, q: int, which: str, name: str | None = None) -> Value:
        """X W + b, at every step."""
        chosen = net.initializer if self.initializer is None else self.initializer
        start = initializers.resolve(chosen, "initializer", initializers.Glorot())
        parameters = [net.parameter(f"W_{which}", (x.shape[1], q), start, weight=True)]
        if self.bias and (which != "k" or self.rotary):
            parameters.append(net.parameter(f"b_{which}", (q,), Zeros()))
        return net.emit("affine", x, *parameters, name=name or which)


def _sources(net: Builder, values: tuple[Value, ...]) -> tuple[Value, Value, Value | None]:
    """What asks, what answers, and how many steps of that count; a ValueError unless they are sequences."""
    if len(values) > 3:
        raise ValueError(f"{net.layer} takes x, a memory and its lengths, got {len(values)} values")
    for one in values[:2]:
        if len(one.shape) != 2:
            cure = (
                "a recurrence before it needs return_sequences=True"
                if len(one.shape) == 1
                else "reshape X; the rows of images (n, H, W, c) are steps in X.reshape(n, H, W * c)"
            )
            if one.shape == net.input.shape and len(one.shape) == 1:
                cure = "for codes of symbols put TokenEmbedding before it; numbers need a last axis of 1, X[:, :, None]"
            raise ValueError(f"{net.layer} expects a sequence (n, T, p), got {written(one.shape)}: {cure}")
    x, memory = values[0], values[-1] if len(values) == 1 else values[1]
    if len(values) == 3:
        if values[2].shape != (1,):
            raise ValueError(f"{net.layer} expects lengths (n, 1) as its third input, got {written(values[2].shape)}")
        return x, memory, values[2]
    return x, memory, net.lengths if memory.shape[0] == net.input.shape[0] else None


def divisors(width: int) -> str:
    """All that divide it, for a message."""
    return ", ".join(str(k) for k in range(1, width + 1) if width % k == 0)
