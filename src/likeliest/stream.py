"""Stream: a network one step at a time, with what it has seen kept between the calls."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.engines.base import Engine
from likeliest.likelihoods import Categorical, Distribution, Likelihood
from likeliest.one_step import OneStep
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


class Stream(ABC):
    """A network that is given a sequence one step at a time, and says after each what it predicts.

    Made by `Network.stream`. θ is what it was when the stream was made. The methods are those of the network, for one
    step: each takes x and goes on by it. Where all that is before a step is in the state of recurrences, a step costs
    the same however long the sequence is; where steps look at earlier ones, as in a `TransformerBlock`, the steps are
    kept, at most as many as sequences had in the fit, and all of them are read again.

    Examples
    --------
    >>> import numpy as np
    >>> import likeliest as ll
    >>> net = ll.Network([ll.LSTM(4)], likelihood="normal").build((10, 2), seed=0)
    >>> X = np.random.default_rng(0).normal(size=(1, 10, 2))
    >>> stream = net.stream()
    >>> for x in X[0]:
    ...     y = stream.predict(x)
    >>> np.allclose(y, net.predict(X), atol=1e-6)
    True
    """

    def __init__(self, likelihood: Likelihood, step: tuple[int, ...], examples: int | None, codes: int | None) -> None:
        self.likelihood = likelihood
        self.codes = codes  # how many there are, where x is one
        self._shape = step if examples is None else (examples, *step)
        self._one = examples is None

    @abstractmethod
    def reset(self) -> None:
        """Forgets what was seen: the next step is the first."""

    def take(self, rows: Any) -> None:
        """Goes on with some of the sequences, in this order, each as often as it is named: rows (m,) of 0 … n − 1."""
        if self._one:
            raise ValueError("take: this stream has one sequence; make it with a number of examples")
        self._take(np.asarray(rows))
        self._shape = (len(rows), *self._shape[1:])

    @abstractmethod
    def _take(self, rows: Array) -> None: ...

    @property
    @abstractmethod
    def state(self) -> Array:
        """What is kept: a copy (n, …); assign to it to go back to it.

        All states of recurrences side by side, (n, m); or the steps that are read again, (n, t, …).
        """

    @state.setter
    @abstractmethod
    def state(self, value: Any) -> None: ...

    def output(self, x: Any) -> Array:
        """η after one more step: x (p,), or (n, p) for several sequences side by side -> (1, width) or (n, width).

        Raises
        ------
        ValueError
            When x is not one step, or not finite; the state is then what it was.
        """
        x = np.asarray(x)
        if x.shape != self._shape:
            raise ValueError(f"x: this stream takes one step of shape {self._shape}, found {x.shape}")
        self._check_codes(x)
        return self._after(x)

    @abstractmethod
    def _after(self, x: Array) -> Array:
        """Η after one more step."""

    def read(self, X: Any) -> Array:
        """η after several more steps: X (T, p), or (n, T, p) for several sequences side by side, T at least 1."""
        X = np.asarray(X)
        before = 0 if self._one else 1
        expected = (*self._shape[:before], X.shape[before] if X.ndim > before else 0, *self._shape[before:])
        if X.shape != expected or not X.size:
            raise ValueError(f"X: this stream takes steps of shape {self._shape[before:]}, found {X.shape}")
        self._check_codes(X)
        return self._read(X)

    def _read(self, X: Array) -> Array:
        for x in X if self._one else X.swapaxes(0, 1):
            eta = self._after(x)
        return eta

    def _check_codes(self, x: Array) -> None:
        if self.codes is not None and not (((x >= 0) & (x < self.codes)).all() and (x == np.floor(x)).all()):
            raise ValueError(f"x: this stream takes codes 0 to {self.codes - 1}, found {x}; the state is what it was")

    def predict(self, x: Any) -> Array:
        """The most probable class, or the mean of y, after one more step: a number, or (n,)."""
        if self.likelihood.classes is None:
            mean = np.asarray(self.likelihood.mean(numpy_namespace, self.output(x)))
            return np.asarray(mean[0] if self._one else mean)
        return np.asarray(np.argmax(self.predict_proba(x), axis=-1))

    def predict_proba(self, x: Any) -> Array:
        """P(Y = k) for each class k after one more step: (classes,), or (n, classes)."""
        if self.likelihood.classes is None:
            raise ValueError(f"predict_proba: y has no classes under {self.likelihood!r}; use predict_dist(x)")
        eta = self.output(x)
        if type(self.likelihood) is Categorical:  # as its page has it, in half the time
            p = eta - np.maximum.reduce(eta, axis=1, keepdims=True)
            np.exp(p, out=p)
            p /= np.add.reduce(p, axis=1, keepdims=True)
        else:
            p = np.asarray(self.likelihood.probabilities(numpy_namespace, eta))
        return p[0] if self._one else p

    def predict_dist(self, x: Any) -> Distribution:
        """The distribution of y after one more step, of n sequences at once."""
        return self.likelihood.distribution(self.output(x).astype(np.float64))


class Carried(Stream):
    """A stream whose recurrences carry all that is to be known of earlier steps, in rows [x_t, states, memory]."""

    def __init__(
        self,
        engine: Engine,
        step: OneStep,
        starts: Mapping[str, Array],
        likelihood: Likelihood,
        examples: int | None,
        codes: int | None,
    ) -> None:
        super().__init__(likelihood, step.shape, examples, codes)
        self._engine = engine
        self._x_width, self._width = step.states[0].begin, likelihood.width
        self._end = step.states[-1].end
        self._rows = np.zeros((examples or 1, *step.program.input_shape), engine.dtype)
        for one in (*step.states, *step.memory):
            if one.start is not None:
                value = starts[one.start]
                self._rows[:, one.begin : one.end] = value.reshape(-1, one.end - one.begin)
        self._starts = self._rows[:, self._x_width : self._end].copy()

    def reset(self) -> None:
        """Forgets what was seen: the next step is the first."""
        self._rows[:, self._x_width : self._end] = self._starts

    def _take(self, rows: Array) -> None:
        self._rows, self._starts = self._rows[rows], self._starts[rows]

    @property
    def state(self) -> Array:
        """All states side by side: a copy (n, m)."""
        return self._rows[:, self._x_width : self._end].copy()

    @state.setter
    def state(self, value: Any) -> None:
        value = np.asarray(value)
        expected = self._starts.shape
        if value.shape != expected or not np.isfinite(value).all():
            raise ValueError(f"state: expected {expected} finite numbers, as state gives them, found {value.shape}")
        self._rows[:, self._x_width : self._end] = value

    def _after(self, x: Array) -> Array:
        rows = self._rows
        rows[:, : self._x_width] = x.reshape(len(rows), -1)
        row = self._engine.output(rows, 1)
        if not math.isfinite(row.sum()):  # one number tells, and takes less than a look at each
            raise ValueError(f"x: expected finite numbers, not too large for {rows.dtype}; the state is what it was")
        rows[:, self._x_width : self._end] = row[:, self._width :]
        eta: Array = row[:, : self._width]
        return eta
