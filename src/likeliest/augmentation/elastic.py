"""Elastic:  source = place + α (G ∗ u),  u uniform on (−1, 1) in each place and direction, G a Gaussian of width σ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.augmentation.base import Array, Part, Words, check_fill, check_number

RADIUS = 3.0  # how many σ the Gaussian goes out


@dataclass(frozen=True)
class Elastic(Part):
    """Distorts an example as if it were drawn on rubber; for a series, time is stretched here and pressed there.

    Each place is moved by a random field, smoothed so that neighbours move alike.

    Parameters
    ----------
    alpha : float
        α: how far. The field that is smoothed has numbers up to 1; with σ = 4 and α = 34 places move by about a pixel.
    sigma : float
        σ: how smooth, in pixels.
    fill : float or "edge", optional
        As in `Shift`.

    Notes
    -----
    Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks applied to visual document
    analysis", https://doi.org/10.1109/ICDAR.2003.1227801. The Gaussian is cut off at 3 σ and its weights sum to 1;
    outside of the example the field is 0.

    Examples
    --------
    >>> from likeliest.augmentation import Elastic
    >>> Elastic(34, 4)
    Elastic(alpha=34, sigma=4, fill=None)
    """

    alpha: float
    sigma: float
    fill: float | str | None = None
    name: ClassVar[str] = "elastic"

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, "34 is usual for images of 28 x 28 pixels", zero=True)
        check_number("sigma", self.sigma, "4 is usual for images of 28 x 28 pixels", below=1000.0)
        check_fill(self.fill)

    def constants(self, axes: int) -> tuple[float, ...]:
        """Alpha and sigma."""
        return float(self.alpha), float(self.sigma)

    def displacements(self, words: Words, axes: int) -> Array:
        """(n, 2, H, W) words -> (n, 2, H, W): how far from each place the source is, along rows and columns."""
        u = words.view(np.int32) * 2.0**-31
        weights = gaussian(self.sigma)
        rows = _band(weights, u.shape[2]) if axes == 2 else np.eye(1)
        smooth = np.einsum("yi,nkij,jx->nkyx", rows, u, _band(weights, u.shape[3]), optimize=True)
        if axes == 1:
            smooth[:, 0] = 0  # a series has no rows to move between
        return np.asarray(self.alpha * smooth)


def gaussian(sigma: float) -> npt.NDArray[np.float64]:
    """The weights of a Gaussian, out to 3 σ: (2 r + 1,), of sum 1."""
    r = math.ceil(RADIUS * sigma)
    weights = np.exp(-0.5 * (np.arange(-r, r + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum())


def _band(weights: Array, size: int) -> Array:
    """What smoothing numbers along an axis multiplies them by: (size, size), symmetric."""
    r = len(weights) // 2
    distance = np.arange(size)[:, None] - np.arange(size)
    return np.where(np.abs(distance) <= r, weights[np.clip(distance + r, 0, 2 * r)], 0.0)
