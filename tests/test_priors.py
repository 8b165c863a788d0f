"""Priors: densities against SciPy and by quadrature, fitting to the top of LL(θ) + log P(θ), and equivalents."""

from __future__ import annotations

import decimal
import math
import re
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats
from cases import Array

import likeliest as ll
from likeliest import random
from likeliest.likelihoods import Bernoulli, Categorical
from likeliest.optimizers import Adam, AdamW, GradientAscent
from likeliest.priors import PRIORS, Flat, Horseshoe, Laplace, Normal, Prior, StudentT
from likeliest.xp import numpy_namespace as xp

DENSITIES: list[tuple[Prior, Any]] = [
    (Normal(0.3), scipy.stats.norm(scale=0.3)),
    (Laplace(0.3), scipy.stats.laplace(scale=0.3)),
    (StudentT(0.3, 2.5), scipy.stats.t(2.5, scale=0.3)),
    (StudentT(2.0, 1.0), scipy.stats.cauchy(scale=2.0)),
]
ALL: list[Prior] = [*(prior for prior, _ in DENSITIES), Horseshoe(0.3), Horseshoe(2.0), Flat()]
every = pytest.mark.parametrize("prior", ALL, ids=repr)
THETA = np.concatenate([s * np.geomspace(1e-8, 1e4, 60) for s in (1, -1)])

RNG = np.random.default_rng(0)
N = 60
X, Y = RNG.normal(size=(N, 4)), RNG.integers(0, 3, N)


def test_every_prior_is_here() -> None:
    assert {type(prior) for prior in ALL} == set(PRIORS.values())
    assert all(kind.name == name for name, kind in PRIORS.items())


# Densities -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prior", "density"), DENSITIES, ids=[repr(prior) for prior, _ in DENSITIES])
def test_log_prob_is_scipys(prior: Prior, density: Any) -> None:
    expected = density.logpdf(THETA)
    told = np.isfinite(expected)  # far out, SciPy's Laplace has the logarithm of 0
    assert told.mean() > 0.6
    np.testing.assert_allclose(prior.log_prob(xp, THETA)[told], expected[told], rtol=1e-12, atol=1e-12)


def by_mixing(theta: float, s: float) -> float:
    """The horseshoe from its definition: N(θ; 0, λ²s²), with λ = tan(πv/2) half-Cauchy for v uniform on (0, 1)."""
    f = lambda v: scipy.stats.norm.pdf(theta, scale=s * math.tan(math.pi * v / 2))  # noqa: E731
    return float(scipy.integrate.quad(f, 0, 1, epsabs=0, epsrel=1e-10, limit=500, points=[1e-3, 1e-2, 0.1, 0.9])[0])


@pytest.mark.parametrize("s", [0.3, 2.0])
@pytest.mark.parametrize("z", [0.05, 0.5, 1.0, 3.0, 20.0, 300.0])
def test_horseshoe_is_a_normal_with_a_half_cauchy_scale(s: float, z: float) -> None:
    rounded = s * math.sqrt(z**2 + 1e-6)  # within a thousandth of the scale the peak is made round
    assert math.exp(Horseshoe(s).log_prob(xp, s * z)) == pytest.approx(by_mixing(rounded, s), rel=1e-7)


@pytest.mark.parametrize("prior", ALL[:-1], ids=repr)
def test_densities_integrate_to_1(prior: Prior) -> None:
    t = np.linspace(-40, 40, 400_001)
    theta, step = prior.scale * np.sinh(t), prior.scale * np.cosh(t) * (t[1] - t[0])  # type: ignore[attr-defined]
    total = float((np.exp(prior.log_prob(xp, theta)) * step).sum())
    assert total == pytest.approx(1, abs=2e-3 if isinstance(prior, Horseshoe) else 1e-8)


