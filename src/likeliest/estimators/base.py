"""What Classifier and Regressor share: a table made ready, a network built and fitted, in scikit-learn's contract."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin, is_regressor
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from likeliest import optimizers, schedules
from likeliest.averaging import Averaging
from likeliest.data import as_weights, check_same_length
from likeliest.estimators import defaults
from likeliest.estimators.callbacks import CallbackSupportMixin, Hooks, with_callbacks
from likeliest.history import History
from likeliest.layers import Dropout, Embedding, Layer
from likeliest.likelihoods import Distribution, Likelihood
from likeliest.network import Network
from likeliest.tables import Table, columns_of
from likeliest.threads import resolve_threads

Array = npt.NDArray[Any]


class Estimator(CallbackSupportMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A network as a scikit-learn estimator; see Classifier and Regressor."""

    hidden: Any
    activation: str
    layers: Any
    dropout: float
    likelihood: Any
    prior: Any
    optimizer: Any
    schedule: Any
    averaging: Any
    clip_norm: Any
    max_iter: Any
    batch_size: Any
    early_stopping: Any
    validation_fraction: float
    n_iter_no_change: Any
    standardize: bool
    categorical_features: Any
    missing: str
    warm_start: bool
    random_state: Any
    n_jobs: Any
    engine: str
    dtype: Any
    verbose: Any

    network_: Network
    history_: History
    table_: Table
    n_iter_: int

    # What a subclass says ---------------------------------------------------------------------------------------------

    def _read_targets(
        self, y: Any, weights: Array | None, recipe: defaults.Recipe | None, reset: bool
    ) -> tuple[Likelihood, Array, dict[str, Any]]:
        """The likelihood, the targets as it takes them, and what is learned of y; or y checked against that."""
        raise NotImplementedError

    def _weighted(self, y: Array, weights: Array | None, learned: dict[str, Any]) -> Array | None:
        """The weights of the examples (n,), with those of their classes."""
        return weights

    @property
    def _log_scale(self) -> float:
        """The sum over the targets of the log of what y was divided by: log P(y) = log P(z) − this."""
        return 0.0

    # Fitting ----------------------------------------------------------------------------------------------------------

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Any:
        """Chooses θ to make the data likely.

        Parameters
        ----------
        X : (n, p) array or data frame
            The examples: numbers, and in a data frame also strings, categories and gaps.
        y : (n,) or (n, targets) array
            What is to be predicted.
        sample_weight : (n,) array, optional
            How much each example counts, at least 0: 2 is the same as having it twice.
        X_val, y_val : optional
            Examples to choose the best θ by, instead of a part of X and y.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            When an argument does not fit, before any work; what was fitted before is kept.
        DivergenceError
            When the log-likelihood runs away.
        """
        goes_on = bool(self.warm_start) and hasattr(self, "network_")
        self._check_settings()
        X = self._examples(X, reset=not goes_on, y=y)
        weights = as_weights(sample_weight, len(X))
        validation = self._check_validation(X_val, y_val)
        recipe = self._recipe(len(X), held_out=validation is not None)
        data = {"X": X, "y": y, "metadata": _metadata(sample_weight, X_val, y_val)}
        if recipe.optimizer.full_batch and not recipe.holds_out:
            X, y, weights = merged(X, y, weights)
        likelihood, targets, learned = self._read_targets(y, weights, recipe, reset=not goes_on)
        check_same_length(X, targets)
        weights = self._weighted(targets, weights, learned)
        table = self.table_ if goes_on else self._read_table(X, weights)
        network = self.network_ if goes_on else self._network(likelihood, table, recipe)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        state = self._state(table, learned)
        hooks = Hooks(self, recipe.epochs, data, state)
        Z = table.transform(X, network.dtype)
        held_out: Any = None
        if validation is not None:
            X_val = table.transform(validation[0], network.dtype)
            held_out = (X_val, self._targets_like(validation[1], likelihood, learned))
        elif recipe.holds_out:
            held_out = float(self.validation_fraction)
        looks = max(1, recipe.epochs // defaults.LOOKS)
        patience = recipe.epochs if self.n_iter_no_change is None else max(int(self.n_iter_no_change), looks)
        history = network.fit(
            Z,
            targets,
            optimizer=recipe.optimizer,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            sample_weight=weights,
            schedule=recipe.schedule,
            averaging=recipe.averaging,
            clip_norm=recipe.clip_norm,
            validation=held_out,
            validation_every=looks,
            early_stopping=None if held_out is None else patience,
            seed=seed,
            threads=self._threads(),
            callbacks=hooks.of_network,
            verbose=self.verbose,
        )
        self._fill_unseen(network, table, Z)
        self.__dict__.update(state(network))
        self.history_ = self._in_units_of_y(history)
        self.n_iter_ = history.epochs
        hooks.close(network)
        return self

    def _pass(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """One pass over these examples, for ``partial_fit``."""
        first = not hasattr(self, "network_")
        self._check_settings()
        X = self._examples(X, reset=first, y=y)
        weights = as_weights(sample_weight, len(X))
        recipe = self._recipe(defaults.FEW, held_out=False)
        likelihood, targets, learned = self._read_targets(y, weights, recipe, reset=first)
        check_same_length(X, targets)
        weights = self._weighted(targets, weights, learned)
        table = self._read_table(X, weights) if first else self.table_
        network = self._network(likelihood, table, recipe) if first else self.network_
        again: dict[str, Any] = {}
        if first:
            optimizer = optimizers.Adam(0.003) if self.optimizer == "auto" else recipe.optimizer
            again = {"optimizer": optimizer, "seed": int(check_random_state(self.random_state).randint(2**31 - 1))}
        history = network.fit(
            table.transform(X, network.dtype),
            targets,
            epochs=1,
            batch_size=recipe.batch_size,
            sample_weight=weights,
            schedule=None if self.schedule == "auto" else self.schedule,
            clip_norm=None if self.clip_norm == "auto" else self.clip_norm,
            threads=self._threads(),
            verbose=self.verbose,
            **again,
        )
        self.__dict__.update(self._state(table, learned)(network))
        self.history_ = self._in_units_of_y(history)
        self.n_iter_ = getattr(self, "n_iter_", 0) * (not first) + history.epochs
        return self

    def _state(self, table: Table, learned: dict[str, Any]) -> Callable[[Network], dict[str, Any]]:
        """From a network to all attributes that predictions need."""
        return lambda network: {"network_": network, "table_": table, **learned}

    def _in_units_of_y(self, history: History) -> History:
        """The history with log-likelihoods of y, not of y standardized."""
        shift = self._log_scale
        return replace(
            history,
            log_likelihood=[value - shift for value in history.log_likelihood],
            validation_log_likelihood=[value - shift for value in history.validation_log_likelihood],
        )

    def _recipe(self, n: int, held_out: bool) -> defaults.Recipe:
        """The recipe for n rows, with what the settings say instead."""
        usual = isinstance(self.likelihood, str) and self.likelihood == "auto"
        recipe = defaults.recipe(n, is_regressor(self), usual, self.validation_fraction)
        said: dict[str, Any] = {"holds_out": recipe.holds_out and self.early_stopping == "auto"}
        said["holds_out"] |= held_out or self.early_stopping is True
        if self.optimizer != "auto":
            optimizer = optimizers.resolve(self.optimizer)
            schedule = schedules.resolve(None if optimizer.full_batch else "cosine")
            said |= {"optimizer": optimizer, "schedule": schedule, "averaging": None, "clip_norm": None}
        if self.schedule != "auto":
            said["schedule"] = schedules.resolve(self.schedule)
        if self.max_iter is not None:
            said["epochs"] = int(self.max_iter)
        if self.batch_size != "auto":
            said["batch_size"] = self.batch_size
        if self.prior != "auto":
            said["prior"] = self.prior
        if self.dtype is not None:
            said["dtype"] = self.dtype
        for name in ("averaging", "clip_norm"):
            if getattr(self, name) != "auto":
                said[name] = getattr(self, name)
        return replace(recipe, **said)

    def _network(self, likelihood: Likelihood, table: Table, recipe: defaults.Recipe) -> Network:
        """The network that the settings and the table ask for, without θ."""
        embedded = [Embedding(tuple((j, K, _embedding_width(K)) for j, K in table.codes))] if table.categories else []
        prior: Any = recipe.prior
        if self.prior == "auto" and isinstance(prior, dict) and not likelihood.shared:
            prior = prior["weights"]  # there is no scale of its own that the other part could be about
        return Network(
            [*embedded, *self._layers()],
            likelihood=likelihood,
            prior=prior,
            initializer={"output": "zeros"},
            engine=self.engine,
            dtype=recipe.dtype,
        )

    def _layers(self) -> list[Layer]:
        if self.layers is not None:
            return list(self.layers)
        widths = (self.hidden,) if isinstance(self.hidden, int | np.integer) else tuple(self.hidden)
        layers: list[Layer] = []
        for width in widths:
            layers.append(defaults.dense(int(width), self.activation))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return layers

    def _read_table(self, X: Any, weights: Array | None) -> Table:
        return Table.fit(
            X,
            weights,
            standardize=bool(self.standardize),
            categorical=self.categorical_features,
            missing=self.missing,
        )

    def _fill_unseen(self, network: Network, table: Table, Z: Array) -> None:
        """A category that was never seen becomes what the seen ones are on average."""
        for j, K in table.codes:
            counts = np.bincount(Z[:, j].astype(int), minlength=K)
            if counts[0] == 0:
                name = next(name for name in network.parameters if name.endswith(f".E{j}"))
                E = np.array(network.parameters[name])
                E[0] = counts @ E / counts.sum()
                network.parameters[name] = E

    def _threads(self) -> int | None:
        return None if self.n_jobs in (None, -1) else resolve_threads(self.n_jobs)

    # Arguments --------------------------------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        """A ValueError or TypeError for a setting that makes no sense, before any work."""
        if self.layers is None:
            try:
                widths = (self.hidden,) if not isinstance(self.hidden, Sequence | np.ndarray) else tuple(self.hidden)
                if any(isinstance(width, bool) or operator.index(width) < 1 for width in widths):
                    raise TypeError
            except TypeError:
                raise ValueError(f"hidden: expected widths of layers such as (50,), found {self.hidden!r}") from None
        if self.max_iter is not None and (isinstance(self.max_iter, bool) or not _is_whole(self.max_iter, 1)):
            raise ValueError(f"max_iter: expected a whole number of at least 1, or None, found {self.max_iter!r}")
        if not (self.batch_size is None or self.batch_size == "auto" or _is_whole(self.batch_size, 1)):
            raise ValueError(
                f'batch_size: expected "auto", a whole number of at least 1 or None, found {self.batch_size!r}'
            )
        if not (isinstance(self.early_stopping, bool | np.bool_) or self.early_stopping == "auto"):
            raise ValueError(f'early_stopping: expected True, False or "auto", found {self.early_stopping!r}')
        if self.n_iter_no_change is not None and not _is_whole(self.n_iter_no_change, 1):
            raise ValueError(
                f"n_iter_no_change: expected a whole number of at least 1, or None, found {self.n_iter_no_change!r}"
            )
        if not isinstance(self.validation_fraction, float | np.floating) or not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction: expected a number between 0 and 1, found {self.validation_fraction!r}"
            )
        if self.missing not in ("indicator", "error"):
            raise ValueError(f'missing: expected "indicator" or "error", found {self.missing!r}')
        if not isinstance(self.standardize, bool | np.bool_):
            raise ValueError(f"standardize: expected True or False, found {self.standardize!r}")
        if isinstance(self.prior, str) and self.prior != "auto":
            raise ValueError(
                f'prior: expected "auto", None or one of likeliest.priors, such as Normal(1.0); found {self.prior!r}'
            )
        if not (self.averaging is None or self.averaging == "auto" or isinstance(self.averaging, Averaging)):
            raise ValueError(f'averaging: expected "auto", None, EMA() or SWA(), found {self.averaging!r}')
        if not (isinstance(self.schedule, str) and self.schedule == "auto"):
            schedules.resolve(self.schedule)
        if not (isinstance(self.optimizer, str) and self.optimizer == "auto"):
            optimizers.resolve(self.optimizer)
        if self.n_jobs not in (None, -1):
            try:
                resolve_threads(self.n_jobs)
            except ValueError as error:
                raise ValueError(str(error).replace("threads:", "n_jobs:", 1)) from None

    def _examples(self, X: Any, reset: bool, **y: Any) -> Any:
        """X as a frame or an array, its names and width learned or checked."""
        if y and y["y"] is None:
            raise ValueError(
                f"y: this {type(self).__name__} estimator requires y to be passed, but the target y is None"
            )
        try:
            if not is_frame(X):
                dtype = None if hasattr(X, "dtype") and getattr(X.dtype, "kind", "") in "OUST" else "numeric"
                if isinstance(X, list | tuple) and _holds_strings(X):
                    X, dtype = np.array(X, dtype=object), None
                X = check_array(
                    X,
                    dtype=dtype,
                    ensure_all_finite=False,
                    allow_nd=self.layers is not None,
                    estimator=self,
                    input_name="X",
                )
            elif len(X) == 0 or len(columns_of(X)) == 0:
                shape = f"{len(X)} sample(s) and {len(columns_of(X))} feature(s)"
                raise ValueError(f"X: expected a table with rows and columns, found {shape}")
            validate_data(self, X, reset=reset, skip_check_array=True)
        except (ValueError, TypeError) as error:
            raise _named(error, "X") from None
        return X

    def _check_validation(self, X_val: Any, y_val: Any) -> tuple[Any, Any] | None:
        if (X_val is None) != (y_val is None):
            given, other = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{other}: expected with {given}, found None")
        if X_val is None:
            return None
        try:
            return self._examples(X_val, reset=False), y_val
        except (ValueError, TypeError) as error:
            raise type(error)(f"X_val{str(error).removeprefix('X')}") from None

    def _targets_like(self, y: Any, likelihood: Likelihood, learned: dict[str, Any]) -> Array:
        """Held-out targets, as those of the fit."""
        twin = copy.copy(self)
        twin.__dict__.update(learned, network_=Network([], likelihood=likelihood))
        try:
            return twin._read_targets(y, None, None, reset=False)[1]
        except (ValueError, TypeError) as error:
            raise type(error)(f"y_val{str(error).removeprefix('y')}") from None

    def _prepared(self, X: Any) -> Array:
        """X as the network takes it."""
        check_is_fitted(self)
        return self.table_.transform(self._examples(X, reset=False), self.network_.dtype)

    # What a fitted estimator gives -----------------------------------------------------------------------------------

    def predict_dist(self, X: Any) -> Distribution:
        """The distribution of y for each example, with SciPy's method names: ``mean``, ``std``, ``ppf`` ….

        Parameters
        ----------
        X : (n, p) array or data frame
            The examples.

        Returns
        -------
        Distribution
            Of n examples at once. For classes, of their place in ``classes_``.
        """
        Z = self._prepared(X)
        eta = self.network_.output(Z, threads=self._threads()).astype(np.float64)
        return self._distribution(eta)

    def _distribution(self, eta: Array) -> Distribution:
        return self.network_.likelihood.distribution(eta)

    def log_likelihood(self, X: Any, y: Any, sample_weight: Any = None, *, per_example: bool = False) -> Any:
        """LL(θ) = Σ_i w_i log P(y_i | x_i), in the units of y.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        per_example : bool
            Return log P(y_i | x_i) of each example instead, (n,).

        Returns
        -------
        float, or (n,) array
        """
        Z = self._prepared(X)
        targets = self._read_targets(y, None, None, reset=False)[1]
        check_same_length(Z, targets)
        weights = as_weights(sample_weight, len(Z))
        log_prob = self.network_.log_likelihood(Z, targets, per_example=True, threads=self._threads()) - self._log_scale
        if per_example:
            return log_prob if weights is None else weights * log_prob
        return math.fsum(log_prob if weights is None else weights * log_prob)

    def transform(self, X: Any) -> Array:
        """h, the values of the last hidden layer: what the network makes of each example, (n, m_h).

        Parameters
        ----------
        X : (n, p) array or data frame
            The examples.

        Returns
        -------
        (n, m_h) array, or a data frame after ``set_output(transform="pandas")``
        """
        return self.network_.hidden(self._prepared(X), threads=self._threads())

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns of ``transform``: the class's name and a number."""
        check_is_fitted(self)
        program = self.network_.program.hidden()
        width = program.values["eta"][0] if program.steps else self.table_.width
        return np.array([f"{type(self).__name__.lower()}{j}" for j in range(width)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "indicator"
        tags.input_tags.string = self.categorical_features is not None
        tags.input_tags.three_d_array = self.layers is not None
        tags.target_tags.required = True
        tags.non_deterministic = False
        return tags

    def _html_repr(self) -> str:
        """scikit-learn's box with the settings and, once there is one, the network."""
        box: str = super()._html_repr()
        if not hasattr(self, "network_"):
            return box
        from likeliest.html import network_html

        names = getattr(self, "feature_names_in_", None)
        return box + network_html(self.network_, feature_names=None if names is None else [str(n) for n in names])


def merged(X: Any, y: Any, weights: Array | None) -> tuple[Any, Any, Array | None]:
    """The examples in an order of their own, each once, with the sum of its weights; those of weight 0 left out.

    A row of weight 2 then gives to the bit the same fit as two rows. Only for arrays of numbers; others stay.
    """
    labels = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "biuf" or len(labels) != len(X):
        return X, y, weights
    w = np.ones(len(X)) if weights is None else weights
    X, labels, w = X[w > 0], labels[w > 0], w[w > 0]
    keys = [*X.T]
    for column in labels.reshape(len(labels), -1).T:
        try:
            keys.append(np.unique(column, return_inverse=True)[1])
        except TypeError:  # of several types: what y is made of is checked later
            return X, labels, w
    order = np.lexsort(keys)
    same = np.ones(len(order) - 1, bool)
    for key in keys:
        same &= (key[order][1:] == key[order][:-1]) | (
            (key[order][1:] != key[order][1:]) & (key[order][:-1] != key[order][:-1])
        )
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    return X[order][first], labels[order][first], np.add.reduceat(w[order], first)


def is_frame(X: Any) -> bool:
    """Whether X is a data frame: pandas, polars or Arrow."""
    return hasattr(X, "column_names") or (hasattr(X, "columns") and hasattr(X, "__len__") and not hasattr(X, "toarray"))


def _holds_strings(X: Any) -> bool:
    """Whether a list of rows has a string, or nothing, somewhere."""
    return any(
        isinstance(value, str | bytes) or value is None for row in X if isinstance(row, list | tuple) for value in row
    )


def _named(error: Exception, argument: str) -> Exception:
    """The error with the argument's name in front."""
    text = str(error)
    return error if text.startswith(f"{argument}:") else type(error)(f"{argument}: {text}")


def _is_whole(value: Any, least: int) -> bool:
    try:
        return not isinstance(value, bool) and bool(operator.index(value) >= least)
    except TypeError:
        return False


def _metadata(sample_weight: Any, X_val: Any, y_val: Any) -> dict[str, Any] | None:
    given = {"sample_weight": sample_weight, "X_val": X_val, "y_val": y_val}
    found = {name: value for name, value in given.items() if value is not None}
    return found or None


def _embedding_width(categories: int) -> int:
    """How many numbers a category becomes."""
    return min(categories, max(2, int(1.6 * categories**0.56 + 0.5)))
