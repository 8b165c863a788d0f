"""What recurrences learn: the digits read row by row, and three problems of long memory, beside what was published.

    python -m benchmarks.sequences [rows] [adding] [copy] [parity]

rows     MNIST's digits, each as 28 steps of 28, by an LSTM of 128 cells. LIKELIEST_DATA names the folder of its files.
adding   200 numbers in [0, 1], two of them marked: their sum, right within 0.08.
copy     10 symbols of 8, to be written out after 100 steps of silence.
parity   whether the number of ones among the bits is odd; learned from up to 40 bits, asked of 500.

The first has its recipe; the others see new sequences in every epoch and stop when all are right, or when their time
is over. With ``--choose`` the last 10,000 training images are held out and counted instead of the test images.
"""

# ruff: noqa: D102 (Problem says what the methods are)

from __future__ import annotations

import argparse
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import likeliest as ll
from benchmarks import machine
from benchmarks.record import Record
from likeliest import averaging, optimizers, schedules
from likeliest.datasets import load_mnist

HELD_OUT = 10_000


class Outcome(NamedTuple):
    """How much of what it has not seen a network gets right, after how many sequences and how much time."""

    right: float
    asked: int
    sequences: int
    seconds: float


class Rows:
    """MNIST by an LSTM over the rows."""

    published = "Le et al. 2015: 97 % (pixel by pixel, a recurrence of relus)"
    limit = 180.0
    epochs = 16

    def run(self, *, seed: int, threads: int, limit: float, choose: bool) -> Outcome:
        """A fit of so many epochs, whatever time they take."""
        digits = load_mnist()
        X, y, X_test, y_test = digits.train_images, digits.train_labels, digits.test_images, digits.test_labels
        if choose:
            X, y, X_test, y_test = X[:-HELD_OUT], y[:-HELD_OUT], X[-HELD_OUT:], y[-HELD_OUT:]
        X, X_test = (images.reshape(-1, 28, 28) for images in (X, X_test))
        net = ll.Network([ll.LSTM(128), ll.Dropout(0.3)], likelihood=ll.likelihoods.Categorical(10))
        begin = time.perf_counter()
        net.fit(
            X,
            y,
            optimizer=optimizers.Adam(5e-3),
            schedule=schedules.OneCycle(),
            averaging=averaging.EMA(0.999),
            epochs=self.epochs,
            batch_size=128,
            seed=seed,
            threads=threads,
        )
        seconds = time.perf_counter() - begin
        return Outcome(float(np.mean(net.predict(X_test) == y_test)), len(y_test), self.epochs * len(X), seconds)


class Problem(ABC):
    """A problem whose sequences are drawn; every epoch sees new ones."""

    published: str
    limit = 180.0
    per_epoch = 6_400
    batch_size = 64
    learning_rate = 3e-3
    asked = 1_000

    @abstractmethod
    def network(self, random: np.random.Generator) -> ll.Network:
        """A fresh one."""

    @abstractmethod
    def draw(self, random: np.random.Generator, n: int) -> tuple[Any, NDArray[Any]]:
        """So many sequences, and what is to be said of them."""

    @abstractmethod
    def right(self, predicted: NDArray[Any], y: NDArray[Any]) -> float:
        """The share of it that is right."""

    def exam(self, random: np.random.Generator) -> tuple[Any, NDArray[Any]]:
        """What is asked in the end."""
        return self.draw(random, self.asked)

    def run(self, *, seed: int, threads: int, limit: float, choose: bool) -> Outcome:
        """Epoch after epoch until all of a quick check is right, or the time is over; then the exam."""
        random, others = (np.random.default_rng([seed, stream]) for stream in (0, 1))
        net = self.network(random)
        check = self.draw(others, self.asked)
        begin, sequences = time.perf_counter(), 0
        while time.perf_counter() - begin < limit:
            X, y = self.draw(random, self.per_epoch)
            net.fit(
                X,
                y,
                optimizer=optimizers.Adam(self.learning_rate),
                epochs=1,
                batch_size=self.batch_size,
                seed=seed + sequences,
                threads=threads,
                verbose=False,
            )
            sequences += self.per_epoch
            if self.right(net.predict(check[0]), check[1]) > self.enough:
                break
        seconds = time.perf_counter() - begin
        X, y = self.exam(others)
        return Outcome(self.right(net.predict(X), y), self.asked, sequences, seconds)

    enough = 0.999


