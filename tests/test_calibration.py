"""Calibration, against sums by hand."""

import numpy as np
import pytest

from likeliest.calibration import coverage, expected_calibration_error


@pytest.mark.parametrize("n_bins", [1, 5, 10])
def test_expected_calibration_error_by_hand(n_bins: int) -> None:
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(200), [0.0, 1.0, 0.2, 0.5]])
    happened = rng.random(len(p)) < p**2
    total = 0.0
    for b in range(n_bins):
        low, high = b / n_bins, (b + 1) / n_bins
        here = (p > low) & (p <= high) if b else p <= high
        if here.any():
            total += here.sum() * abs(happened[here].mean() - p[here].mean())
    assert expected_calibration_error(p, happened, n_bins=n_bins) == pytest.approx(total / len(p))


def test_weights_are_counts() -> None:
    rng = np.random.default_rng(1)
    p, happened, weights = rng.random(50), rng.random(50) < 0.5, rng.integers(0, 4, 50)
    many = np.repeat(np.arange(50), weights)
    assert expected_calibration_error(p, happened, weights) == pytest.approx(
        expected_calibration_error(p[many], happened[many])
    )
    low, high = p - 0.2, p + 0.1
    y = rng.random(50)
    assert coverage(y, low, high, weights) == pytest.approx(coverage(y[many], low[many], high[many]))


def test_a_model_that_knows_is_calibrated_and_one_that_boasts_is_not() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(100_000)
    happened = rng.random(len(p)) < p
    assert expected_calibration_error(p, happened) < 0.01
    assert expected_calibration_error(np.where(p > 0.5, 0.999, 0.001), happened) > 0.2
