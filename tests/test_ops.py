"""Each operation's page by itself: forward against its definition, backward against central differences."""

from __future__ import annotations

from typing import Any

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
    return OPERATIONS[name].adjust([np.where(np.abs(v) < 0.01, 0.5, v) for v in draws])


modes = pytest.mark.parametrize(
    ("name", "attributes"),
    [
        pytest.param(name, {**row.attributes, **more}, id=f"{name}-training" if more else name)
        for name, row in OPERATIONS.items()
        for more in ([{}, row.training] if row.training else [{}])
    ],
)
"""Every operation in prediction, and in training where that differs."""


def test_what_differs_in_training_is_tried_in_training() -> None:
    differs = {name for name, page in PAGES.items() if hasattr(page, "draw") or hasattr(page, "observe")}
    assert differs == {name for name, row in OPERATIONS.items() if row.training}


@modes
def test_forward_equals_the_definition(name: str, attributes: Any) -> None:
    row, v = OPERATIONS[name], values(name)
    actual = PAGES[name].forward(xp, *v, **attributes)
    np.testing.assert_allclose(actual, row.formula(*v, **attributes), rtol=1e-13, atol=1e-15)


@modes
def test_forward_equals_torch(name: str, attributes: Any) -> None:
    torch = pytest.importorskip("torch")
    row, v = OPERATIONS[name], values(name)
    expected = row.torch(torch, *map(torch.tensor, v), **attributes)
    np.testing.assert_allclose(PAGES[name].forward(xp, *v, **attributes), expected.numpy(), rtol=1e-12, atol=1e-14)


@modes
def test_backward_equals_central_differences(name: str, attributes: Any) -> None:
    page, v = PAGES[name], values(name)
    output = page.forward(xp, *v, **attributes)
    g = np.random.default_rng(2).normal(size=output.shape)  # not ones, which would hide a transpose
    gradients = page.backward(g, output, *v, **attributes)
    assert [d.shape for d in gradients] == [value.shape for value in v]
    for k, value in enumerate(v):
        if k in OPERATIONS[name].observed:
            assert not gradients[k].any()
            continue
        for index in np.ndindex(value.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = value.copy()
                moved[index] += step
                ends.append((g * page.forward(xp, *v[:k], moved, *v[k + 1 :], **attributes)).sum())
            assert gradients[k][index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_batch_norm_observes_the_mean_and_the_unbiased_variance(n: int) -> None:
    x, gamma, beta, mean, variance = values("batch_norm")
    x = x[:n]
    after = PAGES["batch_norm"].observe(x, gamma, beta, mean, variance, momentum=0.8, epsilon=0.01)
    np.testing.assert_allclose(after[0], 0.8 * mean + 0.2 * np.sum(x, axis=0) / n, rtol=1e-13)
    if n == 1:  # one example says nothing of the variance
        np.testing.assert_allclose(after[1], variance, rtol=1e-15)
    else:
        np.testing.assert_allclose(after[1], 0.8 * variance + 0.2 * np.var(x, axis=0, ddof=1), rtol=1e-13)


@pytest.mark.parametrize("n", [2, 6])
def test_batch_norm_observes_what_torch_does(n: int) -> None:
    torch = pytest.importorskip("torch")
    x, gamma, beta, mean, variance = values("batch_norm")
    running = torch.tensor(mean), torch.tensor(variance)
    torch.nn.functional.batch_norm(torch.tensor(x[:n]), *running, training=True, momentum=0.2)
    after = PAGES["batch_norm"].observe(x[:n], gamma, beta, mean, variance, momentum=0.8)
    for mine, expected in zip(after, running, strict=True):
        np.testing.assert_allclose(mine, expected.numpy(), rtol=1e-13)


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
