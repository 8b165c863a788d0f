"""The handout's warning: from θ = 0 all hidden cells stay copies of one."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import likeliest as ll

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)), RNG.integers(0, 2, 50)


def network(*layers: ll.layers.Layer, **options: object) -> ll.Network:
    return ll.Network(list(layers), likelihood=ll.likelihoods.Bernoulli(), **options)  # type: ignore[arg-type]


def test_zeros_warn_with_the_layers_name_and_cells_stay_equal() -> None:
    net = network(ll.Dense(4, "logistic"), initializer="zeros")
    with pytest.warns(ll.SymmetryWarning, match=re.escape("dense_1: all 4 cells start with the same θ")) as caught:
        net.fit(X, Y, epochs=20, batch_size=7, seed=0, threads=1)
    assert len(caught) == 1
    assert "initializer='glorot'" in str(caught[0].message)
    assert caught[0].filename == __file__  # it points at the user's line
    W, after = net.parameters["dense_1.W"], net.parameters["output.W"]
    assert (W != 0).any()
    assert (W[:, :1] == W).all()
    assert (after == after[0]).all()


@pytest.mark.parametrize(
    "layers",
    [
        (ll.Dense(4, "tanh", initializer=ll.initializers.Constant(0.5)),),  # the output tells the cells apart
        (ll.Dense(3, "tanh"), ll.Dense(4, "tanh", initializer="zeros")),
        (ll.Dense(1, "tanh", initializer="zeros"),),  # one cell is no copy
        (ll.Dense(4, "tanh"),),
        (),
    ],
)
def test_cells_that_differ_in_what_goes_in_or_out_give_no_warning(layers: tuple[ll.Dense, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(*layers).fit(X, Y, epochs=1, seed=0, threads=1)


def test_every_symmetric_layer_is_named() -> None:
    net = network(ll.Dense(4, "tanh"), ll.Flatten(), ll.Dense(5, "tanh"), ll.Activation("tanh"), initializer="zeros")
    with pytest.warns(ll.SymmetryWarning) as caught:
        net.fit(X, Y, epochs=1, seed=0, threads=1)
    assert [str(w.message).split(":")[0] for w in caught] == ["dense_1", "dense_2"]


def test_biases_that_differ_are_enough() -> None:
    own = ll.Dense(4, "tanh", initializer="zeros", bias_initializer=ll.initializers.Normal(1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(own, initializer="zeros").fit(X, Y, epochs=1, seed=0, threads=1)
