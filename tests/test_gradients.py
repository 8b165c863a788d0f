"""∂LL/∂θ of every network in the list of cases, against every oracle there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cases import (
    AWKWARD,
    LIKELIHOODS,
    LIKELY,
    NETWORKS,
    NO_KERNEL,
    OPERATIONS,
    Array,
    LikelihoodCase,
    NetworkCase,
    huge_eta,
    ordinary_targets,
)

from likeliest import ops
from likeliest.engines import native, reference
from likeliest.likelihoods import Bernoulli
from likeliest.network import Network
from likeliest.program import OUTPUT, Program, Step
from likeliest.xp import Namespace, numpy_namespace


def every(networks: list[NetworkCase]) -> Any:
    return pytest.mark.parametrize("case", networks, ids=lambda case: case.id)


def difference(actual: dict[str, Array], expected: dict[str, Array], scale: dict[str, float] | None = None) -> float:
    """The largest |actual − expected| / |expected| over the parameters, or by a scale for each."""
    assert list(actual) == list(expected)
    errors = [0.0]
    for name, g in expected.items():
        assert actual[name].shape == g.shape
        size = float(np.linalg.norm(g)) if scale is None else scale[name]
        errors.append(float(np.linalg.norm(actual[name] - g)) / max(size, 1e-300))
    return max(errors)


def sizes(net: Network, X: Array, y: Array) -> dict[str, float]:
    """The sum of the sizes of the examples' gradients: what rounding is small beside where they all but cancel."""
    each = [net.gradient(X[i : i + 1], y[i : i + 1], threads=1) for i in range(len(X))]
    return {name: sum(float(np.linalg.norm(g[name])) for g in each) for name in each[0]}


# Central differences -------------------------------------------------------------------------------------------------


def smooth_directions(net: Network, X: Array, name: str, step: float, count: int) -> Iterator[Array]:
    """Unit directions along which no value of the forward pass changes sign within the step: relu has a kink at 0."""
    theta = dict(net.parameters)
    rng = np.random.default_rng(0)

    def signs(t: float, d: Array) -> list[Array]:
        moved = {**theta, name: theta[name] + t * d}
        return [np.sign(value) for value in reference.forward(net.program, moved, X.astype(float)).values()]

    for _ in range(count):
        for _attempt in range(50):
            d = rng.normal(size=theta[name].shape)
            d /= np.linalg.norm(d)
            if all(map(np.array_equal, signs(step, d), signs(-step, d))):
                break
        else:
            raise AssertionError("every direction crosses a kink: choose other data")
        yield d


def error_against_central_differences(
    net: Network, X: Array, y: Array, step: float = 1e-5, scale: dict[str, float] | None = None
) -> float:
    """The largest relative error of ∂LL/∂θ · d over two random directions d for each parameter."""
    gradient, worst = net.gradient(X, y, threads=1), 0.0
    for name, g in gradient.items():
        theta = net.parameters[name]
        for d in smooth_directions(net, X, name, step, 2):
            ends = []
            for sign in (1, -1):
                net.parameters[name] = theta + sign * step * d
                ends.append(net.log_likelihood(X, y, per_example=True, threads=1))
            net.parameters[name] = theta
            quotient = float((ends[0] - ends[1]).sum()) / (2 * step)
            # A direction nearly orthogonal to the gradient is no reason to divide by nearly 0.
            whole = float(np.linalg.norm(g)) if scale is None else scale[name]
            size = max(abs(quotient), whole / np.sqrt(g.size))
            worst = max(worst, abs(float((g * d).sum()) - quotient) / max(size, 1e-6))
    return worst


@every(NETWORKS)
def test_native_gradient_equals_central_differences(case: NetworkCase) -> None:
    net, (X, y) = case.network(), case.data()
    scale = sizes(net, X, y) if case.draw else None
    assert error_against_central_differences(net, X, y, scale=scale) <= 1e-7


@every(AWKWARD)
def test_reference_gradient_equals_central_differences(case: NetworkCase) -> None:
    assert error_against_central_differences(case.network("reference"), *case.data()) <= 1e-7


