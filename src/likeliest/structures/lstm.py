"""LSTM: one layer of long short-term memory over a sequence, the usual first thing to try on sequences of any length.

Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735.
"""

from __future__ import annotations

from likeliest.layers import LSTM, Dropout, Layer
from likeliest.layers.space import written


def lstm(input_shape: tuple[int, ...], width: int = 128, dropout: float = 0.2) -> list[Layer]:
    """A recurrence that reads a sequence from its start, what it knows at the end, and dropout.

    Parameters
    ----------
    input_shape : tuple of int
        Of one sequence: (T,) or (T, c), T steps of c numbers. T does not matter.
    width : int
        How many cells.
    dropout : float
        The share of them that each training step leaves out, after the last step.

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError
        When the examples are no sequences.

    Examples
    --------
    >>> import likeliest as ll
    >>> net = ll.Network("lstm", likelihood="bernoulli", engine="reference").build((50, 3))
    >>> net.program.values["lstm_1.h"]
    (128,)
    """
    if len(input_shape) not in (1, 2):
        raise ValueError(f"lstm expects sequences (n, T) or (n, T, c), got {written(input_shape)}")
    return [LSTM(width), Dropout(dropout)]
