"""`likeliest evaluate`: a model on rows whose target is known, beside a naive one."""

from __future__ import annotations

from pathlib import Path

from likeliest.cli import reports
from likeliest.cli.choosing import weights_of
from likeliest.cli.data import Data
from likeliest.cli.fitting import Examples, tested
from likeliest.cli.measuring import compare
from likeliest.cli.model import Model, load
from likeliest.cli.options import BadData
from likeliest.cli.reading import read
from likeliest.cli.targets import read_target, with_label_column
from likeliest.cli.terminal import Terminal


def run(
    path: str,
    source: str,
    *,
    target: str | None,
    weights: str | None,
    pictures: str | None,
    missing_ok: bool,
    separator: str | None,
    header: bool,
    threads: int | None,
    json: bool,
) -> None:
    """The command."""
    terminal = Terminal(quiet=json)
    model = load(path, threads)
    data = read(source, separator=separator, header=header, image_shape=model.image_shape)
    rows, notes = labelled(model, data, target, weights, missing_ok)
    for note in [*data.notes, *notes]:
        terminal.note(f"{data.source}: {note}")
    comparison = compare(*tested(model.estimator, rows, rows), rows.y, rows.weights)
    reports.measures(terminal, comparison, rows.name, f"rows of {Path(source).name}")
    names: list[str] = []
    if pictures is not None:
        from likeliest.cli.model_pictures import write

        names = write(model.estimator, rows.X, rows.y, Path(pictures))
        terminal.say(f"Pictures written to {pictures.rstrip('/')}/: {', '.join(names)}")
    if json:
        document = {
            "model": path,
            "data": source,
            "target": rows.name,
            "task": comparison.task,
            **reports.comparison_as_json(comparison),
            "pictures": [str(Path(str(pictures)) / name) for name in names],
        }
        print(reports.as_json(document))


def labelled(
    model: Model, data: Data, target: str | None, weights: str | None, missing_ok: bool
) -> tuple[Examples, list[str]]:
    """The rows that have a target, as the model takes them, and what there is to say about it.

    Raises
    ------
    BadData
        When the target, or a column that the model takes, is not there.
    """
    name = target if target is not None else model.target
    data = with_label_column(data, name)
    if name is None:
        if data.frame is not None:
            raise BadData("--target: the model was fitted to an array and does not know the column; which one is it?")
        name = "y"
    if not len(data):
        raise BadData(f"{data.source} has no rows")
    y, known, notes = read_target(data, name, model.classes)
    data = data if known.all() else data.rows(known)
    besides = (name,) if weights is None else (name, weights)
    X, more = model.features.take(data, missing_ok=missing_ok, besides=besides)
    return Examples(X, y, weights_of(data, weights), name), notes + more
