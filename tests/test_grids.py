"""What is learned of images: mean and deviation by channel, of a few at a time, against NumPy on all at once."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from likeliest import grids
from likeliest.encoding import decode, encode
from likeliest.grids import Grid

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6, 4, 3)) * [1.0, 5.0, 0.01] + [0.0, -20.0, 3.0]


@pytest.fixture(params=[1 << 20, 200])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """All at once, and two examples at a time."""
    monkeypatch.setattr(grids, "NUMBERS", request.param)
    return request.param


def test_mean_and_deviation_by_channel(blocks: int) -> None:
    grid = Grid.fit(X)
    np.testing.assert_allclose(grid.center, X.mean(axis=(0, 1, 2)), rtol=1e-10)
    np.testing.assert_allclose(grid.scale, X.std(axis=(0, 1, 2)), rtol=1e-10)
    assert grid.shape == (6, 4, 3)
    assert grid.width == 72


def test_one_of_all_numbers(blocks: int) -> None:
    grid = Grid.fit(X, by_channel=False)
    np.testing.assert_allclose([*grid.center, *grid.scale], [X.mean(), X.std()], rtol=1e-10)


def test_a_weight_is_how_often_an_example_counts(blocks: int) -> None:
    weights = RNG.integers(0, 3, len(X)).astype(float)
    grid, twin = Grid.fit(X, weights), Grid.fit(np.repeat(X, weights.astype(int), axis=0))
    np.testing.assert_allclose(grid.center, twin.center, rtol=1e-10)
    np.testing.assert_allclose(grid.scale, twin.scale, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["u1", "i2", "?", "f2", "f4", ">f4", "u8"])
def test_every_type_of_number(dtype: str) -> None:
    images = RNG.integers(0, 2, (30, 5, 4)).astype(dtype)
    grid = Grid.fit(images, by_channel=False)
    np.testing.assert_allclose(grid.center[0], images.astype(float).mean())
    np.testing.assert_allclose(grid.scale[0], images.astype(float).std())


def test_small_deviations_about_a_large_mean(blocks: int) -> None:
    far = 1e9 + RNG.normal(size=(200, 3, 2))
    grid = Grid.fit(far)
    np.testing.assert_allclose(grid.scale, far.std(axis=(0, 1)), rtol=1e-6)


def test_constant_channels_have_a_scale_of_1() -> None:
    images = np.zeros((10, 4, 3))
    images[..., 0] = 0.1
    images[..., 2] = RNG.normal(size=(10, 4))
    assert Grid.fit(images).scale[:2].tolist() == [1, 1]


def test_without_standardizing_nothing_is_looked_at() -> None:
    grid = Grid.fit(np.full((2, 3, 3), np.nan), standardize=False)
    assert (grid.center == 0).all()
    assert (grid.scale == 1).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(wrong: float, blocks: int) -> None:
    images = X.copy()
    images[7, 2, 1, 0] = wrong
    with pytest.raises(ValueError, match=rf"^X: found {wrong} in row 7, column \(2, 1, 0\); drop the row"):
        Grid.fit(images)


def test_what_cannot_be_squared_is_named() -> None:
    with pytest.raises(ValueError, match=r"^X: found 1e\+300, too large; scale X"):
        Grid.fit(np.array([[[1e300]], [[-1e299]]]))


def test_examples_of_another_shape_are_refused_and_others_stay_what_they_are() -> None:
    grid = Grid.fit(X)
    assert grid.transform(X) is X
    with pytest.raises(ValueError, match=re.escape("X: expected examples of shape (6, 4, 3), as in the fit, found")):
        grid.transform(X[:, :5])


def test_a_grid_is_saved_to_the_bit() -> None:
    grid = Grid.fit(X)
    twin = decode(encode(grid, "table_"))
    assert (twin.shape, twin.standardize) == (grid.shape, True)
    assert twin.center.tobytes() == grid.center.tobytes()
    assert twin.scale.tobytes() == grid.scale.tobytes()


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (3,)},
        {"shape": (3, 0)},
        {"shape": (3, 2.0)},
        {"center": np.zeros(3)},
        {"center": np.array([np.nan, 0])},
        {"center": [0.0, 0.0]},
        {"scale": np.ones(1)},
        {"scale": np.zeros(2)},
        {"standardize": 1},
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    good = {"shape": (4, 2), "center": np.zeros(2), "scale": np.ones(2), "standardize": True}
    Grid(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected"):
        Grid(**{**good, **wrong})