@every
def test_score_is_the_derivative_of_log_prob(prior: Prior) -> None:
    scale = getattr(prior, "scale", 1.0)
    theta = scale * np.concatenate([s * np.geomspace(1e-4, 1e3, 50) for s in (1, -1)])
    step = 1e-4 * np.abs(theta)
    f = {k: prior.log_prob(xp, theta + k * step) for k in (-2, -1, 1, 2)}
    expected = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * step)
    rounding = 4e-16 * (1 + np.abs(f[1])) / step
    assert (np.abs(prior.score(theta) - expected) <= 1e-7 * np.abs(expected) + rounding).all()
    assert prior.score(np.zeros(2)).tolist() == [0, 0]
    np.testing.assert_array_equal(prior.score(-theta), -prior.score(theta))


@pytest.mark.parametrize("z", [1.5, 30.0, 141.0, 142.0, 1e3, 1e5])
def test_horseshoes_score_far_out_against_fifty_digits(z: float) -> None:
    """Where 1 − 1/(u e^u E₁(u)) cancels: from the continued fraction of E₁, in decimal arithmetic."""
    with decimal.localcontext(prec=50):
        u = (decimal.Decimal(z) ** 2 + decimal.Decimal("1e-6")) / 2
        tail = decimal.Decimal(0)
        for k in range(300, 0, -1):
            tail = k * k / (u + 2 * k + 1 - tail)
        expected = float(decimal.Decimal(z) * (1 - (u + 1 - tail) / u))
    assert Horseshoe(0.5).score(np.array([0.5 * z]))[0] == pytest.approx(2 * expected, rel=1e-11)


@every
def test_scores_are_finite_and_a_nan_shows(prior: Prior) -> None:
    for dtype in (np.float32, np.float64):
        far = np.array([0, 1e-30, 1e-12, 1, 1e6, 1e15], dtype)
        assert np.isfinite(prior.score(far)).all()
        assert np.isfinite(prior.log_prob(xp, far)).all()
    if not isinstance(prior, Flat):
        assert np.isnan(prior.log_prob(xp, np.array([np.nan]))).all()


@pytest.mark.parametrize("kind", [Normal, Laplace, StudentT, Horseshoe])
@pytest.mark.parametrize("scale", [0, -1.0, np.nan, np.inf, "1", True, None])
def test_scales_are_positive(kind: Any, scale: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"scale: expected a positive number, found {scale!r}")):
        kind(scale)


@pytest.mark.parametrize("df", [0, -1, np.nan, np.inf, "4", None, True])
def test_degrees_of_freedom_are_positive(df: Any) -> None:
    with pytest.raises(ValueError, match="df: expected a positive number"):
        StudentT(1.0, df)


# Which parameters ----------------------------------------------------------------------------------------------------


def network(prior: Any, engine: str = "native", dtype: str = "float64", **options: Any) -> ll.Network:
    layers = [ll.Dense(7, "tanh"), ll.BatchNorm(), ll.Dense(5, "tanh")]
    net = ll.Network(layers, likelihood=Categorical(3), prior=prior, engine=engine, dtype=dtype, **options)
    return net.build(4, seed=1)


BIASES = {"dense_1.b": 0.3, "dense_2.b": -0.2, "output.b": 0.1}
WEIGHTS = ("dense_1.W", "dense_2.W", "output.W")


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (None, {}),
        (Normal(2.0), dict.fromkeys(WEIGHTS, Normal(2.0))),
        ({"dense_2": Laplace(0.5)}, {"dense_2.W": Laplace(0.5)}),
        ({"output.b": Normal(3.0)}, {"output.b": Normal(3.0)}),
        ({"dense_1.W": Laplace(1.0), "dense_1": Normal(1.0)}, {"dense_1.W": Laplace(1.0)}),
        (
            {"dense_1": Normal(1.0), "dense_1.b": StudentT(), "batch_norm_1.gamma": Flat()},
            {"dense_1.W": Normal(1.0), "dense_1.b": StudentT(), "batch_norm_1.gamma": Flat()},
        ),
    ],
)
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_one_prior_by_layer_by_name_and_biases_free(prior: Any, expected: dict[str, Prior], engine: str) -> None:
    """log_prior, and what it does to a step: the difference to the same step without a prior is ε score / n."""
    net, twin = network(prior, engine), network(None, engine)
    for each in (net, twin):
        for name, value in BIASES.items():
            each.parameters[name] = np.full_like(each.parameters[name], value)
    before = {name: np.array(value) for name, value in net.parameters.items()}
    total = math.fsum(float(p.log_prob(xp, before[name]).sum()) for name, p in expected.items())
    assert net.log_prior() == pytest.approx(total, rel=1e-13)
    for each in (net, twin):
        each.fit(X, Y, optimizer=GradientAscent(0.5), epochs=1, batch_size=None, seed=0, threads=1)
    for name, value in before.items():
        pull = (net.parameters[name] - twin.parameters[name]) / 0.5
        score = expected[name].score(value) / N if name in expected else np.zeros_like(value)
        np.testing.assert_allclose(pull, score, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["dense_3", "dense_1.w", "W", "batch_norm_1", "batch_norm_1.mean", ""])
