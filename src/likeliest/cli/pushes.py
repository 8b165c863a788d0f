"""Which columns push a prediction where: backpropagation down to the inputs of one row, each derivative checked.

A number is pushed by its standard deviation, in which the network sees it; a category is held against the average of
the categories that the network knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.engines.reference import backward, forward
from likeliest.program import OUTPUT
from likeliest.xp import numpy_namespace as xp

Array = npt.NDArray[Any]

STEP = 1e-5  # of a finite difference


@dataclass(frozen=True)
class Push:
    """What one column does to the prediction of one row.

    Attributes
    ----------
    column : str
        The column; ``"no …"`` for the number that says whether there is a gap.
    value : float or str or None
        What stands there; None for a gap.
    z : float or None
        What the network gets; None for a category.
    prediction : float
        Of a number, the derivative of the prediction in z; of a category, the prediction's difference to that of the
        average category, to first order.
    log_likelihood : float
        The same of log P(y | x).
    difference : float
        What ``prediction`` is by nudging.
    """

    column: str
    value: Any
    z: float | None
    prediction: float
    log_likelihood: float
    difference: float


class Row:
    """One row in a network of an estimator, in float64: its values and derivatives.

    Parameters
    ----------
    estimator : Classifier or Regressor
        Fitted.
    z : (m,) array
        The row as the network takes it.
    y : (1,) array or None
        The target as the likelihood takes it; of classes the likeliest where nothing is known.
    """

    def __init__(self, estimator: Any, z: Array, y: Array | None) -> None:
        network = estimator.network_
        self.estimator, self.network, self.z = estimator, network, z.astype(np.float64)
        self.theta = {name: np.asarray(value, np.float64) for name, value in network.parameters.items()}
        self.values = forward(network.program, self.theta, self.z[None])
        self.eta = self.values[OUTPUT]
        self.p = (
            np.asarray(network.likelihood.probabilities(xp, self.eta))[0] if hasattr(estimator, "classes_") else None
        )
        self.label = None if self.p is None else int(self.p.argmax())
        self.y = np.array([self.label]) if y is None and self.label is not None else y
        self.derivatives = self.back(self.score) if self.y is not None else None

    @property
    def score(self) -> Array:
        """∂LL/∂η, (1, width)."""
        return np.asarray(self.network.likelihood.score(self.eta, self.y))

    def back(self, score: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        """From a derivative in η to those in all values and all θ."""
        return backward(self.network.program, self.theta, self.values, score)

    def prediction(self, eta: Array) -> float:
        """What is pushed: E[y | x], or of the likeliest class the log-odds."""
        likelihood = self.network.likelihood
        if self.label is None:
            scale, center = self.estimator.target_scale_, self.estimator.target_center_
            return float(center + scale * np.ravel(likelihood.mean(xp, eta))[0])
        # Through log P, not P: of a class that is all but sure, 1 − P would be rounded away.
        log_p = np.array([likelihood.log_prob(xp, eta, np.array([k]))[0] for k in range(len(self.p))])  # type: ignore[arg-type]
        others = np.delete(log_p, self.label)
        return float(log_p[self.label] - np.logaddexp.reduce(others))

    def log_likelihood(self, eta: Array) -> float:
        """Log P(y | x), in the units of y."""
        log_prob = self.network.likelihood.log_prob(xp, eta, self.y)[0]
        return float(log_prob - self.estimator._log_scale)

    def output(self, z: Array) -> Array:
        """η of another row, (1, width)."""
        return forward(self.network.program, self.theta, z[None])[OUTPUT]

    def pushes(self) -> list[Push]:
        """What each column does, the strongest first."""
        table = self.estimator.table_
        of_prediction = self.back(_slopes(self.prediction, self.eta))[0]
        of_ll = self.derivatives[0] if self.derivatives is not None else None
        numbers = len(table.numeric) + len(table.indicated)
        found = []
        for k in range(numbers):
            up, down = self.z.copy(), self.z.copy()
            up[k], down[k] = self.z[k] + STEP, self.z[k] - STEP
            difference = (self.prediction(self.output(up)) - self.prediction(self.output(down))) / (up[k] - down[k])
            ll = float("nan") if of_ll is None else float(of_ll["x"][0, k])
            found.append(
                Push(table.names_out[k], None, float(self.z[k]), float(of_prediction["x"][0, k]), ll, difference)
            )
        place = numbers
        for k, (column, K) in enumerate(table.codes):
            E = self.theta[f"embedding_1.E{column}"]
            code = int(self.z[column])
            step = E[code] - E[1:].mean(axis=0) if K > 1 else np.zeros(E.shape[1])
            where = slice(place, place + E.shape[1])
            place += E.shape[1]
            pushed = float(step @ of_prediction["embedding_1.h"][0, where])
            ll = float("nan") if of_ll is None else float(step @ of_ll["embedding_1.h"][0, where])
            found.append(Push(table.names_out[numbers + k], None, None, pushed, ll, self._nudged(column, code, step)))
        return sorted(found, key=lambda push: -abs(push.prediction))

    def _nudged(self, column: int, code: int, step: Array) -> float:
        """The derivative of the prediction along a step of a category's vector, by nudging the vector."""
        name = f"embedding_1.E{column}"
        found = []
        for nudge in (STEP, -STEP):
            E = self.theta[name].copy()
            E[code] += nudge * step
            eta = forward(self.network.program, {**self.theta, name: E}, self.z[None])[OUTPUT]
            found.append(self.prediction(eta))
        return (found[0] - found[1]) / (2 * STEP)


def _slopes(f: Callable[[Array], float], eta: Array) -> Array:
    """∂f/∂η (1, width) by central differences: few numbers, of a smooth function."""
    slopes = np.zeros_like(eta)
    for k in range(eta.shape[1]):
        step = STEP * max(1.0, abs(float(eta[0, k])))
        up, down = eta.copy(), eta.copy()
        up[0, k] += step
        down[0, k] -= step
        slopes[0, k] = (f(up) - f(down)) / (up[0, k] - down[0, k])
    return slopes
