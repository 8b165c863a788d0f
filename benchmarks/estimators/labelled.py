"""Labelled tables in ten stratified folds: three that scikit-learn ships, and two frames made here.

The frames have what real ones have and those three lack: strings, missing values (more often where they tell
something), skewed numbers, interactions and labels that no method can know.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import StratifiedKFold

FOLDS = 10


@lru_cache
def read(name: str) -> tuple[Any, Any]:
    """X, an array (n, p) or a frame, and y (n,) of the data set."""
    return SETS[name]()


@lru_cache
def folds(name: str) -> list[tuple[Any, Any]]:
    """The row numbers for training and for testing, ten times; every row is tested once."""
    X, y = read(name)
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y))


def split(name: str, k: int) -> tuple[Any, Any, Any, Any]:
    """X and y of the training rows, and of the test rows, of fold k."""
    X, y = read(name)
    train, test = folds(name)[k]
    rows = X.iloc if isinstance(X, pd.DataFrame) else X
    return rows[train], y[train], rows[test], y[test]


def customers(n: int = 4_000) -> tuple[pd.DataFrame, Any]:
    """Who leaves: 4 numbers, 3 kinds of strings (3, 4 and 12 of them), yes or no."""
    random = np.random.default_rng(1)
    months = random.exponential(24, n)
    spent = random.lognormal(3, 0.8, n)
    calls = random.poisson(1.5, n).astype(float)
    age = random.uniform(18, 80, n)
    plan, channel, city = (random.choice(k, n) for k in (3, 4, 12))
    of_city = random.normal(0, 0.8, 12)
    eta = 0.3 - 1.5 * np.tanh(months / 20) + 0.35 * calls + of_city[city] + np.array([0.8, 0, -0.8])[plan]
    eta += np.where(plan == 1, 0.8, -0.4) * (np.log(spent) - 3) + 1.5 * np.sin(age / 10) * (channel == 2)
    y = np.where(random.uniform(size=n) < 1 / (1 + np.exp(-2 * eta)), "leaves", "stays")
    spent[random.uniform(size=n) < np.where(eta > 0, 0.25, 0.05)] = np.nan  # that it is missing tells something
    calls[random.uniform(size=n) < 0.05] = np.nan
    names = {
        "plan": words(plan, ["basic", "plus", "family"]),
        "channel": words(channel, ["shop", "web", "phone", "friend"]),
        "city": words(city, [f"city {i}" for i in range(12)], missing=random.uniform(size=n) < 0.1),
    }
    return pd.DataFrame({"months": months, "spent": spent, "calls": calls, "age": age, **names}), y


def fields(n: int = 3_000) -> tuple[pd.DataFrame, Any]:
    """What grows best: 5 numbers, 2 kinds of strings (5 and 30 of them), three labels of unequal shares."""
    random = np.random.default_rng(2)
    rain, warmth, slope = random.gamma(3, 200, n), random.normal(15, 5, n), random.exponential(4, n)
    acidity, sun = random.normal(6.5, 0.8, n), random.beta(4, 2, n)
    soil, district = random.choice(5, n), random.choice(30, n)
    of_district, of_soil = random.normal(0, 0.7, (30, 3)), random.normal(0, 1, (5, 3))
    wet, mild = (rain - 600) / 300, np.exp(-(((warmth - 16) / 4) ** 2))
    eta = of_district[district] + of_soil[soil]
    eta += np.stack([2 * mild - slope / 5, 1.5 * wet * mild, 2 * (acidity < 6) + sun - 1.5], axis=1)
    y = np.array(["barley", "maize", "potato"])[np.argmax(2 * eta + random.gumbel(size=(n, 3)), axis=1)]
    acidity[random.uniform(size=n) < 0.3] = np.nan
    slope[random.uniform(size=n) < 0.1] = np.nan
    names = {
        "soil": words(soil, ["clay", "sand", "loam", "chalk", "peat"], missing=random.uniform(size=n) < 0.15),
        "district": words(district, [f"district {i}" for i in range(30)]),
    }
    numbers = {"rain": rain, "warmth": warmth, "slope": slope, "acidity": acidity, "sun": sun}
    return pd.DataFrame({**numbers, **names}), y


def words(codes: Any, names: list[str], missing: Any = False) -> Any:
    """The names of the codes (n,), NaN where missing."""
    column = np.array(names, dtype=object)[codes]
    column[np.broadcast_to(missing, codes.shape)] = np.nan
    return column


SETS = {
    "breast-cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "customers": customers,
    "fields": fields,
}
