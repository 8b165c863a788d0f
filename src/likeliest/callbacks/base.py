"""EpochCallback: a function of an `Epoch` that scikit-learn's ``set_callbacks`` takes too."""

from __future__ import annotations

import math
from typing import Any

from likeliest.fit import Epoch

FIELDS = ("epoch", "seconds", "log_likelihood", "validation_log_likelihood", "learning_rate")


class EpochCallback:
    """Called with each `Epoch`: by ``Network.fit(callbacks=[...])``, and by an estimator that it was set on.

    ``Classifier().set_callbacks(callback)`` exists from scikit-learn 1.9 on, which asks for the four methods below; the
    estimator itself calls the callback with its epochs, with log-likelihoods in the units of y.
    """

    def __call__(self, epoch: Epoch) -> Any:
        """Takes an epoch down; True would stop the fit."""
        raise NotImplementedError

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Nothing."""
        return False


def record(epoch: Epoch) -> dict[str, Any]:
    """What there is to say of an epoch: `FIELDS`; None where there is nothing, or a NaN for want of a look."""
    held_out = epoch.validation_log_likelihood
    if held_out is not None and math.isnan(held_out):
        held_out = None
    numbers = (epoch.seconds, epoch.log_likelihood, held_out, epoch.learning_rate)
    values = (int(epoch.number), *(None if value is None else float(value) for value in numbers))
    return dict(zip(FIELDS, values, strict=True))
