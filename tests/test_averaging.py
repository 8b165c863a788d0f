"""Averages of θ: the rates give the mean that was promised, however a fit is cut into chunks."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from cases import Array

import likeliest as ll
from likeliest import fit as fitting
from likeliest.averaging import EMA, SWA, Averaging

TOTAL = 80
THETA = np.random.default_rng(0).normal(size=TOTAL)  # after each step of a fit


def average(averaging: Averaging, before: float = 7.0) -> Array:
    """The average after each step, where it was something else before the fit."""
    values, now = [], before
    for theta, rate in zip(THETA, averaging.rates(0, TOTAL, TOTAL), strict=True):
        now += rate * (theta - now)
        values.append(now)
    return np.array(values)


@pytest.mark.parametrize(("start", "first"), [(0.75, 60), (0.5, 40), (0, 0), (0.0, 0), (77, 77), (79, 79), (200, 79)])
@pytest.mark.parametrize("every", [1, 3, 10])
def test_swa_is_the_mean_from_its_start_on(start: float, first: int, every: int) -> None:
    values = average(SWA(start, every))
    assert (values[:first] == 7).all()
    for k in range(first, TOTAL):
        assert values[k] == pytest.approx(THETA[first : k + 1 : every].mean(), rel=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_ema_is_the_usual_recursion(decay: float) -> None:
    expected = [THETA[0]]  # the average starts there, and each further update is number t
    for t in range(TOTAL - 1):
        d = min(decay, (1 + t) / (10 + t))
        expected.append(d * expected[-1] + (1 - d) * THETA[t + 1])
    np.testing.assert_allclose(average(EMA(decay)), expected, rtol=1e-12)


def test_ema_remembers_what_its_decay_says() -> None:
    rates = EMA(0.9).rates(0, 1000, 1000)
    assert rates[0] == 1
    assert rates[-1] == pytest.approx(0.1)
    weights = rates * np.append(np.cumprod((1 - rates)[:0:-1])[::-1], 1)  # of each θ in the last average
    assert weights.sum() == pytest.approx(1)
    assert weights[-50:] == pytest.approx(0.1 * 0.9 ** np.arange(49, -1, -1))


@pytest.mark.parametrize("averaging", [EMA(0.9), SWA(), SWA(0.3, 4)])
def test_chunks_of_a_fit_give_the_same_rates(averaging: Averaging) -> None:
    whole = averaging.rates(0, TOTAL, TOTAL)
    assert whole.dtype == np.float64
    for size in (1, 7, 33):
        parts = [averaging.rates(k, min(size, TOTAL - k), TOTAL) for k in range(0, TOTAL, size)]
        assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("averaging", [EMA(), SWA(), SWA(50, 7)])
def test_the_shortest_fits_have_an_average_too(averaging: Averaging, total: int) -> None:
    rates = averaging.rates(0, total, total)
    assert rates[rates > 0][0] == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EMA(1), r"decay: expected a number in \[0, 1\), found 1"),
        (lambda: EMA(math.nan), "decay: expected a number"),
        (lambda: EMA(True), "decay: expected a number"),
        (lambda: SWA(1.0), r"start: expected a fraction in \[0, 1\) or a whole number of steps, found 1.0"),
        (lambda: SWA(-1), "start: expected a fraction"),
        (lambda: SWA(None), "start: expected a fraction"),
        (lambda: SWA(0.5, 0), "every: expected a whole number of at least 1, found 0"),
        (lambda: SWA(0.5, 1.5), "every: expected a whole number of at least 1, found 1.5"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# In a fit ------------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(1)
N = 45
X, Y = RNG.normal(size=(N, 4)), RNG.integers(0, 3, N)
ENGINES = pytest.mark.parametrize("engine", ["native", "reference"])
OPTIONS: dict[str, Any] = {"batch_size": None, "seed": 0, "threads": 1, "optimizer": ll.optimizers.Adam(0.05)}


def network(engine: str = "native", dtype: str = "float64") -> ll.Network:
    layers = [ll.Dense(9, "tanh", max_norm=0.8), ll.BatchNorm()]
    return ll.Network(layers, likelihood=ll.likelihoods.Categorical(3), engine=engine, dtype=dtype).build(4, seed=0)


def theta(net: ll.Network) -> dict[str, Array]:
    return {name: np.array(value) for name, value in net.parameters.items()}


def path(engine: str, steps: int) -> list[dict[str, Array]]:
    """θ after each step of a fit without an average: full-batch, so that an epoch is a step."""
    after: list[dict[str, Array]] = []
    network(engine).fit(X, Y, epochs=steps, callbacks=[lambda epoch: after.append(theta(epoch.network))], **OPTIONS)
    return after


def assert_equal(net: ll.Network, expected: dict[str, Array], rtol: float = 1e-10) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=rtol, atol=1e-12)


@ENGINES
@pytest.mark.parametrize("chunk_seconds", [0.0, 1e9])
def test_a_fit_ends_with_the_mean_of_its_last_part(
    engine: str, chunk_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of θ as max-norm left it, and of batch norm's running statistics with it."""
    monkeypatch.setattr(fitting, "CHUNK_SECONDS", chunk_seconds)
    after, net = path(engine, 20), network(engine)
    net.fit(X, Y, epochs=20, averaging=SWA(0.5, 3), **OPTIONS)
    assert_equal(net, {name: np.mean([a[name] for a in after[10:20:3]], axis=0) for name in after[0]})


