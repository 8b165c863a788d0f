"""Ready structures: the shapes and the numbers of parameters that their papers give, and what they refuse."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import likeliest as ll
from likeliest.structures import STRUCTURES, lenet5

RNG = np.random.default_rng(0)
TEN = ll.likelihoods.Categorical(10)


def test_lenet5_has_the_shapes_and_the_parameters_of_the_paper() -> None:
    """Figure 2: 28 x 28 x 6, 14 x 14 x 6, 10 x 10 x 16, 5 x 5 x 16, 120, 84, 10; in C3 each map sees all six here."""
    net = ll.Network("lenet5", likelihood=TEN).build((28, 28))
    shapes = [shape for name, shape in net.program.values.items() if name.endswith(".h")]
    assert shapes == [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,), (120,), (84,)]
    assert net.program.size == (25 + 1) * 6 + (25 * 6 + 1) * 16 + 401 * 120 + 121 * 84 + 85 * 10
    assert {layer.activation for layer in lenet5((28, 28), "tanh") if hasattr(layer, "activation")} == {"tanh"}


def test_resnet8_has_the_shapes_and_the_parameters_of_the_paper() -> None:
    """Section 4.2: maps of 32, 16 and 8 with 16, 32 and 64 filters, global average pooling; shortcuts of option B."""
    net = ll.Network("resnet8", likelihood=TEN).build((32, 32, 3))
    sums = [shape for name, shape in net.program.values.items() if name.startswith("residual") and name.count(".") == 1]
    assert sums == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]
    kernels = [3 * 16, 16 * 16, 16 * 16, 16 * 32, 32 * 32, 32 * 64, 64 * 64]
    norms, shortcuts = 4 * (3 * 16 + 2 * 32 + 2 * 64), 16 * 32 + 32 * 64
    assert net.program.size == 9 * sum(kernels) + norms + shortcuts + 65 * 10


SHAPES = {
    "lenet5": [(4, 4), (8, 8), (28, 28, 1), (17, 30, 3)],
    "fcn": [(1,), (7,), (40, 3)],
    "gru": [(5,), (1, 3)],
    "lstm": [(5,), (1, 3)],
    "resnet8": [(1, 1), (8, 8), (13, 9, 3)],
}


@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name, shapes in SHAPES.items() for shape in shapes])
def test_each_fits_and_predicts_for_every_shape_it_takes(name: str, shape: tuple[int, ...]) -> None:
    X, y = RNG.normal(size=(12, *shape)), np.arange(12) % 3
    net = ll.Network(name, likelihood=ll.likelihoods.Categorical(3))
    history = net.fit(X, y, epochs=1, batch_size=6, seed=0, threads=1)
    assert np.isfinite(history.log_likelihood[-1])
    assert net.predict(X).shape == (12,)


def test_every_structure_is_tried() -> None:
    assert set(SHAPES) == set(STRUCTURES)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("lenet5", (9,), "lenet5 expects images (n, H, W) or (n, H, W, c) of at least 4 x 4, got (n, 9)"),
        ("lenet5", (3, 28), "lenet5 expects images (n, H, W) or (n, H, W, c) of at least 4 x 4, got (n, 3, 28)"),
        ("resnet8", (5, 5, 5, 1), "resnet8 expects images (n, H, W) or (n, H, W, c), got (n, 5, 5, 5, 1)"),
        ("fcn", (5, 5, 1), "fcn expects series (n, T) or (n, T, c), got (n, 5, 5, 1)"),
    ],
)
def test_other_shapes_are_refused(name: str, shape: tuple[int, ...], message: str) -> None:
    net = ll.Network(name, likelihood=TEN)
    with pytest.raises(ValueError, match=re.escape(message)):
        net.build(shape)
    with pytest.raises(ValueError, match=re.escape(message)):
        net.fit(np.zeros((2, *shape)), [0, 1])


@pytest.mark.parametrize("name", ["lenet", "", "Lenet5"])
def test_unknown_names_are_refused_with_the_list(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"layers: expected a list of layers .*, or one of fcn, gru, lenet5, lstm, resnet8"
    ):
        ll.Network(name, likelihood=TEN)
    with pytest.raises(
        ValueError, match=r"layers: expected a list of layers .*, or one of fcn, gru, lenet5, lstm, resnet8"
    ):
        ll.Classifier(layers=name).fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])


def test_a_network_by_name_is_that_of_its_layers(tmp_path: Path) -> None:
    named, written = ll.Network("lenet5", likelihood=TEN), ll.Network(lenet5((8, 8)), likelihood=TEN)
    assert repr(named) == "Network('lenet5', likelihood=Categorical(classes=10))"
    assert repr(pickle.loads(pickle.dumps(named))) == repr(named)
    for net in (named, written):
        net.build((8, 8), seed=3)
    assert repr(named) == repr(written)
    assert all((named.parameters[name] == value).all() for name, value in written.parameters.items())
    named.save(tmp_path / "net")
    assert repr(ll.load(tmp_path / "net")) == repr(written)
    assert named.build((12, 12)).program.input_shape == (12, 12)
