"""How few of MNIST's test digits one convolutional network misreads, quickly and with augmentation.

    make bench-mnist        or  python -m benchmarks.mnist [quick] [augmented]

``quick`` takes five epochs, ``augmented`` a quarter of an hour of digits that change while it fits. With ``--choose``
the last 10,000 training images are held out and counted instead of the test images: what a recipe is chosen by.
LIKELIEST_DATA names the folder with MNIST's files.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import likeliest as ll
from benchmarks import machine
from benchmarks.record import Record
from likeliest import augmentation, averaging, optimizers, schedules
from likeliest.datasets import load_mnist

PUBLISHED = (
    ("LeNet-5 (LeCun et al. 1998)", 0.95),
    ("LeNet-5, distorted digits (LeCun et al. 1998)", 0.8),
    ("two convolutions, elastic distortions (Simard et al. 2003)", 0.4),
)
HELD_OUT = 10_000


@dataclass(frozen=True)
class Recipe:
    """A network and how it is fitted."""

    layers: tuple[ll.Layer, ...]
    epochs: int
    learning_rate: float
    augment: tuple[augmentation.Augmentation, ...] = ()
    averaging: averaging.Averaging | None = None


class Outcome(NamedTuple):
    """What a fitted network does on digits that it has not seen."""

    errors: int
    digits: int
    log_likelihood: float
    seconds: float


def normed(width: int, padding: str = "same") -> tuple[ll.Layer, ...]:
    """A convolution of 3x3 with batch normalization before its relu."""
    return ll.Conv2D(width, 3, padding=padding, bias=False), ll.BatchNorm(), ll.Activation("relu")


RECIPES = {
    "quick": Recipe(
        (
            ll.Rescale(),
            *(ll.Conv2D(32, 3, "relu"), ll.MaxPool2D(2)),
            *(ll.Conv2D(64, 3, "relu"), ll.MaxPool2D(2)),
            *(ll.Flatten(), ll.Dense(128, "relu"), ll.Dropout(0.25)),
        ),
        epochs=5,
        learning_rate=4e-3,
    ),
    "augmented": Recipe(
        (
            ll.Rescale(),
            *(*normed(32, "valid"), *normed(32, "valid"), ll.MaxPool2D(2)),
            *(*normed(64), *normed(64), ll.MaxPool2D(2)),
            *(*normed(128), ll.Flatten()),
            *(ll.Dropout(0.3), ll.Dense(128), ll.BatchNorm(), ll.Activation("relu"), ll.Dropout(0.3)),
        ),
        epochs=28,
        learning_rate=3e-3,
        augment=(
            augmentation.Shift(2),
            augmentation.Rotate(12),
            augmentation.Scale(0.1),
            augmentation.Shear(8),
            augmentation.Elastic(25, 5),
        ),
        averaging=averaging.EMA(0.999),
    ),
}


def run(recipe: Recipe, *, epochs: int, seed: int, threads: int, choose: bool) -> Outcome:
    """Fits a recipe's network to MNIST's training images and counts what it misreads."""
    digits = load_mnist(scale=False)
    X, y, X_test, y_test = digits.train_images, digits.train_labels, digits.test_images, digits.test_labels
    if choose:
        X, y, X_test, y_test = X[:-HELD_OUT], y[:-HELD_OUT], X[-HELD_OUT:], y[-HELD_OUT:]
    net = ll.Network(list(recipe.layers), likelihood=ll.likelihoods.Categorical(10))
    begin = time.perf_counter()
    net.fit(
        X,
        y,
        optimizer=optimizers.Adam(recipe.learning_rate),
        schedule=schedules.OneCycle(),
        averaging=recipe.averaging,
        augment=recipe.augment or None,
        epochs=epochs,
        batch_size=128,
        seed=seed,
        threads=threads,
    )
    seconds = time.perf_counter() - begin
    errors = int(np.sum(net.predict(X_test) != y_test))
    return Outcome(errors, len(y_test), float(net.log_likelihood(X_test, y_test)) / len(y_test), seconds)


def table(outcomes: dict[str, Outcome], where: str) -> Table:
    """What was counted, beside what was published."""
    shown = Table(title=f"MNIST: misread of the {next(iter(outcomes.values())).digits:,} {where}")
    for name in ("network", "errors", "LL per image", "s"):
        shown.add_column(name, justify="left" if name == "network" else "right")
    for name, published in PUBLISHED:
        shown.add_row(name, f"{published:.2f} %", "", "")
    for name, one in outcomes.items():
        errors = f"{100 * one.errors / one.digits:.2f} %"
        shown.add_row(f"likeliest, {name}", errors, f"{one.log_likelihood:.4f}", f"{one.seconds:.0f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="*", help=f"{' or '.join(RECIPES)}; both by default")
    parser.add_argument("--choose", action="store_true", help="count held-out training images instead")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write the figures; else a new file in benchmarks/results")
    options = parser.parse_args()
    if unknown := set(options.recipe) - set(RECIPES):
        parser.error(f"there is no recipe {min(unknown)!r}; there are {', '.join(RECIPES)}")
    where = "held-out training images" if options.choose else "test images"
    record = Record.of_run(options.json, "mnist", machine.describe(options.threads))
    outcomes: dict[str, Outcome] = {}
    for name in options.recipe or RECIPES:
        recipe = RECIPES[name]
        epochs = options.epochs or recipe.epochs
        outcomes[name] = one = run(
            recipe, epochs=epochs, seed=options.seed, threads=options.threads, choose=options.choose
        )
        about = {"epochs": epochs, "seed": options.seed, "on": where, "log_likelihood": one.log_likelihood}
        record.write("mnist errors", "of 1", {f"likeliest {name}": [one.errors / one.digits]}, **about)
        record.write("mnist seconds", "s", {f"likeliest {name}": [one.seconds]}, **about)
    console = Console()
    console.print(table(outcomes, where))
    console.print(f"Written to {record.path}")


if __name__ == "__main__":
    main()
