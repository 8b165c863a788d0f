"""`likeliest digits`: fit, report, draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich import box
from rich.table import Table

from likeliest.cli import pictures
from likeliest.cli.options import BadData, Choices
from likeliest.cli.task import KERNELS, RECIPES, Task, make_task
from likeliest.cli.terminal import Terminal, trimmed
from likeliest.fit import Epoch
from likeliest.history import History
from likeliest.network import Network
from likeliest.threads import resolve_threads

Array = npt.NDArray[Any]


def run(choices: Choices, out: str) -> None:
    """The command."""
    try:
        resolve_threads(choices.threads)  # the environment may ask for a strange number
    except ValueError as error:
        raise BadData(str(error)) from None
    terminal = Terminal()
    task = make_task(choices, RECIPES)
    network = task.network().build(task.train[0].shape[1:], seed=task.seed)
    _announce(terminal, task, network)
    X, y = task.train
    history = network.fit(
        X,
        y,
        optimizer=task.optimizer,
        epochs=task.recipe.epochs,
        batch_size=task.recipe.batch_size,
        validation=task.test,  # only to be drawn: nothing is chosen by it
        seed=task.seed,
        threads=task.threads,
        callbacks=[lambda epoch: _tell(terminal, task, epoch)] if task.conv else (),
        **task.ways,
    )
    _report(terminal, task, network, history)
    _doubts(terminal, task, network)
    if not pictures.available():
        terminal.say("No pictures: they need matplotlib, which pip install 'likeliest[plots]' brings.")
        return
    names = pictures.write(task, network, history, Path(out))
    terminal.say(f"Pictures written to {out.rstrip('/')}/:")
    terminal.say(f"  {'  '.join(names)}")


def _announce(terminal: Terminal, task: Task, network: Network) -> None:
    height, width = task.image_shape
    source = "scikit-learn's handwritten digits" if task.digits.name == "digits" else "MNIST's handwritten digits"
    which = f"{task.classes} classes" if task.every else "is it a 0 or a 1?"
    n_train, n_test = len(task.digits.train_labels), len(task.digits.test_labels)
    terminal.say(f"{source}, {height} x {width} pixels: {which}", style="bold")
    terminal.say(f"{_count(n_train)} to learn from, {_count(n_test)} held out for the test")
    cells = ", ".join(f"{width} {task.activation} cell{'s' * (width > 1)}" for width in task.recipe.hidden)
    output = f"{task.classes} classes (softmax)" if task.every else "ŷ = P(Y = 1 | x)"
    if task.conv:
        cells = ", ".join([*(f"{many} kernels of 3 x 3 ({task.activation}), pool of 2 x 2" for many in KERNELS), cells])
    terminal.say(f"network: {height * width} inputs, {cells}, {output}; {_count(network.program.size)} θ")
    rule = "Adam" if task.every or task.conv else "gradient ascent"
    epochs = "1 epoch" if task.recipe.epochs == 1 else f"{_count(task.recipe.epochs)} epochs"
    terminal.say(
        f"{rule}: {epochs}, batches of {task.recipe.batch_size}, learning rate {task.recipe.learning_rate:g}, "
        f"seed {task.seed}"
    )


def _tell(terminal: Terminal, task: Task, epoch: Epoch) -> None:
    """A line an epoch: how well the test digits are read now, by which nothing is chosen."""
    X, y = task.test
    right = float((epoch.network.predict(X, threads=task.threads) == y).mean())
    terminal.say(
        f"epoch {epoch.number}: {_percent(right)} of the test digits are read, LL per digit "
        f"{epoch.validation_log_likelihood:.4f} ({epoch.seconds:.1f} s)"
    )


def _report(terminal: Terminal, task: Task, network: Network, history: History) -> None:
    from likeliest.plots.learning import seconds

    took = sum(history.seconds)
    if history.epochs:
        speed = history.examples * history.epochs / max(took, 1e-9)
        many = "1 epoch" if history.epochs == 1 else f"{_count(history.epochs)} epochs"
        terminal.say(f"trained {many} in {seconds(took)}, {_count(_rounded(speed))} digits a second")
    else:
        terminal.say("trained for less than an epoch")
    terminal.say()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for heading in ("LL per digit\ntrain", "\ntest", "accuracy\ntrain", "\ntest"):
        table.add_column(heading, justify="right")
    fitted = [_scores(network, *part, task.threads) for part in (task.train, task.test)]
    commonest = [_commonest(task.train[1], y, task.classes) for y in (task.train[1], task.test[1])]
    for name, scores in (("network", fitted), ("always the commonest digit", commonest)):
        lls, accuracies = [f"{ll:.4f}" for ll, _ in scores], [_percent(accuracy) for _, accuracy in scores]
        table.add_row(name, *lls, *accuracies)
    terminal.console.print(table)
    terminal.say()


def _scores(network: Network, X: Array, y: Array, threads: int | None) -> tuple[float, float]:
    """LL per example and accuracy."""
    ll = network.log_likelihood(X, y, threads=threads) / len(y)
    return float(ll), float((network.predict(X, threads=threads) == y).mean())


def _commonest(train: Array, y: Array, classes: int) -> tuple[float, float]:
    """The same for giving every example the training set's class frequencies, whatever it shows."""
    p = np.bincount(train, minlength=classes) / len(train)
    with np.errstate(divide="ignore"):  # a class that was never seen was called impossible: -inf is right
        return float(np.log(p[y]).mean()), float((y == p.argmax()).mean())


def _doubts(terminal: Terminal, task: Task, network: Network) -> None:
    X, y = task.test
    p = network.predict_proba(X, threads=task.threads)
    most = np.argsort(p.max(axis=1), kind="stable")[:3]
    count = {1: "The one test digit", 2: "The two test digits"}.get(len(most), "The three test digits it doubts most")
    terminal.say(f"{count}:")
    terminal.say()
    images = trimmed(task.digits.test_images[most])
    captions = [_caption(task, p[k], int(y[k])) for k in most]
    terminal.pictures(list(images), captions)
    terminal.say()


def _caption(task: Task, p: Array, label: int) -> list[str]:
    said = int(p.argmax())
    verdict = f"is {label}" if said == label else f"is {label}: misread"
    if not task.every:
        return [f"ŷ = {_probability(p[1])}", verdict]
    second = int(np.argsort(p, kind="stable")[-2])
    return [f"{said}: {_probability(p[said])}  {second}: {_probability(p[second])}", verdict]


def _probability(p: float) -> str:
    return f"{p:.3f}" if 0.0005 <= p < 0.9995 else f"{p:.6f}"


def _percent(fraction: float) -> str:
    """Never 100 % unless all are right.

    >>> _percent(1.0), _percent(0.99999), _percent(0.5)
    ('100.00 %', '99.99 %', '50.00 %')
    """
    return f"{np.floor(10_000 * fraction + 1e-9) / 100:.2f} %"


def _count(n: float) -> str:
    """A whole number with its thousands apart.

    >>> _count(999), _count(60000)
    ('999', '60 000')
    """
    return f"{int(n):,}".replace(",", " ") if n >= 10_000 else str(int(n))


def _rounded(value: float) -> float:
    """To two digits: a speed is not known better.

    >>> _rounded(123456.0)
    120000.0
    """
    return float(f"{value:.2g}")
