"""What commands on one's own data print: the columns, the measures beside the naive model's, and what they mean."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from likeliest.cli.choosing import Chosen
from likeliest.cli.columns import Column, described
from likeliest.cli.measuring import LEVEL, Comparison, Figures
from likeliest.cli.targets import Target
from likeliest.cli.terminal import Terminal
from likeliest.layers import Dense

SHOWN = 16  # columns of a kind that are listed
NAME = 28  # characters of a column's name


def columns(terminal: Terminal, target: Target, chosen: Chosen) -> None:
    """Lists the columns, each with what it is: the target, those taken into X, and those left out."""
    lines = [(target.name, f"the target: {target.why}")]
    lines += [(column.name, described(column)) for column in _few(chosen.used)]
    rest = chosen.used[len(_few(chosen.used)) :]
    if rest:
        lines.append(("…", f"and {len(rest)} more: {_kinds(rest)}"))
    lines += [(column.name, f"left out: {why}") for column, why in _few(chosen.left_out)]
    rest_out = len(chosen.left_out) - len(_few(chosen.left_out))
    if rest_out:
        lines.append(("…", f"and {rest_out} more left out"))
    lines = [(cut(name, NAME), text) for name, text in lines]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        terminal.verbatim(cut(f"  {name:<{width}}  {text}", max(40, terminal.console.width)).rstrip() + "\n")
    if any(column.usable for column, _ in chosen.left_out):
        terminal.say("  (--keep COLUMN takes one of these nevertheless)")


def _few(rows: Sequence[Any]) -> Sequence[Any]:
    return rows if len(rows) <= SHOWN else rows[: SHOWN - 1]


def _kinds(columns: Sequence[Column]) -> str:
    counts: dict[str, int] = {}
    for column in columns:
        counts[column.kind] = counts.get(column.kind, 0) + 1
    return ", ".join(f"{count} of {kind}" for kind, count in counts.items())


def cut(text: str, most: int) -> str:
    """The text on one line, no longer than that.

    >>> cut("a\\nlong name", 6)
    'a lon…'
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def measures(terminal: Terminal, comparison: Comparison, target: str, where: str) -> None:
    """The table of measures, and a line that says what they mean.

    Parameters
    ----------
    terminal : Terminal
        Where to.
    comparison : Comparison
        The measures.
    target : str
        What is predicted.
    where : str
        Which rows these are, such as ``"held-out rows"``.
    """
    classes = comparison.task == "classification"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(escape(terminal.spelled(f"{count(comparison.rows)} {where}")))
    headings = (
        ("accuracy", "calibration\nerror") if classes else ("RMSE", f"{LEVEL:.0%} intervals\nhold".replace("%", " %"))
    )
    for heading in ("log-likelihood\nper row", *headings):
        table.add_column(heading, justify="right")
    naive = "shares of the classes" if classes else "the same for all rows"
    for name, figures in (("network", comparison.model), (naive, comparison.naive)):
        table.add_row(name, number(figures.log_likelihood), *_others(figures))
    terminal.console.print(table)
    terminal.say()
    terminal.say(meaning(comparison, cut(target, NAME)))


def _others(figures: Figures) -> tuple[str, str]:
    if figures.accuracy is not None:
        return percent(figures.accuracy), f"{figures.calibration_error:.3f}"
    assert figures.coverage is not None
    return f"{figures.rmse:.5g}", percent(figures.coverage, 1)


