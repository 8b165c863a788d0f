"""Recurrences: against PyTorch's, central differences, JAX, and sequences that are cut by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from cases import ENGINES, Array

import likeliest as ll
from likeliest.assembly import assemble
from likeliest.engines import make_engine, reference
from likeliest.engines.base import Chunk, Terms
from likeliest.engines.reference import Training
from likeliest.initializers import Constant
from likeliest.layers import Layer
from likeliest.layers.base import chain
from likeliest.ops import OPERATIONS
from likeliest.program import OUTPUT, Builder, Program
from likeliest.random import stream
from likeliest.xp import Namespace
from likeliest.xp import numpy_namespace as xp

N, T, P, Q = 5, 7, 3, 4
ENDS = np.array([[7.0], [1.0], [4.0], [6.0], [3.0]])

# Pages ---------------------------------------------------------------------------------------------------------------

GATES = {"rnn": 1, "gru": 3, "lstm": 4, "layer_norm_lstm": 4}
STATE = {"rnn": 1, "gru": 1, "lstm": 2, "layer_norm_lstm": 2}
OWN: dict[str, list[dict[str, Any]]] = {
    "rnn": [{"relu": False}, {"relu": True}],
    "gru": [{"reset_after": True}, {"reset_after": False}],
    "lstm": [{}, {"cell": True}],
    "layer_norm_lstm": [{"epsilon": 0.5}, {"epsilon": 0.5, "cell": True}],
}
KINDS = [(name, own) for name, several in OWN.items() for own in several]
every_kind = pytest.mark.parametrize(("name", "own"), KINDS, ids=lambda one: one if isinstance(one, str) else str(one))


def parameters(name: str, rng: Any, p: int = P, q: int = Q) -> list[Array]:
    shapes = [(p, GATES[name] * q), (q, GATES[name] * q), (GATES[name] * q,)]
    shapes += {"gru": [(3 * q,)], "layer_norm_lstm": [(4 * q,), (4 * q,), (q,), (q,)]}.get(name, [])
    return [0.5 * rng.normal(size=shape) + (len(shape) == 1) for shape in shapes]


def given(name: str, rng: Any, lengths: bool = False, state: bool = False, keep: bool = False) -> list[Array]:
    """Values for a page: x, those that are asked for, and parameters."""
    values = [rng.normal(size=(N, T, P))]
    values += [ENDS] if lengths else []
    values += [rng.normal(size=(N, STATE[name] * Q))] if state else []
    values += [rng.uniform(0.5, 2, size=(N, Q))] if keep else []
    return values + parameters(name, rng)


def error_of_backward(name: str, values: list[Array], rng: Any, **attributes: Any) -> float:
    """Against central differences in one random direction for each value, relative to all of its gradient."""
    page = OPERATIONS[name]
    h = page.forward(xp, *values, **attributes)
    g, worst = rng.normal(size=h.shape), 0.0
    gradients = page.backward(g, h, *values, **attributes)
    assert [one.shape for one in gradients] == [value.shape for value in values]
    for k, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
        if value is ENDS:
            assert not gradient.any()
            continue
        d = rng.normal(size=value.shape)
        ends = [
            (g * page.forward(xp, *values[:k], value + step * d, *values[k + 1 :], **attributes)).sum()
            for step in (2e-6, -2e-6)
        ]
        worst = max(worst, abs((gradient * d).sum() - (ends[0] - ends[1]) / 4e-6) / max(np.linalg.norm(gradient), 0.05))
    return worst


@every_kind
def test_gradients_equal_central_differences_whatever_is_given(name: str, own: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for lengths, state, keep, every, reverse in product((False, True), repeat=5):
        if every and "cell" in own:
            continue
        has = {"lengths": lengths, "state": state, "keep": keep}
        error = error_of_backward(name, given(name, rng, **has), rng, every=every, reverse=reverse, **has, **own)
        assert error <= 5e-8, (has, every, reverse, error)


@every_kind
def test_padding_changes_nothing(name: str, own: dict[str, Any]) -> None:
    """Bit by bit: what stands beyond the end, how far the others go on; and against each sequence unpadded."""
    rng = np.random.default_rng(1)
    page = OPERATIONS[name]
    x, *theta = given(name, rng)
    for every, reverse in product((False, True), repeat=2):
        if every and "cell" in own:
            continue
        how = {"every": every, "reverse": reverse, **own}
        h = page.forward(xp, x, ENDS, *theta, lengths=True, **how)
        g = rng.normal(size=h.shape)
        slopes = page.backward(g, h, x, ENDS, *theta, lengths=True, **how)
        noisy = np.where(np.arange(T)[None, :, None] < ENDS[:, :, None], x, 1e6 * rng.normal(size=x.shape))
        longer = np.concatenate([noisy, rng.normal(size=(N, 3, P))], axis=1)
        g_longer = np.concatenate([g, rng.normal(size=(N, 3, Q))], axis=1) if every else g
        h_longer = page.forward(xp, longer, ENDS, *theta, lengths=True, **how)
        again = page.backward(g_longer, h_longer, longer, ENDS, *theta, lengths=True, **how)
        assert np.array_equal(h_longer[:, :T] if every else h_longer, h)
        if every:
            assert not h_longer[:, T:].any()
        assert np.array_equal(again[0][:, :T], slopes[0])
        assert not again[0][:, T:].any()
        for mine, expected in zip(again[1:], slopes[1:], strict=True):
            np.testing.assert_allclose(mine, expected, rtol=1e-13, atol=1e-13)
        sums = [np.zeros_like(one) for one in theta]
        for i, end in enumerate(ENDS[:, 0].astype(int)):
            alone = page.forward(xp, x[:, :end], *theta, **how)[i]  # the same rows, all cut to this length
            assert np.array_equal(h[i, :end] if every else h[i], alone)
            one = x[i : i + 1, :end]
            h_one = page.forward(xp, one, *theta, **how)
            g_one = g[i : i + 1, :end] if every else g[i : i + 1]
            g_x, *g_theta = page.backward(g_one, h_one, one, *theta, **how)
            np.testing.assert_allclose(slopes[0][i, :end], g_x[0], rtol=1e-11, atol=1e-13)
            assert not slopes[0][i, end:].any()
            sums = [total + part for total, part in zip(sums, g_theta, strict=True)]
        for mine, total in zip(slopes[2:], sums, strict=True):
            np.testing.assert_allclose(mine, total, rtol=1e-11, atol=1e-12)


@every_kind
def test_a_nan_beyond_the_end_does_not_come_out(name: str, own: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    x, *theta = given(name, rng)
    with_gaps = np.where(np.arange(T)[None, :, None] < ENDS[:, :, None], x, np.nan)
    for reverse in (False, True):
        how = {"lengths": True, "reverse": reverse, **own}
        page = OPERATIONS[name]
        with np.errstate(invalid="ignore"):
            h = page.forward(xp, with_gaps, ENDS, *theta, **how)
        assert np.array_equal(h, page.forward(xp, x, ENDS, *theta, **how))
        broken = x.copy()
        broken[2, 3] = np.nan  # the last step that it has
        with np.errstate(invalid="ignore"):
            h = page.forward(xp, broken, ENDS, *theta, **how)
        assert np.isnan(h).any(axis=1).tolist() == [i == 2 for i in range(N)]


@pytest.mark.parametrize("name", GATES)
def test_a_sequence_goes_on_from_a_state(name: str) -> None:
    rng = np.random.default_rng(2)
    x, *theta = given(name, rng)
    page, cell = OPERATIONS[name], {"cell": True} if STATE[name] == 2 else {}
    whole = page.forward(xp, x, *theta, every=True)
    state = page.forward(xp, x[:, :3], *theta, **cell)
    rest = page.forward(xp, x[:, 3:], state, *theta, state=True, every=True)
    assert np.array_equal(whole[:, 3:], rest)
    assert np.array_equal(page.forward(xp, x, *theta), whole[:, -1])
    assert np.array_equal(page.forward(xp, x, *theta, **cell)[:, :Q], whole[:, -1])
    backwards = page.forward(xp, x, *theta, every=True, reverse=True)
    assert np.array_equal(backwards, page.forward(xp, x[:, ::-1], *theta, every=True)[:, ::-1])
    assert np.array_equal(page.forward(xp, x, *theta, reverse=True), backwards[:, 0])


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 7, 9])
def test_truncated_gradients_are_those_of_pieces(name: str, reverse: bool, lengths: bool, k: int) -> None:
    """Pieces of k steps by hand, each from the state that the one before it ended with, taken for a constant."""
    rng = np.random.default_rng(3)
    page, cell = OPERATIONS[name], {"cell": True} if STATE[name] == 2 else {}
    x, state, *theta = given(name, rng, state=True)
    ends = ENDS if lengths else np.full((N, 1), float(T))
    how = {"state": True, "every": True, "reverse": reverse}
    optional = [ENDS] if lengths else []
    h = page.forward(xp, x, *optional, state, *theta, lengths=lengths, truncate=k, **how)
    np.testing.assert_array_equal(h, page.forward(xp, x, *optional, state, *theta, lengths=lengths, **how))
    g = rng.normal(size=h.shape)
    g_x, *others = page.backward(g, h, x, *optional, state, *theta, lengths=lengths, truncate=k, **how)
    g_state, *g_theta = others[len(optional) :]
    for i in range(N):
        end, one = int(ends[i, 0]), slice(i, i + 1)
        pieces = [slice(first, min(first + k, end)) for first in range(0, end, k)]
        s = state[one]
        for count, piece in enumerate(reversed(pieces) if reverse else pieces):
            part = page.forward(xp, x[one, piece], s, *theta, **how)
            slopes = page.backward(g[one, piece], part, x[one, piece], s, *theta, **how)
            np.testing.assert_allclose(g_x[one, piece], slopes[0], rtol=1e-10, atol=1e-13)
            if count == 0:  # the state that was given has its gradient
                np.testing.assert_allclose(g_state[one], slopes[1], rtol=1e-10, atol=1e-13)
            g_theta = [mine - part for mine, part in zip(g_theta, slopes[2:], strict=True)]
            s = page.forward(xp, x[one, piece], s, *theta, state=True, reverse=reverse, **cell)
    for rest in g_theta:
        np.testing.assert_allclose(rest, 0, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [False, True])
def test_the_last_step_alone_gets_a_gradient_through_its_own_piece_only(lengths: bool, reverse: bool) -> None:
    rng = np.random.default_rng(4)
    has = {"lengths": lengths}
    values = given("lstm", rng, **has)
    page, how = OPERATIONS["lstm"], {"truncate": 3, "reverse": reverse, **has}
    h = page.forward(xp, *values, **how)
    g_x = page.backward(rng.normal(size=h.shape), h, *values, **how)[0]
    for i, end in enumerate(ENDS[:, 0].astype(int) if lengths else [T] * N):
        last = range(min(3, end)) if reverse else range((end - 1) // 3 * 3, end)
        assert [t in last for t in range(T)] == g_x[i].any(axis=1).tolist()


@pytest.mark.slow
def test_jax_compiles_and_differentiates_the_pages() -> None:
    jax = pytest.importorskip("jax")
    jxp = Namespace(jax.numpy, "jax.scipy.special", "jax.lax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for k, (name, own) in enumerate(KINDS):
            rng = np.random.default_rng(5)
            values = given(name, rng, True, True, True)
            reverse = k % 4 > 1
            how = {"lengths": True, "state": True, "keep": True, "every": "cell" not in own, "reverse": reverse, **own}
            page = OPERATIONS[name]
            h = page.forward(xp, *values, truncate=3, **how)
            g = rng.normal(size=h.shape)

            def LL(*values: Any, page: Any = page, g: Any = g, how: Any = how) -> Any:
                return (g * page.forward(jxp, *values, truncate=3, **how)).sum()

            value, expected = jax.jit(jax.value_and_grad(LL, argnums=tuple(range(len(values)))))(*values)
            assert value == pytest.approx((g * h).sum(), rel=1e-12)
            actual = page.backward(g, h, *values, truncate=3, **how)
            for mine, one in zip(actual, expected, strict=True):
                np.testing.assert_allclose(mine, one, rtol=1e-9, atol=1e-11)
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse: bool) -> None:
    """The running sum, from one end or the other."""
    x = np.arange(1.0, 5)[:, None]
    last, sums = xp.scan(lambda s, now: (s + now[0], s + now[0]), np.zeros(1), (x, None), reverse=reverse)
    assert last == 10
    assert sums[:, 0].tolist() == ([10, 9, 7, 4] if reverse else [1, 3, 6, 10])


# Layers --------------------------------------------------------------------------------------------------------------


def built(*layers: Layer, shape: tuple[int, ...] = (T, P), lengths: bool = False, seed: int = 0) -> Any:
    """The program of layers whose output is η, and parameters for it, none of them 0."""
    net = Builder(shape, lengths=lengths)
    x = chain(net, layers, net.input)
    net.emit("identity", x, name=OUTPUT)
    rng = np.random.default_rng(seed)
    return net.finish(), {name: 0.6 * rng.normal(size=size) for name, size in net.parameters.items()}


def rows(X: Array, ends: Array = ENDS) -> Array:
    """Sequences with zeros after their ends, and their lengths."""
    gone = np.arange(X.shape[1]).reshape(-1, *(1,) * (X.ndim - 2)) >= ends.reshape(-1, *(1,) * (X.ndim - 1))
    return np.hstack([np.where(gone, 0, X).reshape(len(X), -1), ends])


def both_ways(program: Program, theta: Any, X: Array, g: Array) -> tuple[Array, Array, dict[str, Array]]:
    """η, ∂/∂x and ∂/∂θ of Σ g ∘ η."""
    values = reference.forward(program, theta, X)
    slopes, gradient = reference.backward(program, theta, values, g)
    return values[OUTPUT], slopes["x"], gradient


def torch_layer(torch: Any, layer: Any, theta: dict[str, Array]) -> Any:
    """PyTorch's layer with the same weights, and for each of its parameters ours, turned round."""
    kind = {ll.RNN: torch.nn.RNN, ll.GRU: torch.nn.GRU, ll.LSTM: torch.nn.LSTM}[type(layer)]
    more = {"nonlinearity": layer.activation} if isinstance(layer, ll.RNN) else {}
    peer = kind(P, layer.width, layer.layers, batch_first=True, bidirectional=layer.bidirectional, **more).double()
    ours = {}
    for name, parameter in peer.named_parameters():
        own, number, back = re.fullmatch(r"(\w+)_l(\d)(_reverse)?", name).groups()  # type: ignore[union-attr]
        prefix = f"{layer.prefix()}_1." + ("" if number == "0" else f"layer_{int(number) + 1}.")
        prefix += "backward." if back else ""
        own = {"weight_ih": "W", "weight_hh": "U", "bias_ih": "b", "bias_hh": "c"}[own]
        with torch.no_grad():
            if prefix + own in theta:
                ours[name] = prefix + own
                parameter.copy_(torch.tensor(theta[prefix + own].T))
            else:  # two biases where one is enough
                parameter.zero_()
    assert sorted(ours.values()) == sorted(theta)
    return peer, ours


