"""Whatever is handed in, there is a result or a ValueError or TypeError that names the argument: never a crash or NaN.

LIKELIEST_FUZZ_EXAMPLES says how many random inputs each test takes.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning, UndefinedMetricWarning

import likeliest as ll
from likeliest.network import SymmetryWarning

EXAMPLES = int(os.environ.get("LIKELIEST_FUZZ_EXAMPLES", "0"))
ARGUMENTS = ("X", "y", "sample_weight", "X_val", "y_val", "classes")


def fuzz(examples: int) -> Any:
    return settings(
        max_examples=EXAMPLES or examples,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


# What may come -------------------------------------------------------------------------------------------------------

USUAL = st.floats(-3, 3, width=32)
NUMBERS = st.one_of(
    USUAL,
    st.sampled_from([0.0, -0.0, 1.0, 1e-300, 5e-324, -5e-324, 1e-45, 1e38, 3.5e38, -1e39, 1e300, -1e300, 1.7e308]),
)
BAD_NUMBERS = st.one_of(NUMBERS, st.sampled_from([np.nan, np.inf, -np.inf]))
LABELS = st.sampled_from(["a", "b", "c", "", "é", "nan", "1"])
THINGS = st.sampled_from(
    [None, np.nan, 1, 0, -1, 2.5, 10**400, "a", "b", b"a", True, 1j, (), [], {}, pd.NA, pd.NaT, np.datetime64("2020")]
)
DTYPES = st.sampled_from(
    [
        "float64",
        "float64",
        "float32",
        "float16",
        "int64",
        "int8",
        "uint8",
        "uint64",
        "bool",
        "object",
        "longdouble",
        "complex128",
        "str",
    ]
)
OBJECTS: list[Any] = [
    None, "X", b"X", 3, 2.5, True, {}, [], [[]], [[], []], (), set(), {"a": [1, 2]}, object(), print, range(4), 1j,
    [[1, 2], [3]], [1, [2]], [[1, "a"], [2, "b"]], [[None, 1], [2, 3]], [{}, {}], "abc", np.float64(3), np.array(3.0),
    np.zeros((3, 0)), np.zeros((0, 3)), np.zeros((2, 2, 2)), np.zeros((2, 2, 0)), scipy.sparse.csr_matrix(np.eye(4)),
    np.ma.masked_array(np.eye(4), mask=np.eye(4) > 0), np.zeros(4, dtype=[("a", float), ("b", int)]),
    np.array(["2020", "2021"], "datetime64[D]")[:, None], pd.DataFrame(), pd.DataFrame({"a": []}), pl.DataFrame(),
    pa.table({"a": pa.array([], pa.float64())}), pd.DataFrame(index=range(4)), pd.Series([1.0, 2.0]), pl.Series([1, 2]),
    pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame({1: [1.0, 2.0], "a": [3.0, 4.0]}), iter([1, 2]),
    np.eye(4)[:, ::-2], np.broadcast_to(1.0, (4, 2)), np.eye(3).astype(">f8"), np.eye(3).view(np.matrix),
]  # fmt: skip


@st.composite
def arrays(draw: Any, n: int) -> Any:
    p = draw(st.integers(1, 4))
    dtype = draw(DTYPES)
    element = {"object": st.one_of(THINGS, BAD_NUMBERS, LABELS), "str": LABELS}.get(
        dtype, draw(st.sampled_from([USUAL, NUMBERS, BAD_NUMBERS]))
    )
    rows = draw(st.lists(st.lists(element, min_size=p, max_size=p), min_size=n, max_size=n))
    if dtype == "object":
        out = np.empty((n, p), object)
        for i in range(n):
            for j in range(p):
                out[i, j] = rows[i][j]
        return out
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array(rows).reshape(n, p).astype(dtype)


KINDS = ["float", "number", "gaps", "int", "text", "text_gaps", "bool", "day", "thing", "same", "category"]


@st.composite
def columns(draw: Any, n: int) -> Any:
    kind = draw(st.sampled_from(KINDS))
    element = {
        "float": USUAL, "number": BAD_NUMBERS, "gaps": st.one_of(st.none(), USUAL), "int": st.integers(-5, 5),
        "text": LABELS, "text_gaps": st.one_of(st.none(), LABELS), "bool": st.booleans(),
        "day": st.just(np.datetime64("2020-01-01", "us").item()), "thing": THINGS, "same": st.just(7),
        "category": LABELS,
    }[kind]  # fmt: skip
    return kind, draw(st.lists(element, min_size=n, max_size=n))


@st.composite
def frames(draw: Any, n: int) -> Any:
    parts = draw(st.lists(columns(n), min_size=1, max_size=4))
    library = draw(st.sampled_from(["pandas", "polars", "arrow"]))
    names = [f"c{j}" for j in range(len(parts))]
    if library == "pandas":
        return pd.DataFrame(
            {
                name: pd.Series(list(values), dtype="category" if kind == "category" else None)
                for name, (kind, values) in zip(names, parts, strict=True)
            }
        )
    data = {name: values for name, (kind, values) in zip(names, parts, strict=True) if kind != "thing"}
    if library == "arrow":
        return pa.table(data)
    frame = pl.DataFrame(data, strict=False)
    return frame.with_columns(
        pl.col(name).cast(pl.Categorical) for name, (kind, _) in zip(names, parts, strict=True) if kind == "category"
    )


@st.composite
def tables(draw: Any, n: int) -> Any:
    which = draw(st.integers(0, 9))
    if which == 0:
        return draw(st.sampled_from(OBJECTS))
    rows = n if which > 1 else draw(st.integers(0, 12))
    if which < 4:
        return draw(frames(rows))
    X = draw(arrays(rows))
    return X.tolist() if which == 4 else X


@st.composite
def targets(draw: Any, n: int) -> Any:
    which = draw(st.integers(0, 11))
    if which == 0:
        return draw(st.sampled_from(OBJECTS))
    if which == 1:
        return draw(arrays(n))
    rows = draw(st.integers(0, 12)) if which == 2 else n
    element = {
        3: LABELS, 4: st.one_of(THINGS, LABELS), 5: BAD_NUMBERS, 6: NUMBERS, 7: st.booleans(), 8: USUAL,
    }.get(which, st.integers(0, 2))  # fmt: skip
    y = draw(st.lists(element, min_size=rows, max_size=rows))
    how = draw(st.integers(0, 5))
    if how == 0:
        return y
    if how == 1:
        return pd.Series(y, dtype=object) if which == 4 else pd.Series(y)
    if which == 4:
        out = np.empty(rows, object)
        out[:] = y
        return out
    if how == 2:
        return np.array(y)[:, None]
    return np.array(y)


@st.composite
def weights(draw: Any, n: int) -> Any:
    which = draw(st.integers(0, 5))
    if which == 0:
        return draw(st.sampled_from(OBJECTS))
    rows = draw(st.integers(0, 12)) if which == 1 else n
    element = BAD_NUMBERS if which == 2 else st.sampled_from([0, 1, 2.5, 1e-300, 1e300, 5e-324])
    return np.array(draw(st.lists(element, min_size=rows, max_size=rows)))


@st.composite
def calls(draw: Any) -> dict[str, Any]:
    """The arguments of fit, most of them right."""
    n = draw(st.sampled_from([1, 2, 3, 5, 8, 8, 12, 12, 130]))
    X = draw(tables(min(n, 12)))
    y = draw(targets(min(n, 12)))
    found: dict[str, Any] = {"X": X, "y": y}
    if draw(st.integers(0, 3)) == 0:
        found["sample_weight"] = draw(weights(min(n, 12)))
    if draw(st.integers(0, 5)) == 0:
        found["X_val"] = draw(st.sampled_from([X, None]) | tables(5))
        found["y_val"] = draw(st.sampled_from([y, None]) | targets(5))
    if n > 12:  # enough to hold some out
        repeat = -(-n // 12)
        for name, value in found.items():
            if isinstance(value, np.ndarray) and value.ndim:
                found[name] = np.concatenate([value] * repeat)
            elif isinstance(value, list):
                found[name] = value * repeat
            elif isinstance(value, pd.DataFrame | pd.Series):
                found[name] = pd.concat([value] * repeat, ignore_index=True)
    return found


# What must come out --------------------------------------------------------------------------------------------------


def refused(error: Exception, names: tuple[str, ...]) -> None:
    """The message names an argument or a setting."""
    said = re.findall(r"\w+", str(error))
    assert any(name in said for name in names), f"{type(error).__name__}: {error}"


@contextmanager
def only_what_is_documented() -> Iterator[None]:
    """All other warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for allowed in (SymmetryWarning, DataConversionWarning, UndefinedMetricWarning):
            warnings.simplefilter("ignore", allowed)
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names")
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        yield


