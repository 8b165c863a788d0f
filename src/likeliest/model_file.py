"""Model file: a Network, Classifier or Regressor in one file that holds no code, and back: ``save`` and `load`."""

from __future__ import annotations

import os
from typing import Any

from likeliest.engines import check_engine, kept_in
from likeliest.network import Network
from likeliest.network_file import check_format, network_from
from likeliest.tensor_file import ModelFileError, Tensors, damaged, read

__all__ = ["ModelFileError", "load", "read_description"]

KINDS = ("Network", "Classifier", "Regressor", "SequenceToSequence", "CharacterModel")


def load(path: str | os.PathLike[str], *, memory_map: bool = False, engine: str | None = None) -> Any:
    """The Network, Classifier or Regressor that ``save`` wrote to a file.

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

    Returns
    -------
    Network, Classifier, Regressor, SequenceToSequence or CharacterModel

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
    tensors = _open(path, memory_map)
    description = tensors.description
    try:
        if engine is not None:
            description["network"]["engine"] = engine
            if engine != "jax":
                description["network"]["dtype"] = kept_in(description["network"]["dtype"])
            if "settings" in description:
                description["settings"]["engine"] = engine
        if description["network"]["engine"] == "jax":
            check_engine("jax")
        kind = description["kind"]
        network, program = network_from(Network, tensors, description["network"])
        if kind == "Network":
            model = network
        elif kind == "SequenceToSequence":
            from likeliest.sequence_to_sequence import SequenceToSequence

            model = SequenceToSequence.of(network)
        elif kind == "CharacterModel":
            from likeliest.character_model import CharacterModel

            model = CharacterModel.of(network, description)
        else:
            from likeliest.estimators.saving import estimator_from

            model = estimator_from(kind, description, network, program)
    except ImportError as error:
        raise ImportError(f'{tensors.path}: {error}; or load it with engine="native"') from error
    except Exception as error:  # whatever it is: each constructor of what may be in a file had its say
        raise damaged(tensors.path, f"{type(error).__name__}: {str(error)[:300]}") from error
    if not memory_map:
        network._built()
    return model


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says of its model, without the arrays: a dict of plain JSON.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        With ``"format"``, ``"likeliest"`` (the version), ``"kind"`` and ``"network"``; for an estimator also
        ``"settings"`` and ``"fitted"``; and with ``"arrays"``, the shape of each.

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