PEERS = [
    layer
    for kind, own in ((ll.RNN, {}), (ll.RNN, {"activation": "relu"}), (ll.GRU, {}), (ll.LSTM, {}))
    for how in ({}, {"layers": 2}, {"bidirectional": True}, {"layers": 3, "bidirectional": True})
    for layer in [kind(Q, return_sequences=True, **own, **how)]
]


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("layer", PEERS, ids=lambda layer: f"{layer.prefix()}{layer.layers}{layer.bidirectional}")
def test_values_and_gradients_are_those_of_torch(layer: Any, lengths: bool) -> None:
    torch = pytest.importorskip("torch")
    program, theta = built(layer, lengths=lengths)
    rng = np.random.default_rng(6)
    X = rng.normal(size=(N, T, P))
    g = rng.normal(size=(N, *program.values[OUTPUT]))
    eta, g_x, gradient = both_ways(program, theta, rows(X) if lengths else X, g)
    peer, ours = torch_layer(torch, layer, theta)
    x = torch.tensor(X, requires_grad=True)
    if lengths:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, ENDS[:, 0].astype(int), True, enforce_sorted=False)
        out = torch.nn.utils.rnn.pad_packed_sequence(peer(packed)[0], True)[0]
    else:
        out = peer(x)[0]
    np.testing.assert_allclose(eta, out.detach().numpy(), rtol=1e-10, atol=1e-12)
    (out * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(g_x[:, : T * P].reshape(X.shape), x.grad.numpy(), rtol=1e-10, atol=1e-12)
    for name, parameter in peer.named_parameters():
        if name in ours:
            np.testing.assert_allclose(gradient[ours[name]], parameter.grad.numpy().T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", [ll.RNN, ll.GRU, ll.LSTM])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_step_and_a_learned_start_are_those_of_torch(kind: Any, bidirectional: bool) -> None:
    torch = pytest.importorskip("torch")
    layer = kind(Q, bidirectional=bidirectional, initial_state="learned")
    program, theta = built(layer, lengths=True)
    rng = np.random.default_rng(7)
    X, g = rng.normal(size=(N, T, P)), rng.normal(size=(N, *program.values[OUTPUT]))
    eta, _, gradient = both_ways(program, theta, rows(X), g)
    starts = [name for name in theta if name.endswith("state")]
    peer, _ = torch_layer(torch, layer, {name: one for name, one in theta.items() if name not in starts})
    first = [torch.tensor(theta[name], requires_grad=True) for name in starts]
    # (directions, n, q), of h and of c
    parts = [torch.stack(part).expand(-1, N, -1) for part in zip(*(one.split(Q, dim=1) for one in first), strict=True)]
    parts = [part.contiguous() for part in parts]
    x = torch.tensor(X)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, ENDS[:, 0].astype(int), True, enforce_sorted=False)
    last = peer(packed, parts[0] if len(parts) == 1 else tuple(parts))[1]
    out = torch.cat(list(last[0] if isinstance(last, tuple) else last), dim=1)
    np.testing.assert_allclose(eta, out.detach().numpy(), rtol=1e-10, atol=1e-12)
    (out * torch.tensor(g)).sum().backward()
    for name, one in zip(starts, first, strict=True):
        np.testing.assert_allclose(gradient[name], one.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_parameters_and_where_they_start() -> None:
    layer = ll.LSTM(6, layers=2, bidirectional=True)
    net = ll.Network([layer], likelihood="bernoulli", engine="reference", dtype="float64").build((9, 4), seed=1)
    shapes = {name: value.shape for name, value in net.parameters.items() if name.startswith("lstm")}
    assert shapes == {
        f"lstm_1.{stack}{way}{name}": shape
        for stack, p in (("", 4), ("layer_2.", 12))
        for way in ("", "backward.")
        for name, shape in (("W", (p, 24)), ("U", (6, 24)), ("b", (24,)))
    }
    blocks = [block for name in shapes if name.endswith("U") for block in np.split(net.parameters[name], 4, axis=1)]
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(6), atol=1e-12)
    assert len({block[0, 0] for block in blocks}) == 16  # each gate has its own
    assert np.abs(net.parameters["lstm_1.W"]).max() == pytest.approx(np.sqrt(6 / 10), rel=0.05)  # Glorot, by gate
    assert net.parameters["lstm_1.b"].tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    assert set(net.program.weights) == {name for name in shapes if not name.endswith("b")} | {"output.W"}
    net = ll.Network([ll.LSTM(2, layer_norm=True, initial_state="learned", forget_bias=3)], likelihood="bernoulli")
    program, _ = assemble(net.layers, net.likelihood, None, (9, 4))
    assert list(program.parameters)[:8] == [
        f"lstm_1.{name}" for name in ("state", "W", "U", "b", "gamma_x", "gamma_h", "gamma_c", "beta_c")
    ]
    assert program.weights == ("lstm_1.W", "lstm_1.U", "output.W")
    net = ll.Network(
        [ll.RNN(3, "relu", initializer=Constant(0.5), recurrent_initializer="identity")], likelihood="poisson"
    )
    net = ll.Network(net.layers, likelihood="poisson", engine="reference").build((4, 2))
    assert np.array_equal(net.parameters["rnn_1.U"], np.eye(3))
    assert (net.parameters["rnn_1.W"] == 0.5).all()


def test_bidirectional_is_a_layer_with_both_directions() -> None:
    one, other = built(ll.Bidirectional(ll.GRU(3))), built(ll.GRU(3, bidirectional=True))
    assert [step.operation for step in one[0].steps] == [step.operation for step in other[0].steps]
    assert [name.partition(".")[2] for name in one[1]] == [name.partition(".")[2] for name in other[1]]
    X = np.random.default_rng(0).normal(size=(N, T, P))
    g = np.ones((N, 6))
    assert np.array_equal(both_ways(*one, X, g)[0], both_ways(*other, X, g)[0])


def test_a_mask_is_the_same_at_every_step_and_another_for_each_sequence() -> None:
    layer = ll.RNN(400, "relu", input_dropout=0.25, recurrent_dropout=0.5, return_sequences=True)
    program, theta = built(layer, shape=(T, 300))
    operations = [step.operation for step in program.steps]
    assert operations == ["fill", "dropout", "gate", "fill", "dropout", "rnn", "identity"]
    theta = {name: np.zeros_like(value) for name, value in theta.items()}
    theta["rnn_1.U"] = np.eye(400)
    X = np.ones((2, T, 300))
    values = reference.forward(program, theta, X, Training(0, 1))
    gated = values["rnn_1.input"]
    assert (gated == gated[:, :1]).all()
    assert np.unique(gated).tolist() == pytest.approx([0, 1 / 0.75])
    assert (gated[0] == 0).mean() == pytest.approx(0.25, abs=0.07)
    keep = values["rnn_1.recurrent_mask"]
    assert np.unique(keep).tolist() == [0, 2]
    assert (keep == 0).mean() == pytest.approx(0.5, abs=0.07)
    assert 0.3 < (keep[0] == keep[1]).mean() < 0.7
    without = reference.forward(program, theta, X)  # in prediction
    assert (without["rnn_1.input"] == X).all()
    assert (without["rnn_1.recurrent_mask"] == 1).all()
    later = reference.forward(program, theta, X, Training(0, 2))
    assert not np.array_equal(keep, later["rnn_1.recurrent_mask"])


def test_dropout_between_layers() -> None:
    program, _ = built(ll.GRU(3, layers=3, dropout=0.3, recurrent_dropout=0.0))
    assert [step.attributes["rate"] for step in program.steps if step.operation == "dropout"] == [0.3, 0.3]
    assert [step.operation for step in program.steps] == ["gru", "dropout", "gru", "dropout", "gru", "identity"]
    assert [step.attributes["every"] for step in program.steps if step.operation == "gru"] == [True, True, False]


def test_last_is_at_each_sequences_own_end() -> None:
    program, theta = built(ll.LSTM(Q, return_sequences=True), ll.Last(), lengths=True)
    alone, _ = built(ll.LSTM(Q), lengths=True)
    X = rows(np.random.default_rng(0).normal(size=(N, T, P)))
    g = np.random.default_rng(1).normal(size=(N, Q))
    for mine, expected in zip(both_ways(program, theta, X, g), both_ways(alone, theta, X, g), strict=True):
        np.testing.assert_equal(mine, expected)
    program, theta = built(ll.Last())
    X = np.random.default_rng(0).normal(size=(N, T, P))
    assert np.array_equal(reference.forward(program, theta, X)[OUTPUT], X[:, -1])


def test_numbers_may_be_changed_one_by_one_before_they_are_steps() -> None:
    before = [ll.Rescale((0.5,), (2.0,)), ll.Dropout(0.1), ll.GaussianNoise(0.1), ll.Activation("tanh")]
    for lengths in (False, True):
        program, _ = built(*before, ll.GRU(3), shape=(T,), lengths=lengths)
        assert program.values["gru_1.x"] == (T, 1)


def test_lengths_of_numbers_and_of_steps() -> None:
    for shape in ((T,), (T, P)):
        net = Builder(shape, lengths=True)
        assert net.input.shape == shape
        assert net.lengths is not None
        net.emit("identity", net.lengths, name=OUTPUT)
        X = np.random.default_rng(0).normal(size=(N, *shape))
        program = net.finish()
        assert program.input_shape == (np.prod(shape) + 1,)
        values = reference.forward(program, {}, rows(X))
        assert np.array_equal(values["lengths"], ENDS)
        assert np.array_equal(values["sequence"][1, 0], X[1, 0])
        assert not values["sequence"][1, 1:].any()
        assert Program.from_json(program.to_json()) == program
    assert Builder((T, P)).lengths is None
    assert Builder((T, P)).input.name == "x"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_of_sequences_is_the_sum_of_its_sequences(engine: str) -> None:
    """Log-likelihoods and gradients from rows with lengths, against a program for each length by itself."""
    layers = [ll.Dense(4, "tanh"), ll.LSTM(3, bidirectional=True, return_sequences=True), ll.GRU(Q), ll.Dense(2)]
    likelihood = ll.likelihoods.Categorical(3)
    program, draws = assemble(layers, likelihood, None, (T, P), lengths=True)
    theta = {name: draw(stream(0, 0, k), program.parameters[name]) for k, (name, draw) in enumerate(draws.items())}
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N, T, P)), rng.integers(0, 3, N)
    both = []
    for one, x, labels in [
        (program, rows(X), y),
        *((assemble(layers, likelihood, None, (int(ENDS[i, 0]), P))[0], X[i : i + 1, : int(ENDS[i, 0])], y[i : i + 1])
          for i in range(N)),
    ]:  # fmt: skip
        made = make_engine(engine, one, likelihood, "float64")
        for name, value in theta.items():
            made.set(name, value)
        both.append((made.log_likelihood(x, labels, 1), made.gradient(x, labels, None, 1)))
    (LL, gradient), *alone = both
    np.testing.assert_allclose(LL, np.concatenate([one for one, _ in alone]), rtol=1e-12)
    for name, g in gradient.items():
        np.testing.assert_allclose(g, sum(one[name] for _, one in alone), rtol=1e-9, atol=1e-13)


