"""Model file: a Network, an estimator or an Ensemble in one file that holds no code, and back: ``save`` and `load`."""

from __future__ import annotations

import os
from typing import Any

from likeliest.engines import check_devices, check_engine, kept_in
from likeliest.network import Network
from likeliest.network_file import check_format, member_prefix, network_from
from likeliest.program import Program
from likeliest.tensor_file import ModelFileError, Part, Tensors, Whole, damaged, read

__all__ = ["ModelFileError", "load", "read_description"]

KINDS = ("Network", "Classifier", "Regressor", "Ensemble", "SequenceToSequence", "CharacterModel")


def load(
    path: str | os.PathLike[str], *, memory_map: bool = False, engine: str | None = None, devices: Any = None
) -> Any:
    """The Network, Classifier, Regressor or Ensemble that ``save`` wrote to a file.

    It predicts the same bits, and goes on as if it had never been saved: fitting again, ``partial_fit`` and
    ``warm_start`` give the same θ. Nothing in a file is executed; every bit of it is checked.

    Parameters
    ----------
    path : str or Path
        The file.
    memory_map : bool
        Whether to leave the arrays in the file until θ is first needed: loading then takes milliseconds, whatever the
        size. They are checked at that time. Until then the file may be replaced or removed, but nobody may write into
        it (``save`` never does).
    engine : {"native", "reference", "jax"}, optional
        What is to compute; by default what did when the model was saved. What was fitted on JAX predicts without it on
        another engine, alike but for rounding.
    devices : "all" or jax.sharding.Mesh, optional
        For the JAX engine, the devices that share the work from now on; see `Network`.

    Returns
    -------
    Network, Classifier, Regressor, Ensemble, SequenceToSequence or CharacterModel

    Raises
    ------
    ModelFileError
        When it is no model file, is damaged, or was made by a newer likeliest. A ValueError.
    OSError
        When it cannot be read.
    ImportError
        When the engine is JAX and it is not installed.
    ValueError
        When there is no such engine.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import likeliest as ll
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> clf = ll.Classifier(hidden=(), random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "answers.safetensors"
    ...     clf.save(path)
    ...     twin = ll.load(path)
    >>> twin.predict([[0.5], [2.5]]).tolist()
    ['no', 'yes']
    >>> bool((twin.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    if engine is not None:
        check_engine(engine)
    check_devices(engine or "jax", devices)
    tensors = _open(path, memory_map)
    description = tensors.description
    try:
        ones = description["members"] if description["kind"] == "Ensemble" else [description]
        for one in ones:
            if engine is not None:
                _put_on(one, engine)
            if one["network"]["engine"] == "jax":
                check_engine("jax")
        kind = description["kind"]
        if kind == "Ensemble":
            model, networks = _ensemble(tensors)
        else:
            network, program = network_from(Network, tensors, description["network"])
            model, networks = _of_network(kind, description, network, program), [network]
    except ImportError as error:
        raise ImportError(f'{tensors.path}: {error}; or load it with engine="native"') from error
    except Exception as error:  # whatever it is: each constructor of what may be in a file had its say
        raise damaged(tensors.path, f"{type(error).__name__}: {str(error)[:300]}") from error
    if devices is not None:
        check_devices(networks[0].engine, devices)
        for one in (*networks, *getattr(model, "estimators_", (model,))):
            if hasattr(one, "devices"):
                one.devices = devices
    if not memory_map:
        for network in networks:
            network._built()
    return model


def _put_on(description: dict[str, Any], engine: str) -> None:
    """Makes a description that of the same model on an engine."""
    network = description["network"]
    network["engine"] = engine
    if engine != "jax":
        network["dtype"] = kept_in(network["dtype"])
    if "settings" in description:
        description["settings"]["engine"] = engine


def _of_network(kind: str, description: dict[str, Any], network: Network, program: Program) -> Any:
    """What is made of the network in a file, or itself."""
    if kind == "Network":
        return network
    if kind == "SequenceToSequence":
        from likeliest.sequence_to_sequence import SequenceToSequence

        return SequenceToSequence.of(network)
    if kind == "CharacterModel":
        from likeliest.character_model import CharacterModel

        return CharacterModel.of(network, description)
    from likeliest.estimators.saving import estimator_from

    return estimator_from(kind, description, network, program)


def _ensemble(tensors: Tensors) -> tuple[Any, list[Network]]:
    """The Ensemble in a file, and the networks of its members."""
    from likeliest.estimators.saving import ensemble_from, estimator_from

    whole, members, programs = Whole(tensors), [], []
    parts = [Part(whole, member_prefix(k)) for k in range(len(tensors.description["members"]))]
    for part, one in zip(parts, tensors.description["members"], strict=True):
        network, program = network_from(Network, part, one["network"])
        whole.finite += program.size * (1 + network._position.averaged)
        members.append(estimator_from(one["kind"], one, network, program))
        programs.append(program)
    if len(tensors.shapes) != sum(len(part.shapes) for part in parts):
        raise ValueError("there are arrays of no member")
    return ensemble_from(tensors.description, members, programs), [member.network_ for member in members]


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says of its model, without the arrays: a dict of plain JSON.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        With ``"format"``, ``"likeliest"`` (the version), ``"kind"`` and ``"network"``, or ``"members"``; for
        an estimator also ``"settings"`` and ``"fitted"``; and with ``"arrays"``, the shape of each.

    Raises
    ------
    ModelFileError, OSError
        As `load`.
    """
    tensors = _open(path, True)
    return {**tensors.description, "arrays": {name: list(shape) for name, shape in tensors.shapes.items()}}


def _open(path: str | os.PathLike[str], memory_map: bool) -> Tensors:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise ValueError(f"path: expected the name of a model file, found {path!r}")
    tensors = read(path, memory_map)
    check_format(tensors)
    kind = tensors.description.get("kind")
    if kind == "Checkpoint":
        raise ModelFileError(
            f"{tensors.path}: this is a checkpoint; fit(..., checkpoint=FOLDER) goes on from it, and in the "
            "end save(path) writes a model file"
        )
    if kind not in KINDS:
        raise damaged(tensors.path, f"it holds a {str(kind)[:100]!r}; expected one of {', '.join(KINDS)}")
    return tensors
