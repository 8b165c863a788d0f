"""An exported model, run by onnxruntime, against the library itself."""

from __future__ import annotations

import itertools
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import cases
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from cases import Array, LikelihoodCase, NetworkCase

import likeliest as ll
from likeliest import layers as all_layers
from likeliest.export import export_onnx, onnx_file, translations
from likeliest.export.export import _heads, described
from likeliest.export.graph import Graph, Rows
from likeliest.export.onnx_file import to_bytes
from likeliest.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LayerNorm,
    RMSNorm,
)
from likeliest.likelihoods import Likelihood
from likeliest.ops import OPERATIONS
from likeliest.xp import numpy_namespace as xp

TOLERANCE = {"float32": 1e-5, "float64": 1e-9}  # of the largest number of an output
FAR = {"float32": 1e-3, "float64": 1e-9}  # η = 1e4 is known to 5e-4 in float32, and so is what hangs on its difference
both = pytest.mark.parametrize("dtype", ["float32", "float64"])


def session(model: bytes | Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(runtime: onnxruntime.InferenceSession, feeds: Any) -> dict[str, Array]:
    names = [one.name for one in runtime.get_outputs()]
    return dict(zip(names, runtime.run(names, feeds), strict=True))


def exported(model: Any, tmp_path: Path) -> onnxruntime.InferenceSession:
    path = tmp_path / "model.onnx"
    export_onnx(model, path)
    return session(path)


def assert_close(found: Array, expected: Any, tolerance: float) -> None:
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    finite = np.isfinite(expected)
    scale = float(np.abs(expected[finite]).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


# Operations and likelihoods, one by one -------------------------------------------------------------------------------


SEVERAL = {"add", "concatenate"}  # of values with n examples each: in the networks below


@both
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in SEVERAL])
def test_every_operation_agrees_with_its_page(name: str, dtype: str) -> None:
    row, rng = cases.OPERATIONS[name], np.random.default_rng(1)
    values = [v.astype(dtype) for v in row.adjust([rng.normal(size=shape) for shape in row.shapes])]
    given, rest = values[: row.inputs], values[row.inputs :]
    graph = Graph(np.dtype(dtype))
    inputs = [graph.input(f"x{k}", (Rows(), *x.shape[1:]), dtype) for k, x in enumerate(given)]
    constants = [graph.constant(value, dtype, f"value_{k}") for k, value in enumerate(rest)]
    with graph.within("operation"):
        graph.output("h", translations.operation(name, *inputs, *constants, **row.attributes))
    runtime = session(to_bytes(graph, name, "", {}))
    for n in (1, 17):
        for scale in (1,) if name in ("embedding", "token_embedding") else (1, 30, 1e4):
            X = [np.resize(scale * x, (n, *x.shape[1:])).astype(dtype) for x in given]
            with np.errstate(over="ignore"):
                expected = OPERATIONS[name].forward(xp, *X, *rest, **row.attributes)
            found = run(runtime, {f"x{k}": x for k, x in enumerate(X)})["h"]
            assert found.dtype == dtype
            assert_close(found, expected, TOLERANCE[dtype])


@both
@pytest.mark.parametrize("case", [row for rows in cases.LIKELIHOODS.values() for row in rows], ids=lambda case: case.id)
def test_every_likelihood_agrees_with_its_page(case: LikelihoodCase, dtype: str) -> None:
    likelihood = case.likelihood
    graph = Graph(np.dtype(dtype))
    for name, symbol in _heads(likelihood, graph.input("x", (Rows(), likelihood.width), dtype)).items():
        graph.output(name, symbol)
    runtime = session(to_bytes(graph, "likelihood", "", {}))
    for eta, tolerance in (
        (case.eta(1), TOLERANCE[dtype]),
        (case.eta(17), TOLERANCE[dtype]),
        (cases.huge_eta(likelihood), FAR[dtype]),
    ):
        eta = eta.astype(dtype)
        found = run(runtime, {"x": eta})
        for name, expected in distribution(likelihood, eta.astype(np.float64)).items():
            assert_close(found.pop(name), expected, tolerance)
        assert not found


def distribution(likelihood: Likelihood, eta: Array) -> dict[str, Array]:
    """What an exported network is to give."""
    if likelihood.classes is not None:
        return {"probabilities": likelihood.probabilities(xp, eta)}
    return {**likelihood.parameters(xp, eta), "mean": likelihood.mean(xp, eta)}