def test_a_name_that_is_not_there_is_refused_with_the_list(name: str) -> None:
    message = (
        rf"prior: there is no layer or parameter '{re.escape(name)}'; there are dense_1, dense_2, output, dense_1.W"
    )
    with pytest.raises(ValueError, match=message):
        network({name: Normal()})


def test_the_vectors_of_an_embedding_are_weights() -> None:
    net = ll.Network([ll.Embedding([(0, 3, 2)])], likelihood=Bernoulli(), prior=Normal(0.5), dtype="float64").build(2)
    expected = sum(scipy.stats.norm(scale=0.5).logpdf(net.parameters[n]).sum() for n in ("embedding_1.E0", "output.W"))
    assert net.log_prior() == pytest.approx(expected, rel=1e-12)


# Native kernels ------------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("batch_size", [16, None])
def test_native_steps_follow_the_pages(prior: Prior, clip_norm: Any, batch_size: Any) -> None:
    spread = np.random.default_rng(1).choice([1e-6, 1e-3, 0.03, 0.5, 2.0, 40.0], size=(7, 5))
    nets = [network(prior, engine) for engine in ("native", "reference")]
    for net in nets:
        net.parameters["dense_2.W"] = spread * np.sign(net.parameters["dense_2.W"])
        options: dict[str, Any] = {"optimizer": GradientAscent(1e-3), "epochs": 3, "batch_size": batch_size}
        net.fit(X, Y, seed=1, threads=1, clip_norm=clip_norm, **options)
    for name, expected in nets[1].parameters.items():
        assert np.linalg.norm(nets[0].parameters[name] - expected) <= 1e-12 * (1 + np.linalg.norm(expected)), name


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_native_score_from_tiny_to_huge(prior: Prior, dtype: str) -> None:
    """Read from one step with examples of weight nearly 0, so that the prior is all there is."""
    theta = (np.resize(THETA, (4, 30)) * getattr(prior, "scale", 1.0)).astype(dtype)
    net = ll.Network([ll.Dense(30)], likelihood=Bernoulli(), prior={"dense_1": prior}, dtype=dtype).build(4)
    net.parameters["dense_1.W"], net.parameters["output.W"] = theta, np.zeros((30, 1))
    score = prior.score(theta.astype(np.float64))
    rate = 2.0**-20 if dtype == "float64" else 1.0
    net.fit(np.ones((4, 4)), [0, 1, 0, 1], optimizer=GradientAscent(rate), epochs=1, batch_size=None, seed=0, threads=1)
    moved = theta + rate * score / 4
    epsilon = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(net.parameters["dense_1.W"], moved, rtol=40 * epsilon, atol=1e-12 if rate < 1 else 1e-6)


# The objective -------------------------------------------------------------------------------------------------------


def objective(theta: Array, prior: Any, w: Array, b_prior: Any = None) -> float:
    """−LL(θ) − log P(θ) of softmax regression, written without the package: W (4, 3) and b (3,)."""
    W, b = theta[:12].reshape(4, 3), theta[12:]
    log_p = scipy.special.log_softmax(X @ W + b, axis=1)
    LL = float(w @ log_p[np.arange(N), Y])
    return -LL - float(prior.logpdf(W).sum()) - (float(b_prior.logpdf(b).sum()) if b_prior else 0)


