"""Classifier: a network for classes, or for labels of which any may hold, in scikit-learn's contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from likeliest import likelihoods
from likeliest.estimators.arguments import blaming, check_weights
from likeliest.estimators.base import Estimator
from likeliest.estimators.defaults import Recipe
from likeliest.likelihoods import Bernoulli, Categorical, Independent, Likelihood, Ordinal
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A neural network for classes, with probabilities one can believe: fit, predict, predict_proba.

    X is a table, or an array of images, series or volumes: (n, H, W), (n, H, W, c), (n, T, c) …. It is standardized
    inside, strings become learned vectors and gaps are told of, so nothing has to be scaled, encoded or filled in. With
    two classes the likelihood is Bernoulli's, with more Categorical's, and with a table of labels (n, K) of 0 and 1
    (multi-label) one Bernoulli's for each.

    Parameters
    ----------
    hidden : tuple of int
        How many cells each hidden layer has; ``()`` for logistic regression.
    activation : str
        Of the hidden layers: ``"gelu"``, ``"relu"``, ``"tanh"``, ``"logistic"`` ….
    layers : list of Layer, or str, optional
        The hidden layers one by one, instead of ``hidden`` and ``activation``: `likeliest.Conv2D` and the like for
        images. Or the name of one of `likeliest.structures`: ``"lenet5"`` and ``"resnet8"`` for images, ``"fcn"`` for
        series. Without, the numbers of an image are taken in a row.
    dropout : float
        The share of cells that each training step leaves out, after each hidden layer.
    likelihood : Likelihood or str
        ``"auto"`` as above; ``"ordinal"`` for classes that have an order (that of ``classes_``).
    label_smoothing : float
        In [0, 1): how much of each label training gives to all classes alike.
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
    class_weight : dict, "balanced" or None
        How much the examples of each class count.
    standardize : bool
        Whether numbers are brought to about 1 (median and quartiles; far outliers are drawn in).
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
    classes_ : (K,) array
        The classes, in order.
    network_ : Network
        The fitted network, on the prepared table.
    history_ : History
        What happened epoch by epoch.
    table_ : Table or Grid
        How X is prepared; of images and other arrays of more than two axes, which are not, where their numbers lie.
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
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = ll.Classifier(random_state=0).fit(X, y)
    >>> clf.predict(X[:3])
    array([0, 0, 0])
    >>> clf.predict_proba(X[:1]).shape
    (1, 3)
    """

    classes_: Any

    def __init__(
        self,
        hidden: Any = (64, 64),
        *,
        activation: str = "gelu",
        layers: Any = None,
        dropout: float = 0.0,
        likelihood: Any = "auto",
        label_smoothing: float = 0.0,
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
        class_weight: Any = None,
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
        self.label_smoothing = label_smoothing
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
        self.class_weight = class_weight
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

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """One pass over these examples, from where the last one stopped; the optimizer keeps its state.

        The first call fixes how X is standardized and which categories there are: let it have examples enough for that.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array, optional
            All classes there will be; needed in the first call.

        Returns
        -------
        self
        """
        if classes is not None:
            found = np.unique(np.asarray(classes))
            if hasattr(self, "network_") and not np.array_equal(found, self.classes_):
                raise ValueError(f"classes: expected those of the first call, {self.classes_}, found {found}")
            self._announced = found
        elif not hasattr(self, "network_"):
            raise ValueError("classes: expected all classes there will be in the first call to partial_fit, found None")
        try:
            return self._pass(X, y, sample_weight)
        finally:
            self.__dict__.pop("_announced", None)

    def _read_targets(
        self, y: Any, weights: Array | None, recipe: Recipe | None, reset: bool
    ) -> tuple[Likelihood, Array, dict[str, Any]]:
        """Labels as numbers of classes (n,), or (n, K) zeros and ones."""
        if isinstance(y, list | tuple):
            y = np.array(y, dtype=object) if _is_ragged(y) else np.asarray(y)
        if hasattr(y, "to_numpy"):
            y = y.to_numpy()
        y = np.asarray(y)
        if y.dtype.kind == "c":
            raise ValueError("y: Complex data not supported; give labels")
        if y.dtype.kind == "V":
            raise ValueError(f"y: expected labels, found records of dtype {y.dtype}")
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            row = int(np.argwhere(~np.isfinite(y))[0][0])
            raise ValueError(f"y: Input y contains NaN or infinity, in row {row}; drop the examples without a label")
        if y.ndim == 0 or y.size == 0:
            raise ValueError(f"y: expected a label for each example, found shape {y.shape}")
        with blaming("y"):
            check_classification_targets(y)
            kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            return self._read_labels(y, reset)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y: expected one label an example, or a column of 0 and 1 for each label; found several columns"
            )
        with blaming("y"):
            y = column_or_1d(y, warn=True)
            present = np.unique(y)
        if reset:
            classes = self._announced if hasattr(self, "_announced") else present
        else:
            classes = self.classes_
            if isinstance(classes, list) or getattr(self, "_multilabel", False):
                raise ValueError(
                    f"y: expected a column of 0 and 1 for each of {len(classes)} labels, found shape {y.shape}"
                )
        known = np.isin(y, classes)
        if not known.all():
            row = int(np.argmin(known))
            raise ValueError(f"y: expected one of the classes {classes}, found {y[row]!r} in row {row}")
        counted = y if weights is None or len(weights) != len(y) else y[weights > 0]
        if reset and (len(classes) < 2 or (not hasattr(self, "_announced") and len(np.unique(counted)) < 2)):
            raise ValueError(
                f"y: there is one class only, {classes[0]!r}; a Classifier can't train when only one class is present"
            )
        labels = np.searchsorted(classes, y)
        return self._for_classes(len(classes)), labels, {"classes_": classes, "_multilabel": False}

    def _read_labels(self, y: Any, reset: bool) -> tuple[Likelihood, Array, dict[str, Any]]:
        count = y.shape[1]
        if not reset and count != len(self.classes_):
            raise ValueError(f"y: expected a column for each of {len(self.classes_)} labels, found shape {y.shape}")
        if not np.isin(y, (0, 1)).all():
            raise ValueError("y: expected 0 and 1 in a table of labels")
        if not (isinstance(self.likelihood, str) and self.likelihood in ("auto", "bernoulli")):
            raise ValueError(f'likelihood: expected "auto" for a table of labels, found {self.likelihood!r}')
        bernoulli = Bernoulli(self.label_smoothing)
        return (
            Independent(bernoulli, count) if count > 1 else bernoulli,
            y.astype(np.int64) if count > 1 else y[:, 0].astype(np.int64),
            {"classes_": unique_labels(y), "_multilabel": True},
        )

    def _for_classes(self, count: int) -> Likelihood:
        """The likelihood of so many classes."""
        wanted = self.likelihood
        if isinstance(wanted, str) and wanted == "auto":
            wanted = "bernoulli" if count == 2 else "categorical"
        if isinstance(wanted, str) and wanted in ("categorical", "ordinal"):
            return Ordinal(count) if wanted == "ordinal" else Categorical(count, self.label_smoothing)
        if isinstance(wanted, str) and wanted == "bernoulli":
            wanted = Bernoulli(self.label_smoothing)
        found = likelihoods.resolve(wanted)
        if found.classes != count:
            raise ValueError(f'likelihood: y has {count} classes, {found!r} is for {found.classes}; "auto" takes any')
        return found

    def _weighted(self, y: Array, weights: Array | None, learned: dict[str, Any]) -> Array | None:
        """The weights times those of the classes."""
        if self.class_weight is None:
            return weights
        if learned["_multilabel"]:
            raise ValueError("class_weight: a table of labels has none; use sample_weight")
        classes = learned["classes_"]
        try:
            present = np.unique(y)
            of_class = np.ones(len(classes))
            given = self.class_weight
            if isinstance(given, dict):
                unknown = [key for key in given if key not in classes.tolist()]
                if unknown:
                    raise ValueError(f"there is no class {unknown[0]!r}; the classes are {classes}")
                of_class = np.array([float(given.get(label, 1.0)) for label in classes.tolist()])
            else:
                of_class[present] = compute_class_weight(
                    given, classes=classes[present], y=classes[y], sample_weight=weights
                )
            if not (np.isfinite(of_class) & (of_class >= 0)).all():
                raise ValueError(f"expected finite numbers of at least 0, found {self.class_weight!r}")
        except (ValueError, TypeError) as error:
            raise ValueError(f"class_weight: {error}") from None
        return np.asarray(of_class[y] * (1.0 if weights is None else weights))

    def predict_proba(self, X: Any) -> Array:
        """P(Y = k | x) for each class k in ``classes_``, (n, K); of a table of labels, P(label k holds | x)."""
        Z = self._prepared(X)
        if self._multilabel:
            eta = self.network_.output(Z, threads=self._threads())
            p = np.asarray(self.network_.likelihood.mean(numpy_namespace, eta))
            return p.reshape(len(Z), -1)
        return np.asarray(self.network_.predict_proba(Z, threads=self._threads()))

    def predict_log_proba(self, X: Any) -> Array:
        """Log P(Y = k | x), (n, K)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """The most probable class of each example, (n,); of a table of labels, (n, K) zeros and ones."""
        p = self.predict_proba(X)
        if self._multilabel:
            return (p > 0.5).astype(np.int64)
        return np.asarray(self.classes_[np.argmax(p, axis=1)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of the examples whose class is predicted; of a table of labels, whose labels all are."""
        check_weights(sample_weight, y)
        with blaming("y"):
            return float(super().score(X, y, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _is_ragged(y: Any) -> bool:
    return len({len(row) if isinstance(row, list | tuple) else -1 for row in y}) > 1
