"""`likeliest fit`: from a file to a model, and to how good it is on rows that it has not seen."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from likeliest import likelihoods
from likeliest.cli import reports
from likeliest.cli.choosing import Chosen, choose_columns, weights_of
from likeliest.cli.data import Data
from likeliest.cli.extras import need_matplotlib
from likeliest.cli.features import strangers
from likeliest.cli.fitting import Examples, cross_validated, fit, tested
from likeliest.cli.measuring import compare
from likeliest.cli.options import BadData, FitChoices
from likeliest.cli.outputs import check_output, free_name
from likeliest.cli.reading import read
from likeliest.cli.splitting import held_out
from likeliest.cli.targets import CLASSIFICATION, Target, find_target, read_target, task_of, with_label_column
from likeliest.cli.terminal import Terminal
from likeliest.engines import check_devices, check_engine
from likeliest.threads import resolve_threads


def run(choices: FitChoices) -> None:
    """The command."""
    terminal = Terminal(quiet=choices.quiet or choices.json, notes=not choices.quiet)
    _check(choices)
    data = read(choices.data, separator=choices.separator, header=choices.header, image_shape=choices.image_size)
    data = with_label_column(data, choices.target)
    if not len(data):
        raise BadData(f"{data.source} has no rows")
    target = find_target(data, choices.target, task_of(choices.task, choices.likelihood))
    _check_likelihood(choices.likelihood, target)
    data = data if target.known.all() else data.rows(target.known)
    chosen = choose_columns(data, target, choices)
    rows = Examples(chosen.X, target.y, weights_of(data, choices.weights), target.name)
    other = None if choices.test_file is None else _other(choices, target, chosen, terminal)
    _announce(terminal, data, target, chosen)
    train, test, where = _split(rows, other, choices, target.task)
    comparison = None
    if choices.folds:
        comparison = cross_validated(choices, target.task, rows, choices.folds, terminal)
    if test is not None:
        terminal.say(f"{reports.count(len(train))} rows to learn from, {reports.count(len(test))} for the test")
    model = fit(choices, target.task, train)
    terminal.say(reports.network(model))
    terminal.say(reports.training(model.history_))
    # First of all the model is written: nothing that goes wrong in what follows can take it away.
    saved = _save(_refitted(model, train, rows, choices, target.task, terminal), choices, terminal)
    terminal.say()
    if test is not None:
        comparison = compare(*tested(model, train, test), test.y, test.weights)
    if comparison is not None:
        reports.measures(terminal, comparison, target.name, where)
    pictures = _pictures(model, train if test is None else test, choices, terminal)
    if choices.json:
        document = {
            "data": data.source,
            "rows": len(rows),
            "rows_without_target": int((~target.known).sum()),
            "target": target.name,
            "task": target.task,
            "classes": getattr(model, "classes_", None),
            "columns": [column.name for column in chosen.used],
            "left_out": {column.name: why for column, why in chosen.left_out},
            "likelihood": repr(model.network_.likelihood),
            "parameters": model.network_.program.size,
            "training": reports.training_as_json(model.history_, len(train)),
            "test": None if comparison is None else reports.comparison_as_json(comparison),
            "model": saved,
            "pictures": pictures,
        }
        print(reports.as_json(document))


def _check(choices: FitChoices) -> None:
    """What can be said before anything is read."""
    try:
        resolve_threads(choices.threads)
    except ValueError as error:
        raise BadData(str(error)) from None
    if choices.out is not None:
        inputs = (choices.data,) if choices.test_file is None else (choices.data, choices.test_file)
        check_output(choices.out, choices.force, inputs)
    check_engine(choices.engine)
    check_devices(choices.engine, choices.devices)
    if choices.pictures is not None:
        need_matplotlib()
    if choices.folds and choices.test_file is not None:
        raise BadData("--cross-validate: there is --test with rows of its own already")


def _check_likelihood(name: str | None, target: Target) -> None:
    """A BadData unless the target is of the kind that the likelihood is for; with the row at fault."""
    if name == "bernoulli" and len(np.unique(target.y)) != 2:
        raise BadData(f"--likelihood: bernoulli is for two classes, {target.name} has {len(np.unique(target.y))}")
    if name is None or target.task == CLASSIFICATION:
        return
    try:
        likelihoods.resolve(name).check(target.y)
    except ValueError as error:
        counted = "" if target.known.all() else " (rows without a target not counted)"
        raise BadData(f"--likelihood: {error}{counted}") from None


def _other(choices: FitChoices, target: Target, chosen: Chosen, terminal: Terminal) -> Examples:
    """The rows of ``--test FILE``."""
    shape = chosen.features.shape
    data = read(
        str(choices.test_file),
        separator=choices.separator,
        header=choices.header,
        image_shape=shape if len(shape) > 1 else None,
    )
    data = with_label_column(data, choices.target)
    classes = np.unique(target.y) if target.task == CLASSIFICATION else None
    y, known, notes = read_target(data, target.name, classes)
    data = data if known.all() else data.rows(known)
    X, more = chosen.features.take(data, besides=tuple(chosen.names))
    for note in [*data.notes, *notes, *more]:
        terminal.note(f"{data.source}: {note}")
    return Examples(X, y, weights_of(data, choices.weights), target.name)


def _announce(terminal: Terminal, data: Data, target: Target, chosen: Chosen) -> None:
    missing = int((~target.known).sum())
    for note in data.notes:
        terminal.note(f"{data.source}: {note}")
    if target.note:
        terminal.note(target.note)
    if missing:
        terminal.note(f"{reports.count(missing)} row{'s' * (missing != 1)} without a target left out")
    for column in chosen.used:
        if column.strangers:
            said = strangers(column.name, column.strangers, column.strange)
            terminal.note(f"{said} (--categorical takes all as they are)")
    if data.frame is None:
        shape = " x ".join(map(str, chosen.features.shape))
        what = f"images of {shape} pixels" if data.files else f"rows of {shape} numbers"
        terminal.say(f"{data.source}: {reports.count(len(data))} {what}", style="bold")
        terminal.say(f"to predict: {target.why}")
    else:
        terminal.say(f"{data.source}: {reports.count(len(data))} rows, {data.frame.width} columns", style="bold")
        reports.columns(terminal, target, chosen)
    terminal.say()


def _split(
    rows: Examples, other: Examples | None, choices: FitChoices, task: str
) -> tuple[Examples, Examples | None, str]:
    """The rows to learn from, the rows to test on, and what to call these."""
    if choices.folds:
        return rows, None, f"rows, in {choices.folds} folds"
    if other is not None:
        return rows, other, f"rows of {Path(str(choices.test_file)).name}"
    if not choices.test_share:
        return rows, None, "rows"
    mask = held_out(rows.y, choices.test_share, choices.seed, task == CLASSIFICATION)
    return rows.part(np.flatnonzero(~mask)), rows.part(np.flatnonzero(mask)), "held-out rows"


def _refitted(model: Any, train: Examples, rows: Examples, choices: FitChoices, task: str, terminal: Terminal) -> Any:
    """With ``--refit`` a model fitted to all rows; the tested one where that is interrupted."""
    if not choices.refit or len(train) == len(rows):
        return model
    again = fit(choices, task, rows)
    if again.history_.stopped == "interrupted":
        terminal.note("the fit to all rows was stopped: the model is the one that is tested")
        return model
    terminal.say(f"fitted once more, to all {reports.count(len(rows))} rows")
    return again


def _save(model: Any, choices: FitChoices, terminal: Terminal) -> str | None:
    """Writes the model, if that is wanted: where."""
    if choices.out is None:
        terminal.say("Not saved: --out FILE keeps the model.")
        return None
    out = free_name(choices.out, choices.force)
    # What holds for this machine and this terminal is not the model's.
    twin = copy.copy(model).set_params(n_jobs=None, verbose=False)
    twin.save(Path(out).expanduser())
    terminal.say(f"Model written to {out}")
    return out


def _pictures(model: Any, shown: Examples, choices: FitChoices, terminal: Terminal) -> list[str]:
    """Writes the pictures, if they are wanted: the names of the files."""
    if choices.pictures is None:
        return []
    from likeliest.cli.model_pictures import write

    names = write(model, shown.X, shown.y, Path(choices.pictures))
    terminal.say(f"Pictures written to {choices.pictures.rstrip('/')}/: {', '.join(names)}")
    return [str(Path(choices.pictures) / name) for name in names]
