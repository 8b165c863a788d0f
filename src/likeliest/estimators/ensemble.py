"""Ensemble: several networks of one description, each from a seed of its own, whose distributions are averaged."""

from __future__ import annotations

import math
import os
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone, is_classifier
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples, check_is_fitted

from likeliest.data import as_weights
from likeliest.estimators.arguments import blaming, check_weights
from likeliest.estimators.base import Estimator
from likeliest.estimators.classifier import Classifier
from likeliest.estimators.settings import check_seed, check_settings, is_whole
from likeliest.likelihoods import Mixture
from likeliest.likelihoods.mixture import log_mean_exp
from likeliest.network_file import write_networks
from likeliest.threads import part_of, stop

Array = npt.NDArray[Any]

REDRAWS = 100  # of a bootstrap sample that has one class only


def _of_classes(it: Any) -> bool:
    return bool(is_classifier(it.estimator))


class Ensemble(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Several networks of one description, fitted from different seeds: what they predict together is better.

    P(y | x) = 1/M Σ_m P_m(y | x), the equal mixture of the members' distributions (Lakshminarayanan, Pritzel and
    Blundell 2017, https://arxiv.org/abs/1612.01474). Its log-likelihood is never below the mean of the members', and
    where they disagree it says so: see `likeliest.likelihoods.Mixture`.

    Parameters
    ----------
    estimator : Classifier or Regressor
        What each member is; it is copied, not fitted. The copies' ``random_state`` is drawn from that of the ensemble.
    n_estimators : int
        M, how many members.
    bootstrap : bool
        Whether each member sees a sample of the rows of its own, drawn with replacement: a row that is drawn twice has
        weight 2, and one that is not drawn weight 0. Different seeds alone usually make better ensembles.
    n_jobs : int, optional
        How many members are fitted at a time: one by default, −1 for as many as there are processors. They are threads
        that share the processors; within ``joblib.parallel_config`` whatever that says, such as the workers of a Dask
        cluster. The result does not depend on it.
    random_state : int, RandomState or None
        The same number gives the same members.

    Attributes
    ----------
    estimators_ : list of Classifier or Regressor
        The members, fitted.
    classes_ : (K,) array
        The classes, in order.
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
    >>> both = ll.Ensemble(ll.Regressor(max_iter=20), n_estimators=2, random_state=0).fit(X, y)
    >>> d = both.predict_dist(X[:3])
    >>> d
    Mixture(StudentT(min_scale=0.001), members=2, n=3)
    >>> bool((d.var() >= d.var_within()).all())
    True
    """

    estimators_: list[Any]
    classes_: Any
    n_features_in_: int
    feature_names_in_: Any
    target_name_: str

    def __init__(
        self,
        estimator: Any,
        *,
        n_estimators: int = 5,
        bootstrap: bool = False,
        n_jobs: Any = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.bootstrap = bootstrap
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Any:
        """Fits the members.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val
            As `Classifier.fit` and `Regressor.fit` take them.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            When an argument does not fit; what was fitted before is kept.
        DivergenceError
            When the log-likelihood of a member runs away.
        KeyboardInterrupt
            By Ctrl-C; what was fitted before is kept.
        """
        self._check()
        draws = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=(self.n_estimators, 2))
        fit = delayed(_fit_member)
        samples = draws[:, 1] if self.bootstrap else [None] * len(draws)
        call = uuid4().hex
        try:
            members = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                fit(call, self.estimator, int(seed), sample, X, y, sample_weight, X_val, y_val)
                for seed, sample in zip(draws[:, 0], samples, strict=True)
            )
        except BaseException:
            stop(call)  # those of other threads, for whom nobody waits any more
            raise
        self._take(members)
        return self

    def _take(self, members: list[Any]) -> None:
        """Is made of these members from now on."""
        self.estimators_ = members
        for name in ("classes_", "n_features_in_", "feature_names_in_", "target_name_"):
            self.__dict__.pop(name, None)
            if hasattr(members[0], name):
                setattr(self, name, getattr(members[0], name))

    def _check(self) -> None:
        """A ValueError or TypeError that names the first setting that makes no sense."""
        if not isinstance(self.estimator, Estimator):
            raise TypeError(
                f"estimator: expected a likeliest.Classifier or Regressor, found {self.estimator!r}; what prepares X "
                "for it goes into a pipeline around the Ensemble"
            )
        if not is_whole(self.n_estimators, 1):
            raise ValueError(f"n_estimators: expected a whole number of at least 1, found {self.n_estimators!r}")
        if not isinstance(self.bootstrap, bool | np.bool_):
            raise ValueError(f"bootstrap: expected True or False, found {self.bootstrap!r}")
        if self.n_jobs is not None and (not is_whole(self.n_jobs, -1024) or self.n_jobs == 0):
            raise ValueError(f"n_jobs: expected a whole number, -1 for all processors, or None, found {self.n_jobs!r}")
        check_seed(self.random_state)
        check_settings(self.estimator)

    # What a fitted ensemble gives -------------------------------------------------------------------------------------

    def predict_dist(self, X: Any) -> Mixture:
        """The distribution of y for each example, with SciPy's method names: ``mean``, ``std``, ``ppf`` ….

        Parameters
        ----------
        X : (n, ...) array or data frame
            The examples.

        Returns
        -------
        Mixture
            Of n examples at once; ``members`` has each member's. For classes, of their place in ``classes_``.
        """
        check_is_fitted(self)
        return Mixture(tuple(member.predict_dist(X) for member in self.estimators_))

    @available_if(_of_classes)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """P(Y = k | x) for each class k in ``classes_``, (n, K); of a table of labels, P(label k holds | x)."""
        check_is_fitted(self)
        return np.asarray(np.mean([member.predict_proba(X) for member in self.estimators_], axis=0, dtype=np.float64))

    @available_if(_of_classes)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """Log P(Y = k | x), (n, K)."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def predict(self, X: Any) -> Array:
        """The most probable class of each example, or E[y | x]: (n,); (n, targets) of several."""
        check_is_fitted(self)
        if not is_classifier(self.estimators_[0]):
            return np.asarray(np.mean([member.predict(X) for member in self.estimators_], axis=0))
        p = np.asarray(self.predict_proba(X))
        if self.estimators_[0]._multilabel:
            return (p > 0.5).astype(np.int64)
        return np.asarray(self.classes_[np.argmax(p, axis=1)])

    def log_likelihood(self, X: Any, y: Any, sample_weight: Any = None, *, per_example: bool = False) -> Any:
        """LL = Σ_i w_i log 1/M Σ_m P_m(y_i | x_i), in the units of y.

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
        check_is_fitted(self)
        log_prob = log_mean_exp([member.log_likelihood(X, y, per_example=True) for member in self.estimators_])
        weights = as_weights(sample_weight, len(log_prob))
        if weights is not None:
            log_prob = weights * log_prob
        return log_prob if per_example else math.fsum(log_prob)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of the examples whose class is predicted, or R²; `log_likelihood` judges the whole distribution."""
        check_weights(sample_weight, y)
        kind = ClassifierMixin if is_classifier(self) else RegressorMixin
        with blaming("y"):
            return float(kind.score(self, X, y, sample_weight))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted ensemble, all members, to one file: `likeliest.load` reads it. See `Classifier.save`.

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
        from likeliest.estimators.saving import describe, describe_ensemble

        whole = describe_ensemble(self)
        networks = [member.network_ for member in self.estimators_]
        write_networks(path, "Ensemble", networks, [describe(member) for member in self.estimators_], **whole)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self) -> Any:
        tags, of_members = super().__sklearn_tags__(), get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags", "input_tags"):
            setattr(tags, name, getattr(of_members, name))
        return tags


