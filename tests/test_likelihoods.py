"""Each likelihood: against SciPy or by hand, and what every likelihood obeys."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import LIKELIHOODS, Array, LikelihoodCase

import likeliest as ll
from likeliest import random
from likeliest.likelihoods import Bernoulli, Categorical
from likeliest.xp import numpy_namespace as xp

every = pytest.mark.parametrize(
    "case", [row for rows in LIKELIHOODS.values() for row in rows], ids=lambda case: case.id
)
N = 6


def example(case: LikelihoodCase) -> tuple[Array, list[Array]]:
    """η (n, width), and y (n,) all of class k, for every class k."""
    eta = 2 * np.random.default_rng(0).normal(size=(N, case.likelihood.width))
    return eta, [np.full(N, k) for k in range(case.likelihood.classes)]


@every
def test_log_prob_equals_the_other_source(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    for y in ys:
        expected = [case.log_prob(eta[i], y[i]) for i in range(N)]
        np.testing.assert_allclose(case.likelihood.log_prob(xp, eta, y), expected, rtol=1e-12)


@every
def test_probabilities_sum_to_1_and_are_those_of_log_prob(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    p = np.exp([case.likelihood.log_prob(xp, eta, y) for y in ys]).T
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(case.likelihood.probabilities(xp, eta), p, rtol=1e-12)
    mean = case.likelihood.mean(xp, eta)
    np.testing.assert_allclose(mean, p[:, 1] if mean.ndim == 1 else p, rtol=1e-12)


@every
def test_score_is_the_derivative_of_log_prob(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    for y in ys:
        score = case.likelihood.score(eta, y)
        assert score.shape == eta.shape
        for k in range(case.likelihood.width):
            step = 1e-5 * (np.arange(case.likelihood.width) == k)
            up, down = (case.likelihood.log_prob(xp, eta + s * step, y) for s in (1, -1))
            np.testing.assert_allclose(score[:, k], (up - down) / 2e-5, rtol=1e-7, atol=1e-9)


@every
def test_expected_score_is_0_and_its_variance_the_fisher_information(case: LikelihoodCase) -> None:
    eta, ys = example(case)
    p = case.likelihood.probabilities(xp, eta)
    scores = np.stack([case.likelihood.score(eta, y) for y in ys], axis=1)  # (n, classes, width)
    np.testing.assert_allclose(np.einsum("nk,nki->ni", p, scores), 0, atol=1e-14)
    variance = np.einsum("nk,nki,nkj->nij", p, scores, scores)
    np.testing.assert_allclose(case.likelihood.fisher(eta), variance, rtol=1e-10, atol=1e-15)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_a_huge_eta_is_finite_and_right(case: LikelihoodCase, dtype: str, engine: str) -> None:
    """With η = ±1e4 one class is certain: log P is 0 or the gap, the score 0 or ±1, with no NaN on the way."""
    width, classes = case.likelihood.width, case.likelihood.classes
    net = ll.Network([], likelihood=case.likelihood, engine=engine, dtype=dtype).build(width)
    net.parameters["output.W"] = np.eye(width)  # so x is η, and the gradient of the bias is the score
    for certain in range(classes):
        eta = np.where(np.arange(width) == certain, 1e4, -1e4) if width > 1 else np.array([2e4 * certain - 1e4])
        gap = -2e4 if width > 1 else -1e4
        for y in range(classes):
            log_prob = net.log_likelihood(eta[None, :], [y], per_example=True, threads=1)
            assert log_prob == (0 if y == certain else gap)
            score = net.gradient(eta[None, :], [y], threads=1)["output.b"]
            sure = np.arange(width) == certain if width > 1 else np.array([certain == 1])
            seen = np.arange(width) == y if width > 1 else np.array([y == 1])
            np.testing.assert_array_equal(score, seen.astype(float) - sure)
        np.testing.assert_array_equal(net.predict_proba(eta[None, :], threads=1)[0], np.arange(classes) == certain)


@every
def test_a_tail_keeps_its_relative_precision(case: LikelihoodCase) -> None:
    """P of an all but impossible class is e^-30, not 1 − 1; and so is the score of the all but certain one."""
    eta = np.full((1, case.likelihood.width), -30.0)
    if case.likelihood.width > 1:
        eta[0, 0] = 0
    p = case.likelihood.probabilities(xp, eta)[0]
    np.testing.assert_allclose(p[1:], np.exp(-30) / (1 + (len(p) - 1) * np.exp(-30)), rtol=1e-12)
    if case.likelihood.width == 1:
        np.testing.assert_allclose(case.likelihood.score(eta, np.array([0])), -np.exp(-30), rtol=1e-12)


@every
def test_samples_are_as_frequent_as_they_should_be(case: LikelihoodCase) -> None:
    n = 20000
    eta = np.repeat(np.random.default_rng(5).normal(size=(1, case.likelihood.width)), n, axis=0)
    y = case.likelihood.sample(eta, random.uniform(random.stream(1, random.CHECK), (n,)))
    expected = n * case.likelihood.probabilities(xp, eta[:1])[0]
    chi_square = (((np.bincount(y, minlength=len(expected)) - expected) ** 2) / expected).sum()
    assert chi_square < len(expected) - 1 + 5 * np.sqrt(2 * len(expected))


def test_a_sample_is_the_class_at_which_the_running_sum_passes_u() -> None:
    eta, u = np.log([[0.1, 0.2, 0.3, 0.4]] * 7), np.array([1e-9, 0.09, 0.11, 0.29, 0.31, 0.61, 1 - 1e-9])
    assert Categorical(4).sample(eta, u).tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert Bernoulli().sample(np.zeros((3, 1)), np.array([1e-9, 0.49, 0.51])).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 1],
        np.array([False, True, True]),
        np.array([0.0, 1.0, 1.0]),
        np.array([[0], [1], [1]]),
        np.array([0, 1, 1], np.uint8),
        pd.Series([0, 1, 1], index=[7, 8, 9]),
        pd.Series([0, 1, 1], dtype="int64[pyarrow]"),
    ],
    ids=lambda y: f"{getattr(y, 'dtype', 'list')}-{np.ndim(y)}d",
)
def test_labels_of_many_types_are_taken(y: Any) -> None:
    labels = Bernoulli().check(y)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("likelihood", "y", "message"),
    [
        (
            Bernoulli(),
            [0, 1, 2],
            "y: Bernoulli() needs labels 0 to 1, found 2 in row 2; for 3 classes use Categorical(3)",
        ),
        (Bernoulli(), [1, 2, 1], "found 2 in row 1; code the two classes as 0 and 1: y = (y == 2)"),
        (Bernoulli(), [-1, 1, 1], "found -1 in row 0; code the two classes as 0 and 1: y = (y == 1)"),
        (Bernoulli(), [0, 1, np.nan], "found nan in row 2; drop the examples without a label"),
        (Bernoulli(), [0, 1, np.inf], "found inf in row 2"),
        (Bernoulli(), [0.0, 0.5, 1.0], "found 0.5 in row 1; number the classes from 0"),
        (Categorical(3), [0, 1, 3], "y: Categorical(3) needs labels 0 to 2, found 3 in row 2; for 4 classes use"),
        (Categorical(3), [0, -1, 5], "found -1 in row 1; number the classes from 0"),
        (Categorical(3), ["a", "b", "c"], "as numbers, found dtype <U1; number them first: classes, y = numpy.unique"),
        (Categorical(3), np.array([None, 1, 2]), "as numbers, found dtype object"),
        (Categorical(3), np.eye(3), "y: expected shape (n,), found (3, 3); one label an example"),
        (Categorical(3), 1, "y: expected shape (n,), found ()"),
        (Categorical(3), np.array([0, 1, 2**63], np.uint64), "in row 2"),
        (Categorical(3), [0, 1, 1j], "as numbers, found dtype complex128"),
    ],
    ids=str,
)
def test_labels_that_do_not_fit_say_where_and_what_to_do(likelihood: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        likelihood.check(y)


@pytest.mark.parametrize("classes", [1, 0, -2, 2.0, True, "3", None])
def test_categorical_needs_at_least_two_classes(classes: Any) -> None:
    with pytest.raises(ValueError, match="classes: Categorical needs a whole number of at least 2"):
        Categorical(classes)
