"""h = x ∘ keep / (1 − rate):  x (n, ...), keep (n, ...) of 0 and 1, h (n, ...).

Each number is dropped with probability ``rate`` while training, and the rest is scaled up, so that the mean stays
(Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014, http://jmlr.org/papers/v15/srivastava14a.html).
Without ``noise``, as in prediction, h = x.
"""

from typing import Any

from likeliest.random import keep as draw  # noqa: F401 (what the engine draws for `noise` while training)


def forward(xp: Any, x: Any, *, rate: float, noise: Any = None) -> Any:
    """h_ij = x_ij keep_ij / (1 − rate)."""
    return x if noise is None else x * (noise * (1 / (1 - rate)))


def backward(g: Any, h: Any, x: Any, *, rate: float, noise: Any = None) -> tuple[Any]:
    """∂LL/∂x = g ∘ keep / (1 − rate)."""
    return (g if noise is None else g * (noise * (1 / (1 - rate))),)