def test_what_is_used_twice_gets_both_its_gradients() -> None:
    """The reference's backpropagation on η = tanh(x W) W: the program's W is one, its gradient a sum."""
    program = Program(
        (
            Step("affine", ("x",), ("W",), "z"),
            Step("tanh", ("z",), (), "h"),
            Step("affine", ("h",), ("W",), OUTPUT),
        ),
        {"x": (3,), "z": (3,), "h": (3,), OUTPUT: (3,)},
        {"W": (3, 3)},
    )
    rng = np.random.default_rng(0)
    W, d, X, score = (rng.normal(size=shape) for shape in ((3, 3), (3, 3), (5, 3), (5, 3)))
    _, gradient = reference.backward(program, {"W": W}, reference.forward(program, {"W": W}, X), score)
    up, down = ((score * (np.tanh(X @ V) @ V)).sum() for V in (W + 1e-6 * d, W - 1e-6 * d))
    assert (gradient["W"] * d).sum() == pytest.approx((up - down) / 2e-6, rel=1e-7)


# Native against reference, and float32 against float64 ---------------------------------------------------------------


@every(NETWORKS)
def test_native_equals_reference_in_float64(case: NetworkCase) -> None:
    (X, y), mine, expected = case.data(), case.network("native"), case.network("reference")
    np.testing.assert_allclose(
        mine.log_likelihood(X, y, per_example=True, threads=1),
        expected.log_likelihood(X, y, per_example=True),
        rtol=1e-12,
    )
    np.testing.assert_allclose(mine.output(X, threads=1), expected.output(X), rtol=1e-12, atol=1e-14)
    if case.likelihood.classes is not None:
        np.testing.assert_allclose(mine.predict_proba(X, threads=1), expected.predict_proba(X), rtol=1e-12)
    # 1.3e-12 where a StudentT learns its degrees of freedom: of digammas nearly the same, differences remain.
    assert difference(mine.gradient(X, y, threads=1), expected.gradient(X, y)) <= 2e-12
    w = np.random.default_rng(0).uniform(0, 3, case.n)
    weighted = mine.gradient(X, y, sample_weight=w, threads=1)
    assert difference(weighted, expected.gradient(X, y, sample_weight=w)) <= 2e-12


@every(NETWORKS)
def test_float32_gradient_is_close_to_that_of_float64(case: NetworkCase) -> None:
    (X, y), single, double = case.data(), case.network(dtype="float32"), case.network(dtype="float64")
    scale = sizes(double, X, y) if case.draw else None
    assert difference(single.gradient(X, y, threads=1), double.gradient(X, y, threads=1), scale) <= 1e-5
    expected = double.log_likelihood(X, y, per_example=True, threads=1)
    np.testing.assert_allclose(single.log_likelihood(X, y, per_example=True, threads=1), expected, rtol=1e-5, atol=1e-5)
    if case.likelihood.classes is not None:
        np.testing.assert_allclose(single.predict_proba(X, threads=1), double.predict_proba(X, threads=1), atol=2e-6)