def test_dense_is_the_same_at_every_step() -> None:
    program, theta = built(ll.Dense(4, "tanh"))
    X = np.random.default_rng(0).normal(size=(N, T, P))
    eta, g_x, gradient = both_ways(program, theta, X, np.ones((N, T, 4)))
    flat, _ = built(ll.Dense(4, "tanh"), shape=(P,))
    at_once = both_ways(flat, theta, X.reshape(-1, P), np.ones((N * T, 4)))
    np.testing.assert_allclose(eta.reshape(-1, 4), at_once[0], rtol=1e-13)
    np.testing.assert_allclose(g_x.reshape(-1, P), at_once[1], rtol=1e-13)
    for name, g in gradient.items():
        np.testing.assert_allclose(g, at_once[2][name], rtol=1e-13)
    _, theta = built(ll.Residual(ll.Dense(8, "tanh"), ll.Dense(5)), lengths=True)
    assert theta["residual_1.shortcut.W"].shape == (P, 5)


MIXES = [
    ll.Conv1D(4, 3),
    ll.MaxPool1D(2),
    ll.AvgPool1D(2),
    ll.SeparableConv1D(4, 3),
    ll.ConvTranspose1D(4, 3),
    ll.Upsample1D(2),
    ll.Flatten(),
    ll.BatchNorm(),
    ll.GroupNorm(1),
]


