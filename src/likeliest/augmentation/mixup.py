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
    Zhang, Cisse, Dauphin and Lopez-Paz 2018, https://arxiv.org/abs/1710.09412. λ is drawn for each example, by the
    polar method of Bailey 1994, "Polar generation of random variates with the t-distribution", Math. Comp. 62, 779-781.

    Examples
    --------
    >>> from likeliest.augmentation import Mixup
    >>> Mixup(0.2)
    Mixup(alpha=0.2)
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, "0.2 is usual", below=1e4)

    def shares(self, u: npt.NDArray[np.float64], v: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """λ from two numbers uniform on (0, 1): (n,), (n,) -> (n,).

        T = √(2α (u^(−1/α) − 1)) cos 2πv has Student's t distribution with 2α degrees of freedom, and
        λ = ½ + ½ T / √(2α + T²).
        """
        log_w = np.log(u) / self.alpha
        w, c = np.exp(log_w), np.cos(2 * np.pi * v)
        square = -np.expm1(log_w) * c * c  # T² / 2α, times w
        return np.asarray(0.5 + 0.5 * np.copysign(np.sqrt(square / (w + square)), c))
