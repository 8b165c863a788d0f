"""Dropout:  h = x ∘ keep / (1 − rate) while training, h = x in prediction;  x (n, ...), h (n, ...)."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.layers.base import Layer, check_fraction
from likeliest.program import Builder, Value


@dataclass(frozen=True)
class Dropout(Layer):
    """Drops each number with some probability at every step of training, so that no cell can rely on another.

    As the first layer it drops inputs. ``fit`` drops, and everything else (``predict``, ``log_likelihood``,
    ``gradient``) does not; nobody has to switch. Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014,
    http://jmlr.org/papers/v15/srivastava14a.html.

    Parameters
    ----------
    rate : float
        In [0, 1): the probability that a number is dropped.

    Examples
    --------
    >>> from likeliest.layers import Dropout
    >>> Dropout(0.2)
    Dropout(rate=0.2)
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        check_fraction("rate", self.rate)

    def build(self, net: Builder, x: Value) -> Value:
        """One operation; none where nothing is dropped."""
        return net.emit("dropout", x, name="h", rate=float(self.rate)) if self.rate else x
