"""The engines: they hold θ and run a program. ``reference`` is NumPy, to be read; ``native`` is C++, to be used."""

from __future__ import annotations

from collections.abc import Mapping

from likeliest.engines.base import Engine
from likeliest.likelihoods import Likelihood
from likeliest.priors import Prior
from likeliest.program import Program

ENGINES = ("native", "reference")


def make_engine(
    name: str, program: Program, likelihood: Likelihood, dtype: str, priors: Mapping[str, Prior] | None = None
) -> Engine:
    """The engine of that name, holding θ = 0; ``priors`` are those of single parameters, by name.

    Raises
    ------
    ValueError
        When there is no such engine, or it has no kernel for something in the program.
    """
    if name == "native":
        from likeliest.engines.native import Native

        return Native(program, likelihood, dtype, priors or {})
    from likeliest.engines.reference import Reference

    return Reference(program, likelihood, dtype, priors or {})
