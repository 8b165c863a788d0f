"""Flat:  log P(θ) = 0 for every θ. Fitting is then maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.priors.base import Array, Prior


@dataclass(frozen=True)
class Flat(Prior):
    """No belief: every θ is as likely as any other (an improper prior).

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.priors import Flat
    >>> Flat().score(np.array([-2.0, 0.0, 5.0]))
    array([0., 0., 0.])
    """

    name: ClassVar[str] = "flat"

    def log_prob(self, xp: Any, theta: Any) -> Any:
        """0."""
        return theta * 0

    def score(self, theta: Array) -> Array:
        """0."""
        return np.zeros_like(theta)