def test_probabilities_keep_their_precision_far_out(tmp_path: Path) -> None:
    net = ll.Network([], likelihood="bernoulli").build(1)
    net.parameters["output.W"] = np.ones((1, 1))
    p = run(exported(net, tmp_path), {"x": np.array([[-80.0], [80.0]], np.float32)})["probabilities"]
    np.testing.assert_allclose(np.log([p[0, 1], p[1, 0]]), [-80, -80], rtol=1e-5)


# Networks -------------------------------------------------------------------------------------------------------------

LAYERED = [
    NetworkCase((Dense(8), BatchNorm(0.8, 0.01), Activation("relu")), ll.likelihoods.Categorical(3), (5,), 17),
    NetworkCase((LayerNorm(0.1), Dense(8, "gelu"), RMSNorm(0.1)), ll.likelihoods.Bernoulli(), (5,), 17),
    NetworkCase((Dense(8, "tanh"), Dropout(0.5), GaussianNoise(0.3)), ll.likelihoods.Bernoulli(), (5,), 17),
    NetworkCase(
        (ll.Rescale((0.1, 0.2, 0.3), 2.0), Flatten(), Dense(8, "silu")), ll.likelihoods.Categorical(3), (4, 3), 17
    ),
    NetworkCase(
        (ll.Conv2D(6, 3, "gelu"), BatchNorm(), Activation("relu"), Dropout(0.5), ll.MaxPool2D(2), ll.GlobalAvgPool()),
        *(ll.likelihoods.Categorical(3), (7, 8), 17),
    ),
    NetworkCase((ll.SeparableConv1D(4, 3, "tanh"), BatchNorm(), Flatten()), ll.likelihoods.Bernoulli(), (9, 3), 17),
    NetworkCase(
        (ll.SeparableConv3D(4, 2, "silu"), ll.AvgPool3D(2, stride=1, padding="same"), BatchNorm(), ll.GlobalMaxPool()),
        *(ll.likelihoods.Bernoulli(), (4, 3, 4, 2), 17),
    ),
]
NETWORKS = [*LAYERED, *cases.AWKWARD, *(case for case in cases.LIKELY if case.n == 37)]


def test_every_layer_is_in_a_network_here() -> None:
    used = {type(layer).__name__ for case in NETWORKS for layer in case.layers}
    used |= {"Embedding", "TokenEmbedding", "EncoderDecoder"}  # which have tests of their own
    used |= {type(layer).__name__ for case in NETWORKS for one in case.layers for _, layer in one.parts()}
    assert used == set(all_layers.__all__) - {"Layer", "Merge"}


@both
@pytest.mark.parametrize("case", [*cases.RECURRENT, *cases.ATTENTIVE], ids=lambda case: case.id)
def test_recurrences_predict_the_same(case: NetworkCase, dtype: str, tmp_path: Path) -> None:
    net = case.network("reference", dtype)
    agrees(net, np.resize(case.data()[0], (17, *case.shape)).astype(dtype), tmp_path)
    if dtype == "float32":  # a node each, and masks that drop nothing are gone
        graph, *_ = described(net)
        wanted = [step.operation.upper() for step in net.program.steps if step.operation in ("rnn", "lstm", "gru")]
        assert [node.operator for node in graph.nodes if node.operator in ("RNN", "LSTM", "GRU")] == wanted
        assert len([node for node in graph.nodes if "mask" in node.output]) == 0 or "layer_norm" in repr(case.layers)


@both
def test_symbols_predict_the_same(dtype: str, tmp_path: Path) -> None:
    net = ll.Network([ll.TokenEmbedding(7, 3), ll.LSTM(4)], likelihood="bernoulli", dtype=dtype).build((5,), seed=3)
    agrees(net, np.random.default_rng(0).integers(0, 7, (17, 5)).astype(dtype), tmp_path)


@both
def test_encoders_and_decoders_predict_the_same(dtype: str, tmp_path: Path) -> None:
    layer = ll.EncoderDecoder(
        [ll.LSTM(6, return_sequences=True)], [ll.TokenEmbedding(5, 4), ll.GRU(6)], (4, 3), 5, attention=2
    )
    net = ll.Network([layer], likelihood=ll.likelihoods.Categorical(5), dtype=dtype).build((18,), seed=3)
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(17, 12)), rng.integers(1, 5, (17, 1)), rng.integers(0, 5, (17, 5))])
    agrees(net, X.astype(dtype), tmp_path)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("state", [False, True])
