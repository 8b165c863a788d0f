"""Schedules: against PyTorch's, against their formulas, and the same however a fit is cut into chunks."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from cases import Array

from likeliest import schedules
from likeliest.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    Step,
    WarmUp,
)

TOTAL = 60


@dataclass(frozen=True)
class ScheduleCase:
    """A schedule, its formula for step k of ``TOTAL``, PyTorch's, and stored figures of PyTorch's 2.13.0."""

    schedule: Schedule
    formula: Callable[[int], float]
    torch: Callable[[Any, Any], Any]  # (torch.optim.lr_scheduler, optimizer) -> the scheduler
    stored: dict[int, float]

    @property
    def id(self) -> str:
        return repr(self.schedule)


def _cosine(k: float, total: int, begin: float = 1.0, end: float = 0.0) -> float:
    return begin + (end - begin) * math.sin(math.pi * k / total / 2) ** 2  # 1 − cos x = 2 sin²(x/2)


CASES = [
    ScheduleCase(
        Constant(),
        lambda k: 1.0,
        lambda s, o: s.ConstantLR(o, factor=1.0),
        {0: 1.0, 17: 1.0, 18: 1.0, 59: 1.0},
    ),
    ScheduleCase(
        Step(0.3, every=7),
        lambda k: math.prod([0.3] * (k // 7)),
        lambda s, o: s.StepLR(o, 7, 0.3),
        {1: 1.0, 11: 0.3, 18: 0.09, 45: 0.0007289999999999999, 59: 6.560999999999999e-05},
    ),
    ScheduleCase(
        Step(0.5, every=0.25),
        lambda k: [1, 0.5, 0.25, 0.125][k // 15],
        lambda s, o: s.MultiStepLR(o, [15, 30, 45], 0.5),
        {1: 1.0, 11: 1.0, 18: 0.5, 45: 0.125, 59: 0.125},
    ),
    ScheduleCase(
        Exponential(0.02),
        lambda k: math.exp(k / TOTAL * math.log(0.02)),
        lambda s, o: s.ExponentialLR(o, 0.02 ** (1 / TOTAL)),
        {
            1: 0.9368797094027784,
            11: 0.48811501341921415,
            18: 0.309249494710992,
            45: 0.05318295896944999,
            59: 0.021347457735795352,
        },
    ),
    ScheduleCase(
        Cosine(0.1),
        lambda k: _cosine(k, TOTAL, 1, 0.1),
        lambda s, o: s.CosineAnnealingLR(o, TOTAL, eta_min=0.1),
        {
            1: 0.9993832906395582,
            11: 0.9274017555754409,
            18: 0.8145033635316129,
            45: 0.23180194846605376,
            59: 0.10061670936044179,
        },
    ),
    ScheduleCase(
        OneCycle(),
        lambda k: _cosine(k, 17, 0.04, 1) if k < 17 else _cosine(k - 17, 42, 1, 4e-6),
        lambda s, o: s.OneCycleLR(o, 1.0, TOTAL),
        {1: 0.04817291215172714, 11: 0.7339544107727383, 18: 0.9986019041829957, 45: 0.2500030000000001, 59: 4e-06},
    ),
    ScheduleCase(
        OneCycle(peak=30, start=0.5, final=0.05),
        lambda k: _cosine(k, 29, 0.5, 1) if k < 29 else _cosine(k - 29, 30, 1, 0.05),
        lambda s, o: s.OneCycleLR(o, 1.0, TOTAL, pct_start=0.5, div_factor=2, final_div_factor=10),
        {1: 0.5014655107114101, 11: 0.6574654611650214, 18: 0.8425345388349786, 45: 0.4753489799478646, 59: 0.05},
    ),
    ScheduleCase(
        WarmUp(20),
        lambda k: min((k + 1) / 20, 1),
        lambda s, o: s.LinearLR(o, 1 / 20, total_iters=19),
        {1: 0.1, 11: 0.6, 18: 0.9499999999999997, 45: 0.9999999999999997, 59: 0.9999999999999997},
    ),
    ScheduleCase(
        WarmUp(0.2, Cosine()),
        lambda k: (k + 1) / 12 if k < 12 else _cosine(k - 12, 48),
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 1 / 12, total_iters=11), s.CosineAnnealingLR(o, 48)], [12]),
        {
            1: 0.16666666666666666,
            11: 0.9999999999999998,
            18: 0.9619397662556434,
            45: 0.22221488349019886,
            59: 0.0010705383806982605,
        },
    ),
]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def torch_factors(case: ScheduleCase) -> Array:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **options: None)  # "step() before optimizer.step()", and its kin
        scheduler = case.torch(torch.optim.lr_scheduler, optimizer)
        rates = []
        for _ in range(TOTAL):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if len(rates) < TOTAL:
                scheduler.step()
    return np.array(rates)


@every
def test_formula(case: ScheduleCase) -> None:
    factors = case.schedule.factors(0, TOTAL, TOTAL)
    assert factors.dtype == np.float64
    np.testing.assert_allclose(factors, [case.formula(k) for k in range(TOTAL)], rtol=1e-12, atol=1e-15)


@every
def test_the_stored_figures_of_pytorch(case: ScheduleCase) -> None:
    factors = case.schedule.factors(0, TOTAL, TOTAL)
    np.testing.assert_allclose(factors[list(case.stored)], list(case.stored.values()), rtol=1e-12)


@every
def test_pytorch(case: ScheduleCase) -> None:
    rates = torch_factors(case)
    np.testing.assert_allclose(case.schedule.factors(0, TOTAL, TOTAL), rates, rtol=1e-12)
    np.testing.assert_allclose(rates[list(case.stored)], list(case.stored.values()), rtol=1e-12)


@every
def test_chunks_of_a_fit_give_the_same_factors(case: ScheduleCase) -> None:
    whole = case.schedule.factors(0, TOTAL, TOTAL)
    for size in (1, 7, 13):
        parts = [case.schedule.factors(k, min(size, TOTAL - k), TOTAL) for k in range(0, TOTAL, size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert case.schedule.factors(5, 0, TOTAL).shape == (0,)


@pytest.mark.parametrize("kind", SCHEDULES.values())
@pytest.mark.parametrize("total", [1, 2, 3, 5, 1000])
def test_factors_of_fits_of_any_length_are_finite_and_reach_one(kind: type[Schedule], total: int) -> None:
    factors = kind().factors(0, total, total)
    assert factors.shape == (total,)
    assert np.isfinite(factors).all()
    assert factors.min() >= 0
    assert factors.max() == 1
    assert kind.watches == (kind is ReduceOnPlateau) or kind is WarmUp


def test_lengths_beyond_the_fit() -> None:
    assert WarmUp(10).factors(0, 4, 4) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert WarmUp(10, "cosine").factors(4, 1, 4) == pytest.approx([0.5])
    assert Step(0.1, 10).factors(0, 4, 4) == pytest.approx(np.ones(4))
    assert OneCycle(10, start=0.1).factors(0, 2, 4)[0] == pytest.approx(0.1)
    assert (OneCycle(10).factors(0, 4, 4) < 1).all()


# The plateau ---------------------------------------------------------------------------------------------------------

CURVES = [
    np.array([-3, -2, -1, -1, -1, -1, -1, -1, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5]),
    -2 + np.sin(np.arange(60) / 5) + 0.3 * np.cos(2.7 * np.arange(60)),
    np.array([-1, np.nan, np.nan, np.nan, np.nan, np.nan, -0.5, np.nan, np.nan]),
    -np.arange(30.0),
    np.arange(30.0),
]


@pytest.mark.parametrize("values", CURVES)
@pytest.mark.parametrize("options", [(0.3, 2, 1e-4, 0.0), (0.5, 1, 0.2, 0.1), (0.1, 4, 0.0, 0.0)])
def test_reduce_on_plateau_is_pytorchs(values: Array, options: tuple[float, int, float, float]) -> None:
    """PyTorch reduces when more than ``patience`` epochs were no better, and compares relatively by default."""
    torch = pytest.importorskip("torch")
    factor, patience, threshold, least = options
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", factor, patience - 1, threshold, "abs", min_lr=least, eps=0
    )
    plateau = ReduceOnPlateau(*options)
    for count in range(1, len(values) + 1):
        scheduler.step(values[count - 1])
        factors = plateau.factors(10 * count, 3, 1000, list(values[:count]))
        assert factors == pytest.approx(np.full(3, optimizer.param_groups[0]["lr"]), rel=1e-12)


def test_reduce_on_plateau_counts_epochs_in_a_row() -> None:
    plateau = ReduceOnPlateau(0.5, patience=2, threshold=0.1, min_factor=0.2)

    def now(*values: float) -> float:
        return float(plateau.factors(0, 1, 10, values)[0])

    assert now() == now(-1) == now(-1, -1) == 1
    assert now(-1, -1, -1) == 0.5
    assert now(-1, -1, -0.8, -0.8) == 1  # better in between
    assert now(-1, -0.95, -0.91) == 0.5  # better, but by less than the threshold
    assert now(-1, -1, -1, -1) == 0.5  # the count starts anew
    assert now(-1, -1, -1, -1, -1) == 0.25
    assert now(*[-1] * 9) == 0.2
    assert now(-1, math.nan, math.nan) == 0.5


def test_warm_up_before_a_plateau_watches() -> None:
    warm = WarmUp(2, ReduceOnPlateau(0.5, patience=1))
    assert warm.watches
    assert not WarmUp(2).watches
    assert warm.factors(0, 4, 10, [-1, -1]) == pytest.approx([0.5, 1, 0.5, 0.5])


# What is accepted ----------------------------------------------------------------------------------------------------


def test_names() -> None:
    for name, kind in SCHEDULES.items():
        assert schedules.resolve(name) == kind()
        assert schedules.resolve(name.upper()) == kind()
    assert schedules.resolve(None) == Constant()
    assert schedules.resolve(Step(0.5, 3)) == Step(0.5, 3)
    public = {kind for kind in vars(schedules).values() if isinstance(kind, type) and issubclass(kind, Schedule)}
    assert public - {Schedule} == set(SCHEDULES.values())


@pytest.mark.parametrize("value", ["linear", 0.1, [], Cosine])
def test_what_is_no_schedule_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="schedule: expected a schedule or one of"):
        schedules.resolve(value)
    with pytest.raises(ValueError, match="then: expected a schedule or one of"):
        WarmUp(0.1, value)


@pytest.mark.parametrize("make", [lambda value: Step(every=value), OneCycle, WarmUp])
@pytest.mark.parametrize("value", [0, -1, 0.0, 1.0, 1.5, math.nan, None, True, "3"])
def test_a_length_is_a_number_of_steps_or_a_fraction(make: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number of steps, or a fraction of the fit between 0 and 1"):
        make(value)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Step, {"factor": 0}, "factor: expected a positive number, found 0"),
        (Step, {"factor": math.inf}, "factor: expected a positive number, found inf"),
        (Exponential, {"final": 0.0}, "final: expected a positive number, found 0.0"),
        (Cosine, {"final": -0.1}, "final: expected a number between 0 and 1, found -0.1"),
        (Cosine, {"final": math.nan}, "final: expected a number between 0 and 1, found nan"),
        (OneCycle, {"start": 1.1}, "start: expected a number between 0 and 1"),
        (OneCycle, {"final": None}, "final: expected a number between 0 and 1"),
        (ReduceOnPlateau, {"factor": 1}, "factor: expected a number below 1, found 1"),
        (ReduceOnPlateau, {"patience": 0}, "patience: expected a whole number of at least 1, found 0"),
        (ReduceOnPlateau, {"patience": 1.5}, "patience: expected a whole number"),
        (ReduceOnPlateau, {"threshold": -1}, "threshold: expected a number of at least 0, found -1"),
        (ReduceOnPlateau, {"min_factor": 2}, "min_factor: expected a number between 0 and 1, found 2"),
    ],
)
def test_what_cannot_be_is_refused(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)


@every
def test_they_are_frozen_and_can_be_pickled(case: ScheduleCase) -> None:
    assert pickle.loads(pickle.dumps(case.schedule)) == case.schedule
    assert hash(case.schedule) is not None
    for field in fields(case.schedule):
        with pytest.raises(AttributeError):
            setattr(case.schedule, field.name, 0.5)
