"""RNN: h_t = f(x_t W + h_{t−1} U + b),  x (n, T, p), W (p, q), U (q, q), b (q,), h (n, q) or (n, T, q)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from likeliest.initializers import Zeros
from likeliest.layers.recurrent import Recurrent
from likeliest.program import Builder


@dataclass(frozen=True, repr=False)
class RNN(Recurrent):
    """Cells that see a sequence step by step, and at each step what they were before: h_t = f(x_t W + h_{t−1} U + b).

    The simple recurrence (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1). It forgets within some ten steps;
    `LSTM` and `GRU` do not. With relu and ``recurrent_initializer="identity"`` its gradients last longer (Le, Jaitly
    and Hinton 2015, https://arxiv.org/abs/1504.00941).

    Parameters
    ----------
    width : int
        q, how many cells.
    activation : {"tanh", "relu"}
        f.
    return_sequences, layers, bidirectional, dropout, input_dropout, recurrent_dropout, initial_state, truncate, \
initializer, recurrent_initializer
        As in `LSTM`.

    Raises
    ------
    ValueError
        When an argument is none of these; when the network is built, when x is no sequence.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network([ll.RNN(8)], likelihood="bernoulli", engine="reference").build((20, 3))
    >>> {name: value.shape for name, value in net.parameters.items() if name.startswith("rnn")}
    {'rnn_1.W': (3, 8), 'rnn_1.U': (8, 8), 'rnn_1.b': (8,)}
    """

    activation: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation not in ("tanh", "relu"):
            raise ValueError(f'activation: expected "tanh" or "relu", found {self.activation!r}')

    def cell(self, net: Builder, q: int) -> tuple[str, list[str], dict[str, Any]]:
        """B starts at 0."""
        return "rnn", [net.parameter("b", (q,), Zeros())], {"relu": self.activation == "relu"}
