"""Augmentation: against SciPy's resampling and smoothing, scores put together by hand, and engine against engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats
from sklearn.base import clone

import likeliest as ll
from likeliest.augmentation import (
    Affine,
    Augmentation,
    Cutout,
    Elastic,
    Flip,
    Mixup,
    Rotate,
    Scale,
    Shear,
    Shift,
    compose,
    preview,
)
from likeliest.augmentation.resampling import resample
from likeliest.preparation import compose_for

RNG = np.random.default_rng(0)
ALL = [Shift(2), Rotate(15), Scale(0.1), Shear(10), Elastic(20, 2), Flip(), Cutout(4)]
MOST = np.uint32(2**32 - 1)  # the word whose number is nearest to 1

EACH: dict[str, list[Augmentation]] = {
    **{type(one).__name__: [one] for one in ALL},
    "Mixup": [Mixup(0.4)],
    "everything": [*ALL, Mixup(1.0)],
    "edge": [Rotate(40, fill="edge"), Shift(3)],
    "fill": [Rotate(30, fill=2.5), Elastic(10, 1)],
    "an axis each": [Scale((0.1, 0.3)), Shift((0, 4)), Flip(0, probability=0.3), Cutout((2, 30), fill=-1.0)],
    "two fields": [Elastic(20, 3), Rotate(10), Elastic(5, 1), Rotate(5)],
}


def network(*widths: int, likelihood: Any = None, engine: str = "native", dtype: str = "float64", **how: Any) -> Any:
    layers = [ll.Flatten(), *[ll.Dense(width, "tanh") for width in widths]]
    return ll.Network(layers, likelihood=likelihood or ll.likelihoods.Categorical(3), engine=engine, dtype=dtype, **how)


def fitted(net: Any, X: Any, y: Any, augment: Any, **how: Any) -> Any:
    how = {"epochs": 2, "batch_size": 16, "seed": 3, "threads": 1, "optimizer": ll.optimizers.GradientAscent(0.1)} | how
    net.fit(X, y, augment=augment, **how)
    return np.concatenate([np.ravel(net.parameters[name]) for name in net.parameters])


# Pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fill", "mode"), [(0.0, "grid-constant"), (1.5, "grid-constant"), (None, "nearest")])
@pytest.mark.parametrize("moved", [False, True])
def test_resampling_is_scipys(fill: float | None, mode: str, moved: bool) -> None:
    x = RNG.random((2, 9, 13, 3))
    maps = np.concatenate([np.eye(2) + 0.3 * RNG.normal(size=(2, 2, 2)), 2 * RNG.normal(size=(2, 2, 1))], axis=2)
    d = 2 * RNG.normal(size=(2, 2, 9, 13)) if moved else None
    found = resample(x, maps, d, fill)
    middle = np.array([4.0, 6.0])[:, None, None]
    place = np.indices((9, 13)) - middle
    for i in range(2):
        source = np.einsum("ab,bhw->ahw", maps[i, :, :2], place) + maps[i, :, 2, None, None] + middle
        source = source if d is None else source + d[i]
        for k in range(3):
            expected = ndimage.map_coordinates(x[i, :, :, k], source, order=1, mode=mode, cval=fill or 0.0)
            np.testing.assert_allclose(found[i, :, :, k], expected, atol=1e-12)


def test_displacements_are_scipys() -> None:
    words = RNG.integers(0, 2**32, (2, 2, 10, 17), dtype=np.uint32)
    uniform = words.astype(np.int32) / 2.0**31
    found = Elastic(7, 1.7).displacements(words, 2)
    for i in range(2):
        for k in range(2):
            radius = int(np.ceil(3 * 1.7))
            smooth = ndimage.gaussian_filter(uniform[i, k], 1.7, mode="constant", radius=radius)
            np.testing.assert_allclose(found[i, k], 7 * smooth, atol=1e-12)
    of_series = Elastic(7, 1.7).displacements(words[:, :, :1], 1)
    expected = ndimage.gaussian_filter1d(uniform[0, 1, 0], 1.7, mode="constant", radius=radius)
    np.testing.assert_allclose(of_series[0, 1, 0], 7 * expected, atol=1e-12)
    assert not of_series[:, 0].any()


def moved(x: Any, part: Affine, *words: int) -> Any:
    """An image moved by what a part draws from these words."""
    maps = part.maps(np.array([words], np.uint32), 2)
    return resample(x[None, :, :, None], maps, None, 0.0)[0, :, :, 0]


def test_what_each_part_does() -> None:
    x = RNG.random((5, 5))
    np.testing.assert_allclose(moved(x, Rotate(90), int(MOST)), np.rot90(x), atol=1e-8)  # against the clock
    np.testing.assert_array_equal(moved(x, Shift((1, 2)), int(MOST), 0)[1:, :3], x[:4, 2:])
    np.testing.assert_array_equal(moved(x, Flip(0), 0), x[::-1])
    np.testing.assert_array_equal(moved(x, Flip(), 0), x[:, ::-1])
    np.testing.assert_array_equal(moved(x, Flip(), int(MOST)), x)
    twice = moved(x, Scale(0.999999999), 0, int(MOST))  # twice as large, about the middle
    np.testing.assert_allclose(twice[::2, ::2], x[1:4, 1:4], atol=1e-6)
    leaning = moved(x, Shear(45 / (1 - 2**-32)), int(MOST))  # the row below the middle goes right, that above left
    np.testing.assert_allclose(leaning[3, 1:], x[3, :4], atol=1e-6)
    np.testing.assert_allclose(leaning[1, :4], x[1, 1:], atol=1e-6)


def test_maps_come_in_the_order_of_the_list() -> None:
    x = np.zeros((1, 11, 11))
    x[0, 5, 5] = 1
    row = [
        preview(augment, x, n=40)[0, :, 5].max(axis=1)
        for augment in ([Rotate(90), Shift((0, 3))], [Shift((0, 3)), Rotate(90)])
    ]
    np.testing.assert_allclose(row[0], 1)  # turned in its place, then moved along the row
    assert (row[1] < 0.5).sum() > 20  # moved along the row, then turned away from it


def test_whole_pixels_stay_what_they_are() -> None:
    x = RNG.random((4, 28, 28, 2)).astype(np.float32)
    for version in np.moveaxis(preview([Shift(3), Flip()], x, n=5), 1, 0):
        assert set(version.ravel().tolist()) <= {0.0, *x.ravel().tolist()}


def test_how_often() -> None:
    x = np.zeros((4000, 1, 9))
    x[:, 0, 4] = 1
    shifts = np.bincount(preview([Shift((0, 2))], x, n=1)[:, 0, 0].argmax(axis=1), minlength=9)
    assert stats.chisquare(shifts[2:7]).pvalue > 1e-3
    assert shifts[2:7].sum() == 4000
    x[:, 0, 4], x[:, 0, 0] = 0, 1
    flipped = preview([Flip(probability=0.3)], x, n=1)[:, 0, 0, 8].sum()
    assert stats.binomtest(int(flipped), 4000, 0.3).pvalue > 1e-3
    covered = preview([Cutout((1, 3))], np.ones((4000, 1, 9)), n=1)[:, 0, 0]
    assert set((covered == 0).sum(axis=1)) == {2, 3}  # it may stick out
    assert stats.chisquare((covered == 0).sum(axis=0)[1:8]).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 3.0, 200.0])
def test_shares_are_beta(alpha: float) -> None:
    composition = compose([Mixup(alpha)], (3,))
    assert composition is not None
    shares = composition.shares(0, 1, np.array([0, 1000, 3000]))
    assert shares is not None
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    assert 0 <= shares.min() < shares.max() <= 1
    again = composition.shares(0, 2, np.array([0, 2000]))
    np.testing.assert_array_equal(shares[1000:], again)  # a step's do not depend on the chunk it is in


def test_draws_differ_by_example_step_and_seed() -> None:
    composition = compose(ALL, (12, 12))
    assert composition is not None
    x = np.tile(RNG.random((1, 12, 12)), (3, 1, 1))
    a = composition.forward(x, 0, 1)
    assert not np.array_equal(a[0], a[1])
    assert not np.array_equal(a, composition.forward(x, 0, 2))
    assert not np.array_equal(a, composition.forward(x, 1, 1))
    np.testing.assert_array_equal(a, composition.forward(x, 0, 1))


# Engines --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("augment", EACH.values(), ids=EACH)
@pytest.mark.parametrize("shape", [(13, 11), (12, 17, 3), (1, 40), (33, 2)])
def test_engines_agree(augment: list[Augmentation], shape: tuple[int, ...]) -> None:
    X, y, w = RNG.random((40, *shape)), RNG.integers(0, 3, 40), RNG.random(40)
    expected = fitted(network(5, engine="reference"), X, y, augment, sample_weight=w)
    plain = fitted(network(5, engine="reference"), X, y, None, sample_weight=w)
    np.testing.assert_allclose(fitted(network(5), X, y, augment, sample_weight=w), expected, atol=1e-12)
    np.testing.assert_allclose(fitted(network(5, dtype="float32"), X, y, augment, sample_weight=w), expected, atol=2e-5)
    if shape[0] > 1 or not isinstance(augment[0], Shear):  # which leaves a single row where it is
        assert np.abs(plain - expected).max() > 1e-4


@pytest.mark.parametrize("axes", [1, 2])
def test_series_are_images_of_one_row(axes: int) -> None:
    X, y = RNG.random((40, 30, 4)), RNG.integers(0, 3, 40)
    layers = [ll.Conv1D(3, 5, "tanh") if axes == 1 else ll.Conv2D(3, (5, 2), "tanh"), ll.Flatten()]
    augment = [Shift(3), Scale(0.2), Flip(), Elastic(10, 2), Cutout(5), Mixup(0.5)]
    nets = [
        ll.Network(layers, likelihood=ll.likelihoods.Categorical(3), engine=e, dtype="float64")
        for e in ("native", "reference")
    ]
    a, b = (fitted(net, X, y, augment) for net in nets)
    np.testing.assert_allclose(a, b, atol=1e-12)
    composition = compose_for(tuple(augment), nets[0].program)
    assert composition is not None
    assert composition.shape == ((1, 30, 4) if axes == 1 else (30, 4, 1))


LIKELIHOODS = [
    ll.likelihoods.Bernoulli(),
    ll.likelihoods.Categorical(3),
    ll.likelihoods.Ordinal(3),
    ll.likelihoods.Normal(),
    ll.likelihoods.Poisson(),
    ll.likelihoods.StudentT(),
]


class Own:
    """The Normal with a scale of 1, as a user would write it."""

    width = 1

    def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
        return -0.5 * (y - eta[:, 0]) ** 2


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, Own()], ids=lambda one: type(one).__name__)
def test_any_likelihood_is_mixed(likelihood: Any) -> None:
    X, y = RNG.random((50, 6)), RNG.integers(0, 2, 50)
    augment = [Mixup(0.7)]
    expected = fitted(network(5, likelihood=likelihood, engine="reference"), X, y, augment)
    np.testing.assert_allclose(fitted(network(5, likelihood=likelihood), X, y, augment), expected, atol=1e-12)


def test_several_targets_are_mixed() -> None:
    X, y = RNG.random((50, 6)), RNG.normal(size=(50, 2))
    likelihood = ll.likelihoods.MultivariateNormal(2)
    expected = fitted(network(5, likelihood=likelihood, engine="reference"), X, y, [Mixup(0.7)])
    np.testing.assert_allclose(fitted(network(5, likelihood=likelihood), X, y, [Mixup(0.7)]), expected, atol=1e-12)


def test_a_step_is_along_both_scores() -> None:
    """The first step of a fit, put together from gradients of examples that were mixed here."""
    X, y, w = RNG.random((12, 5)), RNG.integers(0, 3, 12), RNG.random(12)
    w *= 12 / w.sum()
    net = network(4)
    augment = [Mixup(0.7)]
    net.build(5, seed=3)
    net.parameters["output.b"] = RNG.normal(size=3)
    order = ll.random.permutations(3, range(1), 12)[0].astype(int)
    shares = compose(augment, (5,)).shares(3, 1, np.array([0, 12]))  # type: ignore[union-attr]
    assert shares is not None
    after = np.roll(order, -1)
    x = shares[:, None] * X[order] + (1 - shares)[:, None] * X[after]
    first = net.gradient(x, y[order], sample_weight=shares * w[order])
    second = net.gradient(x, y[after], sample_weight=(1 - shares) * w[after])
    before = {name: np.array(net.parameters[name]) for name in net.parameters}
    net.fit(
        X,
        y,
        sample_weight=w,
        augment=augment,
        optimizer=ll.optimizers.GradientAscent(0.5),
        epochs=1,
        batch_size=12,
        seed=3,
    )
    for name in before:
        step = 0.5 * (first[name] + second[name]) / 12
        np.testing.assert_allclose(net.parameters[name] - before[name], step, atol=1e-12)


CASES: dict[str, Callable[[], tuple[Any, tuple[int, ...], int]]] = {
    "in shards": lambda: (network(9, dtype="float32"), (10, 12), 300),
    "by columns": lambda: (network(96, 64, dtype="float32"), (10, 12), 60),
    "a wide first layer": lambda: (network(8, dtype="float32"), (60, 60), 50),
    "in blocks": lambda: (network(260, dtype="float32"), (10, 15), 1300),
    "convolutions": lambda: (
        ll.Network(
            [ll.Conv2D(4, 3, "relu"), ll.BatchNorm(), ll.MaxPool2D(2), ll.Flatten()],
            likelihood=ll.likelihoods.Categorical(3),
        ),
        (12, 12),
        70,
    ),
}


@pytest.mark.parametrize("mixes", [False, True], ids=["", "mixed"])
@pytest.mark.parametrize("case", CASES)
def test_bits_do_not_depend_on_threads(case: str, mixes: bool) -> None:
    _, shape, batch = CASES[case]()
    X, y = RNG.random((2 * batch + 7, *shape)).astype(np.float32), RNG.integers(0, 3, 2 * batch + 7)
    augment = [*ALL, Mixup(0.5)] if mixes else ALL
    found = [
        fitted(CASES[case]()[0], X, y, augment, threads=t, batch_size=batch, clip_norm=1.0 if mixes else None)
        for t in (1, 2, 3, 4)
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


@pytest.mark.parametrize("case", ["in shards", "a wide first layer", "convolutions"])
def test_plans_agree_with_the_reference(case: str) -> None:
    net, shape, batch = CASES[case]()
    X, y = RNG.random((batch + 7, *shape)), RNG.integers(0, 3, batch + 7)
    twin = ll.Network(net.layers, likelihood=net.likelihood, engine="reference", dtype="float64")
    net = ll.Network(net.layers, likelihood=net.likelihood, dtype="float64")
    augment = [*ALL, Mixup(0.5)]
    a, b = (fitted(one, X, y, augment, batch_size=batch, threads=2, epochs=1) for one in (net, twin))
    np.testing.assert_allclose(a, b, atol=1e-11)


def test_with_and_without_in_turn() -> None:
    """A network that was fitted without goes on with it, and the other way round; its gradient is that of X itself."""
    X, y = RNG.random((300, 10, 12)), RNG.integers(0, 3, 300)
    nets = [network(9, engine=engine) for engine in ("native", "reference")]
    for augment in (None, ALL, None, [Mixup(0.5)]):
        a, b = (fitted(net, X, y, augment, batch_size=150, epochs=1) for net in nets)
        np.testing.assert_allclose(a, b, atol=1e-11)
        gradients = [net.gradient(X, y) for net in nets]
        for name in gradients[0]:
            np.testing.assert_allclose(gradients[0][name], gradients[1][name], atol=1e-9)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float16, bool])
def test_images_of_any_type(kind: Any) -> None:
    X = (RNG.random((40, 9, 9)) * (2 if kind is bool else 200)).astype(kind)
    y = RNG.integers(0, 3, 40)
    how = {"optimizer": ll.optimizers.GradientAscent(1e-4), "batch_size": 7}
    expected = fitted(network(4), X.astype(np.float64), y, ALL, **how)
    np.testing.assert_array_equal(fitted(network(4), X, y, ALL, **how), expected)
    np.testing.assert_array_equal(
        fitted(network(4), X[:, :, ::-1], y, ALL, **how), fitted(network(4), np.array(X[:, :, ::-1]), y, ALL, **how)
    )
    np.testing.assert_allclose(fitted(network(4, engine="reference"), X, y, ALL, **how), expected, atol=1e-9)


# Fits -----------------------------------------------------------------------------------------------------------------


def test_only_training_sees_it() -> None:
    X, y = RNG.random((60, 8, 8)), RNG.integers(0, 3, 60)
    net = network(4)
    history = net.fit(X, y, augment=ALL, epochs=2, seed=0, validation=(X, y))
    assert history.validation_log_likelihood[-1] == pytest.approx(net.log_likelihood(X, y) / 60, abs=1e-12)
    assert history.log_likelihood[-1] != pytest.approx(history.validation_log_likelihood[-2], abs=1e-4)


def test_fitting_again_goes_on(tmp_path: Any) -> None:
    X, y = RNG.random((60, 8, 8)), RNG.integers(0, 3, 60)
    augment = [*ALL, Mixup(0.5)]
    expected = fitted(network(4), X, y, augment, epochs=4)
    net = network(4)
    fitted(net, X, y, augment, epochs=1)
    np.testing.assert_array_equal(fitted(net, X, y, augment, epochs=3), expected)

    def stop(epoch: Any) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(network(4), X, y, augment, epochs=4, checkpoint=tmp_path, callbacks=[stop])
    np.testing.assert_array_equal(fitted(network(4), X, y, augment, epochs=4, checkpoint=tmp_path), expected)
    with pytest.raises(ValueError, match="augment was"):
        fitted(network(4), X, y, [Shift(1)], epochs=4, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="augment was"):
        fitted(network(4), X, y, None, epochs=4, checkpoint=tmp_path)


def test_estimators(tmp_path: Any) -> None:
    X, y = RNG.random((60, 8, 8)), RNG.integers(0, 3, 60)
    how: dict[str, Any] = {"layers": [ll.Flatten(), ll.Dense(4)], "max_iter": 3, "random_state": 0, "batch_size": 16}
    clf = ll.Classifier(**how, augment=[Shift(1), Mixup(0.2)])
    twin = clone(clf)
    assert twin.augment == clf.augment
    p = clf.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(twin.fit(X, y).predict_proba(X), p)
    assert not np.array_equal(ll.Classifier(**how).fit(X, y).predict_proba(X), p)
    clf.save(tmp_path / "clf.likeliest")
    again = ll.load(tmp_path / "clf.likeliest")
    assert again.augment == clf.augment
    np.testing.assert_array_equal(again.predict_proba(X), p)
    ll.Regressor(layers=[ll.Flatten()], max_iter=1, augment=Flip()).fit(X, y)
    assert ll.Classifier(hidden=4, augment=[Mixup()], max_iter=1).fit(X[:, 0], y).n_iter_ == 1  # a table; not LBFGS


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shift(-1), "size: expected whole numbers of pixels, at least 0, found -1"),
        (lambda: Shift(1.5), "size: "),  # type: ignore[arg-type]
        (lambda: Shift(True), "size: "),
        (lambda: Shift((1, -2)), "size: "),
        (lambda: Shift(1, fill="reflect"), "fill: expected a number or \"edge\", found 'reflect'"),
        (lambda: Shift(1, fill=float("nan")), "fill: "),
        (lambda: Rotate(-5), "degrees: expected a number of at least 0, found -5"),
        (lambda: Rotate(200), "degrees: expected at most 180"),
        (lambda: Rotate("15"), "degrees: "),  # type: ignore[arg-type]
        (lambda: Scale(1.0), "amount: expected a number of at least 0 and less than 1, found 1.0"),
        (lambda: Scale((0.1, -0.1)), "amount: "),
        (lambda: Shear(90), "degrees: "),
        (lambda: Flip(2), "axis: "),
        (lambda: Flip(probability=0.0), "probability: "),
        (lambda: Flip(probability=1.5), "probability: expected at most 1"),
        (lambda: Elastic(-1, 4), "alpha: "),
        (lambda: Elastic(34, 0), "sigma: expected a number of more than 0"),
        (lambda: Elastic(float("inf"), 4), "alpha: "),
        (lambda: Cutout(0), "size: "),
        (lambda: Cutout(3, fill="edge"), "fill: expected a number, found 'edge'"),  # type: ignore[arg-type]
        (lambda: Mixup(0), "alpha: expected a number of more than 0"),
    ],
)
def test_descriptions_that_make_no_sense(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        make()


@pytest.mark.parametrize(
    ("shape", "augment", "message"),
    [
        ((64,), [Shift(1)], r"Shift\(size=1, fill=None\) is for images .* found examples of shape \(64,\); reshape X"),
        ((4, 4, 4, 2), [Rotate(10)], r"found examples of shape \(4, 4, 4, 2\)"),
        ((8, 8), [Shift((1, 1, 1))], "has 3 numbers, but the examples have 2 axes"),
        ((8, 8), "shift", "expected a list of likeliest.augmentation, such as .* found 'shift'"),
        ((8, 8), [Shift], "found <class .*Shift'> in the list"),
        ((8, 8), [Mixup(), Mixup()], "expected Mixup once"),
        ((8, 8), [Shift(1, fill=1.0), Rotate(5, fill="edge")], "have different fills"),
    ],
)
def test_what_does_not_suit_the_examples(shape: tuple[int, ...], augment: Any, message: str) -> None:
    net = ll.Network([ll.Flatten()], likelihood=ll.likelihoods.Bernoulli())
    X = RNG.random((6, *shape))
    with pytest.raises(ValueError, match=rf"^augment: .*{message}"):
        net.fit(X, [0, 1] * 3, augment=augment, epochs=1)
    with pytest.raises(RuntimeError):  # nothing was done
        _ = net.parameters
    with pytest.raises(ValueError, match=r"^augment: "):
        ll.Classifier(layers=[ll.Flatten()], augment=augment).fit(X, [0, 1] * 3)


def test_series_have_no_rotation() -> None:
    X = RNG.random((6, 20, 2))
    for part in (Rotate(5), Shear(5), Flip(1)):
        net = ll.Network([ll.Conv1D(2, 3), ll.Flatten()], likelihood=ll.likelihoods.Bernoulli())
        with pytest.raises(ValueError, match=r"^augment: .* series"):
            net.fit(X, [0, 1] * 3, augment=[part], epochs=1)


def test_what_cannot_be_augmented() -> None:
    X, y = RNG.random((20, 5)), RNG.integers(0, 2, 20)
    net = ll.Network([ll.Dense(3)], likelihood=ll.likelihoods.Bernoulli())
    with pytest.raises(ValueError, match=r"^augment: LBFGS takes all examples at once"):
        net.fit(X, y, augment=[Mixup()], optimizer=ll.optimizers.LBFGS())
    codes = ll.Network([ll.Embedding([(0, 3, 2)])], likelihood=ll.likelihoods.Bernoulli())
    with pytest.raises(ValueError, match=r"^augment: Mixup mixes numbers"):
        codes.fit(np.floor(3 * X), y, augment=[Mixup()], epochs=1)


# Looking at it --------------------------------------------------------------------------------------------------------


def test_preview() -> None:
    X = RNG.integers(0, 256, (3, 10, 12), dtype=np.uint8)
    found = preview(ALL, X, n=4)
    assert found.shape == (3, 4, 10, 12)
    assert found.dtype == np.uint8
    composition = compose(ALL, (10, 12))
    assert composition is not None
    np.testing.assert_array_equal(found[:, 1], np.rint(composition.forward(X.astype(float), 0, 2)))
    assert preview(Flip(), X[0], n=2, axes=1).shape == (10, 2, 12)
    with pytest.raises(ValueError, match=r"^X: "):
        preview(ALL, np.zeros(3))
    with pytest.raises(ValueError, match=r"^n: "):
        preview(ALL, X, n=0)
    with pytest.raises(ValueError, match=r"^augment: "):
        preview(ALL, X, axes=1)