def attempt(estimator: Any, names: tuple[str, ...], method: str, **arguments: Any) -> bool:
    """Whether the call went well; that it warned of nothing but what it may, and ended soon."""
    begin = time.perf_counter()
    try:
        with only_what_is_documented():
            getattr(estimator, method)(**arguments)
    except (ValueError, TypeError) as error:
        refused(error, names)
        return False
    finally:
        assert time.perf_counter() - begin < 60
    return True


def check_fitted(estimator: Any, X: Any) -> None:
    """Nothing in a fitted model is NaN or infinite."""
    for name, value in estimator.network_.parameters.items():
        assert np.isfinite(value).all(), name
    assert np.isfinite(estimator.table_.center).all()
    assert np.isfinite(estimator.table_.scale).all()
    assert np.isfinite(estimator.history_.log_likelihood).all()
    with only_what_is_documented():
        if isinstance(estimator, ll.Classifier):
            p = estimator.predict_proba(X)
            assert np.isfinite(p).all()
            if not estimator._multilabel:
                np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        else:
            assert np.isfinite(estimator.predict(X)).all()


def estimator(kind: Any, **options: Any) -> Any:
    return kind(hidden=(4,), random_state=0, n_jobs=1, **{"max_iter": 3, **options})


@pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])
def test_fit(kind: Any) -> None:
    reached = 0

    @fuzz(250)
    @given(calls())
    def run(call: dict[str, Any]) -> None:
        nonlocal reached
        model = estimator(kind)
        if attempt(model, ARGUMENTS, "fit", **call):
            reached += 1
            check_fitted(model, call["X"])
        else:
            assert not hasattr(model, "n_features_in_")

    run()
    assert reached > 20  # of those that were right


@pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])
def test_a_fitted_model_is_asked_anything(kind: Any) -> None:
    """Methods of a fitted model, and further passes, with X and y that it was not fitted to."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"c0": rng.normal(size=20), "c1": list("ab") * 10, "c2": rng.normal(size=20)})
    array = rng.normal(size=(20, 2))
    y = np.arange(20) % 3
    fitted = [estimator(kind).fit(X, y), estimator(kind).fit(array, y)]

    @fuzz(150)
    @given(st.integers(0, 12).flatmap(lambda n: st.tuples(tables(n), targets(n), weights(n) | st.none())))
    def run(given: Any) -> None:
        other, y, w = given
        for model in fitted:
            theta = {name: np.array(value) for name, value in model.network_.parameters.items()}
            for method in ("predict", "predict_dist", "transform"):
                if attempt(model, ("X",), method, X=other):
                    with only_what_is_documented():
                        assert np.isfinite(model.transform(other)).all()
            attempt(model, ARGUMENTS, "log_likelihood", X=other, y=y, sample_weight=w)
            attempt(model, ARGUMENTS, "score", X=other, y=y, sample_weight=w)
            if attempt(model, ARGUMENTS, "partial_fit", X=other, y=y, sample_weight=w):
                check_fitted(model, other)
            for name, value in theta.items():
                model.network_.parameters[name] = value

    run()


# Settings ------------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 10**30, 0.0, 0.5, 1.0, -0.5, 1.5, np.nan, np.inf, -np.inf, 1e-300, 1e300, "",
    "auto", "relu", "adam", "normal", "poisson", "balanced", "cosine", "float16", "float64", "int32", "nothing",
    b"auto",
    (), [], {}, set(), (0,), (-1,), (3, 2), ("a",), (1.5,), [None], [3, [2]], {0: 1.0},
    {0: -1.0}, {0: np.nan}, {9: 1.0},
    {"weights": 3}, {"dense_1": ll.priors.Normal(1.0)}, {"nothing": ll.priors.Normal(1.0)}, np.array([3]), np.array(3),
    np.array([1.5]), np.zeros((2, 2)), np.int64(3), np.float32(0.5), np.bool_(True), np.str_("auto"), print, object(),
    ll.optimizers.Adam(), ll.optimizers.Adam, ll.optimizers.LBFGS(), ll.priors.Normal(1.0), ll.priors.Normal,
    ll.likelihoods.Normal(), ll.likelihoods.Bernoulli, ll.likelihoods.Categorical(3), ll.likelihoods.Categorical(4),
    ll.likelihoods.MultivariateNormal(2), ll.Dense(3), [ll.Dense(3)], [ll.Dense], [ll.Dropout(0.5)], [ll.Flatten()],
    np.random.default_rng(0), np.random.RandomState(0), 1j, "c0", ["c0"], [0], [9], [True, False], range(3),
    ll.schedules.Cosine(), 2**32, 2**64, float(2**31),
]  # fmt: skip

SETTINGS = {kind: sorted(kind().get_params()) for kind in (ll.Classifier, ll.Regressor)}
RNG = np.random.default_rng(3)
DATA = {
    ll.Classifier: (RNG.normal(size=(120, 2)), np.arange(120) % 3),
    ll.Regressor: (RNG.normal(size=(120, 2)), RNG.normal(size=120)),
}


@pytest.mark.parametrize("kind", [ll.Classifier, ll.Regressor])
@pytest.mark.parametrize("rows", [12, 120])
def test_settings(kind: Any, rows: int) -> None:
    """One wrong setting, or a few: among the settings that are not the usual ones, the message names one."""
    X, y = (part[:rows] for part in DATA[kind])

    @fuzz(300)
    @given(st.dictionaries(st.sampled_from(SETTINGS[kind]), st.integers(0, len(VALUES) - 1), min_size=1, max_size=2))
    def run(chosen: dict[str, int]) -> None:
        model = estimator(kind).set_params(**{name: VALUES[k] for name, k in chosen.items() if name != "verbose"})
        if (isinstance(model.max_iter, int) and model.max_iter > 100) or model.max_iter is None:
            model.max_iter = 2  # neither wrong nor soon over
        names = (*chosen, "y") if "likelihood" in chosen else tuple(chosen)  # which may not take such y
        if attempt(model, names, "fit", X=X, y=y):
            check_fitted(model, X)

    run()
