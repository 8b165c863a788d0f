"""Regressor: a network for numbers, with a whole distribution for each, in scikit-learn's contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

from likeliest import likelihoods
from likeliest.estimators.arguments import blaming, check_weights
from likeliest.estimators.base import Estimator
from likeliest.estimators.defaults import Recipe
from likeliest.likelihoods import Distribution, Independent, Likelihood
from likeliest.likelihoods.base import refuse
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]

LARGEST = 1e300  # |y|, so that nothing made of it overflows
SMALLEST = 1e-307  # a scale of y, so that nothing divided by it overflows


class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A neural network for numbers, which predicts a distribution for each: fit, predict, predict_dist.

    X is a table, or an array of images, series or volumes. X and, for likelihoods on all real numbers, y are
    standardized inside; strings become learned vectors and gaps are told of. The default likelihood is Student's t with
    location and scale as functions of x, which expects outliers.

    Parameters
    ----------
    hidden : tuple of int
        How many cells each hidden layer has; ``()`` for linear regression.
    activation : str
        Of the hidden layers: ``"gelu"``, ``"relu"``, ``"tanh"``, ``"logistic"`` ….
    layers : list of Layer, or str, optional
        The hidden layers one by one, instead of ``hidden`` and ``activation``: `likeliest.Conv2D` and the like for
        images. Or the name of one of `likeliest.structures`: ``"lenet5"`` and ``"resnet8"`` for images, ``"fcn"`` for
        series. Without, the numbers of an image are taken in a row.
    dropout : float
        The share of cells that each training step leaves out, after each hidden layer.
    likelihood : Likelihood or str
        ``"auto"``, a name such as ``"normal"``, ``"gamma"``, ``"poisson"``, or an object of `likeliest.likelihoods`,
        in the units of y. With several targets one such likelihood for each, unless it is for several.
    prior : Prior, mapping or None
        What is believed of the weights (`likeliest.priors`); ``"auto"`` is a Normal.
    optimizer : Optimizer or str
        ``"auto"`` goes by the number of rows.
    schedule : Schedule, str or None
        How the learning rate changes; ``"auto"`` rises and falls.
    averaging : Averaging, "auto" or None
        ``EMA()`` or ``SWA()``: keep an average of θ over the steps.
    clip_norm : float, "auto" or None
        A gradient longer than this is scaled back to it.
    max_iter : int, optional
        How many passes over the data; by default so many that the number of steps suffices.
    batch_size : int, "auto" or None
        How many examples a step takes; None for all.
    early_stopping : bool or "auto"
        Whether a part of the data is held out, to keep the θ that predicts it best; ``"auto"``: unless there are few.
        Where all the rest is ``"auto"`` too and there are not many, all of the data is then fitted for that long.
    validation_fraction : float
        That part.
    n_iter_no_change : int, optional
        Stop after so many passes without anything better; by default the fit runs to its end and keeps the best θ.
    standardize : bool
        Whether numbers are brought to about 1 (median and quartiles; far outliers are drawn in), and y too.
    categorical_features : "from_dtype", None or sequence of columns
        Which columns are categories: those of strings and categorical types, none, or these.
    missing : {"indicator", "error"}
        What to do about gaps in numbers: a column that says where, or an error.
    warm_start : bool
        Whether ``fit`` goes on from the θ of the last one.
    random_state : int, RandomState or None
        The same number gives the same network.
    n_jobs : int, optional
        Threads; all CPUs by default. The result does not depend on it.
    engine : {"native", "reference", "jax"}
        What computes; see `Network`.
    dtype : {"float32", "float64", "bfloat16"}, optional
        The precision; by default single, and double for few rows.
    verbose : bool or "auto"
        Whether to show progress.
    augment : list of Augmentation, optional
        How images are changed at random in training, such as ``[Shift(2), Rotate(15)]``: `likeliest.augmentation`.
    devices : "all" or jax.sharding.Mesh, optional
        For ``engine="jax"``: several that take a part of each minibatch; see `Network`.

    Attributes
    ----------
    network_ : Network
        The fitted network, on the prepared table and y.
    history_ : History
        What happened epoch by epoch, in the units of y.
    table_ : Table or Grid
        How X is prepared; of images and other arrays of more than two axes, which are not, where their numbers lie.
    target_center_, target_scale_ : float or (targets,) array
        How y is: z = (y − centre) / scale.
    n_iter_ : int
        How many epochs there were.
    n_features_in_ : int
        How many columns X has, or how long its second axis is.
    feature_names_in_ : array
        Their names, for a data frame.
    target_name_ : str
        The name of y, for a column of a data frame.

    Examples
    --------
    >>> import likeliest as ll
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = ll.Regressor(random_state=0).fit(X, y)
    >>> d = reg.predict_dist(X[:2])
    >>> low, high = d.interval(0.9)
    >>> bool((low < d.mean()).all() and (d.mean() < high).all())
    True
    """

    target_center_: Any
    target_scale_: Any

    def __init__(
        self,
        hidden: Any = (64, 64),
        *,
        activation: str = "gelu",
        layers: Any = None,
        dropout: float = 0.0,
        likelihood: Any = "auto",
        prior: Any = "auto",
        optimizer: Any = "auto",
        schedule: Any = "auto",
        averaging: Any = "auto",
        clip_norm: Any = "auto",
        max_iter: Any = None,
        batch_size: Any = "auto",
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = None,
        standardize: bool = True,
        categorical_features: Any = "from_dtype",
        missing: str = "indicator",
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: Any = None,
        engine: str = "native",
        dtype: Any = None,
        verbose: Any = False,
        augment: Any = None,
        devices: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.layers = layers
        self.dropout = dropout
        self.likelihood = likelihood
        self.prior = prior
        self.optimizer = optimizer
        self.schedule = schedule
        self.averaging = averaging
        self.clip_norm = clip_norm
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.standardize = standardize
        self.categorical_features = categorical_features
        self.missing = missing
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.engine = engine
        self.dtype = dtype
        self.verbose = verbose
        self.augment = augment
        self.devices = devices

    def _read_targets(
        self, y: Any, weights: Array | None, recipe: Recipe | None, reset: bool
    ) -> tuple[Likelihood, Array, dict[str, Any]]:
        """Y as z = (y − centre) / scale, (n,) or (n, targets)."""
        if hasattr(y, "to_numpy"):
            y = y.to_numpy()
        with blaming("y"):
            y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
            if y.dtype.kind not in "biuf":
                raise ValueError(f"expected numbers, found dtype {y.dtype}; use Classifier for labels")
            if y.ndim > 2 or y.ndim == 0:
                raise ValueError(f"expected shape (n,) or (n, targets), found {y.shape}")
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
        y = y.astype(np.float64)
        refuse(y, np.abs(y) > LARGEST, "Regressor", f"numbers up to {LARGEST:g}", "scale y")
        several = 1 if y.ndim == 1 else y.shape[1]
        if not reset:
            likelihood = self.network_.likelihood
            if several != likelihood.targets:
                raise ValueError(f"y: expected {likelihood.targets} targets an example, found shape {y.shape}")
            center, scale = self.target_center_, self.target_scale_
        else:
            assert recipe is not None
            usual = isinstance(self.likelihood, str) and self.likelihood == "auto"
            likelihood = recipe.likelihood if usual else likelihoods.resolve(self.likelihood)
            if likelihood.classes is not None:
                raise ValueError(f"likelihood: {likelihood!r} is for classes; use Classifier")
            if several > 1 and likelihood.targets == 1:
                likelihood = Independent(likelihood, several)
            center, scale = self._place(y, weights, likelihood)
            if usual and not self.standardize:
                likelihood = likelihood.standardized(1 / float(np.max(_spread(y, weights)[1])))
            elif not usual:
                try:
                    likelihood = likelihood.standardized(scale)
                except ValueError:  # it has numbers in the units of y, so that all targets need the same
                    scale = np.full(several, np.exp(np.mean(np.log(scale))))
                    likelihood = likelihood.standardized(scale)
        with np.errstate(over="ignore"):  # an infinity is refused
            z = (y - center) / scale
        return likelihood, likelihood.check(z), {"target_center_": center, "target_scale_": scale}

    def _place(self, y: Array, weights: Array | None, likelihood: Likelihood) -> tuple[Any, Any]:
        """Centre and scale of y, where the likelihood is one on all real numbers."""
        if not self.standardize or not likelihood.standardizes:
            return 0.0, 1.0
        return _spread(y, weights)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One pass over these examples, from where the last one stopped; the optimizer keeps its state.

        The first call fixes how X and y are standardized, which categories there are and the number of targets: let it
        have examples enough for that.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._pass(X, y, sample_weight)

    @property
    def _log_scale(self) -> float:
        targets = self.network_.likelihood.targets
        return float(np.sum(np.broadcast_to(np.log(self.target_scale_), targets)))

    def _distribution(self, eta: Array) -> Distribution:
        return self.network_.likelihood.distribution(eta, self.target_center_, self.target_scale_)

    def predict(self, X: Any) -> Array:
        """E[y | x], (n,) or (n, targets); of Student's t the location, also where there is no mean."""
        Z = self._prepared(X)
        eta = self.network_.output(Z, threads=self._threads()).astype(np.float64)
        mean = self.network_.likelihood.mean(numpy_namespace, eta)
        return np.asarray(self.target_center_ + self.target_scale_ * mean)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the part of the variance of y that is predicted; `log_likelihood` judges the whole distribution."""
        check_weights(sample_weight, y)
        with blaming("y"):
            return float(super().score(X, y, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _spread(y: Array, weights: Array | None) -> tuple[Any, Any]:
    """Mean and standard deviation of y (n, ...), the latter 1 (or |mean|) where y is constant but for rounding."""
    w = None if weights is None or len(weights) != len(y) or not np.any(weights) else weights
    largest = np.abs(y).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    v = y / largest
    mean = np.average(v, axis=0, weights=w)
    deviation = np.sqrt(np.average((v - mean) ** 2, axis=0, weights=w))
    scale = np.where(deviation > 1e-9, deviation, 1.0)
    return (mean * largest)[()], np.maximum(scale * largest, SMALLEST)[()]
