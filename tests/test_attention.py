"""Attention, positions, symbols: against PyTorch's layers, central differences, and sequences without padding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest.assembly import assemble
from likeliest.engines import make_engine
from likeliest.likelihoods import Bernoulli, Categorical, Normal, PerStep
from likeliest.ops import OPERATIONS
from likeliest.program import OUTPUT
from likeliest.xp import numpy_namespace as xp

Array = np.ndarray[Any, Any]
N, T, S, P = 3, 5, 4, 8


def _network(*layers: Any, likelihood: Any = None, shape: tuple[int, ...] = (T, P), seed: int = 1) -> ll.Network:
    net = ll.Network(list(layers), likelihood=likelihood or Normal(), engine="reference", dtype="float64")
    net.build(shape, seed=seed)
    rng = np.random.default_rng(seed)  # biases and positions start at 0 or nearly so
    for name in net.parameters:
        if name not in net.program.statistics:
            net.parameters[name] = rng.normal(size=net.parameters[name].shape) * 0.5
    return net


def _padded(net: ll.Network, X: Array, lengths: Array, longest: int, beyond: float = 0.0) -> Array:
    """Η (n, …) of the network's layers on rows that end in the length, with anything beyond it."""
    program, _ = assemble(net.layers, net.likelihood, None, (longest, *X.shape[2:]), lengths=True)
    engine = make_engine("reference", program, net.likelihood, "float64", {})
    for name in program.parameters:
        engine.set(name, net.parameters[name])
    rows = np.full((len(X), longest, *X.shape[2:]), beyond)
    for i, length in enumerate(lengths):
        rows[i, :length] = X[i, :length]
    return engine.output(np.hstack([rows.reshape(len(X), -1), lengths[:, None]]), 1)


