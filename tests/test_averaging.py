"""Averages of θ: the rates give the mean that was promised, however a fit is cut into chunks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from cases import Array

from likeliest.averaging import EMA, SWA, Averaging

TOTAL = 80
THETA = np.random.default_rng(0).normal(size=TOTAL)  # after each step of a fit


def average(averaging: Averaging, before: float = 7.0) -> Array:
    """The average after each step, where it was something else before the fit."""
    values, now = [], before
    for theta, rate in zip(THETA, averaging.rates(0, TOTAL, TOTAL), strict=True):
        now += rate * (theta - now)
        values.append(now)
    return np.array(values)


@pytest.mark.parametrize(("start", "first"), [(0.75, 60), (0.5, 40), (0, 0), (0.0, 0), (77, 77), (79, 79), (200, 79)])
@pytest.mark.parametrize("every", [1, 3, 10])
def test_swa_is_the_mean_from_its_start_on(start: float, first: int, every: int) -> None:
    values = average(SWA(start, every))
    assert (values[:first] == 7).all()
    for k in range(first, TOTAL):
        assert values[k] == pytest.approx(THETA[first : k + 1 : every].mean(), rel=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_ema_is_the_usual_recursion(decay: float) -> None:
    expected = [THETA[0]]  # the average starts there, and each further update is number t
    for t in range(TOTAL - 1):
        d = min(decay, (1 + t) / (10 + t))
        expected.append(d * expected[-1] + (1 - d) * THETA[t + 1])
    np.testing.assert_allclose(average(EMA(decay)), expected, rtol=1e-12)


def test_ema_remembers_what_its_decay_says() -> None:
    rates = EMA(0.9).rates(0, 1000, 1000)
    assert rates[0] == 1
    assert rates[-1] == pytest.approx(0.1)
    weights = rates * np.append(np.cumprod((1 - rates)[:0:-1])[::-1], 1)  # of each θ in the last average
    assert weights.sum() == pytest.approx(1)
    assert weights[-50:] == pytest.approx(0.1 * 0.9 ** np.arange(49, -1, -1))


@pytest.mark.parametrize("averaging", [EMA(0.9), SWA(), SWA(0.3, 4)])
def test_chunks_of_a_fit_give_the_same_rates(averaging: Averaging) -> None:
    whole = averaging.rates(0, TOTAL, TOTAL)
    assert whole.dtype == np.float64
    for size in (1, 7, 33):
        parts = [averaging.rates(k, min(size, TOTAL - k), TOTAL) for k in range(0, TOTAL, size)]
        assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("averaging", [EMA(), SWA(), SWA(50, 7)])
def test_the_shortest_fits_have_an_average_too(averaging: Averaging, total: int) -> None:
    rates = averaging.rates(0, total, total)
    assert rates[rates > 0][0] == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EMA(1), r"decay: expected a number in \[0, 1\), found 1"),
        (lambda: EMA(math.nan), "decay: expected a number"),
        (lambda: EMA(True), "decay: expected a number"),
        (lambda: SWA(1.0), r"start: expected a fraction in \[0, 1\) or a whole number of steps, found 1.0"),
        (lambda: SWA(-1), "start: expected a fraction"),
        (lambda: SWA(None), "start: expected a fraction"),
        (lambda: SWA(0.5, 0), "every: expected a whole number of at least 1, found 0"),
        (lambda: SWA(0.5, 1.5), "every: expected a whole number of at least 1, found 1.5"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
