"""A likelihood of the user's: it trains on the native engine as on the reference, and what it raises comes out."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from cases import Array

import likeliest as ll
from likeliest import fit as fitting
from likeliest.likelihoods import Likelihood

RNG = np.random.default_rng(0)
N = 50
X = RNG.normal(size=(N, 4))
Y = np.exp(X[:, 0] / 2) * RNG.exponential(size=N)
ENGINES = pytest.mark.parametrize("engine", ["native", "reference"])


class Exponential:
    """y ~ Exponential with rate e^η, as the guide has it: nothing but log_prob."""

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[:, 0] - y * xp.exp(eta[:, 0])


class Scored(Exponential):
    def score(self, eta: Array, y: Array) -> Array:
        return 1 - y[:, None] * np.exp(eta)


class Derived(Likelihood):
    """The same, derived from Likelihood, with more of it."""

    support = (0.0, np.inf)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[:, 0] - y * xp.exp(eta[:, 0])

    def mean(self, xp: Any, eta: Any) -> Any:
        return xp.exp(-eta[:, 0])

    def quantile(self, eta: Array, p: Array) -> Array:
        return np.asarray(-np.log1p(-p) * np.exp(-eta[:, 0]))


class TwoNormals:
    """Two targets, one scale for both: η is μ_1, μ_2 and the log of the variance."""

    width, targets, locations = 3, 2, 2

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        error = ((y - eta[:, :2]) ** 2).sum(axis=1)
        return -0.5 * error * xp.exp(-eta[:, 2]) - eta[:, 2] - np.log(2 * np.pi)


class Softmax:
    """Classes by indexing, so that y must come as whole numbers."""

    width = classes = 3
    discrete = True

    def check(self, y: Any) -> Array:
        return np.asarray(y, np.int64)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[np.arange(len(y)), y] - np.log(np.exp(eta).sum(axis=1))

    def probabilities(self, xp: Any, eta: Any) -> Any:
        return np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)


def network(likelihood: Any, engine: str = "native", dtype: str = "float64", **options: Any) -> ll.Network:
    return ll.Network([ll.Dense(6, "tanh")], likelihood=likelihood, engine=engine, dtype=dtype, **options)


def fitted(likelihood: Any, y: Array = Y, engine: str = "native", dtype: str = "float64", **options: Any) -> ll.Network:
    net = network(likelihood, engine, dtype)
    net.fit(X, y, **{"epochs": 5, "batch_size": 16, "seed": 1, "threads": 1, **options})
    return net


def theta(net: ll.Network) -> dict[str, Array]:
    return {name: np.array(value) for name, value in net.parameters.items()}


# It trains -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "likelihood", [Exponential(), Scored(), Derived(), Derived], ids=["plain", "with a score", "derived", "a class"]
)
@pytest.mark.parametrize("options", [{}, {"sample_weight": np.linspace(0, 3, N)}, {"clip_norm": 0.2, "threads": 3}])
def test_native_and_reference_take_the_same_steps(likelihood: Any, options: Any) -> None:
    nets = [network(likelihood, engine) for engine in ("native", "reference")]
    arguments = {"epochs": 5, "batch_size": 16, "seed": 1, "threads": 1, **options}
    mine, expected = (net.fit(X, Y, **arguments) for net in nets)
    np.testing.assert_allclose(mine.log_likelihood, expected.log_likelihood, rtol=1e-8)
    for name, value in nets[1].parameters.items():
        np.testing.assert_allclose(nets[0].parameters[name], value, rtol=1e-8, atol=1e-10)


def test_a_score_that_is_written_and_one_by_differences_agree() -> None:
    written, differences = theta(fitted(Scored())), theta(fitted(Exponential()))
    for name, value in written.items():
        np.testing.assert_allclose(differences[name], value, rtol=1e-7, atol=1e-9)


def test_the_users_poisson_is_the_packages() -> None:
    """A likelihood of the package, once by its kernel or page and once as if it were the user's."""

    class Counts:
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return scipy.stats.poisson(np.exp(eta[:, 0])).logpmf(y)

    y = RNG.poisson(np.exp(X[:, 1] / 2)).astype(float)
    start = {"optimizer": ll.optimizers.GradientAscent(0.05), "epochs": 4}
    own = network(Counts()).build(4, seed=1)
    theirs = network(ll.likelihoods.Poisson(), "reference").build(4, seed=1)
    for net in (own, theirs):
        net.fit(X, y, batch_size=16, seed=1, threads=1, **start)
    for name, value in theirs.parameters.items():
        np.testing.assert_allclose(own.parameters[name], value, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_threads_give_the_same_bits(dtype: str) -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(3000, 20)), rng.exponential(size=3000)
    found = []
    for threads in (1, 2, 3):
        net = ll.Network([ll.Dense(64, "tanh"), ll.Dense(64, "tanh")], likelihood=Scored(), dtype=dtype)
        net.fit(X, y, epochs=2, batch_size=1500, seed=0, threads=threads)  # in blocks, each of which calls back
        found.append({name: value.tobytes() for name, value in net.parameters.items()})
    assert found[0] == found[1] == found[2]


