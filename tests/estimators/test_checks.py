"""scikit-learn's own checks of an estimator, all of them, without an expected failure."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import likeliest as ll

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@parametrize_with_checks([ll.Classifier(), ll.Regressor()])
def test_scikit_learns_check(estimator: Any, check: Any) -> None:
    check(estimator)
