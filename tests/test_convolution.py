"""Convolutions, pools and norms over a grid of shapes, strides, padding, dilation and groups, in 1D, 2D and 3D."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import OPERATIONS, Array

import likeliest as ll
from likeliest.data_dependent import unit_variance
from likeliest.explain import explain
from likeliest.layers import Layer
from likeliest.ops import OPERATIONS as PAGES
from likeliest.program import Builder, Program, Value
from likeliest.xp import numpy_namespace as xp

SPACES: dict[int, list[tuple[int, ...]]] = {1: [(1,), (9,)], 2: [(5, 4), (1, 7)], 3: [(4, 3, 5)]}
KERNELS = {1: [(1,), (3,), (4,)], 2: [(1, 1), (3, 2), (1, 4)], 3: [(2, 1, 3)]}
PADDINGS: dict[int, list[Any]] = {
    1: ["valid", "same", 1, ((0, 2),)],
    2: ["valid", "same", (1, 2), ((0, 1), (2, 0))],
    3: ["valid", "same", ((1, 0), 0, 1)],
}
CHANNELS = [(1, 1, 1), (1, 3, 1), (4, 6, 2), (3, 3, 3), (3, 6, 3)]  # c, q, groups


def with_windows() -> dict[str, tuple[Layer, tuple[int, ...]]]:
    """Layers and shapes of an example, all that fit; by a name."""
    found: dict[str, tuple[Layer, tuple[int, ...]]] = {}
    for d in (1, 2, 3):
        kinds = {kind: getattr(ll, f"{kind}{d}D") for kind in ("Conv", "ConvTranspose", "MaxPool", "AvgPool")}
        for k, (space, kernel, padding) in enumerate(
            (space, kernel, padding) for space in SPACES[d] for kernel in KERNELS[d] for padding in PADDINGS[d]
        ):
            s, dilation = (1, 2, 3)[k % 3], (1, 2)[k // 3 % 2]
            c, q, groups = CHANNELS[k % len(CHANNELS)]
            options: dict[str, Any] = {"stride": (s, 1, s)[:d], "padding": padding}
            convolution = {**options, "dilation": dilation, "groups": groups}
            for kind, layer in kinds.items():
                more = {} if "Pool" in kind else {"bias": bool(k % 2)}
                one = layer(kernel, **options) if "Pool" in kind else layer(q, kernel, **convolution, **more)
                try:
                    step_of(one, (*space, c))
                except ValueError:
                    continue
                found[f"{kind}{d}D-{'x'.join(map(str, (*space, c)))}-{k}"] = one, (*space, c)
    return found


def program_of(layer: Layer, shape: tuple[int, ...]) -> Program:
    net = Builder(shape)
    net.layer = "layer"
    layer.build(net, Value("x", shape))
    return net.finish()


def step_of(layer: Layer, shape: tuple[int, ...]) -> tuple[str, list[tuple[int, ...]], dict[str, Any]]:
    """The operation, the shapes of its parameters and its attributes."""
    program = program_of(layer, shape)
    (step,) = program.steps
    return step.operation, [program.parameters[name] for name in step.parameters], dict(step.attributes)


GRID = with_windows()
grid = pytest.mark.parametrize("name", GRID)


def drawn(name: str, n: int = 2) -> tuple[str, list[Array], dict[str, Any]]:
    layer, shape = GRID[name]
    operation, shapes, attributes = step_of(layer, shape)
    rng = np.random.default_rng(0)
    return operation, [rng.normal(size=one) for one in ((n, *shape), *shapes)], attributes


def test_the_grid_has_everything() -> None:
    kinds = {f"{kind}{d}D" for kind in ("Conv", "ConvTranspose", "MaxPool", "AvgPool") for d in (1, 2, 3)}
    assert {name.partition("-")[0] for name in GRID} == kinds
    steps = [(operation, attributes) for operation, _, attributes in map(drawn, GRID)]
    for operation in ("convolution", "transposed_convolution"):
        mine = [attributes for name, attributes in steps if name == operation]
        assert {a["groups"] for a in mine} == {1, 2, 3}
        assert {max(a["dilation"]) for a in mine} == {1, 2}
        assert {max(a["stride"]) for a in mine} == {1, 2, 3}
        assert any(before != after for a in mine for before, after in a["padding"])
    assert any(any(a["output_padding"]) for name, a in steps if name == "transposed_convolution")


@grid
def test_forward_equals_the_definition(name: str) -> None:
    operation, v, attributes = drawn(name)
    expected = OPERATIONS[operation].formula(*v, **attributes)
    np.testing.assert_allclose(PAGES[operation].forward(xp, *v, **attributes), expected, rtol=1e-12, atol=1e-14)


@grid
def test_backward_equals_central_differences(name: str) -> None:
    operation, v, attributes = drawn(name)
    page, rng = PAGES[operation], np.random.default_rng(1)
    h = page.forward(xp, *v, **attributes)
    g = rng.normal(size=h.shape)
    for k, gradient in enumerate(page.backward(g, h, *v, **attributes)):
        assert gradient.shape == v[k].shape
        d = rng.normal(size=v[k].shape)
        ends = [
            (g * page.forward(xp, *v[:k], v[k] + step * d, *v[k + 1 :], **attributes)).sum() for step in (1e-6, -1e-6)
        ]
        assert (gradient * d).sum() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-7)


@grid
def test_torch_has_the_same_values_and_gradients(name: str) -> None:
    torch = pytest.importorskip("torch")
    operation, v, attributes = drawn(name)
    tensors = [torch.tensor(value, requires_grad=True) for value in v]
    expected = OPERATIONS[operation].torch(torch, *tensors, **attributes)
    h = PAGES[operation].forward(xp, *v, **attributes)
    np.testing.assert_allclose(h, expected.detach().numpy(), rtol=1e-12, atol=1e-13)
    g = np.random.default_rng(1).normal(size=h.shape)
    expected.backward(torch.tensor(g))
    for mine, tensor in zip(PAGES[operation].backward(g, h, *v, **attributes), tensors, strict=True):
        np.testing.assert_allclose(mine, tensor.grad.numpy(), rtol=1e-11, atol=1e-13)


@grid
def test_the_native_engine_computes_the_same(name: str) -> None:
    layer, shape = GRID[name]
    rng = np.random.default_rng(0)
    for n, before in ((1, []), (3, [ll.Activation("tanh")])):
        mine, expected = (
            ll.Network(
                [*before, layer, ll.Flatten()], likelihood=ll.likelihoods.Categorical(3), engine=engine, dtype="float64"
            ).build(shape, seed=1)
            for engine in ("native", "reference")
        )
        X, y = rng.normal(size=(n, *shape)), rng.integers(0, 3, n)
        np.testing.assert_allclose(mine.output(X, threads=1), expected.output(X), rtol=1e-11, atol=1e-13)
        gradient = mine.gradient(X, y, threads=1)
        for key, g in expected.gradient(X, y).items():
            np.testing.assert_allclose(gradient[key], g, rtol=1e-10, atol=1e-13 * max(1.0, float(np.abs(g).max())))


def test_a_transposed_convolution_is_the_transpose() -> None:
    rng, rest = np.random.default_rng(0), {"stride": (2, 1), "padding": ((1, 0), (1, 1)), "dilation": (1, 2)}
    x, W, y = rng.normal(size=(2, 6, 7, 4)), rng.normal(size=(3, 2, 2, 6)), rng.normal(size=(2, 3, 7, 6))
    there = PAGES["convolution"].forward(xp, x, W, **rest, groups=2)
    back = PAGES["transposed_convolution"].forward(xp, y, W, **rest, groups=2, output_padding=(0, 0))
    assert back.shape == x.shape
    assert (there * y).sum() == pytest.approx((x * back).sum(), rel=1e-12)


def test_of_several_that_are_largest_the_first_has_the_gradient() -> None:
    x, g = np.ones((1, 2, 3, 1)), np.array([5.0, 7.0]).reshape(1, 1, 2, 1)
    attributes: Any = {"window": (2, 2), "stride": (1, 1), "padding": ((0, 0), (0, 0))}
    (slope,) = PAGES["max_pool"].backward(g, np.ones((1, 1, 2, 1)), x, **attributes)
    np.testing.assert_array_equal(slope[0, :, :, 0], [[5, 7, 0], [0, 0, 0]])
    (slope,) = PAGES["global_max_pool"].backward(np.full((1, 1), 3.0), np.ones((1, 1)), x)
    np.testing.assert_array_equal(slope[0, :, :, 0], [[3, 0, 0], [0, 0, 0]])


def test_a_nan_shows_through_pools() -> None:
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 1, 0] = np.nan
    attributes: Any = {"window": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
    for name in ("max_pool", "average_pool"):
        assert np.isnan(PAGES[name].forward(xp, x, **attributes)).ravel().tolist() == [True, False, False, False]
    for name in ("global_max_pool", "global_average_pool"):
        assert np.isnan(PAGES[name].forward(xp, x)).all()


# Layers ---------------------------------------------------------------------------------------------------------------


def network(*layers: Layer, shape: Any, **options: Any) -> ll.Network:
    net = ll.Network([*layers, ll.Flatten()], likelihood=ll.likelihoods.Bernoulli(), engine="reference", **options)
    return net.build(shape, seed=0)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (ll.Conv2D(32, 3), (28, 28), (26, 26, 32)),
        (ll.Conv2D(32, 3, padding="same"), (28, 27, 1), (28, 27, 32)),
        (ll.Conv2D(32, 3, stride=2, padding="same"), (7, 8, 3), (4, 4, 32)),
        (ll.Conv2D(32, (1, 5), dilation=2, padding=(0, 4)), (7, 8, 3), (7, 8, 32)),
        (ll.Conv1D(8, 5), (100,), (96, 8)),
        (ll.Conv3D(8, 2), (3, 4, 5), (2, 3, 4, 8)),
        (ll.SeparableConv2D(8, 3, stride=2), (9, 9, 4), (4, 4, 8)),
        (ll.ConvTranspose2D(8, 3, stride=2, padding="same"), (7, 7, 4), (14, 14, 8)),
        (ll.ConvTranspose2D(8, 2, stride=3, padding="same"), (7, 7, 4), (21, 21, 8)),
        (ll.ConvTranspose2D(8, 3, stride=2, padding=1, output_padding=1), (7, 7, 4), (14, 14, 8)),
        (ll.MaxPool2D(), (9, 8), (4, 4, 1)),
        (ll.MaxPool2D(3, stride=2, padding="same"), (9, 8, 2), (5, 4, 2)),
        (ll.AvgPool1D(4, stride=1), (9, 2), (6, 2)),
        (ll.GlobalAvgPool(), (9, 8, 2), (2,)),
        (ll.GlobalMaxPool(), (9, 2), (2,)),
        (ll.Upsample3D((1, 2, 3)), (2, 2, 2, 5), (2, 4, 6, 5)),
        (ll.GroupNorm(2), (3, 4), (3, 4)),
    ],
)
def test_shapes(layer: Layer, shape: Any, expected: Any) -> None:
    net = network(layer, shape=shape)
    name = f"{layer.prefix()}_1.h"
    assert net.program.values[name] == expected
    assert f"(n, {', '.join(map(str, expected))})" in net.summary()
    assert net.output(np.zeros((2, *shape))).shape == (2, 1)


@pytest.mark.parametrize(
    ("layer", "size", "padding"),
    [
        (ll.Conv1D(1, 3, padding="same"), 5, (1, 1)),
        (ll.Conv1D(1, 4, padding="same"), 5, (1, 2)),
        (ll.Conv1D(1, 3, padding="same", dilation=2), 5, (2, 2)),
        (ll.Conv1D(1, 3, padding="same", stride=2), 8, (0, 1)),
        (ll.Conv1D(1, 3, padding="same", stride=2), 9, (1, 1)),
        (ll.Conv1D(1, 1, padding="same", stride=3), 9, (0, 0)),
        (ll.MaxPool1D(2, padding="same"), 9, (0, 1)),
        (ll.ConvTranspose1D(1, 4, padding="same"), 5, (1, 2)),
        (ll.ConvTranspose1D(1, 3, padding="same", stride=2), 5, (0, 1)),
    ],
)
def test_the_odd_zero_of_same_is_at_the_end(layer: Layer, size: int, padding: tuple[int, int]) -> None:
    """As in TensorFlow, PyTorch and ONNX's SAME_UPPER."""
    assert step_of(layer, (size, 1))[2]["padding"] == (padding,)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ll.Conv2D, "conv2d"),
        (ll.SeparableConv1D, "separable_conv1d"),
        (ll.ConvTranspose3D, "conv_transpose3d"),
        (ll.MaxPool2D, "max_pool2d"),
        (ll.GlobalAvgPool, "global_avg_pool"),
        (ll.Upsample2D, "upsample2d"),
        (ll.GroupNorm, "group_norm"),
        (ll.RMSNorm, "rms_norm"),
    ],
)
def test_names(kind: type[Layer], name: str) -> None:
    assert kind.prefix() == name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ll.Conv2D(0, 3), "width: expected a whole number of cells"),
        (lambda: ll.Conv2D(8, 0), "kernel: expected a whole number of at least 1, or 2 of them in a tuple; found 0"),
        (lambda: ll.Conv2D(8, (3, 3, 3)), "kernel: expected a whole number of at least 1, or 2 of them"),
        (lambda: ll.Conv2D(8, 3, "sigmoid"), "activation: expected one of"),
        (lambda: ll.Conv2D(8, 3, stride=0), "stride: expected"),
        (lambda: ll.Conv1D(8, 3, dilation=1.5), "dilation: expected"),
        (lambda: ll.Conv2D(8, 3, padding="full"), 'padding: expected "valid", "same", a whole number'),
        (lambda: ll.Conv2D(8, 3, padding=-1), "padding: expected"),
        (lambda: ll.Conv2D(8, 3, padding=((0, 1), (2, 3), (0, 0))), "for each of the 2 axes"),
        (lambda: ll.Conv1D(8, 3, padding=(1, 2)), "(before, after) for the one axis; found (1, 2)"),
        (lambda: ll.Conv2D(8, 3, groups=3), "groups: 3 groups cannot share 8 cells evenly"),
        (lambda: ll.Conv2D(8, 3, groups="all"), "groups: expected a whole number of at least 1"),
        (lambda: ll.Conv2D(8, 3, max_norm=0), "max_norm: expected a positive number"),
        (lambda: ll.Conv2D(8, 3, initializer="hee"), "initializer: expected an initializer or one of"),
        (
            lambda: ll.ConvTranspose2D(8, 3, output_padding=1),
            "output_padding: expected less than the stride 1, found 1",
        ),
        (
            lambda: ll.ConvTranspose2D(8, 3, stride=2, padding="same", output_padding=1),
            'output_padding: with padding="same" it follows from the stride',
        ),
        (lambda: ll.ConvTranspose1D(8, 3, groups="depthwise"), "groups: expected a whole number"),
        (lambda: ll.MaxPool2D(0), "window: expected a whole number of at least 1"),
        (lambda: ll.AvgPool3D(2, stride=(1, 2)), "stride: expected a whole number of at least 1, or 3 of them"),
        (lambda: ll.Upsample2D(0.5), "factor: expected a whole number"),
        (lambda: ll.GroupNorm(0), "groups: expected a whole number"),
        (lambda: ll.GroupNorm((2,)), "groups: expected a whole number"),
        (lambda: ll.GroupNorm(2, 0), "epsilon: expected a positive number"),
    ],
)
def test_arguments_that_cannot_be_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            ll.Conv2D(8, 3),
            (3, 32, 32),
            "got (n, 3, 32, 32): the channels seem to come first; move them to the end with ",
        ),
        (ll.MaxPool2D(2), (1, 28, 28), "np.moveaxis(X, 1, -1)"),
        (
            ll.Conv2D(8, 3),
            (784,),
            "conv2d_1 expects (n, H, W, c), or (n, H, W) without channels; got (n, 784): reshape",
        ),
        (ll.Conv1D(8, 3), (28, 28, 1), "reshape X, or use the layer for 2D"),
        (
            ll.Conv2D(8, 5),
            (4, 9, 1),
            "conv2d_1: a kernel of (5, 5) is larger than x (n, 4, 9, 1): make it smaller, use",
        ),
        (
            ll.Conv2D(8, 3, dilation=2),
            (4, 9, 1),
            "a kernel of (3, 3) with dilation (2, 2) is larger than x (n, 4, 9, 1)",
        ),
        (ll.SeparableConv1D(8, 4), (3, 2), "separable_conv1d_1: a kernel of (4,) is larger than x (n, 3, 2)"),
        (ll.MaxPool2D(5), (4, 9, 1), "max_pool2d_1: a window of (5, 5) is larger than x (n, 4, 9, 1)"),
        (ll.MaxPool2D(2, padding=2), (4, 9, 1), "max_pool2d_1: padding ((2, 2), (2, 2)) must be less than the window"),
        (
            ll.Conv2D(8, 3, groups=4),
            (9, 9, 6),
            "conv2d_1: 4 groups must divide the 6 channels of x (n, 9, 9, 6) and the",
        ),
        (ll.Conv2D(8, 3, groups="depthwise"), (9, 9, 6), "conv2d_1: 6 groups must divide the 6 channels of x"),
        (ll.ConvTranspose2D(8, 3, groups=4), (9, 9, 6), "4 groups must divide the 6 channels of x (n, 9, 9, 6)"),
        (
            ll.ConvTranspose2D(8, 1, padding=5),
            (9, 9, 6),
            "conv_transpose2d_1: padding ((5, 5), (5, 5)) cuts off all of h",
        ),
        (ll.GlobalAvgPool(), (9,), "global_avg_pool_1 expects channels and at least one axis of space"),
        (
            ll.GroupNorm(4),
            (9, 6),
            "group_norm_1: 4 groups do not divide the 6 channels of x (n, 9, 6): use one of 1, 2, 3",
        ),
    ],
)
def test_examples_that_do_not_fit_are_refused_with_the_cure(layer: Layer, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        network(layer, shape=shape)


def test_few_rows_of_many_channels_pass_behind_another_layer() -> None:
    """What looks like channels first is refused of X only."""
    net = network(ll.Activation("identity"), ll.Conv2D(2, 3), shape=(3, 32, 32))
    assert net.program.values["conv2d_1.h"] == (1, 30, 2)


@pytest.mark.parametrize(
    ("layer", "shape", "name", "fan_in", "fan_out"),
    [
        (ll.Conv2D(64, 5), (9, 9, 16), "W", 400, 1600),
        (ll.Conv2D(64, 5, groups=16), (9, 9, 16), "W", 25, 100),
        (ll.SeparableConv2D(64, 5), (9, 9, 100), "D", 25, 25),
        (ll.SeparableConv2D(64, 5), (9, 9, 100), "W", 100, 64),
        (ll.ConvTranspose2D(16, 4, stride=2), (9, 9, 32), "W", 128, 256),
    ],
)
def test_weights_start_at_the_size_that_their_connections_ask_for(
    layer: Layer, shape: Any, name: str, fan_in: int, fan_out: int
) -> None:
    name = f"{layer.prefix()}_1.{name}"
    for chosen, variance in (("he", 2 / fan_in), ("glorot", 2 / (fan_in + fan_out)), ("lecun", 1 / fan_in)):
        W = network(layer, shape=shape, initializer=chosen).parameters[name]
        assert W.var() == pytest.approx(variance, rel=6 / math.sqrt(W.size))


def test_relu_starts_with_he_and_others_with_glorot() -> None:
    for activation, variance in (("relu", 2 / 144), ("tanh", 2 / (144 + 576))):
        W = network(ll.Conv2D(64, 3, activation), shape=(5, 5, 16)).parameters["conv2d_1.W"]
        assert W.var() == pytest.approx(variance, rel=0.05)


def test_what_multiplies_is_a_weight() -> None:
    layers = [ll.SeparableConv2D(8, 3), ll.GroupNorm(2), ll.ConvTranspose2D(4, 3), ll.Conv2D(4, 3)]
    weights = network(*layers, shape=(9, 9, 3)).program.weights
    hidden = ["separable_conv2d_1.D", "separable_conv2d_1.W", "conv_transpose2d_1.W", "conv2d_1.W"]
    assert list(weights) == [*hidden, "output.W"]


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_max_norm_holds_for_the_weights_into_a_cell(engine: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 6, 6, 2)), rng.integers(0, 2, 50)
    net = ll.Network([ll.Conv2D(5, 3, "relu", max_norm=0.5), ll.GlobalAvgPool()], likelihood="bernoulli", engine=engine)
    net.fit(X, y, epochs=3, optimizer=ll.optimizers.GradientAscent(0.5), seed=0)
    norms = np.sqrt((net.parameters["conv2d_1.W"].reshape(-1, 5) ** 2).sum(axis=0))
    assert norms.max() <= 0.5 + 1e-6
    assert (norms > 0.49).any()


