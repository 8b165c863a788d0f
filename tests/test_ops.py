"""Each operation's page by itself: forward against its definition, backward against central differences."""

from __future__ import annotations

import numpy as np
import pytest
from cases import OPERATIONS, Array

from likeliest.engines import make_engine
from likeliest.layers import Activation
from likeliest.likelihoods import Categorical
from likeliest.network import Network
from likeliest.ops import ACTIVATIONS
from likeliest.ops import OPERATIONS as PAGES
from likeliest.xp import numpy_namespace as xp


def values(name: str) -> list[Array]:
    """Values away from 0, where some derivatives jump."""
    rng = np.random.default_rng(1)
    draws = [rng.normal(size=shape) for shape in OPERATIONS[name].shapes]
    return [np.where(np.abs(v) < 0.01, 0.5, v) for v in draws]


@pytest.mark.parametrize("name", OPERATIONS)
def test_forward_equals_the_definition(name: str) -> None:
    row, v = OPERATIONS[name], values(name)
    actual = PAGES[name].forward(xp, *v, **row.attributes)
    np.testing.assert_allclose(actual, row.formula(*v, **row.attributes), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", OPERATIONS)
def test_forward_equals_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    row, v = OPERATIONS[name], values(name)
    expected = row.torch(torch, *map(torch.tensor, v), **row.attributes)
    np.testing.assert_allclose(PAGES[name].forward(xp, *v, **row.attributes), expected.numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", OPERATIONS)
def test_backward_equals_central_differences(name: str) -> None:
    page, attributes, v = PAGES[name], OPERATIONS[name].attributes, values(name)
    output = page.forward(xp, *v, **attributes)
    g = np.random.default_rng(2).normal(size=output.shape)  # not ones, which would hide a transpose
    gradients = page.backward(g, output, *v, **attributes)
    assert [d.shape for d in gradients] == [value.shape for value in v]
    for k, value in enumerate(v):
        for index in np.ndindex(value.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = value.copy()
                moved[index] += step
                ends.append((g * page.forward(xp, *v[:k], moved, *v[k + 1 :], **attributes)).sum())
            assert gradients[k][index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_both_sides_of_zero_are_tried(name: str) -> None:
    (z,) = values(name)
    assert (z > 0.01).any()
    assert (z < -0.01).any()


EXTREMES = np.array([0.0, 1e-30, 1e-9, 1e-4, 0.3, 1, 5, 12, 19, 30, 37, 80, 88, 105, 700, 745, 1e4, 1e30])


def by_native(name: str, z: Array, dtype: str) -> Array:
    """The native kernel's h = f(z), read from a network whose output weights are the identity."""
    net = Network([Activation(name)], likelihood=Categorical(len(z))).build(len(z))
    engine = make_engine("native", net.program, net.likelihood, dtype)
    engine.set("output.W", np.eye(len(z)))
    return engine.output(z[None, :], 1)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_both_engines_are_right_at_the_extremes(name: str, dtype: str) -> None:
    z = np.concatenate([EXTREMES, -EXTREMES]).astype(dtype)
    with np.errstate(over="ignore", under="ignore"):
        expected = OPERATIONS[name].formula(z.astype(np.float64))
    epsilon = float(np.finfo(dtype).eps)
    h = PAGES[name].forward(xp, z)
    assert h.dtype == dtype
    for actual in (h, by_native(name, z, dtype)):
        np.testing.assert_allclose(actual, expected, rtol=16 * epsilon, atol=4 * epsilon)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_nan_stays_a_nan(name: str) -> None:
    """A diverging network must be seen."""
    z = np.array([np.nan, 1.0, -1.0])
    with np.errstate(invalid="ignore"):
        assert np.isnan(PAGES[name].forward(xp, z)).tolist() == [True, False, False]
    assert np.isnan(by_native(name, z, "float64")).all()  # 0 · NaN is NaN in the product, too
