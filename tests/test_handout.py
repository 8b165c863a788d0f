"""The handout's derivatives against central differences, its ascent, and its zero-or-one digits."""

import doctest
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from likeliest import handout
from likeliest.handout import Array

N, M_X, M_H = 5, 3, 6  # no two alike, with their biases too (4, 7), so that a transpose cannot hide


def example(seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """A network and data away from 0: theta_h (m_x + 1, m_h), theta_y (m_h + 1,), X (n, m_x), y (n,)."""
    rng = np.random.default_rng(seed)
    y = np.resize([0.0, 1.0], N)
    return rng.normal(size=(M_X + 1, M_H)), rng.normal(size=M_H + 1), rng.normal(size=(N, M_X)), y


def central_difference(f: Callable[[Array], Array], at: Array, step: float = 1e-5) -> Array:
    """∂f/∂at, f's shape + at's shape, each entry (f(at + step) - f(at - step)) / 2 step."""
    columns = []
    for index in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        columns.append((np.asarray(f(up)) - np.asarray(f(down))) / (2 * step))
    return np.stack(columns, axis=-1).reshape((*np.shape(columns[0]), *at.shape))


def LL(y: Array, y_hat: Array) -> Array:
    return np.asarray(handout.log_likelihood(y, y_hat))


def agree(actual: Array, expected: Array) -> None:
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-8, atol=1e-9)


# Each factor, one example at a time ----------------------------------------------------------------------------------


def test_dLL_dy_hat() -> None:
    y, y_hat = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.7, 0.9])
    expected = [central_difference(partial(LL, y[[i]]), y_hat[[i]])[0] for i in range(4)]
    agree(handout.dLL_dy_hat(y, y_hat), np.array(expected))


def test_dy_hat_dtheta_y() -> None:
    theta_h, theta_y, X, _ = example()
    H = handout.hidden_cells(theta_h, X)
    expected = central_difference(lambda theta: handout.output(theta, H), theta_y)
    agree(handout.dy_hat_dtheta_y(handout.output(theta_y, H), H), expected)


def test_dy_hat_dh() -> None:
    theta_h, theta_y, X, _ = example()
    H = handout.hidden_cells(theta_h, X)
    expected = [central_difference(lambda h: handout.output(theta_y, h[None, :])[0], h) for h in H]
    agree(handout.dy_hat_dh(handout.output(theta_y, H), theta_y), np.array(expected))


def test_dh_dtheta_h() -> None:
    theta_h, _, X, _ = example()
    actual = handout.dh_dtheta_h(handout.hidden_cells(theta_h, X), X)  # (n, m_x + 1, m_h)
    jacobian = central_difference(lambda theta: handout.hidden_cells(theta, X), theta_h)  # (n, m_h, m_x + 1, m_h)
    agree(actual, np.einsum("njij->nij", jacobian))
    for j in range(M_H):  # and cell j depends on no other cell's parameters
        assert np.all(np.delete(jacobian[:, j], j, axis=-1) == 0)


# The gradient --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_gradient_on_random_directions(seed: int) -> None:
    theta_h, theta_y, X, y = example(seed)
    rng = np.random.default_rng(100 + seed)
    dLL_dtheta_h, dLL_dtheta_y = handout.gradient(theta_h, theta_y, X, y)
    for _ in range(10):
        v_h, v_y = rng.normal(size=theta_h.shape), rng.normal(size=theta_y.shape)

        def along(t: Array, v_h: Array = v_h, v_y: Array = v_y) -> Array:
            return LL(y, handout.predict_proba(theta_h + t * v_h, theta_y + t * v_y, X))

        expected = central_difference(along, np.array(0.0))
        agree(np.asarray(np.sum(dLL_dtheta_h * v_h) + np.sum(dLL_dtheta_y * v_y)), expected)


def test_gradient_is_the_sum_over_the_examples() -> None:
    theta_h, theta_y, X, y = example()
    together = handout.gradient(theta_h, theta_y, X, y)
    apart = [handout.gradient(theta_h, theta_y, X[[i]], y[[i]]) for i in range(N)]
    for k in range(2):
        np.testing.assert_allclose(together[k], sum(g[k] for g in apart), rtol=1e-12)


# Numbers at the edge -------------------------------------------------------------------------------------------------


def test_saturated_y_hat() -> None:
    """A network so sure that σ rounds to 0 or 1 has a finite LL and the right score, right or wrong."""
    theta_h, theta_y = np.zeros((2, 1)), np.array([0.0, 0.0])
    X = np.zeros((2, 1))
    for y in (np.array([0.0, 0.0]), np.array([1.0, 1.0]), np.array([0.0, 1.0])):
        for bias in (-1e6, -800.0, -37.0, 37.0, 800.0, 1e6):
            theta_y[0] = bias
            y_hat = handout.predict_proba(theta_h, theta_y, X)
            assert np.all((y_hat > 0) & (y_hat < 1))
            assert np.isfinite(handout.log_likelihood(y, y_hat))
            _, dLL_dtheta_y = handout.gradient(theta_h, theta_y, X, y)
            np.testing.assert_allclose(dLL_dtheta_y[0], np.sum(y - (bias > 0)), atol=1e-12)


def test_log_likelihood_of_exact_zeros_and_ones() -> None:
    y = np.array([1.0, 0.0])
    assert handout.log_likelihood(y, y) == 0
    assert handout.log_likelihood(y, 1 - y) == -np.inf


