"""What a user hands in: bad input has its own clear error before any work, awkward input works."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

import likeliest as ll

RNG = np.random.default_rng(0)
N = 40
X = RNG.integers(-8, 8, (N, 6)) / 4  # numbers that every type below holds exactly
Y = RNG.integers(0, 2, N)
PLAIN = X.astype(np.float32)


def network(**options: Any) -> ll.Network:
    return ll.Network([ll.Dense(5, "tanh")], likelihood=ll.likelihoods.Bernoulli(), **options)


def state(net: ll.Network) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in net.parameters.items()}


# What must work ------------------------------------------------------------------------------------------------------


def packed() -> Any:
    records = np.zeros(N, [("flag", "u1"), ("x", "f4", (6,))])
    records["x"] = X
    return records["x"]


def unaligned() -> Any:
    return np.frombuffer(b"\0" + PLAIN.tobytes(), np.float32, offset=1).reshape(N, 6)


def read_only() -> Any:
    array = PLAIN.copy()
    array.flags.writeable = False
    return array


FORMS: dict[str, Callable[[], Any]] = {
    "float64": lambda: X,
    "float16": lambda: X.astype(np.float16),
    "longdouble": lambda: X.astype(np.longdouble),
    "big-endian float32": lambda: X.astype(">f4"),
    "big-endian float64": lambda: X.astype(">f8"),
    "Fortran order": lambda: np.asfortranarray(PLAIN),
    "Fortran big-endian": lambda: np.asfortranarray(X.astype(">f4")),
    "every second row": lambda: np.repeat(PLAIN, 2, axis=0)[::2],
    "every second column": lambda: np.repeat(PLAIN, 2, axis=1)[:, ::2],
    "negative row stride": lambda: PLAIN[::-1].copy()[::-1],
    "negative column stride": lambda: PLAIN[:, ::-1].copy()[:, ::-1],
    "transposed": lambda: np.ascontiguousarray(PLAIN.T).T,
    "read-only": read_only,
    "unaligned": unaligned,
    "packed records": packed,
    "list": lambda: X.tolist(),
    "object": lambda: X.astype(object),
    "data frame": lambda: pd.DataFrame(PLAIN),
    "data frame of columns": lambda: pd.DataFrame({f"x{j}": PLAIN[:, j] for j in range(6)}, index=range(100, 100 + N)),
    "mixed data frame": lambda: pd.DataFrame(X).astype({0: "float32", 1: "float64"}),
    "nullable data frame": lambda: pd.DataFrame(X).astype("Float64"),
    "arrow data frame": lambda: pd.DataFrame(X).convert_dtypes(dtype_backend="pyarrow"),
    "arrow table": lambda: pa.table({f"x{j}": X[:, j] for j in range(6)}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_every_form_gives_the_same_as_a_plain_array(form: str, engine: str) -> None:
    given = FORMS[form]()
    nets = [network(engine=engine) for _ in range(2)]
    for net, examples in zip(nets, (PLAIN, given), strict=True):
        net.fit(examples, Y, epochs=2, batch_size=7, seed=0, threads=1, validation=(examples, Y))
    assert state(nets[0]) == state(nets[1])
    assert np.array_equal(nets[0].predict_proba(PLAIN, threads=1), nets[1].predict_proba(given, threads=1))
    assert nets[0].log_likelihood(PLAIN, Y, threads=1) == nets[1].log_likelihood(given, Y, threads=1)
    gradients = [nets[0].gradient(PLAIN, Y, threads=1), nets[1].gradient(given, Y, threads=1)]
    assert all(np.array_equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


WHOLE = RNG.integers(0, 2, (N, 6))


@pytest.mark.parametrize("dtype", ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", ">i4", ">u2"])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2]])
def test_every_number_type_gives_the_same_as_a_plain_array(dtype: str, layout: Callable[[Any], Any]) -> None:
    plain, other = network(), network()
    plain.fit(WHOLE.astype(np.float32), Y, epochs=1, seed=0, threads=1)
    other.fit(layout(WHOLE.astype(dtype)), Y, epochs=1, seed=0, threads=1)
    assert state(plain) == state(other)


def test_every_float16_is_read_right() -> None:
    """All 63488 finite halves, subnormal ones too."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)][:, None]
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli()).build(1)
    net.parameters["output.W"] = [[1.0]]
    assert np.array_equal(net._engine.output(halves, 1), halves.astype(np.float32))


