"""The JAX engine against the reference engine: the same gradient, the same steps, the same masks."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import (
    AWKWARD,
    LIKELIHOODS,
    LIKELY,
    OPTIMIZERS,
    Array,
    LikelihoodCase,
    NetworkCase,
    huge_eta,
    ordinary_targets,
)
from test_gradients import difference, sizes

import likeliest as ll
from likeliest import engines, likelihoods, random
from likeliest.averaging import EMA, SWA
from likeliest.layers import LSTM, BatchNorm, Conv2D, Dense, Dropout, Flatten, GaussianNoise, MaxPool2D
from likeliest.likelihoods import score_of
from likeliest.ops import OPERATIONS
from likeliest.optimizers import LBFGS, Adam, AdamW, GradientAscent
from likeliest.priors import PRIORS, Normal
from likeliest.xp import numpy_namespace

jax = pytest.importorskip("jax", reason="needs JAX: make test-jax")
engine = pytest.importorskip("likeliest.engines.jax")

# Every case compiles programs of its own, which takes a second: a few of them are in the fast tests.
QUICK = {5, 21, 60, 80}
CASES = [
    pytest.param(case, id=case.id, marks=[] if k in QUICK else [pytest.mark.slow])
    for k, case in enumerate(AWKWARD + LIKELY)
]


# One step ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_the_reference_in_float64(case: NetworkCase) -> None:
    (X, y), mine, expected = case.data(), case.network("jax"), case.network("reference")
    w = np.random.default_rng(0).uniform(0, 3, case.n)
    actual = mine.gradient(X, y, sample_weight=w)
    assert difference(actual, expected.gradient(X, y, sample_weight=w)) <= 1e-10
    np.testing.assert_allclose(
        mine.log_likelihood(X, y, per_example=True), expected.log_likelihood(X, y, per_example=True), rtol=1e-10
    )
    np.testing.assert_allclose(mine.output(X), expected.output(X), rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("case", (AWKWARD + LIKELY)[::3], ids=lambda case: case.id)
def test_the_gradient_in_float32(case: NetworkCase) -> None:
    (X, y), mine, expected = case.data(), case.network("jax", "float32"), case.network("reference")
    scale = sizes(expected, X, y) if case.draw else None
    assert difference(mine.gradient(X, y), expected.gradient(X, y), scale) <= 1e-5


@pytest.mark.parametrize(
    "case",
    [pytest.param(row, id=row.id, marks=[pytest.mark.slow]) for rows in LIKELIHOODS.values() for row in rows[:1]],
)
def test_a_huge_eta_gives_finite_numbers_in_float32(case: LikelihoodCase) -> None:
    likelihood = case.likelihood
    y = likelihood.check(ordinary_targets(likelihood))
    eta = np.repeat(huge_eta(likelihood), len(y), axis=0)
    y = np.concatenate([y] * (len(eta) // len(y)))
    with engine.precision(np.dtype("float32")), np.errstate(all="ignore"):
        given = y.astype(np.int32 if y.dtype.kind in "biu" else np.float32)
        slope = jax.jit(jax.grad(lambda e: engine.log_prob_of(likelihood, e, given).sum()))
        assert np.isfinite(np.asarray(slope(eta.astype(np.float32))))[np.isfinite(score_of(likelihood, eta, y))].all()


def test_a_corner_has_the_derivative_of_its_page() -> None:
    """Where x is 0 so are z and h: relu, elu, and the largest of equal numbers."""
    layers = [Conv2D(3, 2, "relu"), MaxPool2D(2), Flatten(), Dense(4, "elu")]
    X, y = np.zeros((4, 6, 6, 1)), np.array([0, 1, 1, 0])
    X[0] = 1
    nets = [ll.Network(layers, likelihood="bernoulli", engine=e, dtype="float64") for e in ("jax", "reference")]
    mine, expected = (net.build((6, 6, 1), seed=1) for net in nets)
    assert difference(mine.gradient(X, y), expected.gradient(X, y)) <= 1e-12


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (33, 4, 3)])
def test_masks_are_the_same_bits(shape: tuple[int, ...]) -> None:
    key = random.stream(3, random.NOISE, 1, 2**33 + 5)
    keys = tuple(np.uint32(word) for word in key)
    for draw, more in ((random.words, {}), (random.keep, {"rate": 0.3})):
        expected: Any = draw(key, shape, **more)  # type: ignore[operator]
        found = jax.jit(lambda k, draw=draw, more=more: draw(k, shape, xp=engine.xp, **_float32(draw), **more))(keys)
        assert np.array_equal(np.asarray(found), expected)
    with engine.precision(np.dtype("float64")):
        found = random.noise(keys, shape, scale=1.0, xp=engine.xp)
    np.testing.assert_allclose(np.asarray(found), random.noise(key, shape, scale=1.0), atol=1e-13)


def _float32(draw: Any) -> dict[str, Any]:
    return {} if draw is random.words else {"dtype": np.float32}


# Steps ---------------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(70, 6)), RNG.integers(0, 3, 70), RNG.uniform(0, 3, 70)
IMAGES, LABELS = RNG.normal(size=(40, 8, 8, 2)), RNG.integers(0, 3, 40)
SERIES = RNG.normal(size=(40, 7, 3))
TANH = (Dense(7, "tanh"),)


def fitted(engine: str, layers: Any, X: Array = X, y: Array = Y, **how: Any) -> ll.Network:
    """A network after 20 steps, the last of each epoch on fewer rows."""
    makes = {name: how.pop(name) for name in ("prior", "likelihood", "dtype") if name in how}
    makes = {"likelihood": likelihoods.Categorical(3), "dtype": "float64", **makes}
    net = ll.Network(layers, engine=engine, **makes)
    net.fit(X, y, **{"optimizer": Adam(0.02), "batch_size": 16, "epochs": 4, "seed": 5, **how})
    return net


RUNS: dict[str, tuple[Any, dict[str, Any]]] = {
    **{name: (TANH, {"optimizer": case.optimizer}) for name, case in OPTIMIZERS.items()},
    **{f"prior {name}": (TANH, {"prior": kind()}) for name, kind in PRIORS.items()},
    "weights": (TANH, {"sample_weight": W}),
    "dropout": ((Dropout(0.2), *TANH, Dropout(0.5)), {}),
    "noise": ((GaussianNoise(0.3), *TANH), {}),
    # Not Adam, which would make steps of the rounding errors that are the gradient of a bias before it.
    "batch norm": ((Dense(7), BatchNorm(), Dense(4, "relu")), {"optimizer": GradientAscent(0.1)}),
    "average": (TANH, {"averaging": EMA(0.9)}),
    "average, batch norm": ((*TANH, BatchNorm()), {"averaging": SWA(0.5)}),
    "clipping": (TANH, {"optimizer": GradientAscent(0.5), "clip_norm": 0.05, "prior": Normal(0.3)}),
    "max norm": ((Dense(7, "tanh", max_norm=0.4), Dense(2, "tanh", max_norm=0.3)), {}),  # a thin W too
    "schedule": (TANH, {"optimizer": AdamW(0.05, weight_decay=0.3), "schedule": "cosine"}),
    "smoothing": (TANH, {"likelihood": likelihoods.Categorical(3, label_smoothing=0.1)}),
    "early stopping": (
        TANH,
        {"y": X[:, 0] + 0.1 * X[:, 1], "likelihood": "normal", "validation": 0.2, "early_stopping": 2},
    ),
    "full batch": (TANH, {"batch_size": None, "epochs": 20}),
    "LBFGS": (TANH, {"batch_size": None, "optimizer": LBFGS(), "epochs": 8}),
    "convolution": ((Conv2D(4, 3, "relu"), MaxPool2D(2), Flatten()), {"X": IMAGES, "y": LABELS}),
    "recurrence": ((LSTM(4, input_dropout=0.2, recurrent_dropout=0.3),), {"X": SERIES, "y": LABELS}),
    "mixup": (TANH, {"augment": [ll.augmentation.Mixup(0.3)], "sample_weight": W}),
    "augmentation": (
        (Conv2D(4, 3, "relu"), Flatten()),
        {"X": IMAGES, "y": LABELS, "augment": [ll.augmentation.Shift(1), ll.augmentation.Mixup(0.3)]},
    ),
}  # fmt: skip
AT_ONCE = ("adam", "dropout", "batch norm", "mixup")


@pytest.mark.parametrize(
    "run", [pytest.param(name, marks=[] if name in AT_ONCE else [pytest.mark.slow]) for name in RUNS]
)
def test_steps_are_those_of_the_reference(run: str) -> None:
    layers, how = RUNS[run]
    mine, expected = fitted("jax", layers, **how), fitted("reference", layers, **how)
    for name, value in expected.parameters.items():
        np.testing.assert_allclose(mine.parameters[name], value, rtol=0, atol=1e-9)
    assert mine.history is not None
    assert expected.history is not None
    np.testing.assert_allclose(mine.history.log_likelihood, expected.history.log_likelihood, rtol=1e-9)


def test_one_program_is_enough_for_chunks_of_any_length() -> None:
    """Whatever the number of steps in a chunk, of rows in the last minibatch, or the learning rate."""
    net = fitted("jax", (Dense(5, "tanh"),), epochs=30, optimizer=Adam(0.02))
    model = net._built()._model  # type: ignore[attr-defined]
    net.fit(X[:50], Y[:50], epochs=3, batch_size=16)
    twin = fitted("jax", (Dense(5, "tanh"),), epochs=2, optimizer=Adam(0.5))
    assert twin._built()._model is model  # type: ignore[attr-defined]
    assert model.loop(Adam(1.0), False)._cache_size() <= 2  # of 70 rows and of 50


def test_data_in_a_file_are_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "GATHERED", 40 * X[:1].nbytes)  # so that there are several pieces
    in_file = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
    in_file[:] = X
    mine, expected = fitted("jax", TANH, in_file, sample_weight=W), fitted("jax", TANH, sample_weight=W)
    streams: Any = mine._built()._streams  # type: ignore[attr-defined]
    assert [streams(in_file), streams(np.asarray(in_file)[:, :3]), streams(X)] == [True, True, False]
    for name, value in expected.parameters.items():
        np.testing.assert_allclose(mine.parameters[name], value, atol=1e-14)


def test_divergence_stops_and_the_last_good_parameters_stay() -> None:
    net = ll.Network([Dense(5, "relu")], likelihood="normal", engine="jax")
    with pytest.raises(ll.DivergenceError, match="diverged at step"):
        net.fit(1e3 * X, X[:, 0], optimizer=GradientAscent(1e3), batch_size=8, epochs=3, seed=0)
    assert all(np.isfinite(value).all() for value in net.parameters.values())


# Around it -----------------------------------------------------------------------------------------------------------


def test_a_network_moves_between_engines(tmp_path: Path) -> None:
    net = fitted("jax", TANH, dtype="float32")
    net.save(tmp_path / "net")
    for name in ("native", "reference", "jax"):
        twin = ll.load(tmp_path / "net", engine=name)
        assert twin.engine == name
        np.testing.assert_allclose(twin.predict_proba(X), net.predict_proba(X), atol=1e-5)
    assert ll.load(tmp_path / "net").engine == "jax"


def test_copies_and_pickles_go_on_with_the_same_bits() -> None:
    net = fitted("jax", TANH)
    twins = [pickle.loads(pickle.dumps(net)), copy.deepcopy(net)]
    for one in (net, *twins):
        one.fit(X, Y, epochs=2)
    for twin in twins:
        assert all(np.array_equal(twin.parameters[name], value) for name, value in net.parameters.items())


def test_a_checkpoint_is_gone_on_from(tmp_path: Path) -> None:
    def stop(epoch: Any) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    whole = fitted("jax", TANH)
    with pytest.raises(KeyboardInterrupt):
        fitted("jax", TANH, checkpoint=tmp_path, callbacks=[stop])
    resumed = fitted("jax", TANH, checkpoint=tmp_path)
    assert all(np.array_equal(resumed.parameters[name], value) for name, value in whole.parameters.items())


def test_predictions_of_any_number_of_rows_are_the_same() -> None:
    net = fitted("jax", TANH)
    p = net.predict_proba(X)
    for n in (1, 2, 3, 33):
        np.testing.assert_allclose(net.predict_proba(X[:n]), p[:n], rtol=1e-12)


def test_the_users_own_precision_is_left_alone() -> None:
    before = jax.config.jax_enable_x64
    assert fitted("jax", TANH, epochs=1).parameters["dense_1.W"].dtype == np.float64
    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.ones(1).dtype == (np.float64 if before else np.float32)


def test_bfloat16_computes_with_parameters_in_float32() -> None:
    layers = (Dense(16, "relu"), BatchNorm(), Dense(8, "tanh"))
    net, exact = (fitted("jax", layers, dtype=dtype, epochs=4) for dtype in ("bfloat16", "float32"))
    assert net.parameters["dense_1.W"].dtype == np.float32
    assert net.history is not None
    assert exact.history is not None
    assert net.history.log_likelihood[-1] == pytest.approx(exact.history.log_likelihood[-1], abs=0.02)
    exact.parameters.update(net.parameters)
    p, expected = net.predict_proba(X), exact.predict_proba(X)
    assert p.dtype == np.float32
    assert 1e-5 < np.abs(p - expected).max() < 0.02
    with pytest.raises(ValueError, match='"bfloat16" is for engine="jax" only'):
        ll.Network(TANH, likelihood="normal", dtype="bfloat16")


@pytest.mark.slow
def test_codes_and_lengths_stay_exact_in_bfloat16() -> None:
    """257 is no number of bfloat16."""
    layers = [ll.layers.TokenEmbedding(400, 4), LSTM(3)]
    codes = [np.arange(n) % 400 for n in (300, 259)]
    nets = [ll.Network(layers, likelihood="bernoulli", engine="jax", dtype=dtype) for dtype in ("bfloat16", "float32")]
    for net in nets:
        net.fit(codes, [0, 1], epochs=1, batch_size=2, seed=0, optimizer=GradientAscent(1e-9))
    a, b = (net.predict_proba(codes)[:, 1] for net in nets)
    np.testing.assert_allclose(a, b, atol=0.02)


class Exponential(ll.likelihoods.Likelihood):
    support = (0, np.inf)

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[:, 0] - y * xp.exp(eta[:, 0])


class NotOnXp(Exponential):
    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return eta[:, 0] - y * np.exp(eta[:, 0])


def test_a_likelihood_of_the_users() -> None:
    y = np.exp(X[:, 0])
    mine, expected = (fitted(e, TANH, y=y, likelihood=Exponential()) for e in ("jax", "reference"))
    for name, value in expected.parameters.items():
        np.testing.assert_allclose(mine.parameters[name], value, atol=1e-8)  # whose score are differences
    with pytest.raises(ValueError, match="functions of the xp that it is given"):
        fitted("jax", TANH, y=y, likelihood=NotOnXp())


def test_without_jax_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "likeliest\[jax\]"'):
        ll.Network(TANH, likelihood="normal", engine="jax")
    with pytest.raises(ImportError, match=r'pip install "likeliest\[jax\]"'):
        ll.Classifier(engine="jax").fit(X, Y)


def test_states_that_are_carried_are_refused() -> None:
    net = ll.Network([LSTM(3)], likelihood="bernoulli", engine="jax")
    with pytest.raises(ValueError, match='use engine="native"'):
        net.fit(SERIES, LABELS > 0, consecutive=True, batch_size=4)


def test_estimators_take_it() -> None:
    clf = ll.Classifier(hidden=(8,), engine="jax", random_state=0, max_iter=5).fit(X, Y)
    assert clf.network_.engine == "jax"
    assert clf.predict_proba(X).shape == (70, 3)


def test_programs_are_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from likeliest.engines.cache import cache_folder

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder is not None
    assert Path(folder).is_relative_to(tmp_path / "likeliest")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder() is None


@pytest.mark.slow
def test_a_second_process_finds_the_programs_of_the_first(tmp_path: Path) -> None:
    code = (
        "import likeliest as ll, numpy as np;"
        "net = ll.Network([ll.Dense(8, 'tanh')], likelihood='normal', engine='jax');"
        "net.fit(np.ones((40, 3)) + np.eye(40, 3), np.arange(40.0), epochs=1, seed=0)"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    files = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, timeout=120)
        # The steps of a fit. Smaller programs are kept or not, as their compilation happens to take long or not.
        files.append(sorted(path.name for path in tmp_path.rglob("jit_run-*-cache")))
    assert files[0]
    assert files[0] == files[1]


def test_what_stands_in_for_a_page_equals_it() -> None:
    rng = np.random.default_rng(0)
    how = {"stride": (2, 1), "padding": ((1, 2), (0, 1)), "dilation": (1, 2)}
    x = rng.normal(size=(3, 6, 5, 4))
    with engine.precision(np.dtype("float64")):
        for groups, q in ((1, 6), (2, 6), (4, 4), (4, 8)):
            W, b = rng.normal(size=(3, 2, 4 // groups, q)), rng.normal(size=q)
            page = OPERATIONS["convolution"].forward(numpy_namespace, x, W, b, groups=groups, **how)
            own = engine.convolution(engine.xp, *map(jax.numpy.asarray, (x, W, b)), groups=groups, **how)
            np.testing.assert_allclose(np.asarray(own), page, atol=1e-12)
        pooled = engine.global_max_pool(engine.xp, jax.numpy.asarray(x))
        assert np.array_equal(np.asarray(pooled), OPERATIONS["global_max_pool"].forward(numpy_namespace, x))
