"""How few of MNIST's test digits one convolutional network misreads: quickly, and with augmentation.

``python -m benchmarks.mnist quick`` takes five epochs, ``augmented`` forty of digits that change while it fits. With
``--choose`` the last 10,000 training images are held out and tested on instead of the test images: what a recipe is
chosen by. LIKELIEST_DATA names the folder with MNIST's files.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

import likeliest as ll
from likeliest import augmentation, averaging, optimizers, schedules
from likeliest.datasets import load_mnist

PUBLISHED = (
    ("LeNet-5 (LeCun et al. 1998)", 0.95),
    ("LeNet-5, distorted digits (LeCun et al. 1998)", 0.8),
    ("convolutions, elastic distortions (Simard et al. 2003)", 0.4),
)


@dataclass(frozen=True)
class Recipe:
    """A network and how it is fitted."""

    layers: tuple[ll.Layer, ...]
    epochs: int
    learning_rate: float
    augment: tuple[augmentation.Augmentation, ...] = ()
    averaging: averaging.Averaging | None = None


def blocks(kernel: int, norm: bool) -> tuple[ll.Layer, ...]:
    """Two convolutions of 32 and 64 kernels, each with a pool behind it."""
    layers: list[ll.Layer] = [ll.Rescale()]
    for width in (32, 64):
        if norm:
            layers += [ll.Conv2D(width, kernel), ll.BatchNorm(), ll.Activation("relu"), ll.MaxPool2D(2)]
        else:
            layers += [ll.Conv2D(width, kernel, "relu"), ll.MaxPool2D(2)]
    return (*layers, ll.Flatten())


RECIPES = {
    "quick": Recipe((*blocks(3, False), ll.Dense(128, "relu"), ll.Dropout(0.25)), 5, 4e-3),
    "augmented": Recipe(
        (*blocks(5, True), ll.Dropout(0.3), ll.Dense(256, "relu"), ll.Dropout(0.5)),
        40,
        3e-3,
        (
            augmentation.Shift(2),
            augmentation.Rotate(12),
            augmentation.Scale(0.1),
            augmentation.Shear(8),
            augmentation.Elastic(25, 5),
        ),
        averaging.EMA(0.999),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--choose", action="store_true", help="test on held-out training images")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    recipe = RECIPES[options.recipe]
    digits = load_mnist(scale=False)
    X, y, X_test, y_test = digits.train_images, digits.train_labels, digits.test_images, digits.test_labels
    if options.choose:
        X, y, X_test, y_test = X[:-10_000], y[:-10_000], X[-10_000:], y[-10_000:]
    net = ll.Network(list(recipe.layers), likelihood=ll.likelihoods.Categorical(10))
    begin = time.perf_counter()
    net.fit(
        X,
        y,
        optimizer=optimizers.Adam(recipe.learning_rate),
        schedule=schedules.OneCycle(),
        averaging=recipe.averaging,
        augment=recipe.augment or None,
        epochs=options.epochs or recipe.epochs,
        batch_size=128,
        seed=options.seed,
        threads=options.threads,
    )
    seconds = time.perf_counter() - begin
    error = 100 * float(np.mean(net.predict(X_test) != y_test))
    log_likelihood = float(net.log_likelihood(X_test, y_test)) / len(y_test)
    where = "held-out training images" if options.choose else "test images"
    table = Table(title=f"MNIST: errors on the {len(y_test):,} {where}")
    for name in ("network", "errors", "LL per image", "s"):
        table.add_column(name, justify="left" if name == "network" else "right")
    for name, published in PUBLISHED:
        table.add_row(name, f"{published:.2f} %", "", "")
    table.add_row(f"likeliest, {options.recipe}", f"{error:.2f} %", f"{log_likelihood:.4f}", f"{seconds:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
