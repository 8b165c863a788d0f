"""`likeliest explain MODEL DATA --row K`: one row of one's own data worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from likeliest.cli import reports
from likeliest.cli.data import Data
from likeliest.cli.model import Model, load, shown
from likeliest.cli.options import BadData, blaming_the_data
from likeliest.cli.pushes import Push, Row
from likeliest.cli.reading import read
from likeliest.cli.reports import cut
from likeliest.cli.targets import read_target, with_label_column
from likeliest.cli.terminal import Terminal
from likeliest.explain import explain
from likeliest.likelihoods import Bernoulli, Categorical
from likeliest.ops import ACTIVATIONS
from likeliest.plots.anatomy import columns
from likeliest.program import INPUT, OUTPUT

Array = npt.NDArray[Any]

MOST = 16  # columns that are listed
CELLS = 2  # of many in a layer that are listed
ALL = 6  # that are listed all
NAME = 23  # characters of a column's name


def run(
    path: str,
    source: str,
    *,
    row: int,
    target: str | None,
    missing_ok: bool,
    separator: str | None,
    header: bool,
    json: bool,
) -> None:
    """The command."""
    terminal = Terminal(quiet=json)
    model = load(path, 1)
    data = read(source, separator=separator, header=header, image_shape=model.image_shape)
    name = target if target is not None else model.target
    if data.frame is None or target is not None:
        data = with_label_column(data, name)
    if not len(data):
        raise BadData(f"{data.source} has no rows")
    if row >= len(data):
        raise BadData(f"--row: {source} has rows 0 to {len(data) - 1}, found {row}")
    one = data.rows(np.array([row]))
    y = _observed(model, one, name, target is not None)
    X, notes = model.features.take(one, missing_ok=missing_ok, besides=() if name is None else (name,))
    for note in [*data.notes, *notes]:
        terminal.note(f"{data.source}: {note}")
    estimator = model.estimator
    with blaming_the_data():
        Z = estimator.table_.transform(X, np.float64)
        seen = None if y is None else estimator._read_targets(y, None, None, reset=False)[1]
    work = Row(estimator, Z[0], seen)
    pushes = work.pushes() if Z.ndim == 2 else []
    values = _values(model, X)
    if json:
        print(reports.as_json(_document(model, path, source, row, name, y, work, pushes, values)))
        return
    terminal.say(f"Row {row} of {source}, in {path}", style="bold")
    _prediction(terminal, model, work, name, y)
    if Z.ndim == 2:
        terminal.say()
        terminal.say("THE ROW, as it was read and as the network takes it", style="bold")
        _row(terminal, model, work, values, pushes)
    page = _as_in_the_handout(work)
    if page:
        if y is None:
            terminal.say()
            terminal.say("y is not known: the likeliest class stands for it.")
        terminal.verbatim("\n" + page.removesuffix("\n") + "\n")
    else:
        terminal.say()
        terminal.say("FORWARD PASS", style="bold")
        _forward(terminal, work)
    if not page and work.derivatives is not None:
        terminal.say()
        terminal.say("BACKPROPAGATION", style="bold")
        _backward(terminal, work, y)
    if pushes:
        terminal.say()
        _pushes(terminal, model, work, pushes, values)


def _observed(model: Model, one: Data, name: str | None, asked: bool) -> Array | None:
    """The target of the row, if the data has it."""
    there = one.y is not None if one.frame is None else name in one.frame.columns
    if not there and not asked:
        return None
    try:
        return read_target(one, name or "y", model.classes)[0]
    except BadData:
        if asked:
            raise
        return None


def _values(model: Model, X: Any) -> dict[str, Any]:
    """What stands in the row, by column."""
    names = model.features.names
    if hasattr(X, "columns"):
        return dict(zip(names, X.row(0), strict=True))
    return dict(zip(names, np.ravel(X[0]).tolist(), strict=True)) if np.size(X[0]) == len(names) else {}


def _prediction(terminal: Terminal, model: Model, work: Row, name: str | None, y: Array | None) -> None:
    target = cut(name or "y", NAME)
    seen = "" if y is None else f"; observed: {shown(y[0]) if work.p is not None else _n(y[0])}"
    if work.p is not None:
        order = np.argsort(-work.p, kind="stable")[:5]
        listed = ", ".join(f"{cut(shown(model.classes[k]), 16)} {_probability(work.p[k])}" for k in order)
        more = ", …" if len(work.p) > 5 else ""
        terminal.say(f"{target}: {listed}{more}{seen}")
    else:
        d = model.estimator._distribution(work.eta)
        low, high = d.interval(0.9)
        terminal.say(
            f"{target}: {_n(work.prediction(work.eta))}, give or take {_n(d.std()[0])}, with 90 % between "
            f"{_n(low[0])} and {_n(high[0])}{seen}"
        )


def _row(terminal: Terminal, model: Model, work: Row, values: dict[str, Any], pushes: list[Push]) -> None:
    """A line for each column: its value and what it becomes."""
    table = model.estimator.table_
    names = list(table.names)
    shown_names = names
    if len(names) > MOST:
        first = [push.column.removeprefix("no ") for push in pushes]
        strongest = list(dict.fromkeys(name for name in first if name in names))[:MOST]
        shown_names = [name for name in names if name in strongest]
    width = max(min(len(name), NAME) for name in shown_names)
    place = {j: k for k, j in enumerate(table.numeric)}
    coded = {j: (k, labels) for k, (j, labels) in enumerate(table.categories)}
    for j, name in enumerate(names):
        if name not in shown_names:
            continue
        value = values.get(model.features.names[j])
        if j in place:
            k = place[j]
            if value is None or value != value:
                told = f", and a 1 for 'no {cut(name, NAME)}'" if k in table.indicated else ""
                text = f"z = 0 in place of a gap{told}"
            elif table.standardize:
                bent = " (bent beyond ±5)" if abs(work.z[k]) > 5 else ""
                text = f"z = (x − {_n(table.center[k])}) / {_n(table.scale[k])} = {_n(work.z[k])}{bent}"
            else:
                text = f"z = {_n(value)}"
        else:
            k, labels = coded[j]
            column = table.codes[k][0]
            code = int(work.z[column])
            vector = work.theta[f"embedding_1.E{column}"][code]
            few = ", ".join(_n(number) for number in vector[:4]) + (", …" if len(vector) > 4 else "")
            known = "" if code else ", unknown to the model"
            text = f"category {code} of {len(labels)}{known}: the vector ({few})"
        given = "gap" if value is None or value != value else value if isinstance(value, str) else _n(value)
        terminal.verbatim(cut(f"  {cut(name, NAME):<{width}}  {cut(given, 10):<10}  {text}", 80).rstrip() + "\n")
    if len(shown_names) < len(names):
        terminal.say(f"  … and {len(names) - len(shown_names)} columns that push less")


def _as_in_the_handout(work: Row) -> str:
    """Both passes as the handout writes them, for classes and dense layers; ``""`` for other networks."""
    if not isinstance(work.network.likelihood, Bernoulli | Categorical):
        return ""
    try:
        columns(work.network)
    except ValueError:
        return ""
    assert work.y is not None
    return explain(work.network, work.z, int(work.y[0])).text


def _forward(terminal: Terminal, work: Row) -> None:
    """A line for each value of the forward pass: what it is, its range, and its largest numbers."""
    for step in work.network.program.steps:
        value = work.values[step.output].reshape(-1)
        if step.operation == "affine":
            W = step.parameters[0]
            plus = f" + {step.parameters[1].rpartition('.')[2]}" if len(step.parameters) > 1 else ""
            what = f"{step.inputs[0]} {W.rpartition('.')[2]}{plus}"
        elif step.operation in ACTIVATIONS:
            what = f"{'σ' if step.operation == 'logistic' else step.operation}( {step.inputs[0]} )"
        else:
            what = f"{step.operation} of {', '.join(step.inputs)}"
        name = "η" if step.output == OUTPUT else step.output
        terminal.say(f"  {name} = {what}")
        terminal.say(f"      {_listed(value)}")
    terminal.say(f"  {_distribution(work)}")


def _distribution(work: Row) -> str:
    """From η to the prediction."""
    if work.p is not None:
        label = shown(work.estimator.classes_[work.label])
        return f"P({cut(label, 20)} | x) = {_probability(work.p[work.label])}, log-odds {_n(work.prediction(work.eta))}"
    likelihood = type(work.network.likelihood).__name__
    moved = work.estimator.target_center_ != 0 or work.estimator.target_scale_ != 1
    to = (
        f", times {_n(work.estimator.target_scale_)} plus {_n(work.estimator.target_center_)}, the spread and the mean "
        "of the targets it was fitted to"
        if moved
        else ""
    )
    return f"{likelihood} with these η{to}: E[y | x] = {_n(work.prediction(work.eta))}"


def _backward(terminal: Terminal, work: Row, y: Array | None) -> None:
    """LL and its derivative in each value, the last first."""
    assert work.derivatives is not None
    derivatives, gradient = work.derivatives
    note = " (y is not known: the likeliest class stands for it)" if y is None else ""
    terminal.say(f"  LL = log P(y | x) = {_n(work.log_likelihood(work.eta))}{note}")
    terminal.say(f"  ∂LL/∂η = {_listed(work.score[0])}")
    for step in reversed(work.network.program.steps):
        if step.output != OUTPUT:
            terminal.say(f"  ∂LL/∂{step.output}")
            terminal.say(f"      {_listed(derivatives[step.output].reshape(-1))}")
        for name in step.parameters:
            size = float(np.sqrt(np.sum(gradient[name] ** 2)))
            terminal.say(f"      ∂LL/∂{name}: {gradient[name].size} numbers, as a vector of length {_n(size)}")
    terminal.say(f"  ∂LL/∂{INPUT}")
    terminal.say(f"      {_listed(derivatives[INPUT].reshape(-1))}")


def _pushes(terminal: Terminal, model: Model, work: Row, pushes: list[Push], values: dict[str, Any]) -> None:
    """The columns that push the prediction most."""
    if work.p is None:
        what, unit = "the prediction", "prediction"
    else:
        what = f"the log-odds of {cut(shown(model.classes[work.label]), 20)}"
        unit = "log-odds"
    terminal.say("WHICH COLUMNS PUSH THE PREDICTION WHERE", style="bold")
    terminal.say(
        f"How {what} and LL change, to first order, where a column grows by a standard deviation; for a category, "
        "beside the average one. Last, the former by nudging, as a check."
    )
    few = pushes[:MOST]
    width = max(len("column"), *(min(len(push.column), NAME) for push in few))
    terminal.verbatim(f"  {'column':<{width}}  {'value':<12}{unit:>12}{'LL':>11}{'by nudging':>13}\n")
    for push in few:
        value = values.get(push.column, "")
        given = "gap" if value is None or value != value else value if isinstance(value, str) else _n(value)
        ll = "" if push.log_likelihood != push.log_likelihood else f"{push.log_likelihood:.4g}"
        terminal.verbatim(
            f"  {cut(push.column, NAME):<{width}}  {cut(given, 11):<12}{push.prediction:>+12.4g}{ll:>11}"
            f"{push.difference:>+13.4g}\n"
        )
    if len(few) < len(pushes):
        terminal.say(f"  … and {len(pushes) - len(few)} more that push less")


def _listed(value: Array) -> str:
    """All numbers of a few; of many the range, and the largest by size."""
    if len(value) <= ALL:
        return "(" + ", ".join(_n(number) for number in value) + ")"
    order = np.argsort(-np.abs(value), kind="stable")[:CELLS]
    most = ", ".join(f"{_n(value[j])} (no. {j + 1})" for j in order)
    return f"{len(value)} numbers, {_n(value.min())} to {_n(value.max())}; largest {most}"


def _document(
    model: Model, path: str, source: str, row: int, name: str | None, y: Any, work: Row, pushes: list[Push], values: Any
) -> dict[str, Any]:
    """All that for scripts."""
    found: dict[str, Any] = {"model": path, "data": source, "row": row, "target": name, "values": values}
    found["observed"] = None if y is None else y[0]
    if work.p is not None:
        found["label"] = model.classes[work.label]
        found["probabilities"] = {shown(label): float(p) for label, p in zip(model.classes, work.p, strict=True)}
    else:
        d = model.estimator._distribution(work.eta)
        low, high = d.interval(0.9)
        found |= {"mean": work.prediction(work.eta), "std": d.std()[0], "low_90": low[0], "high_90": high[0]}
    found["log_likelihood"] = None if y is None else work.log_likelihood(work.eta)
    found["eta"] = work.eta[0]
    found["pushes"] = [
        {
            "column": push.column,
            "z": push.z,
            "log_odds" if work.p is not None else "prediction": push.prediction,
            "log_likelihood": push.log_likelihood,
            "by_nudging": push.difference,
        }
        for push in pushes
    ]
    return found


def _n(value: Any) -> str:
    return f"{float(value):.4g}".replace("-", "−")


def _probability(p: float) -> str:
    return f"{p:.3f}" if 0.0005 <= p < 0.9995 else f"{p:.6f}"
