"""Saving: what a Classifier or Regressor is besides its network, as plain JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import check_is_fitted

from likeliest.encoding import decode, encode
from likeliest.estimators.classifier import Classifier
from likeliest.estimators.ensemble import Ensemble
from likeliest.estimators.regressor import Regressor
from likeliest.estimators.settings import check_settings
from likeliest.grids import Grid
from likeliest.layers import Embedding
from likeliest.network import Network
from likeliest.program import Program
from likeliest.state import decode_history, encode_history
from likeliest.tables import Table

OF_ANY = ("table_", "history_", "n_iter_", "n_features_in_")
OPTIONAL = ("feature_names_in_", "target_name_", "_sklearn_output_config")
METHODS = ("fit", "partial_fit", "score")  # that metadata may be routed to
OUTPUT = (None, "default", "pandas", "polars")  # of transform
OF_KIND = {Classifier: ("classes_", "_multilabel"), Regressor: ("target_center_", "target_scale_")}


def describe(estimator: Any) -> dict[str, Any]:
    """The settings and what was learned, without the network, as JSON.

    Raises
    ------
    ValueError
        When a setting makes no sense or cannot be saved.
    NotFittedError
        When there is nothing to save.
    """
    kind = type(estimator)
    if kind not in OF_KIND:
        raise ValueError(
            f"estimator: {kind.__name__} is a class of your own, which a model file does not hold; save a "
            "likeliest.Classifier or Regressor"
        )
    check_is_fitted(estimator, msg="This %(name)s has nothing to save yet: call fit(X, y) first.")
    check_settings(estimator)
    fitted = {name: getattr(estimator, name) for name in (*OF_ANY, *OF_KIND[kind])}
    fitted |= {name: getattr(estimator, name) for name in OPTIONAL if hasattr(estimator, name)}
    history = encode_history(fitted.pop("history_"))
    return {
        "kind": kind.__name__,
        "settings": _encoded(estimator),
        "fitted": {**{name: encode(value, name) for name, value in fitted.items()}, "history_": history},
        "requests": _requests(estimator),
    }


def estimator_from(kind: str, description: Mapping[str, Any], network: Network, program: Program) -> Any:
    """The estimator that `describe` described, around its network.

    Raises
    ------
    Exception
        When it is none, in whatever way.
    """
    make = {one.__name__: one for one in OF_KIND}[kind]
    estimator: Any = make(**{name: decode(value) for name, value in description["settings"].items()})
    check_settings(estimator)
    fitted = dict(description["fitted"])
    wrong = fitted.keys() ^ {*OF_ANY, *OF_KIND[make]}
    if wrong - {*OPTIONAL}:
        raise ValueError(f"fitted: {', '.join(sorted(wrong))} too many or missing")
    history = decode_history(fitted.pop("history_"))
    if history is None:
        raise ValueError("history_ is missing")
    learned = {name: decode(value) for name, value in fitted.items()}
    estimator.__dict__.update(learned, history_=history, network_=network)
    _check(estimator, program)
    _request(estimator, description["requests"])
    return estimator


def describe_ensemble(ensemble: Any) -> dict[str, Any]:
    """The settings of an Ensemble as JSON, without its members.

    Raises
    ------
    ValueError
        When a setting makes no sense or cannot be saved.
    NotFittedError
        When there is nothing to save.
    """
    if type(ensemble) is not Ensemble:
        raise ValueError(
            f"estimator: {type(ensemble).__name__} is a class of your own, which a model file does not hold; save a "
            "likeliest.Ensemble"
        )
    check_is_fitted(ensemble, msg="This %(name)s has nothing to save yet: call fit(X, y) first.")
    ensemble._check()
    settings = ensemble.get_params(deep=False)
    template = settings.pop("estimator")
    if type(template) not in OF_KIND:
        raise ValueError(
            f"estimator: {type(template).__name__} is a class of your own, which a model file does not hold; take a "
            "likeliest.Classifier or Regressor"
        )
    return {
        "settings": {name: encode(value, name) for name, value in settings.items()},
        "estimator": {
            "kind": type(template).__name__,
            "settings": _encoded(template),
            "requests": _requests(template),
        },
        "requests": _requests(ensemble),
    }


def ensemble_from(description: Mapping[str, Any], members: list[Any], programs: list[Program]) -> Any:
    """The Ensemble that `describe_ensemble` described, of these members with these programs.

    Raises
    ------
    Exception
        When it is none, in whatever way.
    """
    template = description["estimator"]
    make = {one.__name__: one for one in OF_KIND}[template["kind"]]
    estimator: Any = make(**{name: decode(value) for name, value in template["settings"].items()})
    _request(estimator, template["requests"])
    ensemble = Ensemble(estimator, **{name: decode(value) for name, value in description["settings"].items()})
    ensemble._check()
    _request(ensemble, description["requests"])
    first = members[0]
    for member, program in zip(members, programs, strict=True):
        alike = type(member) is type(first) and program.form == programs[0].form
        alike = alike and member.network_.likelihood.row == first.network_.likelihood.row
        if not alike or not np.array_equal(getattr(member, "classes_", 0), getattr(first, "classes_", 0)):
            raise ValueError("members: they are not alike")
    ensemble._take(members)
    return ensemble


def _request(estimator: Any, requests: Mapping[str, Any]) -> None:
    """Sets the metadata that each method asks for."""
    with config_context(enable_metadata_routing=True):
        for method, wanted in requests.items():
            if method not in METHODS:
                raise ValueError(f"requests: found {method}")
            getattr(estimator, f"set_{method}_request")(**wanted)


def _encoded(estimator: Any) -> dict[str, Any]:
    """The settings as JSON, without where it computes, which is a matter of the computer that it is on."""
    return {name: encode(value, name) for name, value in estimator.get_params(deep=False).items() if name != "devices"}


def _requests(estimator: Any) -> dict[str, dict[str, Any]]:
    """The metadata that each method asks for, where that was set: scikit-learn's ``set_fit_request`` and the like."""
    if not hasattr(estimator, "_metadata_request"):
        return {}
    routing = estimator.get_metadata_routing()
    return {method: dict(getattr(routing, method).requests) for method in METHODS if hasattr(routing, method)}