def meaning(comparison: Comparison, target: str) -> str:
    """The measures in plain words."""
    model, naive = comparison.model, comparison.naive
    gain, error = comparison.gain, comparison.gain_error
    times = math.exp(min(abs(gain), 700.0))
    many = f"{times:.3g} times" if times >= 1.1 else f"{times:.4f} times"
    spread = (
        f"log-likelihood {gain:+.3g} a row" if math.isnan(error) else f"log-likelihood {gain:+.3g} ± {error:.1g} a row"
    )
    if not math.isfinite(gain):
        first = (
            "In some rows happens what the network or the naive model calls impossible, so that they do not compare."
        )
    elif not math.isnan(error) and abs(gain) <= 2 * error:
        first = (
            f"As far as {count(comparison.rows)} rows can tell, the network knows no more of {target} than the naive "
            f"model ({spread})."
        )
    elif gain >= 0:
        first = f"The network makes what happened {many} as probable in a row as the naive model does ({spread})."
    else:
        first = f"The network is worse than the naive model, which makes what happened {many} as probable ({spread})."
    if model.accuracy is not None:
        assert naive.accuracy is not None
        assert model.calibration_error is not None
        return (
            f"{first} It is right in {100 * model.accuracy:.3g} of 100 rows, always saying the commonest class would "
            f"be in {100 * naive.accuracy:.3g}. Its probabilities are off by {100 * model.calibration_error:.2g} "
            "in 100."
        )
    assert model.coverage is not None
    return (
        f"{first} It is off by {model.rmse:.4g} (root of the mean square), always saying the mean would be by "
        f"{naive.rmse:.4g}. Its {100 * LEVEL:.0f} % intervals hold {100 * model.coverage:.3g} of 100 rows."
    )


def percent(fraction: float, digits: int = 2) -> str:
    """Never 100 % unless it is all.

    >>> percent(1.0), percent(0.99999), percent(0.5, 1)
    ('100.00 %', '99.99 %', '50.0 %')
    """
    scale = 10.0**digits
    return f"{math.floor(100 * scale * fraction + 1e-9) / scale:.{digits}f} %"


def count(n: float) -> str:
    """A whole number with its thousands apart.

    >>> count(999), count(60000)
    ('999', '60 000')
    """
    return f"{int(n):,}".replace(",", " ") if n >= 10_000 else str(int(n))


def number(value: float) -> str:
    """A log-likelihood: four digits after the point, unless it is very large.

    >>> number(-0.12345), number(-123456.7)
    ('-0.1235', '-1.235e+05')
    """
    return f"{value:.4f}" if abs(value) < 10_000 else f"{value:.4g}"


def as_json(document: Any) -> str:
    """One JSON document; what is not finite becomes null."""
    return json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """The measures for scripts."""

    def figures(of: Figures) -> dict[str, Any]:
        return {name: value for name, value in vars(of).items() if value is not None}

    return {
        "rows": comparison.rows,
        "model": figures(comparison.model),
        "naive": figures(comparison.naive),
        "gain": comparison.gain,
        "gain_standard_error": comparison.gain_error,
    }


def network(model: Any) -> str:
    """The network of a fitted model, in a line."""
    network = model.network_
    widths = [f"{layer.width} {layer.activation}" for layer in network.layers if isinstance(layer, Dense)]
    cells = f"{', then '.join(widths)} cells" if widths else "no hidden cells"
    inputs = int(np.prod(network.program.input_shape))
    return (
        f"network: {count(inputs)} input{'s' * (inputs != 1)}, {cells}, "
        f"likelihood {type(network.likelihood).__name__}; {count(network.program.size)} θ"
    )


def training(history: Any) -> str:
    """How a fit went, in a line."""
    from likeliest.plots.learning import seconds

    if not history.epochs:
        return "trained for less than an epoch"
    many = "1 epoch" if history.epochs == 1 else f"{count(history.epochs)} epochs"
    best = "" if history.best_epoch is None else f"; epoch {history.best_epoch + 1} was best"
    end = {"interrupted": "; stopped by Ctrl-C"}.get(history.stopped, "")
    return f"trained {many} in {seconds(sum(history.seconds))}{best}{end}"


def training_as_json(history: Any, rows: int) -> dict[str, Any]:
    """How a fit went, for scripts."""
    best = history.best_epoch
    return {
        "rows": rows,
        "epochs": history.epochs,
        "seconds": sum(history.seconds),
        "stopped": history.stopped,
        "best_epoch": None if best is None else best + 1,
        "log_likelihood": history.log_likelihood[-1] if history.epochs else None,
    }