def _fit_member(
    call: str,
    estimator: Any,
    seed: int,
    sample: int | None,
    X: Any,
    y: Any,
    sample_weight: Any,
    X_val: Any,
    y_val: Any,
) -> Any:
    """A copy of the estimator, fitted from a seed, to a bootstrap sample if there is a seed for one."""
    member = clone(estimator).set_params(random_state=seed)
    if sample is not None:
        sample_weight = _bootstrap(np.random.RandomState(sample), member, X, y, sample_weight)
    with part_of(call):
        member.fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)
    if member.history_.stopped == "interrupted":
        raise KeyboardInterrupt  # a member that is not what the others are would make them worse
    return member


def _bootstrap(rng: np.random.RandomState, member: Any, X: Any, y: Any, sample_weight: Any) -> Any:
    """The weights (n,) of a sample of the rows that have any, as many as there are, drawn with replacement."""
    with blaming("X"):
        n = _num_samples(X)
    with blaming("y"):
        if np.shape(y)[:1] != (n,):
            return sample_weight  # the member says what is wrong
    weights = as_weights(sample_weight, n)
    weights = np.ones(n) if weights is None else weights
    rows = np.flatnonzero(weights)
    labels = np.asarray(y) if isinstance(member, Classifier) else np.empty((n, 2))
    for _ in range(REDRAWS):
        drawn = rng.choice(rows, len(rows))
        if labels.ndim > 1 or len(np.unique(labels[drawn])) > 1:
            break  # of one class nothing can be learned
    return np.asarray(weights * np.bincount(drawn, minlength=n))