def _check(it: Any, program: Program) -> None:
    """A ValueError or TypeError unless what was learned fits together, so that nothing fails when it is used."""
    table, likelihood, shape = it.table_, it.network_.likelihood, program.form.shape
    if not isinstance(table, Table | Grid):
        raise TypeError(f"table_: found {table!r}")
    series = isinstance(table, Grid) and len(shape) == 2 and table.shape[1:] == shape[1:]  # of any length
    if isinstance(table, Grid) and table.shape != shape and not series:
        raise ValueError(f"table_: it is of examples of shape {table.shape}, the network of {shape}")
    if math.prod(shape) != table.width and not series:
        raise ValueError(f"table_: it has {table.width} columns for examples of shape {shape}")
    embedded = [layer.columns for layer in it.network_.layers if isinstance(layer, Embedding)]
    if table.categories and [(j, K) for columns in embedded for j, K, _ in columns] != list(table.codes):
        raise ValueError("table_: its categories are not those that are embedded")
    for name in ("n_iter_", "n_features_in_"):
        if type(getattr(it, name)) is not int or getattr(it, name) < 0:
            raise TypeError(f"{name}: found {getattr(it, name)!r}")
    expected = {shape[0]} if len(shape) > 1 else {len(table.names)}
    if isinstance(table, Grid) and series:
        expected |= {shape[-1], table.shape[0]}
    if it.n_features_in_ not in expected:
        raise ValueError(f"n_features_in_: found {it.n_features_in_}")
    names = getattr(it, "feature_names_in_", None)
    if names is not None and (names.dtype != object or tuple(names) != table.names):
        raise ValueError(f"feature_names_in_: found {names}")
    if not isinstance(getattr(it, "target_name_", ""), str):
        raise TypeError(f"target_name_: found {it.target_name_!r}")
    output = getattr(it, "_sklearn_output_config", {})
    if not isinstance(output, dict) or not set(output.items()) <= {("transform", kind) for kind in OUTPUT}:
        raise ValueError(f"_sklearn_output_config: found {output}")
    if isinstance(it, Classifier):
        if type(it._multilabel) is not bool or not isinstance(it.classes_, np.ndarray):
            raise TypeError(f"classes_: found {it.classes_!r}")
        count = likelihood.targets if it._multilabel else likelihood.classes
        if it.classes_.shape != (count,):
            raise ValueError(f"classes_: found {it.classes_.shape} for {likelihood!r}")
        return
    if likelihood.classes is not None:
        raise ValueError(f"likelihood: {likelihood!r} is for classes")
    for name in ("target_center_", "target_scale_"):
        value = np.asarray(getattr(it, name))
        fits = value.shape in ((), (likelihood.targets,)) and value.dtype.kind == "f" and np.isfinite(value).all()
        if not fits or (name == "target_scale_" and not (value > 0).all()):
            raise ValueError(f"{name}: found {value}")