def test_nodes_of_recurrences_are_their_pages(name: str, lengths: bool, state: bool) -> None:
    rng = np.random.default_rng(1)
    row = cases.OPERATIONS[name]
    x, ends, first, _, *theta = (v.astype("f4") for v in row.adjust([rng.normal(size=shape) for shape in row.shapes]))
    given = [x, *([ends] if lengths else []), *([first] if state else [])]
    own: list[Any] = {"rnn": [{"relu": False}, {"relu": True}], "lstm": [{}, {"cell": True}]}.get(
        name, [{"reset_after": False}, {"reset_after": True}]
    )
    for more, every, reverse in itertools.product(own, (False, True), (False, True)):
        how = {"lengths": lengths, "state": state, "keep": False, "every": every, "reverse": reverse, "truncate": 2}
        graph = Graph(np.dtype("f4"))
        inputs = [graph.input(f"x{k}", (Rows(), *one.shape[1:]), "f4") for k, one in enumerate(given)]
        constants = [graph.constant(value, "f4", f"value_{k}") for k, value in enumerate(theta)]
        with graph.within("operation"):
            graph.output("h", translations.operation(name, *inputs, *constants, **how, **more))
        data = to_bytes(graph, name, "", {})
        assert (name.upper() in {node.operator for node in graph.nodes}) == ("cell" not in more)
        found = run(session(data), {f"x{k}": one for k, one in enumerate(given)})["h"]
        assert_close(found, OPERATIONS[name].forward(xp, *given, *theta, **how, **more), 1e-5)


@both
@pytest.mark.parametrize("case", NETWORKS, ids=lambda case: case.id)
def test_networks_predict_the_same(case: NetworkCase, dtype: str, tmp_path: Path) -> None:
    net = case.network(dtype=dtype)
    for name in net.program.statistics:
        net.parameters[name] = np.random.default_rng(0).uniform(0.5, 2, net.parameters[name].shape)
    agrees(net, np.resize(case.data()[0], (17, *case.shape)).astype(dtype), tmp_path)


def test_nothing_is_moved_between_convolutions() -> None:
    """Channels go first once and last once; θ is in the file once, and no node without a use."""
    layers = [ll.Conv2D(6, 3, "relu"), BatchNorm(), Activation("gelu"), Dropout(0.2), ll.MaxPool2D(2)]
    net = ll.Network([*layers, ll.SeparableConv2D(4, 2, "silu"), Flatten(), Dense(3)], likelihood="bernoulli")
    graph, *_ = described(net.build((9, 8, 3)))
    to_bytes(graph, "network", "", {})
    assert [node.operator for node in graph.nodes].count("Transpose") == 2
    read = {name for node in graph.nodes for name in node.inputs}
    assert {node.output for node in graph.nodes} - read == {one.name for one in graph.outputs}
    assert set(graph.constants) <= read
    size = sum(array.size for name, array in graph.constants.items() if "." in name)
    assert size == net.program.size


@both
def test_branches_of_images_predict_the_same(dtype: str, tmp_path: Path) -> None:
    inner = [ll.Conv2D(5, 3, "relu", padding="same"), Dropout(0.3), ll.Conv2D(5, 3, padding="same")]
    layers = [ll.Conv2D(5, 3, "silu"), ll.Residual(*inner), ll.Parallel(ll.MaxPool2D(2), ll.AvgPool2D(2)), Flatten()]
    net = ll.Network(layers, likelihood=ll.likelihoods.Categorical(3), dtype=dtype).build((8, 7, 2), seed=0)
    agrees(net, np.random.default_rng(0).normal(size=(17, 8, 7, 2)).astype(dtype), tmp_path)
    if dtype == "float32":  # at the beginning, and once for each part of the concatenation
        graph, *_ = described(net)
        to_bytes(graph, "network", "", {})
        assert [node.operator for node in graph.nodes].count("Transpose") == 3


