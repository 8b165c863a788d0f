"""`likeliest explain digits`: one digit worked out by hand."""

from __future__ import annotations

from likeliest.cli.options import BadData, Choices
from likeliest.cli.task import SMALL_RECIPES, make_task
from likeliest.cli.terminal import Terminal, draw, trimmed
from likeliest.explain import explain


def run(choices: Choices, example: int) -> None:
    """The command."""
    terminal = Terminal()
    task = make_task(choices, SMALL_RECIPES, activation="logistic")
    X, y = task.test
    if example >= len(y):
        raise BadData(f"--example: there are test digits 0 to {len(y) - 1}, found {example}")
    network = task.network()
    network.fit(
        *task.train,
        optimizer=task.optimizer,
        epochs=task.recipe.epochs,
        batch_size=task.recipe.batch_size,
        seed=task.seed,
        threads=task.threads,
    )
    explanation = explain(network, X[example], int(y[example]))

    cells = " and ".join(str(width) for width in task.recipe.hidden)
    output = f"a softmax over {task.classes} classes" if task.every else "one logistic output"
    epochs = "1 epoch" if task.recipe.epochs == 1 else f"{task.recipe.epochs} epochs"
    terminal.say(f"Test digit {example}, a {y[example]}", style="bold")
    terminal.say(f"in a network of {cells} logistic cells and {output},")
    terminal.say(f"after {epochs} of training with seed {task.seed}")
    terminal.say()
    for line in draw(trimmed(task.digits.test_images[example][None])[0], terminal.console.width, terminal.unicode):
        terminal.verbatim(f"     {line.rstrip()}\n")
    terminal.say()
    terminal.verbatim(str(explanation))
