"""Custom: any object with ``log_prob(xp, eta, y)`` as a likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from likeliest.likelihoods.base import Likelihood
from likeliest.xp import numpy_namespace


@dataclass(frozen=True, repr=False)
class Custom(Likelihood):
    """A likelihood of your own that is not derived from ``Likelihood``: what it has is used, the rest is as there.

    Parameters
    ----------
    own : object
        With ``log_prob(xp, eta, y)``, and what else of ``Likelihood`` it likes: ``width``, ``score``, ``mean`` ….

    Examples
    --------
    >>> import numpy as np
    >>> from likeliest.likelihoods import Custom
    >>> class Exponential:
    ...     def log_prob(self, xp, eta, y):
    ...         return eta[:, 0] - y * xp.exp(eta[:, 0])
    >>> Custom(Exponential()).score(np.array([[0.0]]), np.array([3.0])).round(9)
    array([[-2.]])
    """

    own: Any
    name: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        if not callable(getattr(self.own, "log_prob", None)):
            raise ValueError(f"likelihood: expected an object with log_prob(xp, eta, y), found {self.own!r}")
        for name in ("classes", "discrete", "standardizes", "support"):
            if hasattr(self.own, name):
                object.__setattr__(self, name, getattr(self.own, name))

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        """Its own log P(y | η)."""
        return self.own.log_prob(xp, eta, y)


def log_prob_of(likelihood: Likelihood, eta: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Log P(y | η) with NumPy: η (n, width), y as ``check`` returned it -> (n,).

    Raises
    ------
    ValueError
        When the likelihood, which may be the user's, gives another shape.
    """
    return _shaped(likelihood, "log_prob", likelihood.log_prob(numpy_namespace, eta, y), (len(eta),))


def score_of(likelihood: Likelihood, eta: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """∂ log P(y | η) / ∂η: (n, width), or a ValueError as in `log_prob_of`."""
    return _shaped(likelihood, "score", likelihood.score(eta, y), eta.shape)


def _shaped(likelihood: Likelihood, method: str, values: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = np.asarray(values)
    check_shape(likelihood, method, found.shape, shape)
    return found


def check_shape(likelihood: Likelihood, method: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A ValueError unless what a likelihood, which may be the user's, gives is of the expected shape."""
    if found != expected:
        raise ValueError(
            f"likelihood: {method} of {getattr(likelihood, 'own', likelihood)!r} gave shape {found} for eta "
            f"(n, {likelihood.width}) with n = {expected[0]}, expected {expected}; check_likelihood(...) finds such "
            "things"
        )


def _method(name: str) -> Callable[..., Any]:
    def method(self: Custom, *arguments: Any, **named: Any) -> Any:
        own = getattr(self.own, name, None)
        return own(*arguments, **named) if own is not None else getattr(Likelihood, name)(self, *arguments, **named)

    method.__name__, method.__doc__ = name, getattr(Likelihood, name).__doc__
    return method


def _number(name: str) -> property:
    default = getattr(Likelihood, name)
    return property(lambda self: int(getattr(self.own, name, default.fget(self))), doc=default.__doc__)


for _name in ("width", "shared", "locations", "targets", "draws"):
    setattr(Custom, _name, _number(_name))
for _name in (
    *("check", "score", "fisher", "mean", "variance", "cdf", "quantile"),
    *("probabilities", "parameters", "sample", "start"),
):
    setattr(Custom, _name, _method(_name))