@pytest.mark.parametrize(
    "layer",
    [
        ll.Conv2D(6, 3, "tanh", groups=2),
        ll.ConvTranspose2D(6, 3, "tanh", stride=2, groups=2),
        ll.SeparableConv2D(6, 3, "tanh"),
    ],
)
def test_data_dependent_starts_hold_for_each_cell_over_places(layer: Layer) -> None:
    X = np.random.default_rng(0).normal(3, 5, size=(40, 7, 6, 4))
    net = unit_variance(network(layer, shape=(7, 6, 4)), X)
    z = net.trace(X).values[f"{layer.prefix()}_1.z"].reshape(-1, 6)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-4)


DEEP = [
    *(ll.Conv2D(8, 3, "relu", padding=((0, 1), 2)), ll.BatchNorm(), ll.MaxPool2D(2), ll.Dropout(0.1)),
    *(ll.SeparableConv2D(6, 3, "tanh", padding="same"), ll.GroupNorm(3), ll.ConvTranspose2D(4, 2, stride=2, groups=2)),
    *(ll.AvgPool2D(2), ll.Upsample2D((1, 2)), ll.Conv2D(4, 2, "relu", groups="depthwise"), ll.GlobalAvgPool()),
]


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_network_of_images_is_saved_traced_and_shown(engine: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 10, 9)).astype(np.float32), rng.integers(0, 3, 30)
    net = ll.Network(DEEP, likelihood=ll.likelihoods.Categorical(3), engine=engine)
    net.fit(X, y, epochs=2, seed=0)
    net.save(tmp_path / "net")
    (path,) = tmp_path.iterdir()
    same = ll.load(path)
    np.testing.assert_array_equal(same.predict_proba(X), net.predict_proba(X))
    assert Program.from_json(net.program.to_json()) == net.program
    trace = net.trace(X[:2], y[:2])
    assert trace.values["conv2d_1.z"].shape == (2, 9, 11, 8)
    assert trace.derivatives["conv2d_1.z"].shape == (2, 9, 11, 8)
    np.testing.assert_allclose(
        trace.gradient["conv2d_1.W"], net.gradient(X[:2], y[:2])["conv2d_1.W"], rtol=1e-3, atol=1e-5
    )
    assert "(n, 9, 11, 8)" in net.summary()
    assert "conv2d_1" in net._repr_html_()
    with pytest.raises(ValueError, match="Dense"):
        explain(net, X[0], y[0])


def test_a_convolution_learns_where_to_look() -> None:
    """A bright spot anywhere, which no single pixel tells."""
    rng = np.random.default_rng(0)
    X, y = 0.3 * rng.normal(size=(400, 8, 8)), rng.integers(0, 2, 400)
    for image, label in zip(X, y, strict=True):
        r, c = rng.integers(0, 7, 2)
        image[r : r + 2, c : c + 2] += 1.5 if label else 0
        image[r : r + 2, c] += 0 if label else 1.5  # a line, not a box
    net = ll.Network([ll.Conv2D(6, 2, "relu"), ll.GlobalMaxPool()], likelihood="bernoulli", engine="reference")
    net.fit(X[:300], y[:300], epochs=30, optimizer=ll.optimizers.Adam(0.02), seed=0)
    assert ((net.predict_proba(X[300:])[:, 1] > 0.5) == y[300:]).mean() > 0.9
