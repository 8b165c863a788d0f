"""Mixup:  x = λ x_a + (1 − λ) x_b,  log P = λ log P(y_a | x) + (1 − λ) log P(y_b | x),  λ ~ Beta(α, α)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeliest.augmentation.base import Augmentation, check_number


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Mixes each example of a minibatch with the next one, and counts it with the targets of both.

    The order of the examples is random, so the next one is any other. What is climbed is
    λ w_a log P(y_a | x) + (1 − λ) w_b log P(y_b | x) with the examples' weights w: for classes this is the mixture of
    both labels, and it is as well defined for any other likelihood. Tables of numbers can be mixed, too.

    Parameters
    ----------
    alpha : float
        α of the Beta distribution of λ: near 0 hardly anything is mixed, at 1 λ is uniform.

    Notes
    -----
    Zhang, Cisse, Dauphin and Lopez-Paz 2018, https://arxiv.org/abs/1710.09412. λ is drawn for each example.

    Examples
    --------
    >>> from likeliest.augmentation import Mixup
    >>> Mixup(0.2)
    Mixup(alpha=0.2)
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, "0.2 is usual", below=1e4)

    def shares(self, words: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
        """λ: (n,) words -> (n,), by the inverse of the distribution function."""
        from scipy.special import betaincinv

        u = (words.astype(np.float64) + 0.5) * 2.0**-32
        return u if self.alpha == 1 else np.asarray(betaincinv(self.alpha, self.alpha, u), np.float64)