@both
def test_embeddings_predict_the_same(dtype: str, tmp_path: Path) -> None:
    net = ll.Network([Embedding([(2, 7, 4), (0, 3, 2)]), Dense(6, "tanh")], likelihood="normal", dtype=dtype)
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 3, 17), rng.normal(size=17), rng.integers(0, 7, 17)]).astype(dtype)
    net.fit(X, X[:, 0] + X[:, 1] - X[:, 2], epochs=3, seed=0)
    agrees(net, X, tmp_path)
    with pytest.raises(Exception, match=r"out of (data )?bounds"):  # no code of the seven
        run(exported(net, tmp_path), {"x": np.array([[0, 0, 7]], dtype)})


def agrees(net: ll.Network, X: Array, tmp_path: Path) -> None:
    runtime = exported(net, tmp_path)
    (only,) = runtime.get_inputs()
    assert (only.name, only.shape) == ("x", ["n", *X.shape[1:]])
    assert all(one.shape[0] == "n" for one in runtime.get_outputs())
    tolerance = TOLERANCE[net.dtype]
    for n in (1, len(X)):
        found = run(runtime, {"x": X[:n]})
        assert {value.dtype for value in found.values()} == {np.dtype(net.dtype)}
        if net.likelihood.classes is not None:
            assert_close(found["probabilities"], net.predict_proba(X[:n]), tolerance)
        else:
            d = net.predict_dist(X[:n])
            for name, expected in {**d.parameters(), "mean": d.mean()}.items():
                assert_close(found[name], expected, tolerance)


# Estimators -----------------------------------------------------------------------------------------------------------

N = 120
QUICK = {"hidden": (8,), "max_iter": 4, "random_state": 0}


