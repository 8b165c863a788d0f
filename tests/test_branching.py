"""Networks that branch: Residual, Parallel and Graph, by hand, by other libraries, through all that a network does."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import BRANCHING, Array, NetworkCase
from sklearn.base import clone
from test_gradients import difference, error_against_central_differences
from test_html import boxes

import likeliest as ll
from likeliest.encoding import decode, encode
from likeliest.engines import reference
from likeliest.explain import explain
from likeliest.html import _placed, network_html
from likeliest.layers import Layer
from likeliest.program import OUTPUT, Program, Step, priors_by_name
from likeliest.summary import rails

BERNOULLI = ll.likelihoods.Bernoulli()
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)), RNG.integers(0, 2, 40)
DIAMOND = ll.Graph(
    [
        ("top", ll.Dense(5, "tanh"), "x"),
        ("left", ll.Dense(4, "tanh"), "top"),
        ("right", [ll.Dense(3, "tanh"), ll.Dense(4)], "top"),
        ("sum", ll.Add(), ["left", "right"]),
    ]
)
LAYERS = [
    ll.Residual(ll.Dense(9, "tanh"), ll.Dropout(0.3), ll.Dense(6)),
    ll.Residual(ll.Dense(4), shortcut=[ll.Dense(4, "tanh"), ll.Activation("tanh")]),
    ll.Parallel(ll.Dense(3, "tanh"), [ll.Dense(5, "tanh"), ll.Dropout(0.3)], []),
    ll.Parallel(ll.Dense(4), ll.Dense(4), merge="add"),
    DIAMOND,
]


def network(*layers: Layer, dtype: str = "float64", **more: Any) -> ll.Network:
    return ll.Network(layers, likelihood=BERNOULLI, dtype=dtype, **more)


def parameters(net: ll.Network) -> dict[str, Array]:
    """With biases that are not 0."""
    rng = np.random.default_rng(1)
    for name, value in net.parameters.items():
        net.parameters[name] = rng.normal(size=value.shape)
    return dict(net.parameters)


# The chain rule -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("case", BRANCHING, ids=lambda case: case.id)
def test_gradient_equals_central_differences(case: NetworkCase, engine: str) -> None:
    assert error_against_central_differences(case.network(engine), *case.data()) <= 1e-7


@pytest.mark.parametrize("case", BRANCHING, ids=lambda case: case.id)
def test_float32_is_close_to_float64(case: NetworkCase) -> None:
    (X, y), single, double = case.data(), case.network(dtype="float32"), case.network()
    assert difference(single.gradient(X, y), double.gradient(X, y)) <= 2e-5


def test_a_residual_block_by_hand() -> None:
    """h = x + tanh(x A + a) B + b, η = h w + c; ∂LL/∂x has a part of each way."""
    net = network(ll.Residual(ll.Dense(5, "tanh"), ll.Dense(6))).build(6)
    A, a, B, b, w, c = parameters(net).values()
    t = np.tanh(X @ A + a)
    h = X + t @ B + b
    eta = h @ w + c
    np.testing.assert_allclose(net.output(X), eta, rtol=1e-13)
    score = Y[:, None] - 1 / (1 + np.exp(-eta))
    dh = score @ w.T
    dz = dh @ B.T * (1 - t**2)
    expected = [X.T @ dz, dz.sum(axis=0), t.T @ dh, dh.sum(axis=0), h.T @ score, score.sum(axis=0)]
    assert difference(net.gradient(X, Y), dict(zip(net.parameters, expected, strict=True))) <= 1e-13
    trace = net.trace(X, Y)
    np.testing.assert_allclose(trace.derivatives["x"], dh + dz @ A.T, rtol=1e-12)
    np.testing.assert_allclose(trace.values["residual_1.h"], h, rtol=1e-12, atol=1e-15)


def in_torch(torch: Any, net: ll.Network, eta_of: Any) -> tuple[Array, dict[str, Array]]:
    theta = {name: torch.tensor(value, requires_grad=True) for name, value in parameters(net).items()}
    eta = eta_of(theta, torch.tensor(X))[:, 0]
    torch.distributions.Bernoulli(logits=eta).log_prob(torch.tensor(Y, dtype=torch.float64)).sum().backward()
    return eta.detach().numpy(), {name: value.grad.numpy() for name, value in theta.items()}


def affine(theta: Any, name: str, x: Any) -> Any:
    return x @ theta[f"{name}.W"] + theta[f"{name}.b"]


def diamond(torch: Any, theta: Any, x: Any) -> Any:
    top = torch.tanh(affine(theta, "graph_1.top", x))
    left = torch.tanh(affine(theta, "graph_1.left", top))
    right = affine(theta, "graph_1.right.dense_2", torch.tanh(affine(theta, "graph_1.right.dense_1", top)))
    return affine(theta, "output", left + right)


def two_branches(torch: Any, theta: Any, x: Any) -> Any:
    left = torch.relu(affine(theta, "parallel_1.branch_1", x))
    right = affine(theta, "parallel_1.branch_2.dense_2", torch.relu(affine(theta, "parallel_1.branch_2.dense_1", x)))
    return affine(theta, "output", torch.cat([left, right], dim=1))


def thrice(torch: Any, theta: Any, x: Any) -> Any:
    a = torch.tanh(affine(theta, "graph_1.a", x))
    b = affine(theta, "graph_1.b", a)
    return affine(theta, "output", torch.cat([a + b + a, a], dim=1))


@pytest.mark.parametrize(
    ("layer", "eta_of"),
    [
        (DIAMOND, diamond),
        (ll.Parallel(ll.Dense(4, "relu"), [ll.Dense(7, "relu"), ll.Dense(3)]), two_branches),
        (
            ll.Graph(
                [
                    ("a", ll.Dense(4, "tanh")),
                    ("b", ll.Dense(4)),
                    ("sum", ll.Add(), ["a", "b", "a"]),
                    ("all", ll.Concatenate(), ["sum", "a"]),
                ]
            ),
            thrice,
        ),
    ],
    ids=["diamond", "two branches", "a value used four times"],
)
def test_gradient_equals_that_of_torch(layer: Layer, eta_of: Any) -> None:
    torch = pytest.importorskip("torch")
    net = network(layer).build(6)
    eta, gradient = in_torch(torch, net, lambda theta, x: eta_of(torch, theta, x))
    np.testing.assert_allclose(net.output(X)[:, 0], eta, rtol=1e-12)
    assert difference(net.gradient(X, Y), gradient) <= 1e-12


def test_a_residual_convolution_equals_that_of_torch() -> None:
    """f halves the image and changes its channels, so that the shortcut is a 1 × 1 convolution of stride 2."""
    torch = pytest.importorskip("torch")
    images, y = np.random.default_rng(2).normal(size=(7, 6, 8, 3)), np.arange(7) % 2
    f = ll.Conv2D(5, 3, "tanh", stride=2, padding=1), ll.Conv2D(4, 3, padding="same")
    net = network(ll.Residual(*f), ll.GlobalAvgPool()).build((6, 8, 3))
    theta = {name: torch.tensor(value, requires_grad=True) for name, value in parameters(net).items()}
    assert net.program.parameters["residual_1.shortcut.W"] == (1, 1, 3, 4)
    assert "residual_1.shortcut.b" not in theta

    def conv(name: str, x: Any, bias: bool = True, **how: Any) -> Any:
        W = theta[f"residual_1.{name}.W"].permute(3, 2, 0, 1)
        return torch.nn.functional.conv2d(x, W, theta[f"residual_1.{name}.b"] if bias else None, **how)

    x = torch.tensor(images).permute(0, 3, 1, 2)
    h = conv("conv2d_2", torch.tanh(conv("conv2d_1", x, stride=2, padding=1)), padding=1)
    h = conv("shortcut", x, bias=False, stride=2) + h
    eta = affine(theta, "output", h.mean(dim=(2, 3)))[:, 0]
    torch.distributions.Bernoulli(logits=eta).log_prob(torch.tensor(y, dtype=torch.float64)).sum().backward()
    np.testing.assert_allclose(net.output(images)[:, 0], eta.detach().numpy(), rtol=1e-11)
    assert difference(net.gradient(images, y), {name: v.grad.numpy() for name, v in theta.items()}) <= 1e-11


def test_a_value_that_is_the_output_and_goes_on() -> None:
    """η = tanh(x), of which h = η W is taken too, and added to the derivatives by hand."""
    program = Program(
        (
            Step("affine", ("x",), ("A",), "z"),
            Step("tanh", ("z",), (), "h"),
            Step("affine", ("h",), ("B",), "k"),
            Step("add", ("k", "h", "z"), (), OUTPUT),
        ),
        {"x": (3,), "z": (3,), "h": (3,), "k": (3,), OUTPUT: (3,)},
        {"A": (3, 3), "B": (3, 3)},
    )
    rng = np.random.default_rng(0)
    A, B, x, score = (rng.normal(size=shape) for shape in ((3, 3), (3, 3), (5, 3), (5, 3)))
    theta = {"A": A, "B": B}
    g, gradient = reference.backward(program, theta, reference.forward(program, theta, x), score)
    h = np.tanh(x @ A)
    dh = score + score @ B.T
    dz = score + dh * (1 - h**2)
    np.testing.assert_allclose(g["h"], dh, rtol=1e-13)
    np.testing.assert_allclose(g["x"], dz @ A.T, rtol=1e-13)
    np.testing.assert_allclose(gradient["A"], x.T @ dz, rtol=1e-13)
    np.testing.assert_allclose(gradient["B"], h.T @ score, rtol=1e-13)


# Names ----------------------------------------------------------------------------------------------------------------


def test_names_say_where_a_parameter_is() -> None:
    assert list(network(*LAYERS).build(6).parameters) == [
        *("residual_1.dense_1.W", "residual_1.dense_1.b", "residual_1.dense_2.W", "residual_1.dense_2.b"),
        *("residual_2.dense_1.W", "residual_2.dense_1.b"),
        *("residual_2.shortcut.dense_1.W", "residual_2.shortcut.dense_1.b"),
        *("parallel_1.branch_1.W", "parallel_1.branch_1.b"),
        *("parallel_1.branch_2.dense_1.W", "parallel_1.branch_2.dense_1.b"),
        *("parallel_2.branch_1.W", "parallel_2.branch_1.b", "parallel_2.branch_2.W", "parallel_2.branch_2.b"),
        *("graph_1.top.W", "graph_1.top.b", "graph_1.left.W", "graph_1.left.b"),
        *("graph_1.right.dense_1.W", "graph_1.right.dense_1.b"),
        *("graph_1.right.dense_2.W", "graph_1.right.dense_2.b"),
        *("output.W", "output.b"),
    ]


def test_a_prior_is_for_a_layer_and_what_is_in_it() -> None:
    wide, close, own = (ll.priors.Normal(scale) for scale in (1.0, 0.1, 5.0))
    prior = {"graph_1.right.dense_1": close, "graph_1": wide, "graph_1.right.dense_2.b": own}
    net = network(DIAMOND, prior=prior).build(6)
    assert priors_by_name(prior, net.program) == {
        "graph_1.top.W": wide,
        "graph_1.left.W": wide,
        "graph_1.right.dense_1.W": close,
        "graph_1.right.dense_2.W": wide,
        "graph_1.right.dense_2.b": own,
    }
    with pytest.raises(ValueError, match=r"prior: there is no layer or parameter .graph_1\.rigth.; there are graph_1"):
        network(DIAMOND, prior={"graph_1.rigth": wide}).build(6)


def test_an_initializer_is_for_a_layer_and_what_is_in_it() -> None:
    net = network(DIAMOND, initializer={"graph_1": "zeros", "graph_1.right": ll.initializers.Constant(2.0)}).build(6)
    assert not net.parameters["graph_1.left.W"].any()
    assert (net.parameters["graph_1.right.dense_2.W"] == 2).all()
    assert net.parameters["output.W"].any()
    with pytest.raises(ValueError, match=r"initializer: there is no layer .left.; there are graph_1, graph_1\.left"):
        network(DIAMOND, initializer={"left": "zeros"}).build(6)


# What a network does --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [[layer] for layer in LAYERS] + [LAYERS], ids=lambda layers: repr(layers)[1:9])
def test_hidden_is_what_the_output_takes(layers: Any) -> None:
    net = network(*layers).build(6)
    theta = parameters(net)
    hidden = net.hidden(X)
    np.testing.assert_allclose(hidden @ theta["output.W"] + theta["output.b"], net.output(X), rtol=1e-12)
    assert net.program.hidden().values[OUTPUT] == hidden.shape[1:]


def test_hidden_of_a_program_whose_last_step_is_another() -> None:
    program = Program(
        (
            Step("tanh", ("x",), (), "h"),
            Step("add", ("h", "x"), (), "s"),
            Step("tanh", ("s",), (), "t"),
            Step("affine", ("s",), ("output.W",), OUTPUT),
        ),
        {"x": (2,), "h": (2,), "s": (2,), "t": (2,), OUTPUT: (1,)},
        {"output.W": (2, 1)},
    )
    hidden = program.hidden()
    assert [(step.inputs, step.output) for step in hidden.steps] == [
        (("x",), "h"), (("h", "x"), OUTPUT), ((OUTPUT,), "t")
    ]  # fmt: skip
    assert dict(hidden.values) == {"x": (2,), "h": (2,), OUTPUT: (2,), "t": (2,)}


def test_the_same_seed_drops_the_same_in_every_branch() -> None:
    def fitted(seed: int) -> dict[str, Array]:
        net = network(*LAYERS)
        net.fit(X, Y, epochs=2, batch_size=16, seed=seed)
        return dict(net.parameters)

    once, again, other = fitted(1), fitted(1), fitted(2)
    assert all(np.array_equal(once[name], again[name]) for name in once)
    assert not np.array_equal(once["residual_1.dense_1.W"], other["residual_1.dense_1.W"])
    program = network(ll.Parallel(ll.Dropout(0.5), ll.Dropout(0.5))).build(6).program
    theta = {name: np.zeros(shape) for name, shape in program.parameters.items()}
    left, right = (
        reference.forward(program, theta, np.ones((40, 6)), reference.Training(0, 1))[f"parallel_1.branch_{k}.h"]
        for k in (1, 2)
    )
    assert (left != right).mean() == pytest.approx(0.5, abs=0.15)  # each branch has its own mask


def test_a_network_that_branches_learns() -> None:
    y = (np.abs(X[:, 0]) > 0.7).astype(int)
    net = network(ll.Residual(ll.Dense(32, "relu"), ll.Dense(6)), ll.Dense(16, "relu"))
    net.fit(X, y, optimizer=ll.optimizers.Adam(0.02), epochs=150, seed=0)
    assert (net.predict(X) == y).all()


def test_classifiers_take_these_layers() -> None:
    clf = ll.Classifier(layers=LAYERS, max_iter=4, random_state=0)
    twin = clone(clf)
    assert twin.get_params()["layers"] == LAYERS
    clf.fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), twin.fit(X, Y).predict_proba(X))


def test_embeddings_may_stand_in_a_branch() -> None:
    codes = np.column_stack([X[:, :2], np.arange(40) % 3])
    wide_and_deep = ll.Parallel([ll.Embedding([(2, 3, 4)]), ll.Dense(5, "tanh")], ll.Dense(2))
    net = network(wide_and_deep).build(3)
    assert net.check_gradient(codes, Y).ok
    with pytest.raises(ValueError, match="takes codes 0 to 2"):
        net.predict(codes + 1)
    with pytest.raises(ValueError, match=re.escape("parallel_1.branch_2.embedding_1: codes are read from the inputs")):
        network(ll.Parallel(ll.Dense(2), [ll.Dense(3), ll.Embedding([(2, 3, 4)])])).build(3)


def test_symmetry_is_seen_within_a_branch_and_not_across() -> None:
    start = ll.initializers.Constant(0.5)
    with pytest.warns(ll.SymmetryWarning, match=re.escape("residual_1.dense_1: all 4 cells")):
        network(ll.Residual(ll.Dense(4, "tanh", start), ll.Dense(6, "tanh", start))).fit(X, Y, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The cells of one branch are alike, but what is next in the program does not take them.
        network(ll.Parallel(ll.Dense(4, "tanh", start), ll.Dense(3, "tanh", start))).fit(X, Y, epochs=1)
        # What b makes of a is alike, what the output makes of it is not.
        a, b = ("a", ll.Dense(4, "tanh", start)), ("b", ll.Dense(3, "tanh", start))
        net = network(ll.Graph([a, b, ("both", ll.Concatenate(), ["a", "b"])]))
        net.fit(X, Y, epochs=1)
        assert np.ptp(net.parameters["graph_1.a.W"], axis=1).all()


# Descriptions and files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_descriptions_are_values(layer: Layer) -> None:
    for twin in (
        decode(encode(layer, "layer")),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        eval(repr(layer), vars(ll).copy() | {name: getattr(ll, name) for name in ll.__all__ if name != "plots"}),
    ):
        assert twin == layer
    with pytest.raises(AttributeError):
        layer.anything = 1  # type: ignore[attr-defined]
    assert ll.Residual(ll.Dense(3)) != ll.Residual(ll.Dense(4))


def test_a_saved_network_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    net = network(*LAYERS, prior={"graph_1": ll.priors.Normal(1.0)}, dtype="float32")
    net.fit(X, Y, epochs=2, seed=3)
    net.save(tmp_path / "net.likeliest")
    twin, copied = ll.load(tmp_path / "net.likeliest"), pickle.loads(pickle.dumps(net))
    assert twin.layers == net.layers
    for one in (twin, copied):
        np.testing.assert_array_equal(one.predict_proba(X), net.predict_proba(X))
    for one in (net, twin, copied):
        one.fit(X, Y, epochs=1, seed=4)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(twin.parameters[name], value)
        np.testing.assert_array_equal(copied.parameters[name], value)
    assert Program.from_json(net.program.to_json()) == net.program


# Messages -------------------------------------------------------------------------------------------------------------

A = ("a", ll.Dense(3), "x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ll.Residual(), "layers: expected at least one layer"),
        (lambda: ll.Residual([ll.Dense(3)]), "layers: write the layers one after another, Residual(*layers)"),
        (lambda: ll.Residual(ll.Dense), "layers: expected layers such as Dense(32, 'relu'), found"),
        (lambda: ll.Residual(ll.Dense(3), shortcut="identity"), "shortcut: expected layers such as"),
        (lambda: ll.Parallel(ll.Dense(3)), "branches: expected at least two, Parallel(first, second), found 1"),
        (lambda: ll.Parallel(ll.Dense(3), 4), "branches: expected layers such as Dense(32, 'relu'), found 4"),
        (lambda: ll.Parallel([], [], merge="mul"), "merge: expected one of concatenate, add; found 'mul'"),
        (lambda: ll.Graph([]), "nodes: expected at least one"),
        (lambda: ll.Graph(ll.Dense(3)), "nodes: expected a list such as"),
        (lambda: ll.Graph([ll.Dense(3)]), "nodes: expected (name, layer) or (name, layer, inputs), found Dense("),
        (lambda: ll.Graph([("x", ll.Dense(3))]), "other than \"x\", found 'x'"),
        (lambda: ll.Graph([("a.b", ll.Dense(3))]), 'nodes: expected a name such as "left"'),
        (lambda: ll.Graph([("a", "dense")]), "nodes: 'a': expected layers such as Dense(32, 'relu'), found 'dense'"),
        (lambda: ll.Graph([("a", ll.Dense(3), 7)]), "nodes: 'a': expected the name of its input, or a list of names"),
        (lambda: ll.Graph([A, A]), "nodes: there are 2 of the name 'a': give each its own"),
        (
            lambda: ll.Graph([A, ("b", ll.Dense(3), "aa")]),
            "nodes: 'b' takes 'aa', which is not there; did you mean 'a'? there are x, a, b",
        ),
        (
            lambda: ll.Graph([("b", ll.Dense(3), "a"), A]),
            "nodes: 'b' takes 'a', which stands after it: move 'a' before 'b'",
        ),
        (
            lambda: ll.Graph([("a", ll.Add(), ["x", "c"]), ("b", ll.Dense(3), "a"), ("c", ll.Dense(3), "b")]),
            "nodes: 'a' takes 'c' takes 'b' takes 'a', which is a cycle: a network cannot wait for itself",
        ),
        (lambda: ll.Graph([("a", ll.Dense(3), "a")]), "nodes: 'a' takes 'a', which is a cycle"),
        (
            lambda: ll.Graph([A, ("b", ll.Dense(3), "x")]),
            "nodes: nothing takes 'a', and only the last node, 'b', is the output",
        ),
        (lambda: ll.Graph([("a", ll.Add(), "x")]), "nodes: 'a': Add() takes two inputs or more, found 'x'"),
        (
            lambda: ll.Graph([A, ("b", ll.Dense(3), ["x", "a"])]),
            "nodes: 'b': Dense takes one input, found ['x', 'a']: put them together first",
        ),
    ],
)
def test_descriptions_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (ll.Add(), 4, "add_1: Add() takes several inputs, and in a list of layers there is one"),
        (
            ll.Residual(ll.Dense(3), shortcut=ll.Dense(5)),
            4,
            "residual_1: its layers make (n, 3) of x (n, 4), but its shortcut makes (n, 5), which cannot be added",
        ),
        (
            ll.Residual(ll.Conv2D(4, 3)),
            (8, 8, 4),
            "residual_1: its layers make (n, 6, 6, 4) of x (n, 8, 8, 4), which no stride of a 1 × 1 convolution does: "
            'use padding="same"',
        ),
        (ll.Residual(ll.Flatten(), ll.Dense(3)), (8, 8), "or give the shortcut, such as shortcut=[Flatten(), Dense(8)"),
        (
            ll.Parallel(ll.Dense(3), ll.Dense(4), merge="add"),
            4,
            "parallel_1: only values of one shape can be added, got parallel_1.branch_1.h (n, 3) and "
            "parallel_1.branch_2.h (n, 4): make their widths equal",
        ),
        (
            ll.Parallel(ll.Conv2D(3, 3), ll.Conv2D(3, 1)),
            (8, 8, 1),
            "parallel_1: values that stand side by side may differ in their last size only, got parallel_1.branch_1.h "
            "(n, 6, 6, 3) and parallel_1.branch_2.h (n, 8, 8, 3), and their sizes, with padding",
        ),
        (
            ll.Graph([A, ("sum", ll.Add(), ["a", "x"])]),
            4,
            "graph_1.sum: only values of one shape can be added, got graph_1.a.h (n, 3) and x (n, 4)",
        ),
        (ll.Graph([A, ("b", [ll.Dense(2), ll.Dense(3)])]), (4, 4, 2), "graph_1.a expects (n, p), got (n, 4, 4, 2)"),
    ],
)
def test_shapes_that_do_not_fit(layer: Layer, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        network(layer).build(shape)


@pytest.mark.parametrize(("size", "out", "stride"), [(28, 14, 2), (7, 4, 2), (8, 2, 4), (5, 2, 3), (4, 1, 4)])
def test_the_stride_of_a_shortcut(size: int, out: int, stride: int) -> None:
    layer = ll.Conv2D(3, 3, stride=-(-size // out), padding="same")
    program = network(ll.Residual(layer), ll.Flatten()).build((size, size)).program
    step = next(step for step in program.steps if step.output == "residual_1.shortcut.h")
    assert step.attributes["stride"] == (stride, stride)
    assert program.values["residual_1.h"] == (out, out, 3)


# Pictures -------------------------------------------------------------------------------------------------------------


def test_summary_draws_branches() -> None:
    lines = network(ll.Residual(ll.Dense(4, "tanh"), ll.Dense(6))).build(6).summary().splitlines()
    assert lines[2:8] == [
        "●    x                     (n, 6)",
        "├─●  residual_1.dense_1.z  (n, 4)  affine             28",
        "│ ●  residual_1.dense_1.h  (n, 4)  tanh",
        "│ ●  residual_1.dense_2.h  (n, 6)  affine             30",
        "●─╯  residual_1.h          (n, 6)  add",
        "●    eta                   (n, 1)  affine              7",
    ]
    drawn = rails(network(*LAYERS).build(6).program)
    assert drawn[:11] == ["●", "├─●", "│ ●", "│ ●", "│ ●", "●─╯", "├─●", "● │", "● │", "● │", "●─╯"]
    assert len(drawn) == 1 + len(network(*LAYERS).build(6).program.steps)
    long = network(ll.Parallel(ll.Residual(ll.Residual(ll.Residual(ll.Dense(6)))), [])).build(6).summary().splitlines()
    assert max(map(len, long)) <= 80
    assert any("…" in line for line in long)


def test_html_draws_branches() -> None:
    net = network(ll.Dense(6, "tanh"), ll.Residual(ll.Dense(4, "tanh"), ll.Dense(6)), DIAMOND).build(6)
    page = network_html(net)
    pictures = boxes(page)
    assert [lines[0] for lines in pictures] == ["x", "Dense", "Dense", "Dense", "Dense", "output", "Bernoulli"]
    assert pictures[2] == [
        *("Dense", "tanh", "(n, 4)", "28 parameters", "Dense", "affine", "(n, 6)", "30 parameters"),
        *("Residual", "add", "(n, 6)"),
    ]
    block = pictures[4]
    assert [line for line in block if line in ("left", "right", "sum")] == ["left", "right", "right", "sum"]
    assert boxes(network_html(network(*LAYERS)))[1] == ["Residual", "3 layers"]


def test_boxes_of_a_block_do_not_overlap() -> None:
    """The columns and rows of: skip past two, and a second branch inside."""
    assert _placed([[0], [1], [0, 2]]) == ([0, 1, 2, 3], [0, 1, 1, 0])
    rng = np.random.default_rng(0)
    for _ in range(200):
        count = int(rng.integers(2, 12))
        sources = [sorted({int(rng.integers(k)) for _ in range(rng.integers(1, 4))}) for k in range(1, count)]
        unused = set(range(count)) - {source for one in sources for source in one}
        sources.append(sorted(unused))
        column, row = _placed(sources)
        for k, one in enumerate(sources, 1):
            assert column[k] > max(column[source] for source in one)
            for source in one:  # an arrow runs along its row until the gap before the box that it leads to
                for other in range(1, count + 1):
                    passes = column[source] < column[other] < column[k] and row[other] == row[source]
                    assert not passes, (sources, column, row)
        places = list(zip(column[1:], row[1:], strict=True))
        assert len(set(places)) == len(places)


def test_what_is_for_columns_of_cells_says_so() -> None:
    net = network(DIAMOND).build(6)
    with pytest.raises(ValueError, match="only networks of Dense layers"):
        explain(net, X[0], 1)
    with pytest.raises(ValueError, match="only networks of Dense layers"):
        ll.plots.network(net, X[0])


def test_unit_variance_of_branches() -> None:
    net = ll.data_dependent.unit_variance(network(*LAYERS).build(6), X)
    values = net.trace(X).values
    for name in ("residual_1.dense_1.z", "residual_2.shortcut.dense_1.z", "graph_1.right.dense_1.z"):
        np.testing.assert_allclose(values[name].std(axis=0), 1, rtol=1e-5)
