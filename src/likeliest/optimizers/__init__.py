"""The optimizers: how θ climbs, step by step, given the gradient g = ∂LL/∂θ.

An optimizer is a frozen description with two pure functions: ``init(θ)`` gives its state, and
``update(θ, g, state, t)`` the next θ and state at step t = 1, 2, ...  LL goes up, so steps go along +g.
"""

from likeliest.optimizers.adam import Adam
from likeliest.optimizers.base import Optimizer
from likeliest.optimizers.gradient_ascent import GradientAscent
from likeliest.optimizers.momentum import Momentum

OPTIMIZERS: dict[str, type[Optimizer]] = {"gradient_ascent": GradientAscent, "momentum": Momentum, "adam": Adam}
"""Every optimizer by name."""

__all__ = ["OPTIMIZERS", "Adam", "GradientAscent", "Momentum", "Optimizer"]
