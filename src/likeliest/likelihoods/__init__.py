"""The likelihoods: what the network's output η means, as P(y | η).

A likelihood owns the output end of backpropagation. Its ``score`` is ∂ log P(y | η) / ∂η, and nobody else writes ŷ − y.
"""

from __future__ import annotations

import inspect
from typing import Any

from likeliest.likelihoods.base import Likelihood
from likeliest.likelihoods.bernoulli import Bernoulli
from likeliest.likelihoods.beta import Beta
from likeliest.likelihoods.categorical import Categorical
from likeliest.likelihoods.custom import Custom, log_prob_of, score_of
from likeliest.likelihoods.distribution import Distribution
from likeliest.likelihoods.gamma import Gamma
from likeliest.likelihoods.independent import Independent
from likeliest.likelihoods.laplace import Laplace
from likeliest.likelihoods.log_normal import LogNormal
from likeliest.likelihoods.mixture import Mixture
from likeliest.likelihoods.multivariate_normal import MultivariateNormal
from likeliest.likelihoods.negative_binomial import NegativeBinomial
from likeliest.likelihoods.normal import Normal
from likeliest.likelihoods.normal_mixture import NormalMixture
from likeliest.likelihoods.ordinal import Ordinal
from likeliest.likelihoods.per_step import PerStep
from likeliest.likelihoods.poisson import Poisson
from likeliest.likelihoods.quantile import Quantile
from likeliest.likelihoods.student_t import StudentT
from likeliest.likelihoods.weibull import Weibull
from likeliest.likelihoods.zero_inflated_poisson import ZeroInflatedPoisson

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "independent": Independent,
    "per_step": PerStep,
    "ordinal": Ordinal,
    "normal": Normal,
    "multivariate_normal": MultivariateNormal,
    "laplace": Laplace,
    "student_t": StudentT,
    "log_normal": LogNormal,
    "gamma": Gamma,
    "weibull": Weibull,
    "beta": Beta,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "zero_inflated_poisson": ZeroInflatedPoisson,
    "quantile": Quantile,
    "normal_mixture": NormalMixture,
}
"""Every likelihood by name."""


def resolve(value: Any) -> Likelihood:
    """The likelihood that ``value`` stands for: a name, a likelihood, its class, or any object with ``log_prob``.

    Raises
    ------
    ValueError
        When it is none of these, or a likelihood that needs to be told something first.

    Examples
    --------
    >>> resolve("student_t")
    StudentT()
    """
    kind = value
    if isinstance(value, str):
        if value not in LIKELIHOODS:
            raise ValueError(f"likelihood: expected one of {', '.join(LIKELIHOODS)}, found {value!r}")
        kind = LIKELIHOODS[value]
    if isinstance(kind, type):
        try:
            value = kind()
        except TypeError:
            examples: dict[Any, str] = {
                Categorical: "Categorical(10)",
                Ordinal: "Ordinal(5)",
                Independent: "Independent(Normal(), 3)",
                PerStep: "PerStep(Normal())",
            }
            cure = examples.get(kind, f"{kind.__name__}(3)" if issubclass(kind, Likelihood) else "an object of it")
            raise ValueError(f"likelihood: {kind.__name__} needs arguments; give an object such as {cure}") from None
    if isinstance(value, Likelihood):
        return value
    if _takes_three(getattr(value, "log_prob", None)):
        return Custom(value)
    raise ValueError(
        f"likelihood: expected one of likeliest.likelihoods, such as Bernoulli() or Categorical(10), a name such as "
        f'"normal", or an object with log_prob(xp, eta, y); found {value!r}'
    )


def _takes_three(log_prob: Any) -> bool:
    """Whether it can be called as log_prob(xp, eta, y); a prior's, for one, cannot."""
    try:
        inspect.signature(log_prob).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # a compiled function may have no signature
        return True
    return True


__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Custom",
    "Distribution",
    "Gamma",
    "Independent",
    "Laplace",
    "Likelihood",
    "LogNormal",
    "Mixture",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "NormalMixture",
    "Ordinal",
    "PerStep",
    "Poisson",
    "Quantile",
    "StudentT",
    "Weibull",
    "ZeroInflatedPoisson",
    "log_prob_of",
    "resolve",
    "score_of",
]