@pytest.mark.parametrize("isa", native._native.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_instruction_set_gives_the_same_gradient(isa: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "instruction_set", lambda: isa)
    for case in AWKWARD + LIKELY:
        X, y = case.data()
        actual, expected = case.network(dtype=dtype), case.network("reference", "float64")
        scale = sizes(expected, X, y) if case.draw and dtype == "float32" else None
        error = difference(actual.gradient(X, y, threads=1), expected.gradient(X, y), scale)
        assert error <= (2e-12 if dtype == "float64" else 1e-5), case.id  # a StudentT that learns df: see above


# Likelihoods at their ends --------------------------------------------------------------------------------------------

every_likelihood = pytest.mark.parametrize(
    "case",
    [row for name, rows in LIKELIHOODS.items() if name not in NO_KERNEL for row in rows],
    ids=lambda case: case.id,
)


def network_at(case: LikelihoodCase, eta: Array, dtype: str) -> tuple[Network, list[str]]:
    """A network whose output is η (width,) for every x, and the names of the parameters that are η."""
    net = Network([], likelihood=case.likelihood, dtype=dtype).build(1)
    weight, *names = net.parameters
    net.parameters[weight] = np.zeros_like(net.parameters[weight])
    own = case.likelihood.width - case.likelihood.shared
    for name, part in zip(names, (eta[:own], eta[own:]), strict=False):
        net._built().set(name, part)  # which takes a NaN too
    return net, names


@every_likelihood
def test_a_huge_eta_gives_finite_numbers_in_float32(case: LikelihoodCase) -> None:
    y = case.likelihood.check(ordinary_targets(case.likelihood))
    y = y if case.likelihood.classes is not None else y.astype(np.float32)
    X, exact = np.zeros((len(y), 1)), y if case.likelihood.classes is not None else y.astype(np.float64)
    for eta in huge_eta(case.likelihood):
        net, names = network_at(case, eta, "float32")
        log_prob = net.log_likelihood(X, y, per_example=True, threads=1)
        expected = case.likelihood.log_prob(numpy_namespace, np.repeat(eta[None, :], len(y), axis=0), exact)
        np.testing.assert_allclose(log_prob, expected, rtol=1e-3, atol=1e-3)
        for i in range(len(y)):
            gradient = net.gradient(X[:1], y[i : i + 1], threads=1)
            assert all(np.isfinite(gradient[name]).all() for name in names)


@every_likelihood
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_nan_in_eta_shows(case: LikelihoodCase, dtype: str) -> None:
    y = case.y(case.eta(1))
    for column in range(case.likelihood.width):
        eta = case.eta(1)[0]
        eta[column] = np.nan
        net, names = network_at(case, eta, dtype)
        assert np.isnan(net.log_likelihood([[0.0]], y, threads=1))
        gradient = net.gradient([[0.0]], y, threads=1)
        assert np.isnan(np.concatenate([gradient[name].ravel() for name in names])[column])


# JAX and PyTorch -----------------------------------------------------------------------------------------------------


def by_operations(program: Program, theta: dict[str, Any], X: Any, run: Any) -> Any:
    """η, with run(operation, arguments, attributes) for each step."""
    values = {"x": X}
    for s in program.steps:
        arguments = [*(values[name] for name in s.inputs), *(theta[name] for name in s.parameters)]
        values[s.output] = run(s.operation, arguments, dict(s.attributes))
    return values[OUTPUT]


@pytest.mark.slow
def test_jax_differentiates_the_pages_to_the_same_gradient() -> None:
    jax = pytest.importorskip("jax")
    xp = Namespace(jax.numpy, "jax.scipy.special", "jax.lax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for case in AWKWARD:
            net, (X, y) = case.network("native"), case.data()

            def LL(theta: Any, net: Network = net, X: Array = X, y: Array = y) -> Any:
                eta = by_operations(
                    net.program,
                    theta,
                    jax.numpy.asarray(X, "float64"),
                    lambda operation, values, attributes: ops.OPERATIONS[operation].forward(xp, *values, **attributes),
                )
                return net.likelihood.log_prob(xp, eta, jax.numpy.asarray(y)).sum()

            expected = jax.grad(LL)({name: jax.numpy.asarray(value) for name, value in net.parameters.items()})
            actual = net.gradient(X, y, threads=1)
            assert difference(actual, {name: np.asarray(expected[name]) for name in actual}) <= 1e-12, case.id
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.slow
def test_torch_differentiates_the_same_network_to_the_same_gradient() -> None:
    torch = pytest.importorskip("torch")
    for case in AWKWARD:
        net, (X, y) = case.network("native"), case.data()
        theta = {name: torch.tensor(value, requires_grad=True) for name, value in net.parameters.items()}
        eta = by_operations(
            net.program, theta, torch.tensor(X.astype(float)), lambda o, v, a: OPERATIONS[o].torch(torch, *v, **a)
        )
        loss = (
            torch.nn.functional.binary_cross_entropy_with_logits(
                eta[:, 0], torch.tensor(y.astype(float)), reduction="sum"
            )
            if isinstance(case.likelihood, Bernoulli)
            else torch.nn.functional.cross_entropy(eta, torch.tensor(y), reduction="sum")
        )
        (-loss).backward()
        assert (
            difference(net.gradient(X, y, threads=1), {name: t.grad.numpy() for name, t in theta.items()}) <= 1e-12
        ), case.id
