"""The priors: what is believed of the parameters before the data, as P(θ).

With a prior, fitting is maximum a posteriori: it climbs LL(θ) + log P(θ).
"""

from likeliest.priors.base import Prior
from likeliest.priors.flat import Flat
from likeliest.priors.horseshoe import Horseshoe
from likeliest.priors.laplace import Laplace
from likeliest.priors.normal import Normal
from likeliest.priors.student_t import StudentT

PRIORS: dict[str, type[Prior]] = {
    "normal": Normal,
    "laplace": Laplace,
    "student_t": StudentT,
    "horseshoe": Horseshoe,
    "flat": Flat,
}
"""Every prior by name."""

__all__ = ["PRIORS", "Flat", "Horseshoe", "Laplace", "Normal", "Prior", "StudentT"]
