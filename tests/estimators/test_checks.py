"""scikit-learn's own checks of its contract, without a failure that was foreseen."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import likeliest as ll

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@parametrize_with_checks([ll.Classifier(), ll.Regressor()])
def test_scikit_learns_check(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks([ll.Ensemble(ll.Classifier(), n_estimators=2), ll.Ensemble(ll.Regressor(), n_estimators=2)])
def test_scikit_learns_check_of_ensembles(estimator: Any, check: Any) -> None:
    check(estimator)
