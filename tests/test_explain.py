"""The written-out example: its numbers are the handout's, and a wrong derivative shows."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest import handout
from likeliest.explain import explain
from likeliest.tracing import Trace

BERNOULLI, THREE = ll.likelihoods.Bernoulli(), ll.likelihoods.Categorical(3)


def build(*layers: tuple[int, str], likelihood: Any = BERNOULLI, inputs: int = 5, bias: bool = True) -> ll.Network:
    dense = [ll.Dense(width, activation, bias=bias) for width, activation in layers]
    return ll.Network(dense, likelihood=likelihood, engine="reference").build(inputs, seed=3)


X = np.array([0.5, -1.0, 0.0, 2.0, 1.5])


@pytest.mark.parametrize(
    ("network", "theta"),
    [
        (build((3, "logistic")), 22),
        (build((3, "logistic"), bias=False), 19),
        (build(), 6),
        (build((3, "logistic"), (2, "logistic")), 29),
        (build((3, "logistic"), likelihood=THREE), 30),
        (build((30, "relu"), (4, "identity"), (3, "tanh"), likelihood=THREE), 331),
        (build((1, "logistic")), 8),
        (build(likelihood=THREE), 18),
    ],
)
@pytest.mark.parametrize("y", [0, 1])
def test_every_kind_of_network_is_explained_and_agrees(network: ll.Network, theta: int, y: int) -> None:
    found = explain(network, X, y)
    assert found.checked == theta
    assert found.error < 1e-7
    assert f"all {theta} ∂LL/∂θ" in found.text
    assert "agree." in found.text
    assert max(map(len, found.text.splitlines())) <= 80
    assert "nan" not in found.text
    rows = [line for line in found.text.splitlines() if re.fullmatch(r".{45} *[-.\de]+ +[-.\de]+ +[-\de]+", line)]
    apart = [float(row.split()[-1]) for row in rows]
    assert len(apart) > 3
    assert max(apart) < 1e-5


def test_the_numbers_are_the_handouts() -> None:
    network = build((3, "logistic"))
    theta = {name: np.asarray(value, np.float64) for name, value in network.parameters.items()}
    theta_h = np.vstack([theta["dense_1.b"], theta["dense_1.W"]])
    theta_y = np.append(theta["output.b"], theta["output.W"])
    H = handout.hidden_cells(theta_h, X[None])
    y_hat = handout.output(theta_y, H)
    dLL_dtheta_h, dLL_dtheta_y = handout.gradient(theta_h, theta_y, X[None], np.array([1.0]))
    text = explain(network, X, 1, show=50).text
    for h in H[0]:
        assert f") = {h:.4g}\n" in text
    assert f"log {y_hat[0]:.4g} = {np.log(y_hat[0]):.4g}" in text
    for j in range(4):
        assert re.search(rf"∂LL/∂θ_{j}⁽ŷ⁾ = .*\s+{re.escape(f'{dLL_dtheta_y[j]:.5g}')} ", text)
    for i in range(6):
        for j in range(3):
            assert re.search(rf"∂LL/∂θ_{i},{j + 1}⁽ʰ⁾ = .*\s+{re.escape(f'{dLL_dtheta_h[i, j]:.5g}')} ", text)


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0])
def test_a_wrong_derivative_shows(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    network = build((3, "logistic"))
    right = network.trace

    def wrong(x: Any, y: Any = None) -> Trace:
        trace = right(x, y)
        gradient = {**trace.gradient, "dense_1.W": factor * trace.gradient["dense_1.W"]}
        return dataclasses.replace(trace, gradient=gradient)

    monkeypatch.setattr(network, "trace", wrong)
    found = explain(network, X, 1)
    assert found.error > 1e-5
    assert "do not agree" in found.text


def test_certainty_is_survived() -> None:
    network = build((2, "logistic"))
    network.parameters["output.b"] = np.array([80.0])
    assert "log 1 = " in explain(network, X, 1).text
    assert explain(network, X, 0).checked == 15


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="show"):
        explain(build((2, "logistic")), X, 1, show=0)
    with pytest.raises(ValueError, match="y: "):
        explain(build((2, "logistic")), X, 2)