def test_images_of_any_layout() -> None:
    images = RNG.normal(size=(N, 4, 3, 2)).astype(np.float32)
    nets = []
    for given in (images, np.asfortranarray(images), images[:, ::-1].copy()[:, ::-1], np.repeat(images, 2, 0)[::2]):
        net = ll.Network([ll.Flatten(), ll.Dense(5, "tanh")], likelihood=ll.likelihoods.Bernoulli())
        net.fit(given, Y, epochs=1, seed=0, threads=1)
        nets.append(state(net))
    assert nets[1:] == nets[:1] * 3


def test_nothing_that_was_handed_in_is_changed() -> None:
    given, labels, weights = X.copy(), Y.copy(), np.linspace(0, 1, N)
    before = weights.copy()
    network().fit(given, labels, sample_weight=weights, epochs=1, threads=1, validation=0.2)
    assert np.array_equal(given, X)
    assert np.array_equal(labels, Y)
    assert np.array_equal(weights, before)


# What cannot work ----------------------------------------------------------------------------------------------------


def with_value(value: float, dtype: Any = float) -> Any:
    wrong = X.astype(dtype)
    wrong[7, 3] = value
    wrong[9, 1] = value
    return wrong


def with_text() -> Any:
    wrong = X.astype(object)
    wrong[2, 4] = "tall"
    return wrong


def with_na() -> Any:
    frame = pd.DataFrame(X).astype("Float64")
    frame.iloc[2, 4] = pd.NA
    return frame


BAD_X: dict[str, tuple[Any, str]] = {
    "one-dimensional": (X[0], "X: expected shape (n, p), found (6,); X[None, :] is one example, X[:, None]"),
    "a number": (3.0, "X: expected shape (n, p), found ()"),
    "three-dimensional": (X[:, :, None], "X: this network takes examples of shape (6,), found (6, 1)"),
    "too narrow": (X[:, :5], "X: this network takes examples of shape (6,), found (5,)"),
    "no examples": (X[:0], "X: there are no examples, the shape is (0, 6)"),
    "empty examples": (X[:, :0], f"X: the examples are empty, the shape is ({N}, 0)"),
    "NaN": (with_value(np.nan), "X: found nan in row 7, column 3; drop the row or fill in the value first"),
    "NaN, float16": (with_value(np.nan, np.float16), "X: found nan in row 7, column 3"),
    "NaN, big-endian": (with_value(np.nan, ">f4"), "X: found nan in row 7, column 3"),
    "NaN, by columns": (np.asfortranarray(with_value(np.nan)), "X: found nan in row 7, column 3"),
    "infinity": (with_value(np.inf, np.float32), "X: found inf in row 7, column 3"),
    "minus infinity": (with_value(-np.inf), "X: found -inf in row 7, column 3"),
    "strings": (X.astype(str), "X: expected real numbers, found dtype <U"),
    "text in objects": (with_text(), "X: expected real numbers, found 'tall' in row 2, column 4; encode categories"),
    "NA in a data frame": (with_na(), "X: expected real numbers, found <NA> in row 2, column 4"),
    "complex": (X + 0j, "X: expected real numbers, found dtype complex128"),
    "dates": (np.zeros((N, 6), "M8[s]"), "X: expected real numbers, found dtype datetime64[s]"),
    "sparse": (scipy.sparse.csr_matrix(X), "X: sparse matrices are not supported; use X.toarray()"),
    "sparse array": (scipy.sparse.coo_array(X), "X: sparse matrices are not supported; use X.toarray()"),
    "masked": (np.ma.masked_less(X, 0), "X: masked arrays are not supported; fill or drop the masked values"),
    "None": (None, "X: "),
}


