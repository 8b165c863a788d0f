"""What Classifier and Regressor share: a table made ready, a network built and fitted, in scikit-learn's contract."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin, is_regressor
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from likeliest import optimizers, schedules, structures
from likeliest.data import as_weights, check_same_length
from likeliest.engines import kept_in
from likeliest.estimators import defaults, shapes
from likeliest.estimators.arguments import blaming, held_out_rows, holds_strings, is_frame, merged, ragged, renamed
from likeliest.estimators.callbacks import CallbackSupportMixin, Hooks, with_callbacks
from likeliest.estimators.settings import check_settings, is_word
from likeliest.fit import DivergenceError
from likeliest.grids import Grid
from likeliest.history import History
from likeliest.layers import BatchNorm, Dropout, Embedding, Flatten, GaussianNoise, Layer, Rescale
from likeliest.layers.base import all_of
from likeliest.likelihoods import Distribution, Likelihood
from likeliest.network import Network
from likeliest.network_file import write_network
from likeliest.sequences import Ragged
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
    augment: Any
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
    devices: Any
    dtype: Any
    verbose: Any

    network_: Network
    history_: History
    table_: Table | Grid
    n_iter_: int
    target_name_: str

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
        X : (n, p) array or data frame, or array of more axes, or list of (T_i, c) or (T_i,) arrays
            The examples: numbers, and in a data frame also strings, categories and gaps. Images are (n, H, W) or
            (n, H, W, c), series (n, T, c), of any real number type; they are never copied whole, so that bytes and
            memory-mapped arrays may be larger than the memory. Sequences of different lengths are a list.
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
        with self._keeping_what_is_known_of_X():
            return self._fit(X, y, sample_weight, X_val, y_val)

    def _fit(self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any) -> Any:
        check_settings(self)
        goes_on = bool(self.warm_start) and hasattr(self, "network_")
        target_name = getattr(y, "name", None)
        X = self._examples(X, reset=not goes_on, y=y)
        weights = as_weights(sample_weight, len(X))
        validation = self._check_validation(X_val, y_val, shapes.of_examples(X))
        recipe = self._recipe(X, len(X), held_out=validation is not None)
        # Callbacks hand the metadata on to scorers, which know of weights only.
        data = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        if recipe.optimizer.full_batch and not recipe.holds_out:
            self._read_table(X, weights)  # what is wrong with them is said by the user's rows
            self._read_targets(y, weights, recipe, reset=not goes_on)
            X, y, weights = merged(X, y, weights)
        likelihood, targets, learned = self._read_targets(y, weights, recipe, reset=not goes_on)
        check_same_length(X, targets)
        weights = self._weighted(targets, weights, learned)
        table = self.table_ if goes_on else self._read_table(X, weights)
        network = self.network_ if goes_on else self._network(likelihood, table, recipe)
        state = self._state(table, learned)
        hooks = Hooks(self, recipe.epochs, data, state)
        Z = table.transform(X, kept_in(network.dtype))
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        held_out: Any = None
        chosen = recipe.holds_out and validation is None  # by us
        if validation is not None:
            with renamed("X", "X_val"):
                X_val = table.transform(validation[0], kept_in(network.dtype))
            with renamed("y", "y_val"):
                y_val = self._targets_like(validation[1], likelihood, learned)
            check_same_length(X_val, y_val, "X_val", "y_val")
            held_out = (X_val, y_val)
        elif chosen:
            held_out = held_out_rows(Z, float(self.validation_fraction), seed)
        looks = max(1, recipe.epochs // defaults.LOOKS)
        patience = recipe.epochs if self.n_iter_no_change is None else max(int(self.n_iter_no_change), looks)
        how = {
            "optimizer": recipe.optimizer,
            "epochs": recipe.epochs,
            "batch_size": self._batch_size(recipe, int((~held_out).sum()) if chosen else len(Z)),
            "sample_weight": weights,
            "schedule": recipe.schedule,
            "averaging": recipe.averaging,
            "clip_norm": recipe.clip_norm,
            "augment": self.augment,
            "seed": seed,
            "threads": self._threads(),
            "verbose": self.verbose,
        }
        choose = {"validation": held_out, "validation_every": looks} if held_out is not None else {}
        if choose:
            choose["early_stopping"] = patience
        if goes_on or not is_word(self.optimizer, "auto"):
            history = network.fit(Z, targets, **how, **choose, callbacks=hooks.of_network)
        else:
            network, history = self._fit_somehow(network, Z, targets, how, choose, hooks)
            if recipe.refits and chosen and history.stopped != "interrupted":
                how["batch_size"] = self._batch_size(recipe, len(Z))
                network = self._refit(network, history, Z, targets, how)
        self._fill_unseen(network, table, Z)
        self.__dict__.update(state(network))
        self.history_ = self._in_units_of_y(history)
        self.n_iter_ = history.epochs
        self.__dict__.pop("target_name_", None)
        if isinstance(target_name, str):  # a column of a data frame
            self.target_name_ = target_name
        hooks.close(network)
        return self

    def _fit_somehow(
        self, network: Network, Z: Array, targets: Array, how: dict[str, Any], choose: dict[str, Any], hooks: Hooks
    ) -> tuple[Network, History]:
        """The network fitted; with a smaller learning rate where the usual one makes it diverge."""
        fresh, usual = copy.copy(network), how["optimizer"]
        for factor in (0.3, 0.1):
            try:
                return network, network.fit(Z, targets, **how, **choose, callbacks=hooks.of_network)
            except DivergenceError:
                if usual.full_batch:
                    raise
                network = copy.copy(fresh)
                how["optimizer"] = replace(usual, learning_rate=factor * usual.learning_rate)
        return network, network.fit(Z, targets, **how, **choose, callbacks=hooks.of_network)

    def _batch_size(self, recipe: defaults.Recipe, n: int) -> int | None:
        """How many of n examples a step takes: all minibatches of an epoch alike, if nothing else is said.

        A last one of a few examples would be a step of much noise, and how much would hang on n.
        """
        size = recipe.batch_size
        return size if size is None or not is_word(self.batch_size, "auto") else math.ceil(n / math.ceil(n / size))

    def _refit(self, network: Network, history: History, Z: Array, targets: Array, how: dict[str, Any]) -> Network:
        """A network fitted anew to all rows, for as long as the held-out rows found best."""
        best = history.best_epoch
        if best is None:
            return network
        anew = Network(
            network.layers,
            likelihood=network.likelihood,
            prior=network.prior,
            initializer=network.initializer,
            engine=network.engine,
            devices=network.devices,
            dtype=network.dtype,
        )
        try:
            again = anew.fit(Z, targets, **how, callbacks=[lambda epoch: epoch.number > best])
        except DivergenceError:
            return network
        return network if again.stopped == "interrupted" else anew

    def _pass(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """One pass over these examples, for ``partial_fit``."""
        with self._keeping_what_is_known_of_X():
            return self._one_pass(X, y, sample_weight)

    def _one_pass(self, X: Any, y: Any, sample_weight: Any) -> Any:
        first = not hasattr(self, "network_")
        check_settings(self)
        X = self._examples(X, reset=first, y=y)
        weights = as_weights(sample_weight, len(X))
        recipe = self._recipe(X, defaults.FEW, held_out=False)
        likelihood, targets, learned = self._read_targets(y, weights, recipe, reset=first)
        check_same_length(X, targets)
        weights = self._weighted(targets, weights, learned)
        table = self._read_table(X, weights) if first else self.table_
        network = self._network(likelihood, table, recipe) if first else self.network_
        again: dict[str, Any] = {}
        if first:
            optimizer = optimizers.Adam(0.003) if is_word(self.optimizer, "auto") else recipe.optimizer
            again = {"optimizer": optimizer, "seed": int(check_random_state(self.random_state).randint(2**31 - 1))}
        history = network.fit(
            table.transform(X, kept_in(network.dtype)),
            targets,
            epochs=1,
            batch_size=recipe.batch_size,
            sample_weight=weights,
            schedule=None if is_word(self.schedule, "auto") else self.schedule,
            clip_norm=self.clip_norm,
            augment=self.augment,
            threads=self._threads(),
            verbose=self.verbose,
            **again,
        )
        self.__dict__.update(self._state(table, learned)(network))
        self.history_ = self._in_units_of_y(history)
        self.n_iter_ = getattr(self, "n_iter_", 0) * (not first) + history.epochs
        return self

    @contextmanager
    def _keeping_what_is_known_of_X(self) -> Iterator[None]:
        """Its width and names stay those of the last fit when this one fails."""
        names = ("n_features_in_", "feature_names_in_")
        before = {name: self.__dict__[name] for name in names if name in self.__dict__}
        try:
            yield
        except BaseException:
            for name in names:
                self.__dict__.pop(name, None)
            self.__dict__.update(before)
            raise

    def _state(self, table: Table | Grid, learned: dict[str, Any]) -> Callable[[Network], dict[str, Any]]:
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

    def _recipe(self, X: Any, n: int, held_out: bool) -> defaults.Recipe:
        """The recipe for n rows like those of X, with what the settings say instead."""
        usual, share = is_word(self.likelihood, "auto"), float(self.validation_fraction)
        recipe = defaults.recipe(n, is_regressor(self), usual, share)
        if recipe.optimizer.full_batch and is_word(self.optimizer, "auto") and self._wants_steps(shapes.of_examples(X)):
            recipe = replace(defaults.recipe(max(n, defaults.FEW), is_regressor(self), usual, share), holds_out=False)
        if len(shapes.of_examples(X)) > 1:
            recipe = defaults.of_grids(recipe)
        holds_out = recipe.holds_out if is_word(self.early_stopping, "auto") else bool(self.early_stopping)
        said: dict[str, Any] = {"holds_out": holds_out or held_out}
        if not is_word(self.optimizer, "auto"):
            optimizer = optimizers.resolve(self.optimizer)
            schedule = schedules.resolve(None if optimizer.full_batch else "cosine")
            said |= {"optimizer": optimizer, "schedule": schedule, "averaging": None, "clip_norm": None}
        if not is_word(self.schedule, "auto"):
            said["schedule"] = schedules.resolve(self.schedule)
        if self.max_iter is not None:
            said["epochs"] = int(self.max_iter)
        if not is_word(self.batch_size, "auto"):
            said["batch_size"] = self.batch_size
        if not is_word(self.prior, "auto"):
            said["prior"] = self.prior
        if self.dtype is not None:
            said["dtype"] = self.dtype
        for name in ("averaging", "clip_norm"):
            if not is_word(getattr(self, name), "auto"):
                said[name] = getattr(self, name)
        return replace(recipe, **said)

    def _wants_steps(self, shape: tuple[int, ...]) -> bool:
        """Whether something is asked for that an optimizer on all examples at once does not have."""
        return (
            not (is_word(self.schedule, "auto") or self.schedule is None)
            or not (is_word(self.batch_size, "auto") or self.batch_size is None)
            or not (is_word(self.averaging, "auto") or self.averaging is None)
            or bool(self.augment)
            or not (is_word(self.clip_norm, "auto") or self.clip_norm is None)
            or any(getattr(one, "label_smoothing", 0.0) for one in (self, self.likelihood))
            or any(
                isinstance(layer, Dropout | GaussianNoise | BatchNorm) or getattr(layer, "max_norm", None)
                for layer in all_of(self._layers(shape))
            )
        )

    def _network(self, likelihood: Likelihood, table: Table | Grid, recipe: defaults.Recipe) -> Network:
        """The network that the settings and the table ask for, without θ."""
        before: list[Layer] = []
        if isinstance(table, Grid):
            if table.standardize:
                before.append(Rescale(tuple(table.center.tolist()), tuple((1 / table.scale).tolist())))
        elif table.categories:
            before.append(Embedding(tuple((j, K, _embedding_width(K)) for j, K in table.codes)))
        shape = table.shape if isinstance(table, Grid) else (table.width,)
        prior: Any = recipe.prior
        if is_word(self.prior, "auto") and isinstance(prior, dict) and "output.c" in prior and not likelihood.shared:
            prior = prior["weights"]  # there is no scale of its own that the other part could be about
        return Network(
            [*before, *self._layers(shape)],
            likelihood=likelihood,
            prior=prior,
            initializer={"output": "zeros"},
            engine=self.engine,
            devices=self.devices,
            dtype=recipe.dtype,
        )

    def _layers(self, shape: tuple[int, ...]) -> list[Layer]:
        """The hidden layers for examples of a shape."""
        if isinstance(self.layers, str):
            return structures.STRUCTURES[self.layers](shape)
        if self.layers is not None:
            return list(self.layers)
        widths = (self.hidden,) if isinstance(self.hidden, int | np.integer) else tuple(self.hidden)
        layers: list[Layer] = [Flatten()] if len(shape) > 1 else []
        for width in widths:
            layers.append(defaults.dense(int(width), self.activation))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return layers

    def _read_table(self, X: Any, weights: Array | None) -> Table | Grid:
        shape = shapes.of_examples(X)
        standardize = bool(self.standardize) and not shapes.are_codes(self._layers(shape))
        if len(shape) > 1:
            if not (self.categorical_features is None or is_word(self.categorical_features, "from_dtype")):
                raise ValueError(
                    f'categorical_features: expected "from_dtype" or None for X of {len(shape) + 1} axes, whose '
                    f"numbers are no columns; found {self.categorical_features!r}"
                )
            by_channel = shapes.has_channels(self._layers(shape), shape)
            return Grid.fit(X, weights, standardize=standardize, by_channel=by_channel)
        return Table.fit(
            X,
            weights,
            standardize=standardize,
            categorical=self.categorical_features,
            missing=self.missing,
        )

    def _fill_unseen(self, network: Network, table: Table | Grid, Z: Array) -> None:
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted estimator to a file, with its settings and all that it learned: `likeliest.load` reads it.

        See `Network.save`: nothing in the file is ever executed, and it takes the place of an older one all at once.

        Parameters
        ----------
        path : str or Path
            Where to; ``.likeliest`` is the usual ending.

        Raises
        ------
        NotFittedError
            When it is not fitted.
        ValueError
            When a setting cannot be saved, such as a likelihood of your own; before anything is written.
        OSError
            When the file cannot be written.
        """
        from likeliest.estimators.saving import describe

        description = describe(self)
        write_network(path, self.network_, **description)

    # Arguments --------------------------------------------------------------------------------------------------------

    def _examples(self, X: Any, reset: bool, like: tuple[int, ...] | None = None, **y: Any) -> Any:
        """X as a frame or an array, its names and width learned or checked.

        Where they are not learned, examples have as many axes as ``like``, by default those of the fit.
        """
        if y and y["y"] is None:
            raise ValueError(
                f"y: this {type(self).__name__} estimator requires y to be passed, but the target y is None"
            )
        with blaming("X"):
            X = ragged(X)
            if isinstance(X, Ragged):
                self._check_axes(X, reset, like)
                if reset:
                    self.n_features_in_ = X.step[0]
                    self.__dict__.pop("feature_names_in_", None)
                return X
            if not is_frame(X):
                dtype = None if hasattr(X, "dtype") and getattr(X.dtype, "kind", "") in "OUST" else "numeric"
                if isinstance(X, list | tuple) and holds_strings(X):
                    X, dtype = np.array(X, dtype=object), None
                X = check_array(
                    X,
                    dtype=dtype,
                    ensure_all_finite=False,
                    allow_nd=True,
                    estimator=self,
                    input_name="X",
                )
                if X.size == 0:
                    raise ValueError(f"the examples are empty, the shape is {X.shape}")
            elif len(X) == 0 or len(columns_of(X)) == 0:
                shape = f"{len(X)} sample(s) and {len(columns_of(X))} feature(s)"
                raise ValueError(f"X: expected a table with rows and columns, found {shape}")
            expected = () if reset else self.network_.program.form.shape if like is None else like
            if len(expected) == 2 and expected[1] == 1 and not is_frame(X) and X.ndim == 2:
                X = X[:, :, None]  # sequences of numbers, all as long as each other
            self._check_axes(X, reset, like)
            if reset or len(shapes.of_examples(X)) != 2:  # series may be longer or shorter than those of the fit
                validate_data(self, X, reset=reset, skip_check_array=True)
        return X

    def _check_axes(self, X: Any, reset: bool, like: tuple[int, ...] | None) -> None:
        """A ValueError where examples have other axes than those of the fit."""
        if reset:
            return
        expected = self.network_.program.form.shape if like is None else like
        found = shapes.of_examples(X)
        if len(found) != len(expected):
            there = "(n, p), a table" if len(expected) == 1 else f"(n, {', '.join(map(str, expected))})"
            raise ValueError(f"expected shape {there}, as in the fit, found {(len(X), *found)}")

    def _check_validation(self, X_val: Any, y_val: Any, like: tuple[int, ...]) -> tuple[Any, Any] | None:
        if (X_val is None) != (y_val is None):
            given, other = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{other}: expected with {given}, found None")
        if X_val is None:
            return None
        with renamed("X", "X_val"):
            return self._examples(X_val, reset=False, like=like), y_val

    def _targets_like(self, y: Any, likelihood: Likelihood, learned: dict[str, Any]) -> Array:
        """Held-out targets, as those of the fit."""
        twin = copy.copy(self)
        twin.__dict__.update(learned, network_=Network([], likelihood=likelihood))
        return twin._read_targets(y, None, None, reset=False)[1]

    def _prepared(self, X: Any) -> Array:
        """X as the network takes it."""
        check_is_fitted(self)
        return self.table_.transform(self._examples(X, reset=False), kept_in(self.network_.dtype))

    # What a fitted estimator gives -----------------------------------------------------------------------------------

    def predict_dist(self, X: Any) -> Distribution:
        """The distribution of y for each example, with SciPy's method names: ``mean``, ``std``, ``ppf`` ….

        Parameters
        ----------
        X : (n, ...) array or data frame
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

    def transform(self, X: Any) -> Any:
        """h, the values of the last hidden layer: what the network makes of each example, (n, m_h).

        Parameters
        ----------
        X : (n, ...) array or data frame
            The examples.

        Returns
        -------
        (n, m_h) array, or a data frame after ``set_output(transform="pandas")``
        """
        Z = self._prepared(X)
        return self.network_.hidden(Z, threads=self._threads())

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns of ``transform``: the class's name and a number."""
        check_is_fitted(self)
        program = self.network_.program.hidden()
        width = program.values["eta"][0] if program.steps else self.table_.width
        return np.array([f"{type(self).__name__.lower()}{j}" for j in range(width)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        return state if isinstance(self.devices, str) else {**state, "devices": None}  # a mesh is of this process

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "indicator"
        tags.input_tags.string = self.categorical_features is not None
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.non_deterministic = False
        return tags

    def _drawing(self) -> str:
        """The network as HTML."""
        from likeliest.html import network_html

        names = self.table_.names_out if hasattr(self, "feature_names_in_") else None
        return network_html(self.network_, feature_names=names)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """scikit-learn's table of what was learned, which it has from version 1.9 on, and below it the network."""
        table = super()._get_fitted_attr_html(doc_link)
        attributes: str = table._repr_html_inner()
        table._repr_html_inner = lambda: attributes + self._drawing()
        return table

    def _html_repr(self) -> str:
        """scikit-learn's box with the settings and, once there is one, the network."""
        box: str = super()._html_repr()
        drawn = hasattr(super(), "_get_fitted_attr_html") or not hasattr(self, "network_")
        return box if drawn else box + self._drawing()


def _embedding_width(categories: int) -> int:
    """How many numbers a category becomes."""
    return min(categories, max(2, int(1.6 * categories**0.56 + 0.5)))
