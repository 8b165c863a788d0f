"""GRU: h_t = (1 − z) ∘ ñ + z ∘ h_{t−1},  x (n, T, p), W (p, 3q), U (q, 3q), b, c (3q,), h (n, q) or (n, T, q)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from likeliest.initializers import Zeros
from likeliest.layers.recurrent import Recurrent
from likeliest.program import Builder


@dataclass(frozen=True, repr=False)
class GRU(Recurrent):
    """Gated recurrent units: an `LSTM` with three gates in place of four, whose state is h alone, for sequences.

    r = σ(x_t W_r + h U_r + b_r + c_r) and z likewise with h = h_{t−1}, ñ = tanh(x_t W_n + b_n + r ∘ (h U_n + c_n)),
    h_t = (1 − z) ∘ ñ + z ∘ h (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

    Parameters
    ----------
    width : int
        q, how many cells.
    reset_after : bool
        Whether r multiplies h U_n + c_n, as in cuDNN, PyTorch and Keras, which is faster; or h before the product, as
        published: ñ = tanh(x_t W_n + b_n + (r ∘ h) U_n + c_n).
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
    >>> layer = ll.GRU(8, bidirectional=True, return_sequences=True)
    >>> net = ll.Network([layer, ll.Last()], likelihood="bernoulli", engine="reference").build((20, 3))
    >>> net.program.values["gru_1.both"], net.parameters["gru_1.backward.U"].shape
    ((20, 16), (8, 24))
    """

    reset_after: bool = field(default=True, kw_only=True)

    gates: ClassVar[int] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.reset_after, bool):
            raise ValueError(f"reset_after: expected True or False, found {self.reset_after!r}")

    def cell(self, net: Builder, q: int) -> tuple[str, list[str], dict[str, Any]]:
        """Both biases start at 0."""
        biases = [net.parameter(name, (3 * q,), Zeros()) for name in ("b", "c")]
        return "gru", biases, {"reset_after": self.reset_after}
