"""`likeliest show`: what is in a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich import box
from rich.markup import escape
from rich.table import Table

from likeliest.cli import reports
from likeliest.cli.model import load_any, shown
from likeliest.cli.terminal import Terminal

Array = npt.NDArray[Any]

BINS = 17  # of a histogram: odd, so that 0 has a bin of its own
BARS, ASCII_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
MOST_LAYERS = 24
MOST_COLUMNS = 16


def run(path: str, *, pictures: str | None, json: bool) -> None:
    """The command."""
    from likeliest.model_file import read_description

    model = load_any(path)
    version = str(read_description(Path(path).expanduser())["likeliest"])
    network = getattr(model, "network_", model)
    terminal = Terminal(quiet=json)
    what = _what(model, network)
    kind = type(model).__name__
    terminal.say(f"{path}: a {kind}, written by likeliest {version}", style="bold")
    terminal.say(f"predicts {what}")
    if hasattr(model, "table_"):
        terminal.say()
        _columns(terminal, model)
    terminal.say()
    terminal.verbatim(network.summary() + "\n")
    history = getattr(model, "history_", None)
    if history is not None:
        terminal.say()
        terminal.say(f"{reports.training(history)}; {reports.count(history.examples)} rows")
        if history.epochs:
            terminal.say(_log_likelihood(history))
    terminal.say()
    _weights(terminal, network)
    names: list[str] = []
    if pictures is not None:
        from likeliest.cli.model_pictures import write

        names = write(model, None, None, Path(pictures))
        terminal.say()
        terminal.say(f"Pictures written to {pictures.rstrip('/')}/: {', '.join(names)}")
    if json:
        document = {
            "file": path,
            "kind": kind,
            "likeliest": version,
            "target": getattr(model, "target_name_", None),
            "classes": getattr(model, "classes_", None),
            "likelihood": repr(network.likelihood),
            "prior": repr(network.prior),
            "engine": network.engine,
            "dtype": str(network.dtype),
            "columns": _columns_as_json(model) if hasattr(model, "table_") else None,
            "training": None if history is None else reports.training_as_json(history, history.examples),
            "parameters": {name: _measures(np.asarray(value)) for name, value in network.parameters.items()},
            "pictures": [str(Path(str(pictures)) / name) for name in names],
        }
        print(reports.as_json(document))


def _what(model: Any, network: Any) -> str:
    """What is predicted, in words."""
    target = reports.cut(getattr(model, "target_name_", "y"), reports.NAME)
    classes = getattr(model, "classes_", None)
    if classes is None:
        return f"{target}, by {network.likelihood!r}"
    names = [reports.cut(shown(label), 20) for label in classes]
    listed = ", ".join(names[:10]) + (f", … ({len(names)} classes)" if len(names) > 10 else "")
    return f"{target}, one of {listed}, by {network.likelihood!r}"


def _columns(terminal: Terminal, model: Any) -> None:
    """What becomes of each column."""
    shape = model.network_.program.input_shape
    if len(shape) > 1:
        table = model.table_
        size = " x ".join(map(str, shape))
        terminal.say(f"from {size} numbers, centred at {table.center[0]:.4g} and divided by {table.scale[0]:.4g}")
        return
    rows = _columns_as_json(model)
    terminal.say(f"from {len(rows)} columns:" if len(rows) != 1 else "from 1 column:")
    few = rows if len(rows) <= MOST_COLUMNS else rows[: MOST_COLUMNS - 1]
    width = max(min(len(row["name"]), reports.NAME) for row in few)
    for row in few:
        if row["kind"] == "numbers":
            text = f"(x − {row['center']:.5g}) / {row['scale']:.5g}" + ("; gaps are told of" if row["gaps"] else "")
        else:
            values = [value for value in row["values"] if value is not None]
            listed = ", ".join(reports.cut(str(value), 16) for value in values[:4])
            more = f", … ({len(values)} in all)" if len(values) > 4 else ""
            text = f"categories {listed}{more}"
        line = f"  {reports.cut(row['name'], reports.NAME):<{width}}  {text}"
        terminal.verbatim(reports.cut(line, terminal.console.width).rstrip() + "\n")
    if len(few) < len(rows):
        terminal.say(f"  … and {len(rows) - len(few)} more")


def _columns_as_json(model: Any) -> list[dict[str, Any]]:
    """What is known of each column of X."""
    table = model.table_
    found: dict[int, dict[str, Any]] = {}
    for k, j in enumerate(table.numeric):
        place = k if len(table.center) > 1 or len(table.numeric) == 1 else 0
        found[j] = {
            "name": table.names[j],
            "kind": "numbers",
            "center": float(table.center[place]),
            "scale": float(table.scale[place]),
            "gaps": k in table.indicated,
        }
    for j, values in table.categories:
        found[j] = {"name": table.names[j], "kind": "categories", "values": list(values)}
    return [found[j] for j in sorted(found)]


def _log_likelihood(history: Any) -> str:
    """That of the epoch that was kept."""
    epoch = -1 if history.best_epoch is None else history.best_epoch
    text = f"log-likelihood per row then: {reports.number(history.log_likelihood[epoch])}"
    if history.validation_log_likelihood:
        text += f", of rows held out to choose the epoch: {reports.number(history.validation_log_likelihood[epoch])}"
    return text


def _weights(terminal: Terminal, network: Any) -> None:
    """A line for each array of θ: its shape, its range, and how its numbers are spread."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(terminal.spelled("θ"), no_wrap=True)
    table.add_column("shape")
    for heading in ("smallest", "largest", "typical"):
        table.add_column(heading, justify="right")
    table.add_column("spread about 0", no_wrap=True)
    arrays = list(network.parameters.items())
    for name, value in arrays[:MOST_LAYERS]:
        values = np.asarray(value, np.float64)
        m = _measures(values)
        shape = " x ".join(map(str, values.shape))
        bars = _histogram(values, BARS if terminal.unicode else ASCII_BARS)
        cells = [name, shape, *(f"{m[key]:.3g}" for key in ("min", "max", "rms")), bars]
        table.add_row(*(escape(terminal.spelled(cell)) for cell in cells))
    terminal.console.print(table)
    if len(arrays) > MOST_LAYERS:
        terminal.say(f"… and {len(arrays) - MOST_LAYERS} more")


def _measures(values: Array) -> dict[str, Any]:
    """The range of an array, and the root of its mean square."""
    values = np.asarray(values, np.float64)
    if not values.size:
        return {"shape": list(values.shape), "min": 0.0, "max": 0.0, "rms": 0.0}
    rms = float(np.sqrt(np.mean(values**2)))
    return {"shape": list(values.shape), "min": float(values.min()), "max": float(values.max()), "rms": rms}


def _histogram(values: Array, bars: str) -> str:
    """How many numbers are how large, from −max to max: a bar for each of 17 bins, none where there are none.

    >>> _histogram(np.array([-1.0, 0.0, 0.0, 1.0]), BARS)
    '▄       █       ▄'
    """
    reach = float(np.abs(values).max()) if values.size else 0.0
    if not reach:
        return ""
    counts = np.histogram(values, BINS, (-reach, reach))[0]
    steps = np.ceil((len(bars) - 1) * counts / counts.max()).astype(int)
    return "".join(bars[step] for step in steps)
