"""Windows of a series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import likeliest as ll


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("target", [None, 1, [2, 0]])
def test_each_window_has_what_follows_it(stride: int, target: Any) -> None:
    series = np.arange(60).reshape(20, 3)
    X, y = ll.windows(series, 5, 4, target=target, stride=stride)
    columns = [0, 1, 2] if target is None else np.atleast_1d(target)
    assert len(X) == len(y) == len(range(0, 20 - 5 - 4 + 1, stride))
    for i, (window, following) in enumerate(zip(X, y, strict=True)):
        t = i * stride
        np.testing.assert_array_equal(window, series[t : t + 5])
        np.testing.assert_array_equal(following, series[t + 5 : t + 9][:, columns].ravel())


def test_intervals_hold_what_comes_at_each_horizon() -> None:
    r = np.random.default_rng(0)
    series = np.zeros(3000)
    for t in range(1, 3000):  # of which the exact forecast is known
        series[t] = 0.9 * series[t - 1] + r.normal()
    X, y = ll.windows(series[:2000], 8, 5)
    reg = ll.Regressor(hidden=(), likelihood="normal", max_iter=40, random_state=0).fit(X, y)
    X_new, y_new = ll.windows(series[2000:], 8, 5)
    d = reg.predict_dist(X_new)
    low, high = d.interval(0.9)
    np.testing.assert_allclose(((low < y_new) & (y_new < high)).mean(axis=0), 0.9, atol=0.05)
    exact = np.sqrt(np.cumsum(0.81 ** np.arange(5)))
    np.testing.assert_allclose(np.median(d.std(), axis=0), exact, rtol=0.12)


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        (np.zeros(5), {"length": 4, "horizon": 2}, "series: it has 5 times"),
        (np.zeros((2, 2, 2)), {"length": 1}, "series: expected numbers"),
        (["a", "b"], {"length": 1}, "series: expected numbers"),
        (np.zeros(5), {"length": 0}, "length: expected a whole number"),
        (np.zeros(5), {"length": 2, "horizon": 1.5}, "horizon: expected a whole number"),
        (np.zeros((9, 2)), {"length": 2, "target": 2}, "target: expected columns 0 to 1"),
    ],
)
def test_says_what_is_wrong(series: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ll.windows(series, **options)
