"""How fast each likelihood trains beside the Normal: 20-50-η on T2's table, in turns, in one process.

    python -m benchmarks.likelihood_speed --rounds N --threads N

One line of JSON a likelihood: the seconds of an epoch in each round, its own, those of Normal(), whose variance is a
function of x (2 outputs), and those of Normals with as many outputs as it has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import likeliest as ll
from benchmarks.data import X, load
from benchmarks.workloads import T2
from likeliest.likelihoods import LIKELIHOODS, Likelihood

EPOCHS = 5
"""In a row, each time: some tens of milliseconds."""

WITH_ARGUMENTS = (
    "Normal(scale=1.0)",
    "Normal(scale='learned')",
    "Categorical(3)",
    "Ordinal(5)",
    "LogNormal(censored=True)",
    "Weibull(censored=True)",
    "Poisson(exposure=True)",
    "MultivariateNormal(2)",
    "Independent(Normal(), 2)",
    "Independent(Bernoulli(), 3)",
)
"""Likelihoods that need an argument, or are worth a row with another one, as one would write them."""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, required=True)
    arguments.add_argument("--threads", type=int, required=True)
    options = arguments.parse_args()
    inputs, _ = load("train", T2)
    epoch = trainer(ll.likelihoods.Normal(), inputs, options.threads)
    for name, make in likelihoods().items():
        try:
            answer = measure(make(), epoch, inputs, options.rounds, options.threads)
        except Exception as error:  # one that cannot be trained must not hide the others
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps({"likelihood": name, **answer}), flush=True)


def likelihoods() -> dict[str, Callable[[], Likelihood]]:
    """By how one writes it, every likelihood that needs no argument, and those above."""
    found: dict[str, Callable[[], Likelihood]] = {}
    for kind in LIKELIHOODS.values():
        try:
            kind()
        except TypeError:  # it needs an argument: see WITH_ARGUMENTS
            continue
        found[f"{kind.__name__}()"] = kind
    return found | {code: lambda code=code: eval(code, vars(ll.likelihoods)) for code in WITH_ARGUMENTS}


def measure(
    likelihood: Likelihood, normal: Callable[[], float], inputs: X, rounds: int, threads: int
) -> dict[str, Any]:
    """Seconds of an epoch: the Normal, this likelihood, Normals with as many outputs, and again."""
    outputs = likelihood.width - likelihood.shared
    turns = {
        "normal": normal,
        "seconds": trainer(likelihood, inputs, threads),
        "alike": trainer(normals(outputs), inputs, threads),
    }
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, epoch in turns.items():
            seconds[name].append(epoch())
    return {"outputs": outputs, **seconds}


def normals(outputs: int) -> Likelihood:
    """As many Normals as give this number of outputs: with a variance each where it is even, else with a fixed one."""
    base = ll.likelihoods.Normal() if outputs % 2 == 0 else ll.likelihoods.Normal(scale=1.0)
    count = outputs // base.width
    return base if count == 1 else ll.likelihoods.Independent(base, count)


def trainer(likelihood: Likelihood, inputs: X, threads: int) -> Callable[[], float]:
    """A call that trains some epochs and gives the seconds of one; it has been called once, to warm up."""
    y = targets(likelihood, len(inputs))
    net = ll.Network([ll.Dense(50, "relu")], likelihood=likelihood)
    optimizer = ll.optimizers.Adam(T2.learning_rate)

    def epoch() -> float:
        start = perf_counter()
        net.fit(
            inputs,
            y,
            optimizer=optimizer,
            epochs=EPOCHS,
            batch_size=T2.batch_size,
            seed=0,
            threads=threads,
            verbose=False,
        )
        return (perf_counter() - start) / EPOCHS

    epoch()
    return epoch


def targets(likelihood: Likelihood, n: int) -> NDArray[Any]:
    """The first of these kinds of y, (n,) or (n, targets), that the likelihood takes."""
    random = np.random.default_rng(0)
    shape = n if likelihood.targets == 1 else (n, likelihood.targets)
    kinds = [
        random.standard_normal(shape),
        random.gamma(3, 0.3, shape),
        random.beta(2, 3, shape),
        random.poisson(2, shape).astype(float),
        random.integers(0, 3, shape),
        random.integers(0, 2, shape),
        np.column_stack([random.gamma(3, 0.3, n), random.uniform(size=n) < 0.7]),  # a time, and whether it was seen
        np.column_stack([random.poisson(2, n), random.uniform(0.5, 2, n)]),  # a count and its exposure
    ]
    refused = []
    for y in kinds:
        try:
            likelihood.check(y)
        except ValueError as error:
            refused.append(str(error))
        else:
            return y
    raise ValueError(f"{likelihood!r} takes none of the targets of this benchmark: {refused[-1]}")


if __name__ == "__main__":
    main()
