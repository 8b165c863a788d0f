"""`likeliest predict`: a class and its probabilities, or a distribution, for each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from likeliest.cli import reports
from likeliest.cli.csv_text import shortened
from likeliest.cli.data import Data
from likeliest.cli.features import named_column
from likeliest.cli.model import Model, load, shown
from likeliest.cli.options import BadData, blaming_the_data
from likeliest.cli.outputs import check_output, free_name, table_kind, write_table
from likeliest.cli.reading import read
from likeliest.cli.terminal import Terminal


def run(
    path: str,
    source: str,
    *,
    out: str | None,
    force: bool,
    copied: tuple[str, ...],
    level: float,
    missing_ok: bool,
    separator: str | None,
    header: bool,
    threads: int | None,
    json: bool,
    quiet: bool,
) -> None:
    """The command."""
    kind = table_kind(out)
    to_file = out is not None and out != "-"
    if to_file:
        check_output(str(out), force, (path, source))
    if json and to_file:
        raise BadData("--json: prints the predictions; --out has the ending that says how to write them")
    if kind == "npy" and copied:
        raise BadData("--id: an NPY file holds numbers without names; choose another ending for --out")
    terminal = Terminal(quiet=True, notes=not quiet)
    model = load(path, threads)
    data = read(source, separator=separator, header=header, image_shape=model.image_shape)
    copies = _copies(data, copied)
    clash = [name for name in names_of(model, level) if name in copies]
    if clash:
        raise BadData(f"--id: {shortened(clash[0])} is what a prediction is called")
    besides = (*copied, *((model.target,) if model.target else ()))
    X, notes = model.features.take(data, missing_ok=missing_ok, besides=besides)
    for note in [*data.notes, *notes]:
        terminal.note(f"{data.source}: {note}")
    with blaming_the_data():
        columns = {**copies, **predictions(model, X, level)}
    if json:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*map(_listed, columns.values()), strict=True)]
        print(reports.as_json(rows))
        return
    out = free_name(str(out), force) if to_file else None
    write_table(columns, out, kind)
    if to_file:
        terminal.note(f"{reports.count(len(data))} predictions written to {out}")


def _copies(data: Data, names: tuple[str, ...]) -> dict[str, Any]:
    """The columns to copy as they are."""
    if data.frame is None:
        if names and (data.files is None or names != ("file",)):
            raise BadData(f"--id: {data.source} has no column {shortened(names[0])}")
        return {"file": list(data.files)} if data.files is not None else {}
    return {name: data.frame[named_column(name, data.frame.columns, "--id", data.source)] for name in names}


def _listed(column: Any) -> list[Any]:
    return column if isinstance(column, list) else column.to_list() if hasattr(column, "to_list") else column.tolist()


def predictions(model: Model, X: Any, level: float) -> dict[str, Any]:
    """The columns of the predictions, each (n,)."""
    names = names_of(model, level)
    if model.classes is not None:
        p = np.asarray(model.estimator.predict_proba(X), np.float64)
        labels = model.classes[p.argmax(axis=1)]
        return dict(zip(names, [labels.tolist(), *(np.ascontiguousarray(column) for column in p.T)], strict=True))
    d = model.estimator.predict_dist(X)
    low, high = d.interval(level)
    found = [model.estimator.predict(X), d.std(), d.median(), low, high]
    return {name: np.asarray(column, np.float64) for name, column in zip(names, found, strict=True)}


def names_of(model: Model, level: float) -> list[str]:
    """What the columns are called."""
    if model.classes is not None:
        return ["label", *(f"p_{shown(label)}" for label in model.classes)]
    percent = f"{100 * level:.6g}"
    return ["mean", "std", "median", f"low_{percent}", f"high_{percent}"]