@pytest.mark.parametrize("heads", [1, 2, 8])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_that_of_pytorch(heads: int, causal: bool, cross: bool, masked: bool) -> None:
    """Values and gradients of torch.nn.MultiheadAttention with the same weights."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x = rng.normal(size=(N, T, P))
    memory = rng.normal(size=(N, S, P)) if cross else x
    steps = memory.shape[1]
    lengths = np.array([[1.0], [steps], [2.0]])
    theta = {f"W_{k}": rng.normal(size=(P, P)) for k in "qkvo"} | {f"b_{k}": rng.normal(size=P) for k in "qkvo"}

    twin = torch.nn.MultiheadAttention(P, heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        twin.in_proj_weight.copy_(torch.tensor(np.hstack([theta[f"W_{k}"] for k in "qkv"]).T))
        twin.in_proj_bias.copy_(torch.tensor(np.hstack([theta[f"b_{k}"] for k in "qkv"])))
        twin.out_proj.weight.copy_(torch.tensor(theta["W_o"].T))
        twin.out_proj.bias.copy_(torch.tensor(theta["b_o"]))
    asked = torch.tensor(x, requires_grad=True)
    answered = torch.tensor(memory, requires_grad=True) if cross else asked
    mask = torch.tensor(np.arange(steps) > np.arange(T)[:, None]) if causal else None
    padding = torch.tensor(np.arange(steps) >= lengths) if masked else None
    expected, _ = twin(asked, answered, answered, attn_mask=mask, key_padding_mask=padding, need_weights=False)
    g = rng.normal(size=expected.shape)
    (expected * torch.tensor(g)).sum().backward()

    attention = ll.Attention(heads, causal=causal)
    values = {name: x if name == "q" else memory for name in "qkv"}
    projected = {k: values[k] @ theta[f"W_{k}"] + theta[f"b_{k}"] for k in "qkv"}
    page = OPERATIONS["attention"]
    how = {"heads": heads, "causal": causal, "lengths": masked}
    given = [lengths] if masked else []
    arguments = [projected["q"], projected["k"], projected["v"], *given]
    h = page.forward(xp, *arguments, **how)
    np.testing.assert_allclose(h @ theta["W_o"] + theta["b_o"], expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    slopes = page.backward(g @ theta["W_o"].T, h, *arguments, **how)
    of_input = {k: slope @ theta[f"W_{k}"].T for k, slope in zip("qkv", slopes[:3], strict=True)}
    of_memory = of_input["k"] + of_input["v"]
    if cross:
        np.testing.assert_allclose(of_memory, answered.grad.numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(of_input["q"], asked.grad.numpy(), rtol=1e-10, atol=1e-12)
    else:
        np.testing.assert_allclose(of_input["q"] + of_memory, asked.grad.numpy(), rtol=1e-10, atol=1e-12)
    wanted = twin.in_proj_weight.grad.numpy().T
    for k, slope, W in zip("qkv", slopes[:3], np.hsplit(wanted, 3), strict=True):
        np.testing.assert_allclose(np.einsum("ntp,ntq->pq", values[k], slope), W, rtol=1e-10, atol=1e-11)

    if not cross and not masked:  # the layer as a whole
        net = _network(attention)
        for name, value in theta.items():
            if name != "b_k":  # which changes nothing
                net.parameters[f"attention_1.{name}"] = value
        np.testing.assert_allclose(net.hidden(x), expected.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_a_transformer_block_is_that_of_pytorch() -> None:
    """torch.nn.TransformerEncoderLayer with its norm first."""
    torch = pytest.importorskip("torch")
    net = _network(ll.TransformerBlock(2, 12, "relu", causal=True))
    theta = {name.removeprefix("transformer_block_1."): value for name, value in net.parameters.items()}
    twin = torch.nn.TransformerEncoderLayer(P, 2, 12, 0.0, "relu", batch_first=True, norm_first=True).double()
    state = {
        "self_attn.in_proj_weight": np.hstack([theta[f"attention.W_{k}"] for k in "qkv"]).T,
        "self_attn.in_proj_bias": np.hstack([theta["attention.b_q"], np.zeros(P), theta["attention.b_v"]]),
        "self_attn.out_proj.weight": theta["attention.W_o"].T,
        "self_attn.out_proj.bias": theta["attention.b_o"],
        "linear1.weight": theta["dense_1.W"].T,
        "linear1.bias": theta["dense_1.b"],
        "linear2.weight": theta["dense_2.W"].T,
        "linear2.bias": theta["dense_2.b"],
        "norm1.weight": theta["attention_norm.gamma"],
        "norm1.bias": theta["attention_norm.beta"],
        "norm2.weight": theta["dense_norm.gamma"],
        "norm2.bias": theta["dense_norm.beta"],
    }
    twin.load_state_dict({name: torch.tensor(np.ascontiguousarray(value)) for name, value in state.items()})
    x = np.random.default_rng(3).normal(size=(N, T, P))
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
    expected = twin(torch.tensor(x), src_mask=mask).detach().numpy()
    np.testing.assert_allclose(net.hidden(x), expected, rtol=1e-10, atol=1e-10)


_DECODER = ll.Graph(
    [
        ("memory", ll.Dense(6, "tanh"), "x"),
        ("steps", ll.Dense(P), "x"),
        ("look", ll.Attention(2, rotary=True), ["steps", "memory"]),
        ("block", ll.TransformerBlock(2, 5, "tanh", causal=True), ["look", "memory"]),
    ]
)
NETWORKS: list[tuple[Any, ...]] = [
    (ll.Attention(2),),
    (ll.Attention(1, 6, causal=True, bias=False),),
    (ll.Attention(2, rotary=True), ll.Last()),
    (ll.Positions(9), ll.TransformerBlock(4, 5, causal=True), ll.LayerNorm()),
    (ll.BatchNorm(), ll.Positions(kind="sinusoidal"), ll.RMSNorm(), ll.Attention(2), ll.LSTM(3)),
    (_DECODER,),
]


@pytest.mark.parametrize("layers", NETWORKS, ids=str)
def test_gradients(layers: tuple[Any, ...]) -> None:
    """Central differences."""
    net = _network(*layers)
    rng = np.random.default_rng(4)
    shape = net.likelihood.row
    errors = net.check_gradient(rng.normal(size=(N, T, P)), rng.normal(size=(N, *shape))).errors
    assert max(error for name, error in errors.items() if name not in net.program.statistics) < 1e-7


def test_gradients_of_symbols() -> None:
    """Central differences, with the same code several times."""
    net = _network(ll.TokenEmbedding(4, 6), ll.Positions(7), ll.Attention(3, causal=True), shape=(T,))
    X = np.array([[0, 3, 3, 1, 3], [2, 2, 0, 0, 1]])
    assert net.check_gradient(X, np.random.default_rng(0).normal(size=(2, T))).ok
    assert not net.gradient(X[:1], np.zeros((1, T)))["token_embedding_1.E"][2].any()


@pytest.mark.parametrize("layers", [*NETWORKS[:4], NETWORKS[5]], ids=str)
@pytest.mark.parametrize("beyond", [0.0, 1e6])
def test_padding_changes_nothing(layers: tuple[Any, ...], beyond: float) -> None:
    """Each sequence by itself, in a network of its own length, gives the same as among longer ones."""
    rng, longest = np.random.default_rng(5), 7
    lengths = np.array([1, 7, 3, 6])
    X = rng.normal(size=(4, longest, P))
    net = _network(*layers, shape=(longest, P))
    found = _padded(net, X, lengths, longest, beyond)
    for i, length in enumerate(lengths):
        alone = ll.Network(list(layers), likelihood=Normal(), engine="reference", dtype="float64").build((length, P))
        for name in alone.parameters:
            alone.parameters[name] = net.parameters[name]
        expected = alone.output(X[i : i + 1, :length])
        np.testing.assert_allclose(found[i : i + 1, : expected.shape[1]], expected, rtol=1e-12, atol=1e-12)


def test_causal_steps_do_not_see_what_comes() -> None:
    """A change at step 3 changes nothing before it, and something after it."""
    net = _network(ll.TransformerBlock(2, 5, causal=True, rotary=True))
    x = np.random.default_rng(6).normal(size=(1, T, P))
    other = x.copy()
    other[:, 3] += 1
    changed = (net.hidden(x) != net.hidden(other)).any(axis=2)[0]
    assert changed.tolist() == [False, False, False, True, True]


def test_rotary_knows_distances_only() -> None:
    """The same q and k one step later have the same product; further apart, another; a turn changes no length."""
    rng = np.random.default_rng(7)
    q, k = (np.tile(rng.normal(size=(1, 1, 8)), (1, T, 1)) for _ in range(2))
    page = OPERATIONS["rotary"]
    turned_q, turned_k = (page.forward(xp, one, heads=2) for one in (q, k))
    products = turned_q[0] @ turned_k[0].T
    for apart in range(-2, 3):
        np.testing.assert_allclose(np.diff(np.diagonal(products, apart)), 0, atol=1e-12)
    assert len(np.unique(products[0].round(6))) == T
    np.testing.assert_allclose((turned_q**2).sum(axis=2), (q**2).sum(axis=2))
    angle = 3 * 10000.0 ** (-2 / 4)  # pair 1 of a head of 4, at step 3
    a, b = q[0, 3, 2:4]
    expected = a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)
    np.testing.assert_allclose(turned_q[0, 3, 2:4], expected)


def test_sinusoidal_is_the_table_of_the_paper() -> None:
    """PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i + 1) = cos of the same."""
    found = OPERATIONS["sinusoidal"].forward(xp, np.zeros((1, 6, 5)))[0]
    for pos in range(6):
        for i in range(5):
            angle = pos / 10000 ** (2 * (i // 2) / 5)
            assert found[pos, i] == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle), abs=1e-14)


def test_a_graph_may_give_lengths_of_its_memory() -> None:
    """The third input: how many steps count."""
    rng = np.random.default_rng(8)
    attention = OPERATIONS["attention"]
    q, k, v = (rng.normal(size=(2, S, 4)) for _ in range(3))
    found = attention.forward(xp, q, k, v, np.array([[2.0], [4.0]]), lengths=True, heads=2)
    np.testing.assert_allclose(found[0], attention.forward(xp, q, k[:, :2], v[:, :2], heads=2)[0], rtol=1e-13)
    np.testing.assert_allclose(found[1], attention.forward(xp, q, k, v, heads=2)[1], rtol=1e-13)
    net = ll.program.Builder((T, P))
    memory = net.emit("slice", net.input, name="memory", begin=0, end=8, shape=(2, 4))
    lengths = net.emit("slice", net.input, name="memory_lengths", begin=8, end=9, shape=(1,))
    assert ll.Attention(2).merge(net, net.input, memory, lengths).shape == (T, P)
    assert net.steps[-2].inputs[-1] == "memory_lengths"
    assert net.steps[-2].attributes["lengths"]
    with pytest.raises(ValueError, match=r"lengths \(n, 1\) as its third input"):
        ll.Attention(2).merge(net, net.input, memory, memory)


@pytest.mark.slow
def test_a_transformer_learns_to_turn_symbols_around() -> None:
    """Step t wants symbol T − 1 − t, which only attention with positions can bring there."""
    rng = np.random.default_rng(9)
    X = rng.integers(0, 5, size=(400, 6))
    layers = [ll.TokenEmbedding(5, 16), ll.Positions(6), ll.TransformerBlock(2, 32), ll.LayerNorm()]
    net = ll.Network(layers, likelihood=Categorical(5), engine="reference", dtype="float64")
    net.fit(X[:300], X[:300, ::-1], optimizer=ll.optimizers.Adam(0.005), epochs=40, seed=0)
    assert (net.predict(X[300:]) == X[300:, ::-1]).mean() > 0.95


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([ll.Attention(3)], (T, P), "attention_1: 3 heads do not divide the 8 columns"),
        ([ll.Attention(8, rotary=True)], (T, P), "rotary turns pairs of columns"),
        ([ll.Attention(2)], (T,), "for codes of symbols put TokenEmbedding before it"),
        ([ll.LSTM(4), ll.Attention(2)], (T, P), "needs return_sequences=True"),
        ([ll.Positions(4)], (T, P), "a sequence has 5 steps, and longest is 4"),
        ([ll.Positions(4)], (P,), r"positions_1 expects a sequence \(n, T, p\), got \(n, 8\)"),
        ([ll.TokenEmbedding(3, 2)], (T, 2), "give one code for each step"),
        ([ll.Dense(4), ll.TokenEmbedding(3, 2)], (T,), "codes are read from the inputs"),
        ([ll.TransformerBlock(2, 4)], (P,), "transformer_block_1 expects a sequence"),
    ],
)
def test_what_does_not_fit(layers: list[Any], shape: tuple[int, ...], message: str) -> None:
    """Errors name the layer and the cure."""
    with pytest.raises(ValueError, match=message):
        assemble(layers, Bernoulli(), None, shape)


def test_arguments() -> None:
    """What makes no sense by itself."""
    for make, message in (
        (lambda: ll.Attention(0), "heads: expected a whole number"),
        (lambda: ll.Attention(3, 8), "heads: 3 heads do not divide the width 8: use one of 1, 2, 4, 8"),
        (lambda: ll.Attention(2, dropout=1.0), "dropout"),
        (lambda: ll.Positions(), "longest: learned positions need"),
        (lambda: ll.Positions(3, "fixed"), "kind: expected"),
        (lambda: ll.TokenEmbedding(0, 3), "tokens"),
        (lambda: ll.TransformerBlock(0, 3), "heads"),
        (lambda: ll.TransformerBlock(2, 3, "nothing"), "activation"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_codes_that_are_none() -> None:
    """The first that is none is named, with its step; with lengths and behind a slice as well."""
    net = _network(ll.TokenEmbedding(4, 2), likelihood=PerStep(Bernoulli()), shape=(T,))
    X = np.zeros((3, T))
    X[1, 2] = 4
    with pytest.raises(ValueError, match="takes codes 0 to 3, found 4 in row 1, step 2"):
        net.predict(X)
    program, _ = assemble(net.layers, net.likelihood, None, (T,), lengths=True)
    ll.data.check_codes(np.hstack([np.zeros((3, T)), np.full((3, 1), 5.0)]), program)  # a length is no code
    with pytest.raises(ValueError, match="found 4 in row 1, step 2"):
        ll.data.check_codes(np.hstack([X, np.full((3, 1), 5.0)]), program)
    assert program.values[OUTPUT] == (T,)