@pytest.mark.parametrize("kind", BAD_X)
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_bad_examples_are_refused_before_any_work(kind: str, engine: str) -> None:
    wrong, message = BAD_X[kind]
    net = network(engine=engine)
    net.fit(X, Y, epochs=1, seed=0, threads=1)
    before, twin = state(net), network(engine=engine)
    twin.fit(X, Y, epochs=1, seed=0, threads=1)
    for attempt in (
        lambda: net.fit(wrong, Y, seed=9, threads=1, optimizer=ll.optimizers.Momentum()),
        lambda: net.predict(wrong),
        lambda: net.predict_proba(wrong),
        lambda: net.log_likelihood(wrong, Y),
        lambda: net.gradient(wrong, Y),
        lambda: net.trace(wrong),
        lambda: net.check_gradient(wrong, Y),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            attempt()
    assert state(net) == before
    for each in (net, twin):  # and the failed fit left no trace in what comes next: seed, order, optimizer's state
        each.fit(X, Y, epochs=1, batch_size=7, threads=1)
    assert state(net) == state(twin)


@pytest.mark.parametrize("kind", [kind for kind in BAD_X if kind not in ("three-dimensional", "too narrow")])
def test_a_first_fit_that_fails_leaves_a_network_as_new(kind: str) -> None:
    wrong, message = BAD_X[kind]
    net, fresh = network(), network()
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        net.fit(wrong, Y, seed=1)
    with pytest.raises(RuntimeError, match="no θ yet"):
        _ = net.parameters
    for each in (net, fresh):
        each.fit(X, Y, epochs=1, seed=2, threads=1)
    assert state(net) == state(fresh)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": Y[:-1]}, "y: X has 40 examples, y has 39; they must be as many"),
        ({"y": None}, "y: expected the targets of the 40 examples, found None"),
        ({"y": Y + 1}, "y: Bernoulli() needs labels 0 to 1, found 2 in row"),
        ({"y": Y * 0}, "y: there is one class only, 0; a network learns to tell at least two apart"),
        ({"y": np.where(np.arange(N) == 5, np.nan, Y)}, "y: Bernoulli() needs labels 0 to 1, found nan in row 5"),
        ({"y": Y.astype(str)}, "y: Bernoulli() needs labels 0 to 1 as numbers, found dtype <U"),
        ({"sample_weight": -np.ones(N)}, "sample_weight: expected finite numbers of at least 0, found -1.0 in row 0"),
        ({"sample_weight": np.full(N, np.nan)}, "sample_weight: expected finite numbers of at least 0, found nan"),
        ({"sample_weight": np.full(N, np.inf)}, "sample_weight: expected finite numbers of at least 0, found inf"),
        (
            {"sample_weight": np.zeros(N)},
            "sample_weight: all sample weights are zero, so there is nothing to learn from",
        ),
        ({"sample_weight": np.ones(N - 1)}, "sample_weight: expected shape (40,), one weight an example; found (39,)"),
        ({"sample_weight": np.ones((N, 1))}, "sample_weight: expected shape (40,)"),
        ({"sample_weight": ["a"] * N}, "sample_weight: expected numbers, found dtype <U1"),
        ({"optimizer": "adm"}, "optimizer: expected one of likeliest.optimizers, such as Adam(0.001)"),
        ({"optimizer": ll.optimizers.Adam}, "optimizer: expected one of likeliest.optimizers"),
        ({"epochs": 0}, "epochs: expected a whole number of at least 1, found 0"),
        ({"epochs": 2.5}, "epochs: expected a whole number of at least 1, found 2.5"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1, found 0"),
        ({"batch_size": True}, "batch_size: expected a whole number of at least 1, found True"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, found -1"),
        ({"seed": "a"}, "seed: expected a whole number of at least 0, found 'a'"),
        ({"threads": 0}, "threads: expected a whole number from 1 to 1024, or None for all CPUs; found 0"),
        ({"threads": 1.5}, "threads: expected a whole number from 1 to 1024"),
        ({"callbacks": [3]}, "callbacks: expected functions of one argument, found (3,)"),
        ({"verbose": "loud"}, "verbose: expected \"auto\", True or False, found 'loud'"),
        ({"early_stopping": 3}, "early_stopping: it needs held-out data"),
        ({"early_stopping": 0, "validation": 0.5}, "early_stopping: expected a whole number of at least 1, found 0"),
        ({"validation": 0.0}, "validation: expected a fraction that leaves some of the 40 examples on both sides"),
        ({"validation": 1.0}, "validation: expected a fraction"),
        ({"validation": 0.001}, "validation: expected a fraction"),
        ({"validation": np.nan}, "validation: expected a fraction"),
        ({"validation": "10%"}, "validation: expected (X, y), a fraction such as 0.1 or a mask, found str"),
        ({"validation": (X,)}, "validation: expected (X, y), a fraction such as 0.1 or a mask, found tuple"),
        ({"validation": (X[:, :3], Y)}, "validation X: expected examples of shape (6,) as in X, found (3,)"),
        ({"validation": (X, Y + 1)}, "validation y: Bernoulli() needs labels 0 to 1, found 2"),
        ({"validation": (X, Y[1:])}, "validation y: validation X has 40 examples, validation y has 39"),
        ({"validation": (with_value(np.nan), Y)}, "validation X: found nan in row 7, column 3"),
        ({"validation": (X.astype(str), Y)}, "validation X: expected real numbers, found dtype <U"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_arguments_are_refused_before_any_work(options: dict[str, Any], message: str) -> None:
    net, fresh = network(), network()
    arguments = {"y": Y, "seed": 1, **options}
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        net.fit(X, **arguments)
    with pytest.raises(RuntimeError, match="no θ yet"):
        _ = net.parameters
    for each in (net, fresh):
        each.fit(X, Y, epochs=1, seed=0, threads=1)
    before = state(net)
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        net.fit(X, **arguments)
    assert state(net) == before
    for each in (net, fresh):
        each.fit(X, Y, epochs=1, batch_size=7, threads=1)
    assert state(net) == state(fresh)


def test_weights_must_leave_something_on_both_sides_of_a_split() -> None:
    found = set()
    for row in range(N):
        weights = (np.arange(N) == row).astype(float)
        with pytest.raises(ValueError, match=r"sample_weight: all (training|held-out) examples have weight 0") as error:
            network().fit(X, Y, seed=0, validation=0.5, sample_weight=weights)
        found.add(str(error.value).split()[2])
    assert found == {"training", "held-out"}


def test_the_row_of_a_nan_far_down_is_named_whatever_the_threads() -> None:
    big = np.zeros((5000, 40), np.float32)
    big[4321, 17], big[4999, 0] = np.nan, np.inf
    net = ll.Network([], likelihood=ll.likelihoods.Bernoulli()).build(40)
    for threads in (1, 2, 3):
        with pytest.raises(ValueError, match="X: found nan in row 4321, column 17"):
            net.predict(big, threads=threads)


def test_a_nan_in_an_image_is_named_by_its_place() -> None:
    images = np.zeros((3, 4, 5))
    images[1, 2, 3] = np.nan
    net = ll.Network([ll.Flatten()], likelihood=ll.likelihoods.Bernoulli()).build((4, 5))
    with pytest.raises(ValueError, match=re.escape("X: found nan in row 1, column (2, 3)")):
        net.predict(images)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_examples_too_large_for_the_precision_are_refused(engine: str) -> None:
    net = network(engine=engine)
    with pytest.raises(ValueError, match=r"X: found .*e.300 in row 0, column 0; which is too large for float32"):
        net.fit(X * 1e300, Y, seed=0, threads=1)
    relu = ll.Network([ll.Dense(5, "relu")], likelihood=ll.likelihoods.Bernoulli(), engine=engine)
    with pytest.raises(ValueError, match="before the first step: X or θ is too large for float32"):
        relu.fit(X * 3e38 / abs(X).max(), Y, seed=0, threads=1)
    double = network(engine=engine, dtype="float64")
    double.fit(X * 1e30, Y, seed=0, threads=1, optimizer=ll.optimizers.GradientAscent(1e-70))
