"""The options that commands share, and what is allowed for each: wrong values are named before any work is done."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

# As likeliest.likelihoods and likeliest.ops have them, which are not imported for an answer to --help; tests compare.
LIKELIHOODS = (
    "bernoulli", "categorical", "ordinal", "normal", "laplace", "student_t", "log_normal", "gamma", "weibull", "beta",
    "poisson", "negative_binomial", "zero_inflated_poisson", "quantile",
)  # fmt: skip
ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu")
TASKS = ("classification", "regression")
ENGINES = ("native", "reference", "jax")


class BadData(ValueError):
    """The data that the user named cannot be used."""


@contextmanager
def blaming_the_data() -> Iterator[None]:
    """What an estimator refuses (a ValueError or TypeError) is the data's fault: a BadData."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise BadData(str(error)) from error


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


def _not_negative(value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"expected a number of at least 0, such as 0.8, found {value:g}")
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


def _folder_or_none(value: str | None) -> str | None:
    return None if value is None else _folder(value)


def _one_character(value: str | None) -> str | None:
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}
    value = named.get(value, value) if value is not None else None
    if value is not None and (len(value) != 1 or not value.isascii() or value in '"\r\n'):
        raise typer.BadParameter(f"expected one character such as ';', or tab, found {value!r}")
    return value


def test_part(value: str) -> tuple[float, str | None]:
    """What ``--test`` says: a share of the rows, or a file.

    >>> test_part("0.2"), test_part("new.csv")
    ((0.2, None), (0.0, 'new.csv'))
    """
    try:
        share = float(value)
    except ValueError:
        return 0.0, value
    if not 0 <= share < 1:
        raise typer.BadParameter(f"expected a share of the rows from 0 to 1, such as 0.2, or a file, found {value}")
    return share, None


def image_size(value: str | None) -> tuple[int, int] | None:
    """(H, W) of ``--image-size``, which has the width first, as is usual.

    >>> image_size("32x24")
    (24, 32)
    """
    if value is None:
        return None
    parts = value.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 4096 for part in parts):
        raise typer.BadParameter(f"expected width x height such as 32x32, at most 4096, found {value!r}")
    return int(parts[1]), int(parts[0])


