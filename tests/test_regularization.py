"""Networks with dropout, noise, norms and embeddings: one function on every engine, in training and in prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from cases import Array, NetworkCase

import likeliest as ll
from likeliest import random
from likeliest.engines import native, reference
from likeliest.engines.reference import Training
from likeliest.likelihoods import Bernoulli, Categorical, Normal
from likeliest.program import OUTPUT
from likeliest.xp import numpy_namespace as xp


@dataclass(frozen=True)
class LayerCase(NetworkCase):
    """As `NetworkCase`, with columns of codes, no parameter where it would do nothing, and y from the likelihood."""

    codes: tuple[tuple[int, int], ...] = ()  # (column, categories)

    @property
    def id(self) -> str:
        names = "-".join(type(layer).__name__ for layer in self.layers)
        return f"{'x'.join(map(str, self.shape))}-{names}-{self.likelihood.name}-n{self.n}"

    def network(self, engine: str = "native", dtype: str = "float64", seed: int = 3, **options: Any) -> ll.Network:
        net = ll.Network(self.layers, likelihood=self.likelihood, engine=engine, dtype=dtype, **options)
        net.build(self.shape, seed=seed)
        rng = np.random.default_rng(seed)
        for name, value in net.parameters.items():
            moved = value + 0.2 * rng.normal(size=value.shape)
            net.parameters[name] = (np.abs(moved) if name.endswith("variance") else moved).astype(np.float32)
        return net

    def data(self, seed: int = 4) -> tuple[Array, Array]:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(self.n, *self.shape)).astype(np.float32)
        for column, count in self.codes:
            X.reshape(self.n, -1)[:, column] = rng.integers(0, count, self.n)
        classes = self.likelihood.classes
        return X, rng.normal(size=self.n) if classes is None else rng.integers(0, classes, self.n)


D, E = ll.Dense, ll.Embedding
EVERYTHING = (
    *(E([(1, 4, 3), (4, 5, 18)]), ll.Dropout(0.25), D(70, "gelu", max_norm=1.5), ll.BatchNorm(), ll.GaussianNoise(0.1)),
    *(D(33, "tanh"), ll.LayerNorm(), D(17, max_norm=0.9), ll.RMSNorm(), ll.Activation("silu")),
)
CODES = ((1, 4), (4, 5))
CASES = [
    LayerCase((ll.Dropout(0.3), D(7, "tanh"), ll.Dropout(0.5)), Bernoulli(), (6,), 33),
    LayerCase((D(1, "tanh"), ll.Dropout(0.5)), Bernoulli(), (1,), 9),
    LayerCase((ll.GaussianNoise(0.2), D(17, "softplus"), ll.GaussianNoise(0.1)), Categorical(3), (9,), 40),
    # Without a bias, which batch norm takes away again: its gradient is rounding alone, which Adam would make steps of.
    LayerCase((D(17, bias=False), ll.BatchNorm(), ll.Activation("tanh"), D(5, "gelu")), Categorical(4), (6,), 21),
    LayerCase((ll.BatchNorm(0.7, 1e-3),), Categorical(4), (33,), 20),
    LayerCase((ll.BatchNorm(), D(1), ll.RMSNorm(0.1)), Bernoulli(), (3,), 1),
    LayerCase((ll.LayerNorm(0.01), D(9, "silu"), ll.LayerNorm()), Categorical(3), (5,), 13),
    LayerCase((ll.RMSNorm(0.01), D(64, "tanh"), ll.RMSNorm()), Categorical(10), (300,), 20),
    LayerCase((ll.Flatten(), E([(1, 4, 3), (4, 5, 2)]), D(11, "tanh")), Normal(), (2, 3), 30, codes=CODES),
    LayerCase((ll.Dropout(0.3), ll.GaussianNoise(0.2), ll.Flatten(), D(5, "tanh")), Categorical(3), (3, 5), 20),
    LayerCase((E([(1, 2, 1), (0, 3, 17)]),), Categorical(3), (2,), 30, codes=((0, 3), (1, 2))),
    LayerCase(EVERYTHING, Normal(scale="learned"), (6,), 57, codes=CODES),
    # Of images, batch norm takes channels.
    LayerCase(
        (ll.Conv2D(9, 3, bias=False), ll.BatchNorm(), ll.Activation("tanh"), ll.MaxPool2D(2), ll.Flatten()),
        *(Categorical(3), (6, 7, 2), 21),
    ),
    LayerCase(
        (ll.SeparableConv1D(5, 3, "tanh"), ll.GroupNorm(5), ll.Dropout(0.3), ll.BatchNorm(), ll.Flatten()),
        *(Bernoulli(), (9, 3), 33),
    ),
    LayerCase(
        (ll.BatchNorm(0.7), ll.Conv2D(6, 3, "tanh", max_norm=0.4, groups=2), ll.Dropout(0.3), ll.GlobalMaxPool()),
        *(Categorical(3), (5, 6, 4), 40),
    ),
    # Longer than a block of the native engine, through which batch norm must look as a whole.
    LayerCase(EVERYTHING, Normal(scale="learned"), (6,), 1100, codes=CODES),
    LayerCase((ll.Dropout(0.4), D(5, "tanh"), ll.GaussianNoise(0.3)), Bernoulli(), (7,), 1100),
]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def difference(actual: dict[str, Array], expected: dict[str, Array]) -> float:
    """The largest |actual − expected| / |expected| over the parameters; what is 0 must be 0, but for rounding."""
    assert list(actual) == list(expected)
    total = math.sqrt(sum(float((g * g).sum()) for g in expected.values()))
    return max(
        float(np.linalg.norm(actual[name] - g) / max(np.linalg.norm(g), 1e-3 * total)) for name, g in expected.items()
    )


def theta(net: ll.Network) -> dict[str, Array]:
    return {name: np.array(value) for name, value in net.parameters.items()}


# In prediction -------------------------------------------------------------------------------------------------------


@every
def test_native_equals_reference_in_float64(case: LayerCase) -> None:
    (X, y), mine, expected = case.data(), case.network("native"), case.network("reference")
    np.testing.assert_allclose(mine.output(X, threads=1), expected.output(X), rtol=1e-12, atol=1e-13)
    assert difference(mine.gradient(X, y, threads=1), expected.gradient(X, y)) <= 1e-12
    w = np.random.default_rng(0).uniform(0, 3, case.n)
    weighted = mine.gradient(X, y, sample_weight=w, threads=2)
    assert difference(weighted, expected.gradient(X, y, sample_weight=w)) <= 1e-12


@every
def test_float32_is_close_to_float64(case: LayerCase) -> None:
    (X, y), single, double = case.data(), case.network(dtype="float32"), case.network()
    assert difference(single.gradient(X, y, threads=1), double.gradient(X, y, threads=1)) <= 1e-5
    np.testing.assert_allclose(single.output(X, threads=1), double.output(X, threads=1), rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("isa", native._native.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_instruction_set_gives_the_same(isa: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "instruction_set", lambda: isa)
    for case in CASES:
        (X, y), net, expected = case.data(), case.network(dtype=dtype), case.network("reference")
        error = difference(net.gradient(X, y, threads=1), expected.gradient(X, y))
        assert error <= (1e-12 if dtype == "float64" else 1e-5), case.id


@every
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_gradient_equals_central_differences(case: LayerCase, engine: str) -> None:
    net, (X, y) = case.network(engine), case.data()
    rng, step = np.random.default_rng(0), 1e-5
    gradient = net.gradient(X, y, threads=1)
    for name, g in gradient.items():
        if name in net.program.statistics:
            assert not g.any()
            continue
        before, d = net.parameters[name], rng.normal(size=g.shape)
        d /= np.linalg.norm(d)
        ends = []
        for sign in (1, -1):
            net.parameters[name] = before + sign * step * d
            ends.append(net.log_likelihood(X, y, per_example=True, threads=1))
        net.parameters[name] = before
        quotient = float((ends[0] - ends[1]).sum()) / (2 * step)
        scale = max(abs(quotient), float(np.linalg.norm(g)) / math.sqrt(g.size), 1e-4)
        assert abs(float((g * d).sum()) - quotient) <= 1e-6 * scale, name


# In training ---------------------------------------------------------------------------------------------------------

OPTIMIZERS = (ll.optimizers.Adam(0.01), ll.optimizers.Momentum(0.05))


@every
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
@pytest.mark.parametrize("batch_size", [10, None])
def test_both_engines_draw_the_same_noise_and_take_the_same_steps(
    case: LayerCase, optimizer: Any, batch_size: Any
) -> None:
    (X, y), nets = case.data(), [case.network(engine) for engine in ("native", "reference")]
    epochs = 2 if case.n > 1000 and batch_size else 4
    for net in nets:
        _fit(net, X, y, optimizer=optimizer, epochs=epochs, batch_size=batch_size)
    assert difference(theta(nets[0]), theta(nets[1])) <= 1e-10
    np.testing.assert_allclose(nets[0].output(X), nets[1].output(X), rtol=1e-9, atol=1e-10)


def _fit(net: ll.Network, X: Array, y: Array, **options: Any) -> ll.History:
    """Also of one example: two classes are asked for, so it gets a second one that does not count."""
    options = {"epochs": 3, "batch_size": 10, "seed": 5, "threads": 1, **options}
    if len(X) == 1:
        X, y = np.concatenate([X, X]), np.array([0, 1])
        options |= {"batch_size": 1}
    return net.fit(X, y, **options)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_the_threads(case: LayerCase, dtype: str) -> None:
    X, y = case.data()
    found = []
    for threads in (1, 2, 3):
        net = case.network(dtype=dtype, prior=ll.priors.Normal(2.0))
        options: dict[str, Any] = {"batch_size": 200, "clip_norm": 0.5} if case.n > 1000 else {}
        _fit(net, X, y, threads=threads, averaging=ll.averaging.EMA(0.5), **options)
        found.append({name: value.tobytes() for name, value in net.parameters.items()})
    assert found[0] == found[1] == found[2]


@every
def test_a_step_is_up_the_gradient_of_what_training_sees(case: LayerCase) -> None:
    """Central differences of the log-likelihood with the noise of step 1 and the minibatch's own statistics."""
    if case.n > 1000 or case.n == 1:
        pytest.skip("the small ones are enough")
    (X, y), net = case.data(), case.network()
    before, rate, step = theta(net), 0.01, 1e-5
    _fit(net, X, y, optimizer=ll.optimizers.GradientAscent(rate), epochs=1, batch_size=None)
    order = random.permutations(5, range(1), case.n)[0]  # the noise belongs to places in the minibatch
    X, y = X[order].astype(float), net.likelihood.check(y)[order]

    def objective(moved: dict[str, Array]) -> Array:
        eta = reference.forward(net.program, moved, X, Training(5, 1))[OUTPUT]
        return np.asarray(net.likelihood.log_prob(xp, eta, y))

    rng = np.random.default_rng(1)
    for name, value in before.items():
        if name in net.program.statistics or name in net.program.max_norm:
            continue
        d = rng.normal(size=value.shape)
        ends = [objective({**before, name: value + sign * step * d}) for sign in (1, -1)]
        quotient = float((ends[0] - ends[1]).mean()) / (2 * step)
        g = (net.parameters[name] - value) / rate
        assert (g * d).sum() == pytest.approx(quotient, rel=1e-6, abs=1e-6 * np.linalg.norm(g) + 1e-8), name