@pytest.mark.parametrize("layer", MIXES, ids=lambda layer: layer.prefix())
def test_what_would_mix_padding_into_its_numbers_says_so(layer: Layer) -> None:
    for layers in ([layer], [ll.Dense(P), layer]):
        with pytest.raises(ValueError, match=rf"{layer.prefix()}_1 would mix what stands beyond the end of shorter"):
            built(*layers, lengths=True)
    built(layer)
    built(
        ll.Residual(ll.LSTM(P, return_sequences=True)), ll.Activation("tanh"), ll.Last(), ll.BatchNorm(), lengths=True
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ll.LSTM(0), "width: expected a whole number of cells, at least 1, found 0"),
        (lambda: ll.LSTM(3, layers=0), "layers: expected a whole number of at least 1, found 0"),
        (lambda: ll.GRU(3, layers=1.5), "layers: expected a whole number of at least 1, found 1.5"),
        (lambda: ll.GRU(3, truncate=0), "truncate: expected a whole number of at least 1, found 0"),
        (lambda: ll.RNN(3, "logistic"), "activation: expected \"tanh\" or \"relu\", found 'logistic'"),
        (lambda: ll.RNN(3, recurrent_dropout=1), "recurrent_dropout: expected a number in [0, 1), found 1"),
        (lambda: ll.LSTM(3, dropout=0.2), "dropout: it is between the layers, and there is one; use input_dropout=0.2"),
        (lambda: ll.LSTM(3, initial_state="ones"), '"learned" or "context", found '),
        (lambda: ll.LSTM(3, return_sequences=1), "return_sequences: expected True or False, found 1"),
        (lambda: ll.LSTM(3, layer_norm="yes"), "layer_norm: expected True or False, found 'yes'"),
        (lambda: ll.LSTM(3, forget_bias=np.inf), "forget_bias: expected a finite number, found inf"),
        (lambda: ll.GRU(3, reset_after=None), "reset_after: expected True or False, found None"),
        (lambda: ll.LSTM(3, recurrent_initializer="ortho"), "recurrent_initializer: expected an initializer or one of"),
        (lambda: ll.Bidirectional(ll.Dense(3)), "layer: expected a recurrence such as LSTM(32), found Dense("),
        (lambda: built(ll.LSTM(3), shape=(4, 4, 2)), "lstm_1 expects sequences (n, T, p), or numbers (n, T); got (n"),
        (lambda: built(ll.LSTM(3), ll.LSTM(3)), "lstm_2 expects sequences (n, T, p), got (n, 3): is return_seq"),
        (lambda: built(ll.Dense(4), ll.GRU(3), shape=(5,)), "gru_1 expects sequences (n, T, p), got (n, 4): is ret"),
        (lambda: built(ll.LSTM(3), ll.Last()), "last_1 expects sequences (n, T, p), got (n, 3): is return_seq"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("truncate", [None, 1, 3])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("layer", PEERS[1::4], ids=lambda layer: layer.prefix())
def test_the_core_cuts_gradients_where_the_pages_do(layer: Any, lengths: bool, truncate: int | None) -> None:
    """In both directions, with masks in training; and rows that are not sorted by length."""
    layer = replace(layer, truncate=truncate, bidirectional=True, initial_state="learned", recurrent_dropout=0.4)
    likelihood = ll.likelihoods.Categorical(3)
    program, _ = assemble([layer, ll.Last()], likelihood, None, (T, P), lengths=lengths)
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(N, T, P)), rng.integers(0, 3, N)
    X = rows(X) if lengths else X
    theta = {name: 0.5 * rng.normal(size=shape) for name, shape in program.parameters.items()}
    order, bounds = np.arange(N, dtype=np.uint32), np.array([0, N])
    found = []
    for name in ENGINES:
        engine = make_engine(name, program, likelihood, "float64")
        for parameter, value in theta.items():
            engine.set(parameter, value)
        gradient = engine.gradient(X, y, None, 2)
        engine.start(ll.optimizers.GradientAscent(1.0))
        engine.train(X, y, None, Chunk(order, bounds, np.ones(1)), 1, -np.inf, Terms(seed=5), 2)
        found.append((gradient, {parameter: engine.get(parameter) for parameter in theta}))
    for mine, expected in zip(*found, strict=True):
        for parameter, value in expected.items():
            np.testing.assert_allclose(mine[parameter], value, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("layer", [ll.LSTM(8), ll.GRU(8), ll.RNN(8)], ids=lambda layer: layer.prefix())
def test_a_recurrence_learns_what_was_said_first(layer: Layer, engine: str) -> None:
    """Whether the first number of eight is positive, from the state at the end."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8, 1)).astype(np.float32)
    y = (X[:, 0, 0] > 0).astype(int)
    net = ll.Network([layer], likelihood="bernoulli", engine=engine)
    net.fit(X, y, epochs=60, batch_size=50, optimizer=ll.optimizers.Adam(0.03), seed=0, verbose=False)
    assert (net.predict(X) == y).mean() > 0.95
