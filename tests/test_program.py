"""A network written out: steps, shapes, parameters, and JSON there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cases import AWKWARD, NetworkCase

import likeliest as ll
from likeliest.engines import make_engine
from likeliest.program import Program, Step


def test_a_program_by_hand() -> None:
    net = ll.Network([ll.Flatten(), ll.Dense(5, "tanh"), ll.Dense(4)], likelihood=ll.likelihoods.Categorical(3))
    program = net.build((2, 3)).program
    assert program.steps == (
        Step("reshape", ("x",), (), "flatten_1.h", {"shape": (6,)}),
        Step("affine", ("flatten_1.h",), ("dense_1.W", "dense_1.b"), "dense_1.z"),
        Step("tanh", ("dense_1.z",), (), "dense_1.h"),
        Step("affine", ("dense_1.h",), ("dense_2.W", "dense_2.b"), "dense_2.h"),
        Step("affine", ("dense_2.h",), ("output.W", "output.b"), "eta"),
    )
    assert dict(program.values) == {
        "x": (2, 3), "flatten_1.h": (6,), "dense_1.z": (5,), "dense_1.h": (5,), "dense_2.h": (4,), "eta": (3,),
    }  # fmt: skip
    assert dict(program.parameters) == {
        "dense_1.W": (6, 5), "dense_1.b": (5,), "dense_2.W": (5, 4), "dense_2.b": (4,),
        "output.W": (4, 3), "output.b": (3,),
    }  # fmt: skip
    assert program.input_shape == (2, 3)
    assert program.size == 30 + 5 + 20 + 4 + 12 + 3


@pytest.mark.parametrize("case", AWKWARD, ids=lambda case: case.id)
def test_json_there_and_back(case: NetworkCase) -> None:
    net = case.network()
    back = Program.from_json(net.program.to_json())
    assert back == net.program
    assert list(back.parameters) == list(net.program.parameters)  # the order is that of θ
    assert json.loads(back.to_json()) == json.loads(net.program.to_json())
    engine = make_engine("native", back, case.likelihood, "float64")
    for name, value in net.parameters.items():
        engine.set(name, value)
    X, _ = case.data()
    assert np.array_equal(engine.probabilities(X, 1), net.predict_proba(X, threads=1))


def test_layers_of_a_kind_are_numbered() -> None:
    layers = [ll.Dense(3, "relu"), ll.Activation("tanh"), ll.Dense(2), ll.Activation("elu", {"alpha": 0.5})]
    program = ll.Network(layers, likelihood=ll.likelihoods.Bernoulli()).build(4).program
    assert list(program.values) == [
        "x",
        "dense_1.z",
        "dense_1.h",
        "activation_1.h",
        "dense_2.h",
        "activation_2.h",
        "eta",
    ]
    assert program.steps[4].attributes == {"alpha": 0.5}
    assert program.parameters["output.W"] == (2, 1)