def numbers(gaps: bool = False) -> Array:
    """A year and its fractions of a thousandth, a number with outliers, and one with gaps."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3)) * [1e-3, 1, 5] + [2020, 0, -3]
    X[::9, 1] *= 1e6
    if gaps:
        X[::7, 2] = np.nan
    return X


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    X = numbers(gaps=True)
    return pd.DataFrame(
        {
            "year": X[:, 0],
            "": X[:, 2],
            "town": rng.choice(["Aarau", "Bern", "Chur"], N),
            "rare": [f"only once {i}" for i in range(N)],
            "gappy": rng.choice(["yes", "no", None], N),
            "grade": pd.Categorical(rng.choice([1.5, 2.0, 5.0], N)),
            "open": rng.choice([True, False], N),
        }
    )


def feeds(runtime: onnxruntime.InferenceSession, X: Any) -> dict[str, Array]:
    """The columns as the inputs want them: gaps as NaN, and among strings as ''."""
    if isinstance(X, np.ndarray):
        return {"X": X.astype(np.float64)}
    columns = {}
    for one, name in zip(runtime.get_inputs(), X.columns, strict=True):
        column = X[name]
        if one.type == "tensor(string)":
            columns[one.name] = np.array([["" if pd.isna(value) else value] for value in column], dtype=object)
        else:
            columns[one.name] = column.to_numpy(np.float64)[:, None]
    return columns


def tables() -> dict[str, Any]:
    return {"numbers": numbers(), "gaps": numbers(gaps=True), "frame": frame()}


@both
@pytest.mark.parametrize("table", tables())
def test_regressors_predict_the_same(table: str, dtype: str, tmp_path: Path) -> None:
    X = tables()[table]
    y = 1e4 + 30 * np.random.default_rng(2).normal(size=N)
    model = ll.Regressor(dtype=dtype, **QUICK).fit(X, y)
    runtime = exported(model, tmp_path)
    for n in (1, 17, N):
        some = X[:n]
        found, d = run(runtime, feeds(runtime, some)), model.predict_dist(some)
        assert {value.dtype for value in found.values()} == {np.dtype(np.float64)}
        assert_close(found["mean"] - 1e4, model.predict(some) - 1e4, TOLERANCE[dtype])
        for name, expected in d.parameters().items():
            assert_close(found[name], expected, TOLERANCE[dtype])
        np.testing.assert_allclose(d.interval(0.9)[0], _low(found), rtol=1e-7)


def _low(found: dict[str, Array]) -> Array:
    import scipy.stats

    low: Array = scipy.stats.t(found["df"], found["loc"], found["scale"]).ppf(0.05)
    return low


def test_a_thousandth_of_a_year_is_not_lost(tmp_path: Path) -> None:
    X = numbers()[:, :1]
    y = np.sin((X[:, 0] - 2020) * 1e3)
    model = ll.Regressor(**{**QUICK, "max_iter": 60}, dtype="float32").fit(X, y)
    found = run(exported(model, tmp_path), {"X": X})["mean"]
    assert np.corrcoef(found, y)[0, 1] > 0.9  # in float32 all years would be two or three numbers


@pytest.mark.parametrize("likelihood", ["student_t", "normal", "quantile", "normal_mixture", "gamma", "poisson"])
@pytest.mark.parametrize("targets", [1, 3])
def test_regressors_of_every_kind(likelihood: str, targets: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    y = rng.poisson(20, (N, 3)) + 1.0
    y = y[:, 0] if targets == 1 else y * [1, 2, 3]
    X = numbers()
    model = ll.Regressor(likelihood=likelihood, **QUICK).fit(X, y)
    d = model.predict_dist(X)
    found = run(exported(model, tmp_path), {"X": X})
    for name, expected in {**d.parameters(), "mean": model.predict(X)}.items():
        assert_close(found.pop(name), expected, 1e-5)
    assert not found


def test_a_covariance_in_the_units_of_y(tmp_path: Path) -> None:
    X, rng = numbers(), np.random.default_rng(4)
    Y = rng.multivariate_normal([100, -5], [[4, 3], [3, 25]], N)
    model = ll.Regressor(likelihood=ll.likelihoods.MultivariateNormal(2), **QUICK).fit(X, Y)
    found = run(exported(model, tmp_path), {"X": X})
    covariance = found["scale_tril"] @ found["scale_tril"].transpose(0, 2, 1)
    expected = model.predict_dist(X).var()
    np.testing.assert_allclose(np.diagonal(covariance, axis1=1, axis2=2), expected, rtol=1e-5)
    np.testing.assert_allclose(found["loc"], model.predict(X), rtol=1e-5)


@pytest.mark.parametrize("table", tables())
@pytest.mark.parametrize(
    "labels", [["no", "yes"], [3, 7], [0, 1, 2, 5], [False, True], [-1.0, 0.0, 2.0], ["b", "a", "ü"]], ids=repr
)
def test_classifiers_predict_the_same(table: str, labels: list[Any], tmp_path: Path) -> None:
    X = tables()[table]
    y = np.array(labels)[np.random.default_rng(5).integers(0, len(labels), N)]
    model = ll.Classifier(**QUICK).fit(X, y)
    runtime = exported(model, tmp_path)
    for n in (1, 17, N):
        found = run(runtime, feeds(runtime, X[:n]))
        assert_close(found["probabilities"], model.predict_proba(X[:n]), 1e-5)
        np.testing.assert_array_equal(found["label"], model.predict(X[:n]))
    assert json.loads(runtime.get_modelmeta().custom_metadata_map["classes"]) == sorted(labels)


def test_strings_of_objects_are_labels_too(tmp_path: Path) -> None:
    y = np.array(["no", "yes"] * (N // 2), dtype=object)
    model = ll.Classifier(**QUICK).fit(numbers(), y)
    assert run(exported(model, tmp_path), {"X": numbers()})["label"].tolist() == model.predict(numbers()).tolist()


@pytest.mark.parametrize("count", [1, 3])
def test_tables_of_labels(count: int, tmp_path: Path) -> None:
    X, Y = numbers(), np.random.default_rng(6).integers(0, 2, (N, count))
    if count == 1:
        Y = np.hstack([Y, 1 - Y])
    model = ll.Classifier(**QUICK).fit(X, Y)
    found = run(exported(model, tmp_path), {"X": X})
    assert_close(found["probabilities"], model.predict_proba(X), 1e-5)
    np.testing.assert_array_equal(found["label"], model.predict(X))


def test_what_was_never_seen(tmp_path: Path) -> None:
    """Categories that are new, gaps where there were none."""
    X = frame()
    model = ll.Classifier(**QUICK).fit(X, np.arange(N) % 2)
    runtime = exported(model, tmp_path)
    X.loc[:3, "town"] = "Zug"
    X.loc[2:5, "gappy"] = None
    X.loc[4:8, "year"] = np.nan
    X["grade"] = X["grade"].astype(float)
    X.loc[6:9, "grade"] = [3.25, np.nan, 2.0, 99]
    assert_close(run(runtime, feeds(runtime, X))["probabilities"], model.predict_proba(X), 1e-5)


def test_what_the_library_refuses_gives_nan(tmp_path: Path) -> None:
    X = numbers()
    y = np.arange(N) % 2
    X[0, 0], X[1, 1], X[2, 2] = np.inf, -np.inf, np.nan
    fitted = ll.Classifier(missing="error", **QUICK).fit(numbers(), y)
    p = run(exported(fitted, tmp_path), {"X": X})["probabilities"]
    assert np.isnan(p[:3]).all()
    assert np.isfinite(p[3:]).all()


def test_images(tmp_path: Path) -> None:
    X = np.random.default_rng(7).normal(100, 30, (N, 4, 3)).astype(np.float32)  # what the network takes as it is
    model = ll.Classifier(layers=[Flatten(), Dense(6, "relu")], max_iter=3, random_state=0).fit(X, np.arange(N) % 3)
    runtime = exported(model, tmp_path)
    assert runtime.get_inputs()[0].shape == ["n", 4, 3]
    assert_close(run(runtime, {"X": X})["probabilities"], model.predict_proba(X), 1e-5)


@pytest.mark.parametrize("standardize", [True, False])
def test_without_standardization(standardize: bool, tmp_path: Path) -> None:
    X = np.random.default_rng(8).normal(size=(N, 2))
    model = ll.Regressor(standardize=standardize, likelihood="normal", **QUICK).fit(X, X[:, 0])
    assert_close(run(exported(model, tmp_path), {"X": X})["mean"], model.predict(X), 1e-5)


def test_a_column_with_the_name_of_an_output(tmp_path: Path) -> None:
    X = frame().rename(columns={"year": "mean", "town": "loc", "rare": "dense_1.z", "gappy": "X_mean"})
    y = np.random.default_rng(9).normal(size=N)
    model = ll.Regressor(**QUICK).fit(X, y)
    runtime = exported(model, tmp_path)
    names = [one.name for one in runtime.get_inputs()]
    assert names == ["X_mean", "column_1", "X_loc", "dense_1.z", "X_X_mean", "grade", "open"]
    assert json.loads(runtime.get_modelmeta().custom_metadata_map["feature_names"]) == list(X.columns)
    assert_close(run(runtime, feeds(runtime, X))["mean"], model.predict(X), 1e-5)


def test_an_empty_batch(tmp_path: Path) -> None:
    model = ll.Classifier(**QUICK).fit(numbers(), np.arange(N) % 2)
    found = run(exported(model, tmp_path), {"X": np.empty((0, 3))})
    assert {name: value.shape for name, value in found.items()} == {"label": (0,), "probabilities": (0, 2)}


# The file -------------------------------------------------------------------------------------------------------------


def fitted() -> ll.Network:
    return ll.Network([Dense(3, "tanh")], likelihood="normal").build(2)


def test_the_file_says_what_it_is_and_old_runtimes_open_it(tmp_path: Path) -> None:
    export_onnx(fitted(), tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.producer_name, model.producer_version) == ("likeliest", ll.__version__)
    assert "Normal()" in model.doc_string
    assert {one.key: one.value for one in model.metadata_props} == {"likelihood": "Normal()", "dtype": "float32"}
    assert model.ir_version == 8
    assert {one.domain: one.version for one in model.opset_import} == {"": 17, "ai.onnx.ml": 3}
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    for value in (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output):
        (first, *_) = value.type.tensor_type.shape.dim
        assert first.dim_param == "n", value.name


def test_graphs_are_what_people_know(tmp_path: Path) -> None:
    net = ll.Network([Dense(3, "relu")], likelihood=ll.likelihoods.Categorical(3)).build(2)
    export_onnx(net, tmp_path / "a.onnx")
    graph = onnx.load(tmp_path / "a.onnx").graph
    assert [node.op_type for node in graph.node] == ["Gemm", "Relu", "Gemm", "Softmax", "Identity"]
    assert [node.output[0] for node in graph.node][:3] == ["dense_1.z", "dense_1.h", "output.eta"]
    assert {one.name for one in graph.initializer} == {"dense_1.W", "dense_1.b", "output.W", "output.b"}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"before")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            export_onnx(fitted(), path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.onnx"]
    export_onnx(fitted(), path)
    session(path)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_places_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such folder; make it first"):
        export_onnx(fitted(), tmp_path / "nowhere" / "a.onnx")
    with pytest.raises(ValueError, match=r"path: expected the name of a file to write, but .* is a folder"):
        export_onnx(fitted(), tmp_path)


def test_a_network_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "LARGEST", 10)
    with pytest.raises(ValueError, match=r"θ takes 0\.00 GiB, and an ONNX file holds 2 GiB at most"):
        export_onnx(fitted(), tmp_path / "a.onnx")


# Errors ---------------------------------------------------------------------------------------------------------------


def test_without_onnx_it_says_how_to_install_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['onnx'] = None; import likeliest as ll; "
        "net = ll.Network([], likelihood='normal').build(1); "
        f"ll.export_onnx(net, {str(tmp_path / 'a.onnx')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == (
        'ImportError: export_onnx needs the package onnx: pip install "likeliest[onnx]"'
    )


def test_what_is_not_fitted(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with pytest.raises(RuntimeError, match="this network has no θ yet"):
        export_onnx(ll.Network([], likelihood="normal"), path)
    with pytest.raises(RuntimeError, match="this Classifier is not fitted yet; call fit"):
        export_onnx(ll.Classifier(), path)
    with pytest.raises(TypeError, match="model: expected a Network, a Classifier or a Regressor, found dict"):
        export_onnx({}, path)
    assert not path.exists()


def test_columns_that_onnx_cannot_hold(tmp_path: Path) -> None:
    y = np.arange(N) % 2
    mixed = pd.DataFrame({"m": [1, "a"] * (N // 2)})
    with pytest.raises(ValueError, match="column 'm' holds categories of several types"):
        export_onnx(ll.Classifier(**QUICK).fit(mixed, y), tmp_path / "a.onnx")
    gaps = pd.DataFrame({"g": ["", None, "a"] * (N // 3)})
    with pytest.raises(ValueError, match="column 'g' has gaps and empty strings"):
        export_onnx(ll.Classifier(**QUICK).fit(gaps, y), tmp_path / "a.onnx")
    large = pd.DataFrame({"l": [2**60, 2**60 + 1] * (N // 2)})
    with pytest.raises(ValueError, match="numbers in column 'l' cannot be told apart as double"):
        export_onnx(ll.Classifier(categorical_features=["l"], **QUICK).fit(large, y), tmp_path / "a.onnx")


class Exponential(Likelihood):
    """With nothing but a log-likelihood."""

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[:, 0] - y * xp.exp(eta[:, 0])


class WithMean(Exponential):
    def mean(self, xp: Any, eta: Any) -> Any:
        return xp.exp(-eta[:, 0])


class WithNumPy(Exponential):
    def mean(self, xp: Any, eta: Any) -> Any:
        return np.exp(-eta[:, 0])


def test_a_likelihood_of_the_users(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    net = ll.Network([Dense(3, "tanh")], likelihood=Exponential()).build(2)
    found = run(exported(net, tmp_path), {"x": X})
    assert list(found) == ["eta"]
    assert_close(found["eta"], net.output(X), 1e-5)
    assert "eta, the output of the last layer" in onnx.load(tmp_path / "model.onnx").doc_string

    net = ll.Network([Dense(3, "tanh")], likelihood=WithMean()).build(2)
    found = run(exported(net, tmp_path), {"x": X})
    assert list(found) == ["eta", "mean"]
    assert_close(found["mean"], net.predict(X), 1e-5)

    net = ll.Network([Dense(3, "tanh")], likelihood=WithNumPy()).build(2)
    with pytest.raises(
        ValueError, match=r"likelihood: mean of WithNumPy\(\) cannot be written in ONNX.*Write it on xp"
    ):
        exported(net, tmp_path)


def test_a_function_without_translation_is_named(tmp_path: Path) -> None:
    class WithDigamma(Exponential):
        def mean(self, xp: Any, eta: Any) -> Any:
            return xp.digamma(xp.exp(eta[:, 0]))

    class WithMedian(Exponential):
        def mean(self, xp: Any, eta: Any) -> Any:
            return xp.median(eta, axis=1)

    for likelihood, name in ((WithDigamma(), "digamma"), (WithMedian(), "median")):
        net = ll.Network([], likelihood=likelihood).build(2)
        with pytest.raises(ValueError, match=rf"xp\.{name} has no translation to ONNX"):
            export_onnx(net, tmp_path / "a.onnx")