@pytest.mark.parametrize("optimizer", [GradientAscent(1.0), ll.optimizers.LBFGS(tolerance=1e-9)], ids=lambda o: o.name)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_full_fit_is_at_the_maximum_of_the_objective(optimizer: Any, weighted: bool, engine: str) -> None:
    """Also with weights, which are then counts of examples: log P(θ) counts once, however large they are."""
    w = RNG.integers(1, 9, N).astype(float) if weighted else np.ones(N)
    prior = {"output": Normal(0.4), "output.b": StudentT(0.5, 3.0)}
    norm, t = scipy.stats.norm(scale=0.4), scipy.stats.t(3.0, scale=0.5)
    best = scipy.optimize.minimize(objective, np.zeros(15), (norm, w, t), method="BFGS", options={"gtol": 1e-7})
    net = ll.Network([], likelihood=Categorical(3), prior=prior, engine=engine, dtype="float64")
    net.fit(X, Y, sample_weight=w if weighted else None, optimizer=optimizer, epochs=800, batch_size=None, seed=0)
    found = np.concatenate([net.parameters["output.W"].ravel(), net.parameters["output.b"]])
    np.testing.assert_allclose(found, best.x, atol=2e-5)
    value = net.log_likelihood(X, Y, sample_weight=w) + net.log_prior()
    assert value == pytest.approx(-best.fun, rel=1e-9)