@ENGINES
def test_two_targets_and_three_columns(engine: str) -> None:
    y = np.column_stack([X[:, 0], X[:, 1] - 1]) + 0.3 * RNG.normal(size=(N, 2))
    net = fitted(TwoNormals(), y, engine, epochs=300, batch_size=None, optimizer=ll.optimizers.Adam(0.02))
    eta = net.output(X)
    np.testing.assert_allclose(eta[:, :2], y, atol=1.2)
    expected = [scipy.stats.norm(e[:2], np.exp(e[2] / 2)).logpdf(row).sum() for e, row in zip(eta, y, strict=True)]
    np.testing.assert_allclose(net.log_likelihood(X, y, per_example=True), expected, rtol=1e-9)
    # The scale starts without x, as `locations` says.
    fresh = fitted(TwoNormals(), y, engine, epochs=1, optimizer=ll.optimizers.GradientAscent(1e-12))
    assert not fresh.parameters["output.W"][:, 2].round(9).any()
    assert fresh.parameters["output.W"][:, :2].all()


@ENGINES
def test_classes_come_as_whole_numbers(engine: str) -> None:
    y = RNG.integers(0, 3, N)
    own, known = fitted(Softmax(), y, engine), fitted(ll.likelihoods.Categorical(3), y, engine)
    start = known.parameters["output.b"] * 0  # the package's starts at the shares of the classes
    own.build(4, seed=1)
    known.build(4, seed=1)
    for net in (own, known):
        net.parameters["output.b"] = start
        net.fit(X, y, epochs=3, batch_size=16, seed=1, threads=1)
    np.testing.assert_allclose(own.predict_proba(X), known.predict_proba(X), rtol=1e-6)
    assert np.array_equal(own.predict(X), known.predict(X))


@ENGINES
def test_what_it_has_beyond_log_prob_is_used(engine: str) -> None:
    net = fitted(Derived(), engine=engine)
    np.testing.assert_allclose(net.predict(X), np.exp(-net.output(X)[:, 0]))
    d = net.predict_dist(X)
    np.testing.assert_allclose(d.ppf(0.5), np.log(2) * d.mean(), rtol=1e-9)
    bare = fitted(Exponential(), engine=engine)
    with pytest.raises(NotImplementedError, match="has no mean: write one to use what needs it"):
        bare.predict(X)
    with pytest.raises(ValueError, match="y has no classes"):
        bare.predict_proba(X)