def test_log_likelihood_by_hand() -> None:
    actual = handout.log_likelihood(np.array([1.0, 0.0, 1.0]), np.array([0.5, 0.25, 0.125]))
    np.testing.assert_allclose(actual, np.log(0.5 * 0.75 * 0.125), rtol=1e-15)


# Ascent --------------------------------------------------------------------------------------------------------------


def test_LL_rises_at_every_step() -> None:
    _, _, X, y = example()
    _, _, LL = handout.fit(X, y, m_h=3, learning_rate=0.1, epochs=200)
    assert LL.shape == (201,)
    assert np.all(np.diff(LL) > 0)


def test_a_step_goes_up_the_mean_gradient() -> None:
    theta_h, theta_y, X, y = example()
    g_h, g_y = handout.gradient(theta_h, theta_y, X, y)
    new_h, new_y, _ = handout.ascend(theta_h, theta_y, X, y, learning_rate=0.5, epochs=1)
    np.testing.assert_allclose(new_h, theta_h + 0.5 * g_h / N, rtol=1e-14)
    np.testing.assert_allclose(new_y, theta_y + 0.5 * g_y / N, rtol=1e-14)


def test_first_and_last_LL_are_those_of_the_first_and_last_theta() -> None:
    _, _, X, y = example()
    theta_h, theta_y, LL = handout.fit(X, y, m_h=3, epochs=7, seed=5)
    start = handout.initialize(M_X, 3, seed=5)
    assert LL[0] == handout.log_likelihood(y, handout.predict_proba(*start, X))
    assert LL[-1] == handout.log_likelihood(y, handout.predict_proba(theta_h, theta_y, X))


def test_the_step_does_not_depend_on_how_often_the_data_are_repeated() -> None:
    _, _, X, y = example()
    once, _, _ = handout.fit(X, y, epochs=20)
    thrice, _, _ = handout.fit(np.tile(X, (3, 1)), np.tile(y, 3), epochs=20)
    np.testing.assert_allclose(once, thrice, rtol=1e-9, atol=1e-12)


def test_the_same_seed_gives_the_same_parameters_and_another_seed_others() -> None:
    _, _, X, y = example()
    (a, _, _), (b, _, _), (c, _, _) = (handout.fit(X, y, epochs=3, seed=s) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.allclose(a, c)


def test_cells_that_start_at_zero_stay_the_same() -> None:
    _, _, X, y = example()
    zeros = np.zeros((M_X + 1, M_H)), np.zeros(M_H + 1)
    # Two steps, bitwise: up to here every sum that differs between cells is exact, so no summation order can matter.
    theta_h, theta_y, _ = handout.ascend(*zeros, X, y, learning_rate=1.0, epochs=2)
    assert np.any(theta_h != 0)
    assert all(np.array_equal(theta_h[:, 0], theta_h[:, j]) for j in range(M_H))
    assert np.all(theta_y[1:] == theta_y[1])
    # Many steps: a matrix product may sum one column in another order than its neighbour, but no more than that.
    theta_h, theta_y, _ = handout.ascend(*zeros, X, y, learning_rate=1.0, epochs=300)
    assert np.ptp(theta_h, axis=1).max() < 1e-10
    assert np.ptp(theta_y[1:]) < 1e-10
    # From small random numbers they part.
    theta_h, _, _ = handout.ascend(*handout.initialize(M_X, M_H), X, y, learning_rate=1.0, epochs=300)
    assert np.ptp(theta_h, axis=1).min() > 0.1


def test_digits_zero_or_one() -> None:
    """The handout's own example on real handwriting, in about a second."""
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    chosen = digits.target < 2
    X, y = digits.images[chosen].reshape(-1, 64) / 16, digits.target[chosen]
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:260], order[260:]
    began = time.perf_counter()
    theta_h, theta_y, LL = handout.fit(X[train], y[train])
    assert time.perf_counter() - began < 20  # about half a second on a laptop; the slack is for a busy machine
    assert np.mean(handout.predict(theta_h, theta_y, X[test]) == y[test]) >= 0.99
    assert LL[0] < -170  # near 260 log ½ = -180
    assert LL[-1] > -5


# Errors and pages ----------------------------------------------------------------------------------------------------


def test_shape_mismatches_say_what_was_expected() -> None:
    theta_h, theta_y, X, y = example()
    with pytest.raises(ValueError, match=re.escape("X should be (n, 3) for theta_h (4, 6), got (5, 2)")):
        handout.predict_proba(theta_h, theta_y, X[:, :2])
    with pytest.raises(ValueError, match=re.escape("theta_y should be (7,) for 6 hidden cells, got (6,)")):
        handout.predict_proba(theta_h, theta_y[1:], X)
    with pytest.raises(ValueError, match=re.escape("same shape, got (5, 1) and (5,)")):
        handout.gradient(theta_h, theta_y, X, y[:, None])
    with pytest.raises(ValueError, match=re.escape("got X (5, 3) and y (4,)")):
        handout.fit(X, y[1:])
    with pytest.raises(ValueError, match="0 or 1"):
        handout.fit(X, y + 1)


def test_doctests() -> None:
    assert doctest.testmod(handout).failed == 0


def test_the_page_for_students_shows_what_really_happens() -> None:
    page = Path(__file__).parents[1] / "docs" / "handout.md"
    if not page.exists():
        pytest.skip("docs/handout.md is not beside the tests")
    pytest.importorskip("sklearn")
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "handout.md", str(page), 0)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