@pytest.mark.parametrize("batch_size", [15, 7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_minibatches_are_right_on_average(batch_size: int, weighted: bool, engine: str) -> None:
    """Over an epoch without moving, the minibatches' gradients add up to the objective's, however the last one is."""
    w = RNG.uniform(0, 3, N) if weighted else None
    total_weight = float(N if w is None else w.sum())
    net = ll.Network(
        [ll.Dense(7, "tanh")], likelihood=Categorical(3), prior=Normal(0.7), engine=engine, dtype="float64"
    )
    net.build(4, seed=1)
    before = {name: np.array(value) for name, value in net.parameters.items()}
    whole = net.gradient(X, Y, sample_weight=w, threads=1)
    for name in ("dense_1.W", "output.W"):
        whole[name] = whole[name] - before[name] / 0.7**2
    kind, seen = type(net._engine), []
    train = kind.train

    def one_step_at_a_time(self: Any, X: Any, y: Any, w: Any, chunk: Any, t: int, *rest: Any) -> Any:
        totals = []
        for k in range(len(chunk.bounds) - 1):
            begin, end = chunk.bounds[k], chunk.bounds[k + 1]
            step = chunk._replace(
                order=chunk.order[begin:end], bounds=np.array([0, end - begin]), factors=chunk.factors[k : k + 1]
            )
            totals += list(train(self, X, y, w, step, t + k, *rest))
            seen.append((end - begin, {name: self.get(name) - value for name, value in before.items()}))
            for name, value in before.items():
                self.set(name, value)
        return np.array(totals)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "train", one_step_at_a_time)
        net.fit(
            X, Y, sample_weight=w, optimizer=GradientAscent(1.0), epochs=1, batch_size=batch_size, seed=0, threads=1
        )
    assert sum(m for m, _ in seen) == N
    for name, g in whole.items():
        mean = sum(m / N * step[name] for m, step in seen)  # each example is equally often in a minibatch
        np.testing.assert_allclose(mean, g / total_weight, rtol=1e-10, atol=1e-13)


def test_the_strength_of_a_prior_does_not_depend_on_the_batch_size_and_fades_with_data() -> None:
    """Held-out examples do not count; twice the data is half the pull."""
    pulls = []
    for n, batch_size, validation in ((N, None, None), (N, 15, None), (N, None, 0.5), (N // 2, None, None)):
        nets = [network(prior) for prior in (Normal(0.5), None)]
        steps = 4 if batch_size else 1
        for net in nets:
            net.fit(X[:n], Y[:n], optimizer=GradientAscent(1e-6), epochs=4 // steps, batch_size=batch_size,
                    validation=validation, seed=0, threads=1)  # fmt: skip
        pulls.append(nets[0].parameters["output.W"] - nets[1].parameters["output.W"])
    np.testing.assert_allclose(pulls[1], pulls[0], rtol=1e-4)
    np.testing.assert_allclose(pulls[2], 2 * pulls[0], rtol=1e-4)
    np.testing.assert_allclose(pulls[3], 2 * pulls[0], rtol=1e-4)


def test_a_prior_survives_copies() -> None:
    import copy
    import pickle

    net = network({"dense_1": Laplace(0.5)})
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert twin.log_prior() == net.log_prior() != 0
        twin.fit(X, Y, epochs=1, seed=0, threads=1)
    net.fit(X, Y, epochs=1, seed=0, threads=1)
    assert all(np.array_equal(twin.parameters[name], net.parameters[name]) for name in net.parameters)


# Equivalents ---------------------------------------------------------------------------------------------------------

EXACT: dict[str, Any] = {
    "optimizer": ll.optimizers.LBFGS(tolerance=1e-10),
    "epochs": 3000,
    "batch_size": None,
    "seed": 0,
}


@pytest.mark.parametrize("C", [0.1, 3.0])
def test_normal_is_logistic_regressions_C(C: float) -> None:
    """scikit-learn minimises ½ |w|² + C Σ −log P, without the bias: s² = C."""
    from sklearn.linear_model import LogisticRegression

    peer = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(X, Y)
    net = ll.Network([], likelihood=Categorical(3), prior=Normal(math.sqrt(C)), dtype="float64")
    net.fit(X, Y, **EXACT)
    np.testing.assert_allclose(net.predict_proba(X), peer.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(net.parameters["output.W"], peer.coef_.T, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.3, 10.0])
def test_normal_is_ridges_alpha_and_laplace_is_lassos(alpha: float) -> None:
    """With y ~ N(μ, σ²): |y − μ|² + α |w|² is −2σ² LL for s² = σ²/α, and |y − μ|²/2n + α |w|₁ for s = σ²/(n α)."""
    from sklearn.linear_model import Lasso, Ridge

    sigma, y = 0.5, X @ [1.0, -2.0, 0.0, 0.3] + 0.5 * RNG.normal(size=N)
    ridge = Ridge(alpha, tol=1e-12).fit(X, y)
    net = ll.Network(
        [], likelihood=ll.likelihoods.Normal(scale=sigma), prior=Normal(sigma / math.sqrt(alpha)), dtype="float64"
    )
    net.fit(X, y, **EXACT)
    np.testing.assert_allclose(net.parameters["output.W"][:, 0], ridge.coef_, atol=1e-6)
    lasso = Lasso(alpha / 30, tol=1e-12).fit(X, y)
    s = sigma**2 / (N * alpha / 30)
    net = ll.Network([], likelihood=ll.likelihoods.Normal(scale=sigma), prior=Laplace(s), dtype="float64").build(4)
    net.parameters["output.W"], net.parameters["output.b"] = lasso.coef_[:, None], np.array([lasso.intercept_])
    mean, score = net.gradient(X, y)["output.W"][:, 0], Laplace(s).score(lasso.coef_)
    kept = lasso.coef_ != 0  # where scikit-learn stops, LL pulls as hard as the prior; at 0, not harder
    np.testing.assert_allclose(mean[kept], -score[kept], rtol=1e-6)
    assert (np.abs(mean[~kept]) <= 1 / s).all()


@pytest.mark.parametrize("alpha", [0.05, 2.0])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_normal_is_the_multilayer_perceptrons_alpha(alpha: float, kind: str) -> None:
    """It minimises mean loss + ½ α |W|²/n, biases free, with −log P or half the square: s = 1/√α with σ = 1."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    classifier = kind == "classifier"
    y: Any = Y if classifier else np.tanh(X[:, 0]) + X[:, 1]
    Kind: Any = MLPClassifier if classifier else MLPRegressor
    options = {"solver": "lbfgs", "tol": 1e-12, "max_iter": 20_000, "max_fun": 100_000, "random_state": 0}
    peer = Kind(hidden_layer_sizes=(3,), activation="tanh", alpha=alpha, **options).fit(X, y)
    likelihood: Any = Categorical(3) if classifier else ll.likelihoods.Normal(scale=1.0)
    net = ll.Network([ll.Dense(3, "tanh")], likelihood=likelihood, prior=Normal(1 / math.sqrt(alpha)), dtype="float64")
    net.build(4)
    for name, W, b in zip(("dense_1", "output"), peer.coefs_, peer.intercepts_, strict=True):
        net.parameters[f"{name}.W"], net.parameters[f"{name}.b"] = W, b
    # The same objective, exactly: n times scikit-learn's, with the other sign, but for constants of the densities.
    weights = sum(float((W * W).sum()) for W in peer.coefs_)
    constant = -sum(W.size for W in peer.coefs_) * math.log(math.sqrt(2 * math.pi / alpha))
    constant -= 0 if classifier else N / 2 * math.log(2 * math.pi)
    loss = -net.log_likelihood(X, y) / N if classifier else 0.5 * np.mean((peer.predict(X) - y) ** 2)
    theirs = loss + 0.5 * alpha * weights / N
    assert peer.loss_ == pytest.approx(theirs, rel=1e-9)
    assert net.log_likelihood(X, y) + net.log_prior() == pytest.approx(-N * theirs + constant, rel=1e-9)
    # And where it stops, there is next to nothing left to gain here.
    before = net.log_likelihood(X, y) + net.log_prior()
    net.fit(X, y, **EXACT)
    assert -1e-9 <= net.log_likelihood(X, y) + net.log_prior() - before <= 2e-4
    theirs = peer.predict_proba(X) if classifier else peer.predict(X)
    np.testing.assert_allclose(net.predict_proba(X) if classifier else net.predict(X), theirs, atol=3e-3)


def test_the_multilayer_perceptron_divides_alpha_by_the_minibatch() -> None:
    """Its minibatches of m are pulled by α/m and not by α/n: as by a prior with s = √(m/(n α))."""
    from sklearn.neural_network import MLPClassifier

    alpha, m, rate = 2.0, N // 3, 0.1
    options: dict[str, Any] = {"momentum": 0, "learning_rate_init": rate, "shuffle": False, "random_state": 0}
    peer = MLPClassifier((3,), activation="tanh", solver="sgd", alpha=alpha, batch_size=m, **options)
    peer.partial_fit(X, Y, classes=[0, 1, 2])
    net = ll.Network([ll.Dense(3, "tanh")], likelihood=Categorical(3), dtype="float64").build(4)
    for name, W, b in zip(("dense_1", "output"), peer.coefs_, peer.intercepts_, strict=True):
        net.parameters[f"{name}.W"], net.parameters[f"{name}.b"] = W, b
    peer.partial_fit(X, Y)
    prior = Normal(math.sqrt(m / (N * alpha)))
    for batch in np.split(np.arange(N), 3):
        for name, g in net.gradient(X[batch], Y[batch], threads=1).items():
            pull = prior.score(net.parameters[name]) / N if name.endswith("W") else 0.0
            net.parameters[name] = net.parameters[name] + rate * (g / m + pull)
    for name, W, b in zip(("dense_1", "output"), peer.coefs_, peer.intercepts_, strict=True):
        np.testing.assert_allclose(net.parameters[f"{name}.W"], W, rtol=1e-9)
        np.testing.assert_allclose(net.parameters[f"{name}.b"], b, rtol=1e-9)


def test_normal_is_decoupled_decay_for_gradient_ascent() -> None:
    """θ ← θ − ε λ θ + ε g, with g of the mean log-likelihood, is a step with the prior of 1/(s² n) = λ."""
    decay, rate = 0.3, 0.2
    net = network(Normal(1 / math.sqrt(decay * N)))
    plain = network(None)
    for epoch in range(5):
        for batch in np.split(random.permutations(1, range(epoch, epoch + 1), N)[0], 4):
            before = {name: np.array(value) for name, value in plain.parameters.items()}
            plain.build(4, seed=1)
            for name, value in before.items():
                plain.parameters[name] = value
            plain.fit(X[batch], Y[batch], optimizer=GradientAscent(rate), epochs=1, batch_size=None, seed=0, threads=1)
            for name in WEIGHTS:
                plain.parameters[name] = plain.parameters[name] - rate * decay * before[name]
    net.fit(X, Y, optimizer=GradientAscent(rate), epochs=5, batch_size=15, seed=1, threads=1)
    for name, value in plain.parameters.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=1e-9, atol=1e-12)


def test_normal_is_torchs_weight_decay_in_adam() -> None:
    """torch.optim.Adam(weight_decay=λ) adds λ θ to the gradient of a mean loss: s = 1/√(n λ), biases included."""
    torch = pytest.importorskip("torch")
    decay = 0.1
    prior = Normal(1 / math.sqrt(N * decay))
    net = ll.Network([], likelihood=Categorical(3), prior={"output": prior, "output.b": prior}, dtype="float64").build(
        4
    )
    twin = torch.nn.Linear(4, 3).double()
    with torch.no_grad():
        twin.weight.copy_(torch.tensor(net.parameters["output.W"].T))
        twin.bias.copy_(torch.tensor(net.parameters["output.b"]))
    adam = torch.optim.Adam(twin.parameters(), lr=0.01, weight_decay=decay)
    for order in random.permutations(0, range(5), N):
        for batch in np.split(order, 4):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(twin(torch.tensor(X[batch])), torch.tensor(Y[batch])).backward()
            adam.step()
    net.fit(X, Y, optimizer=Adam(0.01), epochs=5, batch_size=15, seed=0, threads=1)
    np.testing.assert_allclose(net.parameters["output.b"], twin.bias.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(net.parameters["output.W"], twin.weight.detach().numpy().T, rtol=1e-9)


def test_what_adamws_decay_is() -> None:
    """A step of AdamW is one of a Normal prior whose score is outside the means, with s² = 1/(n λ (√v̂ + ϵ))."""
    rate, decay, n, rng = 0.05, 0.3, 40, np.random.default_rng(0)
    rule = AdamW(rate, 0.8, 0.9, 1e-3, weight_decay=decay)
    theta, state = rng.normal(size=50), rule.init(np.zeros(50))
    for t in range(1, 30):
        g = rng.normal(size=50) * np.geomspace(1e-3, 10, 50)
        after, state = rule.update(theta, g, state, t)
        m, v = state[0] / (1 - 0.8**t), state[1] / (1 - 0.9**t)
        size = np.sqrt(v) + 1e-3
        s = 1 / np.sqrt(n * decay * size)
        score = np.array([Normal(float(each)).score(x) for each, x in zip(s, theta, strict=True)])
        np.testing.assert_allclose(after, theta + rate / size * (m + score / n), rtol=1e-12, atol=1e-14)
        theta = after


def test_where_adamw_comes_to_rest() -> None:
    """Full-batch: where ∂/∂θ of LL/n = ϵ λ θ / (1 − λ |θ|), so |θ| < 1/λ; not at the maximum of any Normal prior's."""
    decay, epsilon = 0.5, 0.05
    net = ll.Network([], likelihood=Categorical(3), dtype="float64").build(4)
    rule = AdamW(0.02, beta2=0.9, epsilon=epsilon, weight_decay=decay)
    net.fit(X, Y, optimizer=rule, epochs=3000, batch_size=None, schedule="cosine", seed=0, threads=1)
    W, g = net.parameters["output.W"], net.gradient(X, Y)["output.W"] / N
    np.testing.assert_allclose(g, epsilon * decay * W / (1 - decay * np.abs(W)), atol=1e-6)
    ratio = g / W
    assert ratio.max() / ratio.min() > 1.01  # a Normal prior would pull each θ in proportion