@ENGINES
def test_several_targets_of_a_kind(engine: str) -> None:
    two = np.column_stack([Y, Y[::-1]])
    net = network(ll.likelihoods.Independent(Derived(), 2), engine)
    net.fit(X, two, epochs=3, batch_size=16, seed=1, threads=1)
    eta = net.output(X)
    expected = sum(scipy.stats.expon(scale=np.exp(-eta[:, k])).logpdf(two[:, k]) for k in range(2))
    np.testing.assert_allclose(net.log_likelihood(X, two, per_example=True), expected, rtol=1e-9)
    gradient = network(ll.likelihoods.Independent(Derived(), 2), "reference").build(4)
    for name, value in net.parameters.items():
        gradient.parameters[name] = value
    for name, g in gradient.gradient(X, two).items():
        np.testing.assert_allclose(net.gradient(X, two)[name], g, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("method", ["log_prob", "score"])
def test_a_method_of_ones_own_on_a_likelihood_of_the_package_is_what_trains(method: str) -> None:
    """The native kernel computes neither any more."""

    class Doubled(ll.likelihoods.Normal):
        pass

    class Own(ll.likelihoods.Normal):
        if method == "log_prob":

            def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
                return 2 * super().log_prob(xp, eta, y)
        else:

            def score(self, eta: Array, y: Array) -> Array:
                return 2 * super().score(eta, y)

    nets = [network(likelihood).build(4, seed=1) for likelihood in (Own(), ll.likelihoods.Normal(), Doubled())]
    mine, normal, same = (net.gradient(X, Y) for net in nets)
    for name, g in normal.items():
        np.testing.assert_allclose(mine[name], 2 * g, rtol=1e-8, atol=1e-9)
        np.testing.assert_array_equal(same[name], g)


def test_lbfgs_takes_it_too() -> None:
    net = fitted(Scored(), optimizer=ll.optimizers.LBFGS(), batch_size=None, epochs=50)
    assert net.log_likelihood(X, Y) > fitted(Scored(), epochs=50, batch_size=None).log_likelihood(X, Y)


def test_python_computes_with_small_numbers_as_elsewhere() -> None:
    """The core counts subnormal numbers as 0 while it trains."""
    found = []

    class Seeing(Exponential):
        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            found.append(float((np.full(3, 1.5e-38, np.float32) * np.float32(0.5))[0]))
            return super().log_prob(xp, eta, y)

    ll.Network([ll.Dense(3)], likelihood=Seeing()).fit(X, Y, epochs=1, batch_size=20, seed=0, verbose=False)
    assert found
    assert min(found) > 0


def test_one_call_back_a_minibatch() -> None:
    sizes = []

    class Counting(Scored):
        def score(self, eta: Array, y: Array) -> Array:
            assert eta.shape == (len(y), 1)
            assert eta.dtype == np.float32
            assert y.dtype == np.float64
            sizes.append(len(y))
            return super().score(eta, y)

    fitted(Counting(), epochs=2, dtype="float32")
    assert sizes == [16, 16, 16, 2] * 2


# What goes wrong -----------------------------------------------------------------------------------------------------


class Late(Scored):
    """Raises at the k-th score."""

    def __init__(self, error: BaseException, at: int) -> None:
        self.error, self.at, self.calls = error, at, 0

    def score(self, eta: Array, y: Array) -> Array:
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return super().score(eta, y)


@ENGINES
@pytest.mark.parametrize("error", [KeyError("mine"), ZeroDivisionError("by zero"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("batch_size", [16, None])
@pytest.mark.parametrize("threads", [1, 3])
def test_an_exception_comes_out_as_itself_and_theta_is_kept(
    engine: str, error: BaseException, batch_size: Any, threads: int
) -> None:
    """θ and the optimizer's state are those from before the chunk: training goes on as if it had not been."""
    likelihood = Late(error, 30)
    net, twin = network(likelihood, engine), network(Scored(), engine)
    options: dict[str, Any] = {"batch_size": batch_size, "seed": 1, "threads": threads}
    with pytest.raises(type(error)) as caught:
        net.fit(X, Y, epochs=100, **options)
    assert caught.value is error
    done = net._position.epochs
    kept = net._position.steps  # a chunk may end in the middle of an epoch
    assert kept < 30
    assert likelihood.calls == 30
    twin.fit(X, Y, epochs=100, callbacks=[lambda epoch: True], **options)
    if done:
        twin.build(4, seed=1)
        twin.fit(X, Y, epochs=done, **options)
    if kept == twin._position.steps:
        for _ in range(2):
            for name, value in twin.parameters.items():
                assert np.array_equal(net.parameters[name], value)
            for each in (net, twin):
                each.fit(X, Y, epochs=1, **options)
    assert all(np.isfinite(value).all() for value in net.parameters.values())


@ENGINES
def test_with_an_average_theta_is_the_one_that_training_goes_on_from(engine: str) -> None:
    net = network(Late(KeyError("mine"), 10), engine)
    options: dict[str, Any] = {"batch_size": None, "seed": 1, "threads": 1}
    with pytest.raises(KeyError):
        net.fit(X, Y, epochs=100, averaging=ll.averaging.SWA(0), callbacks=[lambda epoch: None], **options)
    twin = network(Scored(), engine)
    twin.fit(X, Y, epochs=net._position.epochs, **options)
    for name, value in twin.parameters.items():
        assert np.array_equal(net.parameters[name], value)


@ENGINES
def test_a_callback_that_raises_leaves_theta_not_its_average(engine: str) -> None:
    def fail(epoch: ll.Epoch) -> None:
        if epoch.number == 3:
            raise KeyError("mine")

    net, twin = network(Scored(), engine), network(Scored(), engine)
    options: dict[str, Any] = {"batch_size": None, "seed": 1, "threads": 1}
    with pytest.raises(KeyError):
        net.fit(X, Y, epochs=9, averaging=ll.averaging.SWA(0), callbacks=[fail], **options)
    twin.fit(X, Y, epochs=3, **options)
    for name, value in twin.parameters.items():
        assert np.array_equal(net.parameters[name], value)


def test_after_an_exception_in_one_block_the_others_do_not_call() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2600, 3)), rng.exponential(size=2600)
    likelihood = Late(KeyError("mine"), 2)
    with pytest.raises(KeyError):
        ll.Network([], likelihood=likelihood).fit(X, y, batch_size=None, epochs=3, seed=0)
    assert likelihood.calls == 2


@ENGINES
@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("log_prob", lambda xp, eta, y: -eta, r"log_prob of .* gave shape \(50, 1\) for eta \(n, 1\) with n = 50"),
        ("log_prob", lambda xp, eta, y: 0.0, r"log_prob of .* gave shape \(\)"),
        ("log_prob", lambda xp, eta, y: eta - y, r"log_prob of .* gave shape \(50, 50\) .* expected \(50,\)"),
        ("score", lambda eta, y: eta[:, 0], r"score of .* gave shape \(16,\) .*, expected \(16, 1\); check_likelihood"),
        ("score", lambda eta, y: np.zeros((16, 2)), r"score of .* gave shape \(16, 2\)"),
    ],
)
def test_wrong_shapes_are_named(engine: str, method: str, value: Any, message: str) -> None:
    likelihood: Any = Scored()
    setattr(likelihood, method, value)
    with pytest.raises(ValueError, match="likelihood: " + message):
        fitted(likelihood, engine=engine)


