"""check_likelihood passes what is right, and finds every fault that is planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import LIKELIHOODS, LikelihoodCase

import likeliest as ll
from likeliest import likelihoods as lk
from likeliest.likelihoods import Normal

ROWS = [row for rows in LIKELIHOODS.values() for row in rows]


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
def test_every_likelihood_passes(case: LikelihoodCase) -> None:
    report = ll.check_likelihood(case.likelihood)
    assert report.ok, str(report)
    assert sum(finding.ok is None for finding in report.findings) <= 2
    assert repr(case.likelihood) in str(report)


class Faulty:
    """The Normal with one method broken: not a Likelihood, so this goes by way of Custom."""

    width = 2

    def __init__(self, method: str, fault: Any) -> None:
        self._normal, self._broken = Normal(), (method, fault)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(Normal, name) or name in ("name", "kernel"):
            raise AttributeError(name)
        value = getattr(self._normal, name)
        method, fault = self._broken
        return (lambda *arguments: fault(*arguments, value(*arguments))) if name == method else value

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        value = self._normal.log_prob(xp, eta, y)
        return self._broken[1](xp, eta, y, value) if self._broken[0] == "log_prob" else value


FAULTS: dict[str, tuple[str, Any, set[str]]] = {
    "score a thousandth too large": (
        "score",
        lambda eta, y, value: 1.001 * value,
        {"score is the derivative of log_prob"},
    ),
    "score of the wrong shape": ("score", lambda eta, y, value: value[:, :1], {"shapes"}),
    "log_prob of the wrong shape": ("log_prob", lambda xp, eta, y, value: value[:, None], {"shapes"}),
    "log_prob without its constant": (
        "log_prob",
        lambda xp, eta, y, value: value + 0.5 * np.log(2 * np.pi),
        {"probabilities sum to 1"},
    ),
    "log_prob that overflows": (
        "log_prob",
        lambda xp, eta, y, value: value + 0 * xp.exp(eta[:, 1]),
        {"finite at eta = ±1e4"},
    ),
    "a mean that is off": ("mean", lambda xp, eta, value: value + 0.3, {"mean is that of samples"}),
    "a standard deviation for a variance": (
        "variance",
        lambda eta, value: np.sqrt(value),
        {"variance is that of samples"},
    ),
    "half the information": ("fisher", lambda eta, value: 0.5 * value, {"fisher is the variance of the score"}),
    "the upper tail": ("cdf", lambda eta, y, value: 1 - value, {"quantile inverts cdf"}),
    "samples that are too wide": ("sample", lambda eta, u, value: 1.2 * value, {"variance is that of samples"}),
    "a method that raises": ("mean", lambda xp, eta, value: 1 / 0, {"mean is that of samples"}),
}


def test_without_a_fault_the_custom_normal_passes() -> None:
    assert ll.check_likelihood(Faulty("none", None)).ok


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    method, fault, expected = FAULTS[name]
    report = ll.check_likelihood(Faulty(method, fault))
    wrong = {finding.name for finding in report.findings if finding.ok is False}
    assert not report.ok
    assert expected <= wrong, str(report)
    assert "WRONG" in str(report)


class Exponential:
    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return xp.clip(eta[:, 0], -40, 40) - y * xp.exp(xp.clip(eta[:, 0], -40, 40))


def test_what_a_likelihood_does_not_have_is_skipped_and_says_why() -> None:
    report = ll.check_likelihood(Exponential(), y=[0.5, 1.0, 2.0])
    assert report.findings[2].ok
    reasons = {finding.name: finding.seen for finding in report.findings if finding.ok is None}
    assert "has no quantile" in reasons["quantile inverts cdf"]
    assert "has no" in reasons["expected score is 0"]


def test_arguments_that_do_not_fit_say_so() -> None:
    with pytest.raises(ValueError, match="y: expected targets to check with, found None and"):
        ll.check_likelihood(Exponential())
    with pytest.raises(ValueError, match="eta: expected shape"):
        ll.check_likelihood("normal", eta=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="y: expected as many as rows of eta, 3, found 2"):
        ll.check_likelihood("normal", eta=np.zeros((3, 2)), y=[1.0, 2.0])
    with pytest.raises(ValueError, match="likelihood: expected one of"):
        ll.check_likelihood("norml")
    assert ll.check_likelihood(lk.Normal, seed=3).ok
