"""The likelihoods: what the network's output η means, as P(y | η).

A likelihood owns the output end of backpropagation. Its ``score`` is ∂ log P(y | η) / ∂η, and nobody else writes ŷ − y.
"""

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.bernoulli import Bernoulli
from likeliest.likelihoods.categorical import Categorical

LIKELIHOODS: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli, "categorical": Categorical}
"""Every likelihood by name."""

__all__ = ["LIKELIHOODS", "Bernoulli", "Categorical", "Likelihood"]
