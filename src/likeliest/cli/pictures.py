"""The pictures that `likeliest digits` writes: each file whole or not at all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from likeliest.cli.outputs import whole_file
from likeliest.cli.task import Task
from likeliest.history import History
from likeliest.network import Network


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def write(task: Task, network: Network, history: History, folder: Path) -> list[str]:
    """Draws what was learned and writes it: the names of the files in the folder.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    from likeliest import plots

    folder.mkdir(parents=True, exist_ok=True)
    images, labels = task.test
    shape = task.image_shape
    drawings: dict[str, Callable[[], Any]] = {
        "learning-curve": lambda: plots.learning_curve(history).figure,
        "hidden-weights": lambda: plots.hidden_weights(network, shape),
        "misread": lambda: plots.misread(network, images, labels, image_shape=shape),
        "network": lambda: plots.network(network, images[0], image_shape=shape),
    }
    if task.conv:
        del drawings["hidden-weights"], drawings["network"]
        layers = [name.removesuffix(".W") for name, W in network.parameters.items() if W.ndim == 4]
        for layer in layers:
            number = layer.rpartition("_")[2]
            drawings[f"kernels-{number}"] = partial(_kernels, network, layer)
            drawings[f"feature-maps-{number}"] = partial(_feature_maps, network, images[0], layer)
    if not history.epochs:
        del drawings["learning-curve"]
    written = []
    for name, drawing in drawings.items():
        figure = drawing()
        for kind in ("png", "svg") if name == "network" else ("png",):
            with whole_file(folder / f"{name}.{kind}") as file:
                _save(figure, file, kind)
            written.append(f"{name}.{kind}")
    return written


def _kernels(network: Network, layer: str) -> Any:
    from likeliest.plots import KernelsDisplay

    return KernelsDisplay.from_estimator(network, layer=layer).figure_


def _feature_maps(network: Network, image: Any, layer: str) -> Any:
    from likeliest.plots import FeatureMapsDisplay

    return FeatureMapsDisplay.from_estimator(network, image, layer=layer).figure_


def _save(figure: Any, file: BinaryIO, kind: str) -> None:
    import matplotlib

    if kind == "png":
        figure.savefig(file, format="png", dpi=150)
        return
    # The same seed shall give the same file: no date, and names that are not drawn at random.
    with matplotlib.rc_context({"svg.hashsalt": "likeliest"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
