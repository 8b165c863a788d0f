"""export_onnx: a fitted model as an ONNX file that any runtime can predict with."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.atomic import replacing, write_all
from likeliest.engines import kept_in
from likeliest.export import translations
from likeliest.export.graph import Graph, Rows, Symbol
from likeliest.export.library import onnx_namespace
from likeliest.export.onnx_file import onnx_package, to_bytes
from likeliest.export.preprocessing import prepared
from likeliest.likelihoods import Likelihood
from likeliest.network import Network
from likeliest.program import INPUT, OUTPUT
from likeliest.xp import numpy_namespace

Array = npt.NDArray[Any]


def export_onnx(model: Any, path: str | os.PathLike[str]) -> None:
    """Writes a fitted model as an ONNX file, with which any ONNX runtime predicts what the model predicts.

    Parameters
    ----------
    model : Network, Classifier or Regressor
        With θ.
    path : str or path
        The file, which is replaced when it is complete and not before.

    Raises
    ------
    ImportError
        When the package onnx is missing: ``pip install "likeliest[onnx]"``.
    TypeError
        When the model is none of these.
    RuntimeError
        When it has no θ yet.
    ValueError
        When something in it has no translation; when θ takes more than 2 GiB, which an ONNX file cannot hold; when the
        path is that of a folder.
    OSError
        When the file cannot be written.

    Notes
    -----
    **Inputs.** A network takes ``x`` (n, *input_shape) of its own dtype. An estimator takes columns as users have them,
    since its preprocessing is in the file: ``X`` (n, p) in double when all columns are numbers; otherwise one input
    (n, 1) for each column under the column's name, double for numbers and string for strings (``X_name`` where an
    output has that name). A gap is NaN, and the empty string among strings. The preprocessing is computed in
    double, as in the library: a year 2020.25 ± 0.001 would be a year without its fraction in single precision. An
    infinity, or a gap under ``missing="error"``, which the library refuses, gives NaN.

    **Outputs.** For classes ``probabilities`` (n, K), and from a Classifier ``label`` (n,), one of ``classes_``; for a
    table of labels both are (n, K). Otherwise what ``Distribution.parameters`` gives, such as ``loc`` and ``scale``,
    each with n first, and ``mean`` where there is one; a Network gives them in its dtype, a Regressor in double and in
    the units of y. A likelihood of your own without ``probabilities``, ``parameters`` and ``mean`` gives ``eta``, the
    output of the last layer, from which you compute what you need; with them, written on ``xp``, it is exported like
    any other.

    **The file** is of opset 17 (ONNX 1.12, 2022), for any onnxruntime from 1.12 on; 1.15 (2023) to 1.32 have been
    tried. The number of examples is free. ``metadata_props`` hold the likelihood, the classes and the columns' names.

    Examples
    --------
    >>> import tempfile, numpy as np, likeliest as ll
    >>> X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    >>> net = ll.Network([ll.Dense(8, "tanh")], likelihood="bernoulli")
    >>> history = net.fit(X, y, epochs=10, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ll.export_onnx(net, f"{folder}/xor.onnx")
    ...     import onnxruntime
    ...     session = onnxruntime.InferenceSession(f"{folder}/xor.onnx")
    ...     (p,) = session.run(["probabilities"], {"x": X.astype(np.float32)})
    >>> bool(np.allclose(p, net.predict_proba(X), atol=1e-6))
    True
    """
    onnx_package()
    write(*described(model), path)


def write(graph: Graph, name: str, doc: str, about: dict[str, str], path: str | os.PathLike[str]) -> None:
    """Puts the file in its place, all at once."""
    data = to_bytes(graph, name, doc, about)
    with replacing(path) as file:
        write_all(file, memoryview(data))


def described(model: Any) -> tuple[Graph, str, str, dict[str, str]]:
    """The graph of a model, its name, what it is in words, and what a program may want to know of it."""
    kind = type(model).__name__
    about: dict[str, str] = {}
    if isinstance(model, Network):
        network, graph = model, network_graph(model)
    elif hasattr(model, "network_") and hasattr(model, "table_"):
        network, graph = model.network_, estimator_graph(model)
        about["feature_names"] = json.dumps(list(model.table_.names))
        if hasattr(model, "classes_"):
            about["classes"] = json.dumps(np.asarray(model.classes_).tolist())
    elif hasattr(model, "_read_table"):
        raise RuntimeError(f"model: this {kind} is not fitted yet; call fit(X, y) first")
    else:
        raise TypeError(
            f"model: expected a Network, a Classifier or a Regressor, found {kind}; of a pipeline, give the last step: "
            "the others are not in the file then"
        )
    about = {"likelihood": repr(network.likelihood), "dtype": network.dtype, **about}
    doc = f"{kind} of likeliest, likelihood {network.likelihood!r}."
    if "eta" in [one.name for one in graph.outputs]:
        doc += " The likelihood says nothing more in ONNX than eta, the output of the last layer."
    return graph, kind, doc, about


def network_graph(network: Network) -> Graph:
    """From ``x`` to what the likelihood makes of η, all in the network's dtype."""
    program = network.program
    graph = Graph(np.dtype(kept_in(network.dtype)))
    eta = _eta(network, graph.input(INPUT, (Rows(), *program.input_shape), graph.dtype))
    for name, symbol in _heads(network.likelihood, eta).items():
        graph.output(name, symbol)
    return graph


def estimator_graph(model: Any) -> Graph:
    """From the columns of X to labels and probabilities, or to the distribution of y."""
    network: Network = model.network_
    likelihood = network.likelihood
    labels = hasattr(model, "classes_")
    graph = Graph(np.dtype(kept_in(network.dtype)))
    taken = {"label", "probabilities"} if labels else set(_promised(likelihood))
    eta = _eta(network, prepared(graph, model.table_, network.program.input_shape, taken))
    if not labels:
        heads = _heads(likelihood, eta.astype(np.float64), model.target_center_, model.target_scale_)
        for name, symbol in heads.items():
            graph.output(name, symbol)
        return graph
    with graph.within("label"):
        if model._multilabel:
            count = len(model.classes_)
            p = onnx_namespace.reshape(likelihood.mean(onnx_namespace, eta), (Rows(), count))
            label = (p > 0.5).astype(np.int64)
        else:
            heads = _heads(likelihood, eta)
            if "probabilities" not in heads:
                raise ValueError(f"likelihood: {likelihood!r} has no probabilities, without which there are no labels")
            p = heads["probabilities"]
            label = graph.constant(_labels(model.classes_))[onnx_namespace.argmax(p, axis=1)]
    graph.output("label", label)
    graph.output("probabilities", p)
    return graph


def _eta(network: Network, x: Symbol) -> Symbol:
    """The program on symbols: the same loop as the reference engine's."""
    graph, program = x.graph, network.program
    theta = {name: graph.constant(value, graph.dtype, name) for name, value in network.parameters.items()}
    values = {INPUT: x}
    for step in program.steps:
        arguments = [*(values[name] for name in step.inputs), *(theta[name] for name in step.parameters)]
        name = "output.eta" if step.output == OUTPUT else step.output  # names with a point are never those of outputs
        with graph.within(name):
            try:
                value = translations.operation(step.operation, *arguments, **step.attributes)
            except NotImplementedError as error:
                raise ValueError(f"model: {step.output} cannot be written in ONNX, {step.operation}: {error}") from None
        passed = any(value is one for one in arguments)  # as it is, and so under its own name
        values[step.output] = value if passed else graph.call(value, name)
    return values[OUTPUT]


def _promised(likelihood: Likelihood) -> list[str]:
    """The names of what a likelihood has to say of η."""
    eta = np.zeros((1, likelihood.width))
    if likelihood.classes is not None:
        return ["probabilities"] if _has(likelihood.probabilities, eta) else ["eta"]
    named = list(likelihood.parameters(numpy_namespace, eta)) if _has(likelihood.parameters, eta) else ["eta"]
    return [*named, "mean"] if _has(likelihood.mean, eta) else named


def _has(method: Any, eta: Array) -> bool:
    """Whether a likelihood has this, or only the base class's word that it is missing."""
    try:
        method(numpy_namespace, eta)
    except NotImplementedError:
        return False
    return True


def _heads(likelihood: Likelihood, eta: Symbol, loc: Any = 0.0, scale: Any = 1.0) -> dict[str, Symbol]:
    """What a likelihood has to say of η, of y = loc + scale · Y: (n, ...) each, by name."""
    xp, moved = onnx_namespace, np.any(loc) or np.any(np.not_equal(scale, 1))
    heads: dict[str, Symbol] = {}
    for name in _promised(likelihood):
        with eta.graph.within(name):
            try:
                if name == "probabilities":
                    heads[name] = translations.probabilities(likelihood, eta)
                elif name == "mean":
                    mean = likelihood.mean(xp, eta)
                    heads[name] = loc + scale * mean if moved else mean
                elif name == "eta":
                    heads[name] = eta
                elif name not in heads:
                    heads |= likelihood.parameters(xp, eta, loc, scale) if moved else likelihood.parameters(xp, eta)
            except (NotImplementedError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"likelihood: {name} of {likelihood!r} cannot be written in ONNX: {error}. Write it on xp (xp.exp, "
                    "not numpy.exp); a likelihood without parameters, mean and probabilities is exported with eta only"
                ) from None
    return heads


def _labels(classes: Array) -> Array:
    """Classes as ONNX has them: integers, strings, truth values or doubles."""
    kind = classes.dtype.kind
    if kind in "iu" and (kind == "i" or classes.max() < 2**63):
        return classes.astype(np.int64)
    if kind == "U" or (kind == "O" and all(isinstance(label, str) for label in classes)):
        return classes.astype(object)
    if kind == "b":
        return classes
    if kind == "f":
        return classes.astype(np.float64)
    raise ValueError(f"classes: ONNX has strings and integers, found {classes.dtype}, {classes[0]!r} …; fit to strings")