def _check_with(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A callback that checks a value and passes it as it is."""

    def callback(value: Any) -> Any:
        check(value)
        return value

    return callback


def _share(value: float) -> float:
    if not 0 < value < 1:
        raise typer.BadParameter(f"expected a probability between 0 and 1, such as 0.9, found {value:g}")
    return value


def _word(allowed: tuple[str, ...]) -> Callable[[Any], Any]:
    """A check that an option is one of some words, or not given."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in allowed:
            close = difflib.get_close_matches(value, allowed, 1)
            like = f"; is {close[0]} meant?" if close else ""
            raise typer.BadParameter(f"expected one of {', '.join(allowed)}, found {value!r}{like}")
        return value

    return check


def _completes(allowed: tuple[str, ...]) -> Callable[[str], list[str]]:
    """What the shell may complete a word to."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in allowed if word.startswith(incomplete)]

    return complete


def _data_folder(value: str | None) -> str | None:
    if value is not None and not Path(value).expanduser().is_dir():
        raise typer.BadParameter(f"expected a folder with MNIST's files, but {value} is none")
    return value


All = Annotated[bool, typer.Option("--all", help="All ten digits, with a softmax output, not just 0 and 1.")]
Conv = Annotated[
    bool, typer.Option("--conv", help="A convolutional network: small kernels that look everywhere, then dense cells.")
]
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
        help="How many passes over the rows to learn from. The default suits the data.",
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
PictureFolder = Annotated[
    str | None,
    typer.Option("--pictures", metavar="DIR", callback=_folder_or_none, help="Draw pictures into this folder."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")]
Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="CHARACTER",
        callback=_one_character,
        help="What stands between the values of CSV, such as ';' or tab. Found out by default.",
    ),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first line of CSV is a row; the columns are called 1, 2, ….")
]
ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="A model that likeliest fit has written.")]
OnnxFile = Annotated[str, typer.Argument(metavar="OUT", help="The ONNX file to write.")]
DataFile = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="CSV (also .gz), Parquet, Arrow, NPY, NPZ, a folder of images, or - for CSV on standard input.",
    ),
]
TargetColumn = Annotated[
    str | None,
    typer.Option("--target", metavar="COLUMN", help="The column to be predicted. By default as in the fit."),
]
FitTarget = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="The column to be predicted; of an array without names its number, from 0.",
    ),
]
WeightsColumn = Annotated[
    str | None, typer.Option("--weights", metavar="COLUMN", help="How much each row counts: 2 is as having it twice.")
]
Missing = Annotated[
    bool, typer.Option("--missing-ok", help="A column that is not there counts as one of gaps, not as an error.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Out = Annotated[str, typer.Option("--out", metavar="DIR", callback=_folder, help="Where to write the pictures.")]
TextFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A text, - for standard input, or a model that this command has written.")
]
TextOut = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="Where to write the model; by default the text's name with .likeliest."),
]
WindowLength = Annotated[
    int,
    typer.Option("--length", metavar="N", callback=whole("length", 2), help="How many characters a window has."),
]
Start = Annotated[str, typer.Option("--start", metavar="TEXT", help="How samples begin.")]
Samples = Annotated[
    int, typer.Option("--samples", metavar="N", callback=whole("samples", 0), help="How many samples to write.")
]
Characters = Annotated[
    int, typer.Option("--characters", metavar="N", callback=whole("characters", 1), help="How long a sample is.")
]
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature",
        metavar="T",
        callback=_not_negative,
        help="Below 1 samples keep to what is likely, above they are bolder.",
    ),
]
SamplesOut = Annotated[
    str | None, typer.Option("--samples-out", metavar="FILE", help="Write the samples to this file, too.")
]
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
    conv: bool = False


Likelihood = Annotated[
    str | None,
    typer.Option(
        "--likelihood",
        metavar="NAME",
        callback=_word(LIKELIHOODS),
        autocompletion=_completes(LIKELIHOODS),
        help=f"What the target is: {', '.join(LIKELIHOODS)}. By default bernoulli or categorical for classes, "
        "student_t for numbers.",
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="TASK",
        callback=_word(TASKS),
        autocompletion=_completes(TASKS),
        help="classification or regression. By default strings and few whole numbers are classes.",
    ),
]
Activation = Annotated[
    str,
    typer.Option(
        "--activation",
        metavar="NAME",
        callback=_word(ACTIVATIONS),
        autocompletion=_completes(ACTIVATIONS),
        help=f"Of the hidden cells: {', '.join(ACTIVATIONS)}.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        callback=_word(ENGINES),
        autocompletion=_completes(ENGINES),
        help="What computes: native, jax (for GPUs and TPUs) or reference (NumPy).",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        "--devices",
        metavar="all",
        callback=_word(("all",)),
        help="With --engine jax: all devices of this computer, each of which takes a part of every minibatch.",
    ),
]
Keep = Annotated[
    list[str] | None, typer.Option("--keep", metavar="COLUMN", help="Use a column that would be left out.")
]
Drop = Annotated[list[str] | None, typer.Option("--drop", metavar="COLUMN", help="Leave a column out.")]
Categorical = Annotated[
    list[str] | None,
    typer.Option("--categorical", metavar="COLUMN", help="Take a column of numbers for categories, such as codes."),
]
Test = Annotated[
    str,
    typer.Option(
        "--test",
        metavar="SHARE|FILE",
        callback=_check_with(test_part),
        help="The share of the rows to hold out for the test, 0 for none; or a file of rows to test on.",
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        "--cross-validate",
        metavar="K",
        callback=whole("cross_validate", 2, 1000),
        help="Test on all rows, in K parts, each by a fit to the others; the model is then fitted to all.",
    ),
]
Refit = Annotated[
    bool, typer.Option("--refit", help="After the test, fit the model that is written to all rows, the test's too.")
]
ImageSize = Annotated[
    str | None,
    typer.Option(
        "--image-size",
        metavar="WxH",
        callback=_check_with(image_size),
        help="Bring images to so many pixels; by default all must be of one size.",
    ),
]
ModelOut = Annotated[
    str | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write the model, such as prices.likeliest.")
]
TableOut = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Where to write the predictions: .csv, .tsv, .parquet, .arrow, .feather or .npy; by default CSV on "
        "standard output.",
    ),
]
Level = Annotated[
    float,
    typer.Option(
        "--interval", metavar="P", callback=_share, help="How probable the interval of a number is to hold it."
    ),
]
Copied = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="COLUMN", help="Copy a column of the data to the predictions."),
]
Row = Annotated[
    int, typer.Option("--row", metavar="K", callback=whole("row", 0), help="Which row of the data, from 0.")
]


@dataclass(frozen=True)
class FitChoices:
    """What the user chose for ``likeliest fit``; None where the default for the data shall stand."""

    data: str
    target: str | None = None
    task: str | None = None
    likelihood: str | None = None
    hidden: tuple[int, ...] | None = None
    activation: str = "gelu"
    engine: str = "native"
    devices: str | None = None
    epochs: int | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    weights: str | None = None
    test_share: float = 0.2
    test_file: str | None = None
    folds: int | None = None
    refit: bool = False
    out: str | None = None
    force: bool = False
    pictures: str | None = None
    separator: str | None = None
    header: bool = True
    image_size: tuple[int, int] | None = None
    seed: int = 0
    threads: int | None = None
    json: bool = False
    quiet: bool = False