# Noise ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_drops_its_share_anew_at_every_step(rate: float) -> None:
    masks = [random.keep(random.stream(seed, random.NOISE, layer, t), (200, 51), rate=rate)
             for seed, layer, t in ((0, 0, 1), (1, 0, 1), (0, 1, 1), (0, 0, 2))]  # fmt: skip
    for mask in masks:
        assert set(np.unique(mask)) <= {0.0, 1.0}
        for share in (mask.mean(), *mask.mean(axis=0)[[0, 25, 26, 50]], *mask.mean(axis=1)[[0, 199]]):
            count = mask.size if share == mask.mean() else 51
            assert share == pytest.approx(1 - rate, abs=5 * math.sqrt(rate * (1 - rate) / count) + 1e-12)
    if rate:
        agree = rate**2 + (1 - rate) ** 2  # of independent masks
        for other in masks[1:]:
            assert (masks[0] == other).mean() == pytest.approx(agree, abs=0.03)


def test_noise_is_standard_normal_and_independent() -> None:
    from scipy import stats

    draws = [random.noise(random.stream(0, random.NOISE, 0, t), (100, 51), scale=1.0) for t in (1, 2)]
    assert stats.kstest(draws[0].ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(draws[0].ravel(), draws[1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(draws[0][:, 0], draws[0][:, 26])[0, 1]) < 0.4  # a pair of Box and Muller
    half = random.words(random.stream(0, 1), (60, 51), first=40)
    assert np.array_equal(half, random.words(random.stream(0, 1), (100, 51))[40:])


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_the_mean_over_masks_is_what_prediction_takes(engine: str) -> None:
    """The log-likelihoods of many steps that hardly move, each with its own mask, tell the variance of η."""
    net = ll.Network([ll.Dropout(0.4)], likelihood=Normal(scale=1.0), engine=engine, dtype="float64").build(3)
    net.parameters["output.W"] = np.array([[1.0], [2.0], [-1.0]])
    X, steps = np.array([[1.0, 0.5, 2.0]]), 2000
    assert net.predict(X) == pytest.approx([0.0])
    history = net.fit(
        X, [0.0], epochs=steps, optimizer=ll.optimizers.GradientAscent(1e-12), batch_size=None, seed=0, threads=1
    )
    square = -2 * (np.array(history.log_likelihood) + 0.5 * math.log(2 * math.pi))
    variance = 0.4 / 0.6 * (1 + 1 + 4)  # of Σ x_i W_i keep_i / (1 − rate)
    assert square.mean() == pytest.approx(variance, rel=0.07)
    # η = (k_1 + k_2 − 2 k_3) / 0.6 with k of 0 and 1: its square is 0, 1, 4 times as much, or 1 and 4 again.
    assert np.unique(square.round(5)) == pytest.approx(np.array([0, 1, 4]) / 0.36, abs=1e-4)


# Modes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_prediction_knows_no_noise_also_in_validation_and_in_callbacks(engine: str) -> None:
    noisy = (ll.Dropout(0.5), D(9, "tanh"), ll.GaussianNoise(0.7), ll.Dropout(0.2))
    net = ll.Network(noisy, likelihood=Categorical(3), engine=engine, dtype="float64")
    plain = ll.Network([D(9, "tanh")], likelihood=Categorical(3), engine=engine, dtype="float64").build(5)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.integers(0, 3, 60)
    seen: list[tuple[float, Array]] = []

    def look(epoch: ll.Epoch) -> None:
        assert np.array_equal(net.predict_proba(X), net.predict_proba(X))
        for name in plain.parameters:
            plain.parameters[name] = net.parameters[name]
        np.testing.assert_allclose(net.predict_proba(X), plain.predict_proba(X), rtol=1e-13)
        assert difference(net.gradient(X, y), plain.gradient(X, y)) <= 1e-13
        assert net.log_likelihood(X, y) == pytest.approx(plain.log_likelihood(X, y), rel=1e-13)
        seen.append((epoch.validation_log_likelihood or 0.0, net.log_likelihood(X, y) / 60))

    history = net.fit(X, y, epochs=3, validation=(X, y), seed=0, threads=1, callbacks=[look])
    assert [a for a, _ in seen] == pytest.approx([b for _, b in seen], rel=1e-12)
    assert history.log_likelihood != pytest.approx(history.validation_log_likelihood, rel=1e-3)
    assert net.check_gradient(X, y).ok
    assert net.trace(X, y).values[OUTPUT] == pytest.approx(net.output(X))


def _minibatches(seed: int, n: int, epochs: int, size: int) -> Iterator[Array]:
    for order in random.permutations(seed, range(epochs), n):
        yield from np.split(order, range(size, n, size))


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("n", [40, 31])  # with 31, the last minibatch has one example
def test_batch_norm_predicts_with_what_it_has_observed(engine: str, n: int) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(2, 3, size=(n, 4)), rng.integers(0, 2, n)
    net = ll.Network([ll.BatchNorm(momentum=0.6)], likelihood=Bernoulli(), engine=engine, dtype="float64")
    net.fit(X, y, epochs=3, batch_size=10, seed=2, threads=1)
    mean, variance = np.zeros(4), np.ones(4)
    for batch in _minibatches(2, n, 3, 10):
        mean = 0.6 * mean + 0.4 * X[batch].mean(axis=0)
        if len(batch) > 1:
            variance = 0.6 * variance + 0.4 * X[batch].var(axis=0, ddof=1)
    found = net.parameters
    np.testing.assert_allclose(found["batch_norm_1.mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(found["batch_norm_1.variance"], variance, rtol=1e-12)
    h = found["batch_norm_1.gamma"] * (X - mean) / np.sqrt(variance + 1e-5) + found["batch_norm_1.beta"]
    np.testing.assert_allclose(net.output(X), h @ found["output.W"] + found["output.b"], rtol=1e-12)
    one_by_one = np.concatenate([net.output(X[i : i + 1]) for i in range(n)])
    np.testing.assert_allclose(one_by_one, net.output(X), rtol=1e-12)


def test_batch_norm_trains_as_torch_does() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    net = ll.Network([D(8), ll.BatchNorm(0.9), ll.Activation("relu")], likelihood=Categorical(3), dtype="float64")
    net.build(5, seed=2)
    net.parameters["output.b"] = np.array([0.1, 0.2, -0.3])
    twin = torch.nn.Sequential(
        torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8, momentum=0.1), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    ).double()
    with torch.no_grad():
        for layer, name in ((twin[0], "dense_1"), (twin[3], "output")):
            layer.weight.copy_(torch.tensor(net.parameters[f"{name}.W"].T))
            layer.bias.copy_(torch.tensor(net.parameters[f"{name}.b"]))
    sgd = torch.optim.SGD(twin.parameters(), lr=0.1)
    for batch in _minibatches(2, 40, 3, 10):
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.tensor(X[batch])), torch.tensor(y[batch])).backward()
        sgd.step()
    net.fit(X, y, epochs=3, batch_size=10, threads=1, seed=2, optimizer=ll.optimizers.GradientAscent(0.1))
    norm = twin[1]
    for name, expected in (
        *(("dense_1.W", twin[0].weight.T), ("batch_norm_1.gamma", norm.weight), ("batch_norm_1.beta", norm.bias)),
        *(("batch_norm_1.mean", norm.running_mean), ("batch_norm_1.variance", norm.running_var)),
    ):
        np.testing.assert_allclose(net.parameters[name], expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    twin.eval()
    np.testing.assert_allclose(net.output(X), twin(torch.tensor(X)).detach().numpy(), rtol=1e-9, atol=1e-12)


# Embedding -----------------------------------------------------------------------------------------------------------


def test_an_embedding_trains_as_one_hot_columns_and_a_linear_layer_do() -> None:
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(50, 2)), rng.integers(0, 4, 50)
    y = rng.integers(0, 2, 50)
    net = ll.Network([E([(2, 4, 3)])], likelihood=Bernoulli(), dtype="float64").build(3, seed=1)
    twin = ll.Network([D(5, bias=False, max_norm=None)], likelihood=Bernoulli(), dtype="float64").build(6, seed=1)
    table, W = np.zeros((6, 5)), np.array(net.parameters["output.W"])
    table[:2, :2], table[2:, 2:] = np.eye(2), net.parameters["embedding_1.E2"]
    twin.parameters["dense_1.W"], twin.parameters["output.W"] = table, W
    one_hot = np.hstack([X, np.eye(4)[codes]])
    codes_last = np.column_stack([X, codes])
    np.testing.assert_allclose(net.output(codes_last), twin.output(one_hot), rtol=1e-13)
    mine, expected = net.gradient(codes_last, y), twin.gradient(one_hot, y)
    np.testing.assert_allclose(mine["embedding_1.E2"], expected["dense_1.W"][2:, 2:], rtol=1e-12)
    np.testing.assert_allclose(mine["output.W"], expected["output.W"], rtol=1e-12)


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("code", [4, -1, 1.5, 1e30])
def test_what_is_no_code_is_refused_in_fit_and_in_prediction(engine: str, code: float) -> None:
    net = ll.Network([E([(1, 4, 3)])], likelihood=Bernoulli(), engine=engine)
    X, y = np.array([[0.5, 0], [0.5, 3], [0.1, 1]]), [0, 1, 1]
    wrong = X.copy()
    wrong[2, 1] = code
    message = r"X: embedding_1.E1 takes codes 0 to 3 from column 1, found .* in row 2; number the categories"
    with pytest.raises(ValueError, match=message):
        net.fit(wrong, y)
    net.fit(X, y, epochs=1, seed=0)
    for call in (net.predict, net.output, net.predict_proba):
        with pytest.raises(ValueError, match=message):
            call(wrong)
    with pytest.raises(ValueError, match="validation " + message):
        net.fit(X, y, validation=(wrong, y))
    assert net.predict(X.astype(np.int32)).shape == (3,)


def test_an_embedding_reads_the_inputs() -> None:
    with pytest.raises(ValueError, match="embedding_1: codes are read from the inputs; make it the first layer"):
        ll.Network([ll.Dropout(0.1), E([(1, 4, 3)])], likelihood=Bernoulli()).build(3)
    with pytest.raises(ValueError, match=r"embedding_1: there is no column 3 in x \(n, 3\); columns count from 0"):
        ll.Network([E([(3, 4, 3)])], likelihood=Bernoulli()).build(3)
