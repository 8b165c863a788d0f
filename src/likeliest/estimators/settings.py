"""Whether the settings of Classifier and Regressor make sense; said in `fit`, before any work."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from likeliest import optimizers, schedules, structures
from likeliest.augmentation import check as check_augment
from likeliest.averaging import Averaging
from likeliest.engines import ENGINES, check_devices, check_engine
from likeliest.layers import Dense, Layer
from likeliest.likelihoods.smoothed import check_smoothing
from likeliest.optimizers.base import check_fraction, check_positive
from likeliest.threads import resolve_threads


def check_settings(estimator: Any) -> None:
    """A ValueError or TypeError that names the first setting that makes no sense."""
    it = estimator
    if it.layers is None:
        _check_hidden(it)
    elif isinstance(it.layers, str):
        structures.check_name(it.layers)
    elif not isinstance(it.layers, Sequence) or not all(isinstance(layer, Layer) for layer in it.layers):
        raise ValueError(f'layers: expected a list of layers such as Dense(32, "relu"), or None, found {it.layers!r}')
    for name in ("max_iter", "n_iter_no_change"):
        value = getattr(it, name)
        if value is not None and not is_whole(value, 1):
            raise ValueError(f"{name}: expected a whole number of at least 1, or None, found {value!r}")
    if not (it.batch_size is None or is_word(it.batch_size, "auto") or is_whole(it.batch_size, 1)):
        raise ValueError(f'batch_size: expected "auto", a whole number of at least 1 or None, found {it.batch_size!r}')
    if not (isinstance(it.early_stopping, bool | np.bool_) or is_word(it.early_stopping, "auto")):
        raise ValueError(f'early_stopping: expected True, False or "auto", found {it.early_stopping!r}')
    if not isinstance(it.validation_fraction, float | np.floating) or not 0 < it.validation_fraction < 1:
        raise ValueError(f"validation_fraction: expected a number between 0 and 1, found {it.validation_fraction!r}")
    if not is_word(it.missing, "indicator", "error"):
        raise ValueError(f'missing: expected "indicator" or "error", found {it.missing!r}')
    for name in ("standardize", "warm_start"):
        if not isinstance(getattr(it, name), bool | np.bool_):
            raise ValueError(f"{name}: expected True or False, found {getattr(it, name)!r}")
    if not ((isinstance(it.verbose, bool | np.bool_ | int) and it.verbose in (0, 1)) or is_word(it.verbose, "auto")):
        raise ValueError(f'verbose: expected True, False or "auto", found {it.verbose!r}')
    if isinstance(it.prior, str) and it.prior != "auto":
        raise ValueError(
            f'prior: expected "auto", None or one of likeliest.priors, such as Normal(1.0); found {it.prior!r}'
        )
    if not (it.averaging is None or is_word(it.averaging, "auto") or isinstance(it.averaging, Averaging)):
        raise ValueError(
            f'averaging: expected "auto", EMA() or SWA() of likeliest.averaging, or None, found {it.averaging!r}'
        )
    if not (it.clip_norm is None or is_word(it.clip_norm, "auto")):
        check_positive("clip_norm", it.clip_norm, "1.0 is usual for a gradient of the mean")
    check_augment(it.augment)
    if hasattr(it, "label_smoothing"):
        check_smoothing(it.label_smoothing)
    if not is_word(it.schedule, "auto"):
        schedules.resolve(it.schedule)
    if not is_word(it.optimizer, "auto"):
        optimizers.resolve(it.optimizer)
    if not isinstance(it.engine, str):
        raise ValueError(f"engine: expected one of {ENGINES}, found {it.engine!r}")
    check_engine(it.engine, "float32" if it.dtype is None else it.dtype)
    check_devices(it.engine, it.devices)
    _check_n_jobs(it.n_jobs)
    check_seed(it.random_state)


def check_seed(seed: Any) -> None:
    """A ValueError unless it is a ``random_state``."""
    if not (seed is None or isinstance(seed, np.random.RandomState) or (is_whole(seed, 0) and seed < 2**32)):
        raise ValueError(f"random_state: expected a whole number from 0 to 2**32 - 1, or None, found {seed!r}")


def _check_hidden(it: Any) -> None:
    """The widths, the activation and the dropout."""
    try:
        widths = (it.hidden,) if not isinstance(it.hidden, Sequence | np.ndarray) else tuple(it.hidden)
        if isinstance(it.hidden, str | bytes) or not all(is_whole(width, 1) and width < 2**31 for width in widths):
            raise TypeError
    except TypeError:
        raise ValueError(f"hidden: expected widths of layers such as (50,), found {it.hidden!r}") from None
    if not isinstance(it.activation, str):
        raise ValueError(f'activation: expected a name such as "relu", found {it.activation!r}')
    Dense(1, it.activation)
    check_fraction("dropout", it.dropout)


def _check_n_jobs(n_jobs: Any) -> None:
    if n_jobs is None or (is_whole(n_jobs, -1) and n_jobs == -1):
        return
    try:
        resolve_threads(n_jobs)
    except ValueError as error:
        raise ValueError(str(error).replace("threads:", "n_jobs:", 1)) from None


def is_word(value: Any, *words: str) -> bool:
    """Whether a value is one of these strings; arrays and the like are not."""
    return isinstance(value, str) and value in words


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number of at least so much, and no boolean."""
    try:
        return not isinstance(value, bool | np.bool_ | np.ndarray) and bool(operator.index(value) >= least)
    except TypeError:
        return False