@ENGINES
def test_a_fit_ends_with_the_exponential_average(engine: str) -> None:
    after, net = path(engine, 20), network(engine)
    net.fit(X, Y, epochs=20, averaging=EMA(0.6), **OPTIONS)
    expected = after[0]
    for t, new in enumerate(after[1:]):
        d = min(0.6, (1 + t) / (10 + t))
        expected = {name: d * expected[name] + (1 - d) * new[name] for name in expected}
    assert_equal(net, expected)


@pytest.mark.parametrize("kind", ["swa", "ema"])
def test_a_fit_ends_where_torchs_averaged_model_does(kind: str) -> None:
    swa_utils = pytest.importorskip("torch.optim.swa_utils")
    import torch

    after, first = path("native", 25), 12
    model = torch.nn.ParameterDict({name.replace(".", "_"): torch.tensor(v) for name, v in after[first].items()})
    average = swa_utils.AveragedModel(model, avg_fn=swa_utils.get_ema_avg_fn(0.5) if kind == "ema" else None)
    begin = network()
    if kind == "ema":  # the short averages of the first nine steps are ours alone: PyTorch's goes on from there
        begin.fit(X, Y, epochs=first + 1, averaging=EMA(0.5), **OPTIONS)
        with torch.no_grad():
            for name, value in begin.parameters.items():
                average.module[name.replace(".", "_")].copy_(torch.tensor(np.array(value)))
        average.n_averaged += 1
    for new in after[first + (kind == "ema") :]:
        with torch.no_grad():
            for name, value in new.items():
                model[name.replace(".", "_")].copy_(torch.tensor(value))
        average.update_parameters(model)
    net = network()
    net.fit(X, Y, epochs=25, averaging=SWA(first) if kind == "swa" else EMA(0.5), **OPTIONS)
    expected = {name: average.module[name.replace(".", "_")].detach().numpy() for name in after[0]}
    assert_equal(net, expected, rtol=1e-9)


@ENGINES
def test_fitting_again_goes_on_from_the_theta_that_was_averaged(engine: str) -> None:
    """Also after a copy, which takes the θ behind the average along."""
    net, plain = network(engine), network(engine)
    net.fit(X, Y, epochs=6, averaging=SWA(0), **OPTIONS)
    twin = pickle.loads(pickle.dumps(net))
    assert_equal(twin, theta(net), rtol=0)
    plain.fit(X, Y, epochs=10, **OPTIONS)
    for each in (net, twin):
        each.fit(X, Y, epochs=4, **OPTIONS)
        assert_equal(each, theta(plain), rtol=0)


@ENGINES
def test_what_is_validated_and_what_callbacks_see_is_the_average(engine: str) -> None:
    net, seen = network(engine), []

    def look(epoch: ll.Epoch) -> None:
        seen.append((epoch.validation_log_likelihood, epoch.network.log_likelihood(X, Y) / N, theta(epoch.network)))

    after = path(engine, 6)
    net.fit(X, Y, epochs=6, averaging=SWA(0), validation=(X, Y), callbacks=[look], **OPTIONS)
    for k, (told, measured, average) in enumerate(seen):
        assert told == pytest.approx(measured, rel=1e-12)
        for name, value in average.items():
            np.testing.assert_allclose(
                value, np.mean([a[name] for a in after[: k + 1]], axis=0), rtol=1e-10, atol=1e-12
            )


@ENGINES
def test_early_stopping_keeps_the_best_average_and_goes_on_from_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([-3.0, -1.0, -2.0, -2.0, -2.0])
    monkeypatch.setattr(fitting.Validation, "log_likelihood", lambda self, engine, threads: next(values))
    net, after = network(engine), path(engine, 2)
    history = net.fit(X, Y, epochs=5, averaging=SWA(0), validation=(X, Y), early_stopping=2, **OPTIONS)
    assert (history.stopped, history.best_epoch) == ("early stopping", 1)
    best = {name: (after[0][name] + after[1][name]) / 2 for name in after[0]}
    assert_equal(net, best)
    net.fit(X, Y, epochs=1, optimizer=ll.optimizers.GradientAscent(1e-12), batch_size=None, seed=0, threads=1)
    learned = {name: value for name, value in best.items() if name not in net.program.statistics}
    assert_equal(net, learned, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_the_threads(dtype: str) -> None:
    found = []
    for threads in (1, 2, 3):
        net = network(dtype=dtype)
        net.fit(X, Y, epochs=3, averaging=EMA(0.9), **{**OPTIONS, "batch_size": 7, "threads": threads})
        found.append({name: value.tobytes() for name, value in net.parameters.items()})
    assert found[0] == found[1] == found[2]


def test_what_is_no_averaging_is_refused() -> None:
    with pytest.raises(ValueError, match=r"averaging: expected EMA\(\) or SWA\(\) of likeliest.averaging, found 'ema'"):
        network().fit(X, Y, averaging="ema")  # type: ignore[arg-type]
