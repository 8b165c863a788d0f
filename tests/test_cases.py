"""The list of cases is complete: everything in the package has its row."""

from dataclasses import fields, is_dataclass

import cases

from likeliest import initializers
from likeliest.initializers import Initializer
from likeliest.likelihoods import LIKELIHOODS
from likeliest.ops import ACTIVATIONS, OPERATIONS
from likeliest.optimizers import OPTIMIZERS


def test_every_operation_has_a_row() -> None:
    assert set(cases.OPERATIONS) == set(OPERATIONS)


def test_every_likelihood_has_a_row() -> None:
    assert set(cases.LIKELIHOODS) == set(LIKELIHOODS)
    assert all(
        isinstance(row.likelihood, LIKELIHOODS[name]) for name, rows in cases.LIKELIHOODS.items() for row in rows
    )
    assert {case.likelihood for case in cases.SMALL} == set(cases.TRAINED)


def test_every_optimizer_has_a_row_that_differs_from_its_defaults() -> None:
    stepwise = {name for name, kind in OPTIMIZERS.items() if not kind.full_batch}  # the others: test_lbfgs.py
    assert set(cases.OPTIMIZERS) == stepwise
    for name, row in cases.OPTIMIZERS.items():
        assert isinstance(row.optimizer, OPTIMIZERS[name])
        # With a default, an engine that ignores the argument would pass.
        assert all(getattr(row.optimizer, f.name) != f.default for f in fields(row.optimizer))


def test_every_initializer_has_a_row() -> None:
    public = {
        value
        for value in vars(initializers).values()
        if is_dataclass(value) and issubclass(value, Initializer) and not value.__abstractmethods__
    }
    assert {type(row.initializer) for row in cases.INITIALIZERS} == public


def test_every_activation_meets_every_likelihood_width_and_batch() -> None:
    assert len(cases.SMALL) == len(ACTIVATIONS) * len(cases.TRAINED) * 5 * 3
    assert len({case.id for case in cases.NETWORKS}) == len(cases.NETWORKS)
    assert len({case.id for case in cases.BRANCHING}) == len(cases.BRANCHING)