@ENGINES
def test_numbers_that_run_away_are_divergence_all_the_same(engine: str) -> None:
    with pytest.raises(ll.DivergenceError, match="training diverged at step"):
        fitted(Scored(), engine=engine, optimizer=ll.optimizers.GradientAscent(1e9))
    likelihood: Any = Exponential()
    likelihood.log_prob = lambda xp, eta, y: eta[:, 0] * np.nan
    with pytest.raises(ValueError, match="the log-likelihood is nan before the first step"):
        fitted(likelihood, engine=engine)


def test_a_likelihood_that_asks_its_network_is_refused_and_does_not_hang() -> None:
    class Curious(Scored):
        def score(self, eta: Array, y: Array) -> Array:
            return super().score(eta, y) * float(net.parameters["output.b"].size)

    net = network(Curious()).build(4, seed=1)
    with pytest.raises(RuntimeError, match="the network is in use: a likelihood cannot call the network that calls it"):
        net.fit(X, Y, epochs=1, seed=0)
    assert net.output(X).shape == (N, 1)


def test_python_threads_share_a_network_without_waiting_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one trains and calls back, others predict and read θ: the engine waits without the interpreter's lock."""
    monkeypatch.setattr(fitting, "CHUNK_SECONDS", 0.0)  # a chunk a step, so that they take turns often
    net = network(Scored()).build(4, seed=1)
    done: list[int] = []

    def look() -> None:
        for _ in range(100):
            dict(net.parameters)
            net.output(X)
            net.gradient(X, Y)
        done.append(1)

    threads = [threading.Thread(target=look, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    net.fit(X, Y, epochs=100, batch_size=8, seed=0, threads=2)
    for thread in threads:
        thread.join(timeout=60)
    assert done == [1, 1]


# Ctrl-C --------------------------------------------------------------------------------------------------------------

SCRIPT = """
import os, signal, sys, warnings
import numpy as np
import likeliest as ll

signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(400, 20)), rng.exponential(size=400)
PRESSES, calls = set({presses}), 0

class Pressed:
    def log_prob(self, xp, eta, y):
        return eta[:, 0] - y * xp.exp(eta[:, 0])

    def score(self, eta, y):
        global calls
        calls += 1
        if calls in PRESSES:
            os.kill(os.getpid(), signal.SIGINT)
        return 1 - y[:, None] * np.exp(eta)

net = ll.Network([ll.Dense(8, "tanh")], likelihood=Pressed())
fit = lambda: net.fit(X, y, epochs=10**9, seed=0, threads={threads})
warnings.simplefilter("ignore")
"""

ONCE = """
history = fit()
assert history.stopped == "interrupted", history
assert calls >= 300
"""

TWICE = """
try:
    fit()
except KeyboardInterrupt:
    assert calls == 301, calls
else:
    raise AssertionError("no KeyboardInterrupt")
"""

AFTER = """
assert all(np.isfinite(value).all() for value in net.parameters.values())
PRESSES.clear()
before = net.log_likelihood(X, y)
net.fit(X, y, epochs=20, seed=0, threads=1)
assert net.log_likelihood(X, y) > before
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("fine")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("presses", "what"), [((300,), ONCE), ((300, 301), TWICE)], ids=["once", "twice"])
def test_ctrl_c_inside_the_call_back(presses: tuple[int, ...], what: str, threads: int, tmp_path: Path) -> None:
    """The first stops after the chunk, the second comes out of the call-back as KeyboardInterrupt."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(presses=presses, threads=threads) + what + AFTER, encoding="utf-8")
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "fine"), run.stderr


# check_likelihood ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", [Scored(), Derived(), Exponential()], ids=lambda x: type(x).__name__)
def test_check_likelihood_finds_what_the_exponential_lacks(likelihood: Any) -> None:
    """All is right but one thing: nothing holds η back at 1e4."""
    report = ll.check_likelihood(likelihood, y=[0.5, 1.0, 2.0])
    wrong = [finding.name for finding in report.findings if finding.ok is False]
    assert set(wrong) <= {"finite at eta = ±1e4", "probabilities sum to 1"}, str(report)
    assert "finite at eta = ±1e4" in wrong
