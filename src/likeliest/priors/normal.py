"""Normal:  log P(θ) = −θ²/(2s²) − log(s √(2π)),  ∂ log P/∂θ = −θ/s²."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from likeliest.priors.base import Array, Prior, check_scale


@dataclass(frozen=True)
class Normal(Prior):
    """θ ~ N(0, scale²): small weights are likelier. Also known as ridge, L2 penalty or weight decay.

    Parameters
    ----------
    scale : float
        s, positive: about how large a weight is believed to be.

    Notes
    -----
    The penalty of scikit-learn's ``MLPRegressor(alpha=…)``, alpha/(2n) Σθ² on the mean of half the squared error, is
    the prior with s = 1/√alpha for a Normal likelihood of variance 1; for ``MLPClassifier`` too, whose log-loss is the
    mean of −log P.

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.priors import Normal
    >>> Normal(0.5).score(np.array([1.0, -2.0]))
    array([-4.,  8.])
    """

    scale: float = 1.0
    name: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def log_prob(self, xp: Any, theta: Any) -> Any:
        """−θ²/(2s²) − log(s √(2π))."""
        z = theta / self.scale
        return -0.5 * z * z - math.log(self.scale * math.sqrt(2 * math.pi))

    def score(self, theta: Array) -> Array:
        """−θ/s²."""
        return np.asarray(theta * (-1 / self.scale**2))
