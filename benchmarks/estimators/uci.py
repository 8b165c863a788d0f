"""The published splits of four UCI tables, X (n, p) and y (n,), and what was published on them.

A file NAME.npz holds X, y and, for k = 0 … 19, the row numbers train_k and test_k: the splits of Hernández-Lobato and
Adams (2015), a random nine tenths and the tenth that is left.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import DataError

Array = NDArray[Any]

VARIABLE = "LIKELIEST_DATA_UCI"
SETS = {"concrete": "concrete", "energy": "energy", "wine": "wine-quality-red", "yacht": "yacht"}
"""The name in the tables → the name of the file."""

SPLITS = 20

PUBLISHED = {
    "PBP15": {"concrete": -3.16, "energy": -2.04, "wine": -0.97, "yacht": -1.63},
    "drop16": {"concrete": -3.04, "energy": -1.99, "wine": -0.93, "yacht": -1.55},
    "DE17": {"concrete": -3.06, "energy": -1.38, "wine": -0.94, "yacht": -1.18},
    "drop18": {"concrete": -2.93, "energy": -1.21, "wine": -0.93, "yacht": -1.25},
    "NGB20": {"concrete": -3.04, "energy": -0.60, "wine": -0.91, "yacht": -0.20},
}
"""Mean test log-likelihood per row, over the 20 splits, as the papers give it."""

SOURCES = {
    "PBP15": "Hernández-Lobato, Adams: Probabilistic backpropagation (ICML 2015)",
    "drop16": "Gal, Ghahramani: Dropout as a Bayesian approximation (ICML 2016)",
    "DE17": "Lakshminarayanan, Pritzel, Blundell: Deep ensembles, of 5 (NeurIPS 2017)",
    "drop18": "Mukhoti, Stenetorp, Gal: On the importance of strong baselines (2018), dropout again",
    "NGB20": "Duan and others: NGBoost (ICML 2020)",
}


def folder() -> Path:
    """The folder of the .npz files, or an error that says how to name it."""
    name = os.environ.get(VARIABLE)
    if not name:
        raise DataError(
            f"Set {VARIABLE}, or --folder, to the folder of {', '.join(f'{f}.npz' for f in SETS.values())}."
        )
    path = Path(name)
    for file in SETS.values():
        if not (path / f"{file}.npz").exists():
            raise DataError(f"{VARIABLE} is {name}, which has no {file}.npz.")
    return path


@lru_cache
def read(name: str) -> dict[str, Array]:
    """The arrays of a table."""
    with np.load(folder() / f"{SETS[name]}.npz") as file:
        return dict(file)


def split(name: str, k: int) -> tuple[Array, Array, Array, Array]:
    """X and y of the training rows, and of the test rows, of split k."""
    arrays = read(name)
    X, y = arrays["X"], arrays["y"]
    train, test = arrays[f"train_{k}"], arrays[f"test_{k}"]
    return X[train], y[train], X[test], y[test]
