"""The likelihoods: what the network's output η means, as P(y | η).

A likelihood owns the output end of backpropagation. Its ``score`` is ∂ log P(y | η) / ∂η, and nobody else writes ŷ − y.
"""

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.bernoulli import Bernoulli
from likeliest.likelihoods.categorical import Categorical
from likeliest.likelihoods.normal import Normal
from likeliest.likelihoods.student_t import StudentT

LIKELIHOODS: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli, "categorical": Categorical}
"""Every likelihood by name."""

__all__ = ["LIKELIHOODS", "Bernoulli", "Categorical", "Likelihood"]


def resolve(value):  # provisional
    if isinstance(value, str):
        return {"normal": Normal, "student_t": StudentT}[value]()
    if isinstance(value, Likelihood):
        return value
    raise ValueError(f"likelihood: expected one of likeliest.likelihoods, found {value!r}")
