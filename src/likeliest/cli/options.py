"""The options that commands share, and what is allowed for each: wrong values are named before any work is done."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


class BadData(ValueError):
    """The data that the user named cannot be used."""


def whole(name: str, least: int, most: int = 2**63 - 1) -> Callable[[Any], Any]:
    """A check that an option is a whole number in a range, or not given."""

    def check(value: int | None) -> int | None:
        if value is not None and not least <= value <= most:
            bounds = f"from {least} to {most}" if most < 2**32 else f"of at least {least}"
            raise typer.BadParameter(f"expected a whole number {bounds}, found {value}")
        return value

    check.__name__ = f"check_{name}"
    return check


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"expected a positive number such as 0.1, found {value:g}")
    return value


def _widths_are_right(value: str | None) -> str | None:
    widths(value)
    return value


def widths(value: str | None) -> tuple[int, ...] | None:
    """The numbers in ``"64,32"``.

    >>> widths("64,32"), widths(None)
    ((64, 32), None)
    """
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 6 and int(part) >= 1 for part in parts):
        raise typer.BadParameter(f"expected how many cells each layer has, such as 8 or 64,32, found {value!r}")
    return tuple(int(part) for part in parts)


def _folder(value: str) -> str:
    path = Path(value).expanduser()
    nearest = next((place for place in (path, *path.absolute().parents) if place.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise typer.BadParameter(f"expected a folder, but {nearest} is a file")
    if nearest is not None and not os.access(nearest, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"cannot write into {nearest}")
    return str(path)


def _data_folder(value: str | None) -> str | None:
    if value is not None and not Path(value).expanduser().is_dir():
        raise typer.BadParameter(f"expected a folder with MNIST's files, but {value} is none")
    return value


def existing_file(value: str) -> str:
    """A check that an argument names a file that can be read."""
    path = Path(value).expanduser()
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {value}" if not path.exists() else f"{value} is no file")
    if not os.access(path, os.R_OK):
        raise typer.BadParameter(f"cannot read {value}")
    return str(path)


def writable_file(value: str) -> str:
    """A check that a file of that name could be written."""
    path = Path(value).expanduser()
    if path.is_dir():
        raise typer.BadParameter(f"expected the name of a file, but {value} is a folder")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise typer.BadParameter(f"cannot write {value}")
    return str(path)


All = Annotated[bool, typer.Option("--all", help="All ten digits, with a softmax output, not just 0 and 1.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DIR",
        envvar="LIKELIEST_DATA",
        callback=_data_folder,
        help="A folder with MNIST's four IDX files, plain or .gz: 28 x 28 pixels, 60000 digits to learn from.",
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(
        "--hidden",
        metavar="N[,N...]",
        callback=_widths_are_right,
        help="How many hidden cells; 64,32 makes two layers. The default suits the data.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        callback=whole("epochs", 1),
        help="How many passes over the training digits. The default suits the data.",
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        metavar="RATE",
        callback=_positive,
        help="How far to step up the gradient. The default suits the data.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        callback=whole("batch_size", 1),
        help="How many digits each step looks at. The default suits the data.",
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", metavar="N", callback=whole("seed", 0), help="The same seed gives the same network."),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        callback=whole("threads", 1, 1024),
        help="How many threads to use; by default all CPUs. The result is the same.",
    ),
]
Out = Annotated[str, typer.Option("--out", metavar="DIR", callback=_folder, help="Where to write the pictures.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")]


@dataclass(frozen=True)
class Choices:
    """What the user chose; None where the default for the data shall stand."""

    every: bool
    data: str | None
    hidden: tuple[int, ...] | None
    epochs: int | None
    learning_rate: float | None
    batch_size: int | None
    seed: int
    threads: int | None
