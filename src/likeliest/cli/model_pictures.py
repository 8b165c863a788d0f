"""The pictures of a model: how it was fitted, whether its predictions can be believed, its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from likeliest.cli.extras import need_matplotlib
from likeliest.cli.outputs import whole_file
from likeliest.layers import Dense


def write(model: Any, X: Any, y: Any, folder: Path) -> list[str]:
    """Draws a fitted Classifier or Regressor and writes it: the names of the files in the folder.

    Parameters
    ----------
    model : Classifier or Regressor
        Fitted.
    X, y
        Rows to test it on; None for the pictures that need none.
    folder : Path
        Where to; made where it is not there.

    Raises
    ------
    ImportError
        Without matplotlib.
    OSError
        When a file cannot be written.
    """
    need_matplotlib()
    from likeliest import plots

    drawings: dict[str, Any] = {}
    name = getattr(model, "target_name_", None)
    shape = model.network_.program.input_shape
    if model.history_.epochs:
        drawings["learning-curve"] = lambda: plots.LearningCurveDisplay.from_estimator(model)
    if X is not None and hasattr(model, "classes_"):
        drawings["reliability"] = lambda: plots.ReliabilityDisplay.from_estimator(model, X, y, name=name)
    elif X is not None:
        drawings["intervals"] = lambda: plots.IntervalDisplay.from_estimator(model, X, y, name=name)
        drawings["coverage"] = lambda: plots.CoverageDisplay.from_estimator(model, X, y, name=name)
    hidden = sum(isinstance(layer, Dense) for layer in model.network_.layers)
    images = {"image_shape": shape} if len(shape) == 2 else {}
    drawings["weights"] = lambda: plots.WeightsDisplay.from_estimator(model, **images)
    if hidden and not images:
        drawings["inputs"] = lambda: plots.WeightsDisplay.from_estimator(model, kind="bar")
    folder.mkdir(parents=True, exist_ok=True)
    for title, drawing in drawings.items():
        with whole_file(folder / f"{title}.png") as file:
            drawing().figure_.savefig(file, format="png", dpi=150, bbox_inches="tight")
    return [f"{title}.png" for title in drawings]