class Adding(Problem):
    """The sum of the two numbers that are marked (Hochreiter and Schmidhuber 1997)."""

    published = "Hochreiter and Schmidhuber 1997, Table 7: 100 steps after 74,000 sequences, 500 after 209,000"
    steps = 200
    batch_size = 32
    learning_rate = 5e-3
    enough = 0.995

    def network(self, random: np.random.Generator) -> ll.Network:
        """Cells that remember for some twenty steps from the beginning."""
        return ll.Network([ll.LSTM(64, forget_bias=3.0)], likelihood=ll.likelihoods.Normal(scale=1.0))

    def draw(self, random: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(n, 200, 2): a number and whether it is marked, one in each half."""
        X = np.zeros((n, self.steps, 2), np.float32)
        X[..., 0] = random.uniform(size=(n, self.steps))
        half = self.steps // 2
        for start in (0, half):
            X[np.arange(n), start + random.integers(half, size=n), 1] = 1
        return X, (X[..., 0] * X[..., 1]).sum(1).astype(np.float64)

    def right(self, predicted: NDArray[Any], y: NDArray[Any]) -> float:
        """Within a 25th of the range, as in 1997 (0.04 of a sum scaled to [0, 1])."""
        return float(np.mean(np.abs(predicted - y) < 0.08))


class Copy(Problem):
    """Ten symbols, a silence, a signal, and the ten symbols again (Arjovsky, Shah and Bengio 2016)."""

    published = "posed by Arjovsky et al. 2016 for their unitary recurrence; without memory 12.5 %"
    limit = 600.0
    learning_rate = 1e-2
    symbols, length, delay = 8, 10, 100

    def network(self, random: np.random.Generator) -> ll.Network:
        """Biases for memories from one step to all of them long (Tallec and Ollivier 2018)."""
        q, T = 128, self.delay + 2 * self.length
        cells = [ll.LSTM(q, return_sequences=True)]
        net = ll.Network(cells, likelihood=ll.likelihoods.PerStep(ll.likelihoods.Categorical(self.symbols + 2)))
        net.build((T, self.symbols + 2))
        b = np.array(net.parameters["lstm_1.b"])
        b[q : 2 * q] = np.log(random.uniform(1, T - 1, q))
        b[:q] = -b[q : 2 * q]
        net.parameters["lstm_1.b"] = b
        return net

    def draw(self, random: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(n, 120, 10), one-hot: symbols 0 … 7, 8 for silence, 9 for the signal; y (n, 120)."""
        T = self.delay + 2 * self.length
        said = random.integers(self.symbols, size=(n, self.length))
        codes = np.full((n, T), self.symbols)
        codes[:, : self.length] = said
        codes[:, -self.length - 1] = self.symbols + 1
        y = np.full((n, T), float(self.symbols))
        y[:, -self.length :] = said
        return np.eye(self.symbols + 2, dtype=np.float32)[codes], y

    def right(self, predicted: NDArray[Any], y: NDArray[Any]) -> float:
        """Of the symbols."""
        return float(np.mean(predicted[:, -self.length :] == y[:, -self.length :]))


class Parity(Problem):
    """Whether the number of ones is odd, of sequences of many lengths."""

    published = "Hochreiter and Schmidhuber 1997: found sooner by guessing weights than by 7 methods of learning"
    most = 40
    exam_length = 500
    learning_rate = 1e-2
    enough = 0.9999

    def network(self, random: np.random.Generator) -> ll.Network:
        return ll.Network([ll.LSTM(32)], likelihood="bernoulli")

    def draw(self, random: np.random.Generator, n: int) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
        """Sequences (T, 1) of 1 to 40 bits."""
        return self.of_lengths(random, random.integers(1, self.most + 1, size=n))

    def exam(self, random: np.random.Generator) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
        return self.of_lengths(random, [self.exam_length] * self.asked)

    def of_lengths(
        self, random: np.random.Generator, lengths: Sequence[int] | NDArray[np.int64]
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
        """So many bits each."""
        X = [random.integers(2, size=(T, 1)).astype(np.float32) for T in lengths]
        return X, np.array([int(bits.sum()) % 2 for bits in X])

    def right(self, predicted: NDArray[Any], y: NDArray[Any]) -> float:
        return float(np.mean(predicted == y))


TASKS: dict[str, type[Rows] | type[Problem]] = {"rows": Rows, "adding": Adding, "copy": Copy, "parity": Parity}


def table(outcomes: dict[str, Outcome]) -> Table:
    """What was learned, beside what was published."""
    shown = Table(title="What recurrences learn")
    for name in ("", "right", "sequences", "s", "published"):
        shown.add_column(name, justify="left" if name in ("", "published") else "right")
    for name, one in outcomes.items():
        shown.add_row(name, f"{one.right:.2%}", f"{one.sequences:,}", f"{one.seconds:.0f}", TASKS[name].published)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="*", help=f"{', '.join(TASKS)}; all by default")
    parser.add_argument("--choose", action="store_true", help="rows: count held-out training images instead")
    parser.add_argument("--seconds", type=float, help="the most time for a problem (default 180; copy 600)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write the figures; else a new file in benchmarks/results")
    options = parser.parse_args()
    if unknown := set(options.task) - set(TASKS):
        parser.error(f"there is no task {min(unknown)!r}; there are {', '.join(TASKS)}")
    record = Record.of_run(options.json, "sequences", machine.describe(options.threads))
    outcomes: dict[str, Outcome] = {}
    for name in options.task or TASKS:
        task = TASKS[name]()
        limit = options.seconds or task.limit
        outcomes[name] = one = task.run(seed=options.seed, threads=options.threads, limit=limit, choose=options.choose)
        about = {"seed": options.seed, "sequences": one.sequences, "asked": one.asked, "choose": options.choose}
        record.write(f"{name} right", "of 1", {"likeliest": [one.right]}, **about)
        record.write(f"{name} seconds", "s", {"likeliest": [one.seconds]}, **about)
    console = Console()
    console.print(table(outcomes))
    console.print(f"Written to {record.path}")


if __name__ == "__main__":
    main()
