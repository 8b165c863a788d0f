"""The optimizers: how θ climbs, step by step, given the gradient g = ∂LL/∂θ.

An optimizer is a frozen description with two pure functions: ``init(θ)`` gives its state, and
``update(θ, g, state, t)`` the next θ and state at step t = 1, 2, ...  LL goes up, so steps go along +g.
`LBFGS` is the exception: it takes all examples at once and chooses its steps itself.
"""

from __future__ import annotations

from typing import Any

from likeliest.optimizers.adagrad import AdaGrad
from likeliest.optimizers.adam import Adam
from likeliest.optimizers.adamw import AdamW
from likeliest.optimizers.base import Optimizer
from likeliest.optimizers.gradient_ascent import GradientAscent
from likeliest.optimizers.lbfgs import LBFGS
from likeliest.optimizers.lion import Lion
from likeliest.optimizers.momentum import Momentum
from likeliest.optimizers.nadam import NAdam
from likeliest.optimizers.nesterov import Nesterov
from likeliest.optimizers.rmsprop import RMSProp

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "gradient_ascent": GradientAscent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
    "lbfgs": LBFGS,
}
"""Every optimizer by name."""


def resolve(value: Any) -> Optimizer:
    """The optimizer that ``value`` stands for: an optimizer, or a name.

    Raises
    ------
    ValueError
        When it is neither.

    Examples
    --------
    >>> resolve("adam")
    Adam(learning_rate=0.001, decay1=0.9, decay2=0.999, epsilon=1e-08)
    """
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str) and value in OPTIMIZERS:
        return OPTIMIZERS[value]()
    raise ValueError(
        f"optimizer: expected one of likeliest.optimizers, such as Adam(0.001), or a name of {', '.join(OPTIMIZERS)}; "
        f"found {value!r}"
    )


__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "AdaGrad",
    "Adam",
    "AdamW",
    "GradientAscent",
    "Lion",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "resolve",
]
