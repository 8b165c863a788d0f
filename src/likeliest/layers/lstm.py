"""LSTM: h_t = σ(o) ∘ tanh(c_t), c_t = σ(f) ∘ c_{t−1} + σ(i) ∘ tanh(g),  x (n, T, p), h (n, q) or (n, T, q)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest import random
from likeliest.initializers import Constant, Initializer, Zeros
from likeliest.layers.base import check_finite
from likeliest.layers.recurrent import Recurrent
from likeliest.program import Builder

EPSILON = 1e-5  # of layer normalization


@dataclass(frozen=True, repr=False)
class LSTM(Recurrent):
    """Cells with a memory that stays until it is forgotten: long short-term memory, for sequences.

    [i, f, g, o] = x_t W + h_{t−1} U + b, the memory is c_t = σ(f) ∘ c_{t−1} + σ(i) ∘ tanh(g), and the cells say
    h_t = σ(o) ∘ tanh(c_t). x (n, T, p), or numbers (n, T), where each step is one; W (p, 4q), U (q, 4q), b (4q,).
    Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; Gers, Schmidhuber and Cummins 2000,
    https://doi.org/10.1162/089976600300015015.

    Parameters
    ----------
    width : int
        q, how many cells.
    return_sequences : bool
        Whether h is that of every step (n, T, q), for a likelihood at every step or for another recurrence, or that of
        the last step (n, q). Sequences that are shorter than T end at their own length.
    layers : int
        How many recurrences stand one on the other. The parameters of the second are ``"lstm_1.layer_2.W"``, ….
    bidirectional : bool
        Whether a second recurrence goes from the end of the sequence to its start; h is both, 2q wide, and the last
        step is where each has seen all. Its parameters are ``"lstm_1.backward.W"``, ….
    dropout : float
        In [0, 1): how many of the numbers between the layers are dropped while training.
    input_dropout, recurrent_dropout : float
        In [0, 1): how many of the numbers of x, and of h_{t−1} where it goes into U, are dropped while training, the
        same ones at every step of a sequence (Gal and Ghahramani 2016, https://arxiv.org/abs/1512.05287).
    initial_state : {"zeros", "learned", "context"}
        h_0 and c_0: zeros, or parameters (``"lstm_1.state"``), the same for all sequences, that start at 0; or, in the
        decoder of an `EncoderDecoder`, an affine function of what the encoder says.
    truncate : int, optional
        Through how many steps gradients go back, at most: they do not pass between the steps t − 1 and t where t is a
        multiple of it. By default through all. Values do not change.
    layer_norm : bool
        Whether x W, h U and c are normalized at every step (Ba, Kiros and Hinton 2016,
        https://arxiv.org/abs/1607.06450).
    forget_bias : float
        Where the biases of f start: at 1, cells remember from the beginning (Jozefowicz, Zaremba and Sutskever 2015,
        http://proceedings.mlr.press/v37/jozefowicz15.html). More, such as 3, is for long memories.
    initializer : Initializer or str, optional
        Where W starts, for each gate; by default Glorot.
    recurrent_initializer : Initializer or str
        Where U starts, for each gate; orthogonal keeps the size of h (Saxe, McClelland and Ganguli 2014,
        https://arxiv.org/abs/1312.6120).

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when x is no sequence.

    Examples
    --------
    >>> import likeliest as ll
    >>> ll.LSTM(32, layers=2, dropout=0.2)
    LSTM(32, layers=2, dropout=0.2)
    >>> net = ll.Network([ll.LSTM(8)], likelihood="bernoulli", engine="reference").build((20, 3))
    >>> {name: value.shape for name, value in net.parameters.items() if name.startswith("lstm")}
    {'lstm_1.W': (3, 32), 'lstm_1.U': (8, 32), 'lstm_1.b': (32,)}
    """

    layer_norm: bool = field(default=False, kw_only=True)
    forget_bias: float = field(default=1.0, kw_only=True)

    parts_of_state: ClassVar[int] = 2
    gates: ClassVar[int] = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layer_norm, bool):
            raise ValueError(f"layer_norm: expected True or False, found {self.layer_norm!r}")
        check_finite("forget_bias", self.forget_bias)

    def cell(self, net: Builder, q: int) -> tuple[str, list[str], dict[str, Any]]:
        """γ start at 1, β at 0, b at 0 but for f."""
        b = net.parameter("b", (4 * q,), ForgetBias(float(self.forget_bias)))
        if not self.layer_norm:
            return "lstm", [b], {"cell": False}
        shapes = {"gamma_x": 4 * q, "gamma_h": 4 * q, "gamma_c": q, "beta_c": q}
        normalized = [
            net.parameter(name, (size,), Zeros() if name == "beta_c" else Constant(1.0))
            for name, size in shapes.items()
        ]
        return "layer_norm_lstm", [b, *normalized], {"cell": False, "epsilon": EPSILON}


@dataclass(frozen=True)
class ForgetBias(Initializer):
    """B (4q,): a value for the forget gate, 0 for the others."""

    value: float

    def sample(self, key: random.Key, shape: tuple[int, ...], fan_in: int, fan_out: int) -> npt.NDArray[np.float64]:
        """The second quarter is the forget gate's."""
        b, q = np.zeros(shape), shape[0] // 4
        b[q : 2 * q] = self.value
        return b
