"""The program `likeliest`: its commands, and what becomes of errors and of Ctrl-C.

Nothing heavy is imported before a command runs, so that ``likeliest --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core

from likeliest.cli import options

# Markup off: plain help that a pipe, a narrow terminal and a screen reader take, without loading rich first.
plain = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
EXITS = (
    "Exit codes: 0 when all is well, 2 when the arguments or the data are at fault, 130 after Ctrl-C, 1 for all other "
    "errors. An error is one line on standard error, with --debug a traceback."
)


class ExplainGroup(typer.core.TyperGroup):
    """`explain digits`, and `explain MODEL DATA`, which is the command `row` with its name left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the command's name where there is none."""
        if args and args[0] not in self.commands and not set(args) <= {"--help", "--debug"}:
            args = ["row", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(name="likeliest", **plain, epilog=EXITS)  # type: ignore[arg-type]
explain_app = typer.Typer(name="explain", **plain, add_completion=False, cls=ExplainGroup)  # type: ignore[arg-type]

# Typer brings its own click, or uses the installed one, depending on its version: these are whichever it uses.
UsageError = typer.BadParameter.__bases__[0]
ClickException = UsageError.__bases__[0]


def _version(wanted: bool) -> None:
    if wanted:
        from likeliest import __version__

        typer.echo(f"likeliest {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def likeliest(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Neural networks by maximum likelihood.

    Start with: likeliest digits

    With data of your own: likeliest fit houses.csv --target price --out houses.likeliest, then likeliest predict
    houses.likeliest new.csv
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@explain_app.callback(invoke_without_command=True)
def explain(context: typer.Context) -> None:
    """Write out one example's forward pass and backpropagation, with numbers.

    likeliest explain MODEL DATA --row K: a row of your own data, in a model that likeliest fit has written; "row" need
    not be said.

    likeliest explain digits --example K: a handwritten digit, as the handout would write it.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("digits")
def digits(
    every: options.All = False,
    conv: options.Conv = False,
    data: options.Data = None,
    hidden: options.Hidden = None,
    epochs: options.Epochs = None,
    learning_rate: options.LearningRate = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    out: options.Out = "digits",
    debug: options.Debug = False,
) -> None:
    """Learn to read handwritten digits: is it a 0 or a 1?

    By default on the 360 zeros and ones of 8 x 8 pixels that scikit-learn ships, with the handout's network: one hidden
    layer of logistic cells, one logistic output. Shows how likely the network makes the digits it has never seen (LL,
    the log-likelihood), draws those it doubts most, and writes pictures of what it has learned.

    With --all --conv, a convolutional network for all ten, and pictures of its kernels and of what they find in a
    digit.
    """
    from likeliest.cli.digits import run

    run(
        options.Choices(every, data, options.widths(hidden), epochs, learning_rate, batch_size, seed, threads, conv),
        out,
    )


@app.command("fit")
def fit(
    data: options.DataFile,
    target: options.FitTarget = None,
    out: options.ModelOut = None,
    force: options.Force = False,
    task: options.TaskOption = None,
    likelihood: options.Likelihood = None,
    hidden: options.Hidden = None,
    activation: options.Activation = "gelu",
    engine: options.Engine = "native",
    devices: options.Devices = None,
    epochs: options.Epochs = None,
    keep: options.Keep = None,
    drop: options.Drop = None,
    categorical: options.Categorical = None,
    weights: options.WeightsColumn = None,
    test: options.Test = "0.2",
    cross_validate: options.Folds = None,
    refit: options.Refit = False,
    pictures: options.PictureFolder = None,
    separator: options.Separator = None,
    no_header: options.NoHeader = False,
    image_size: options.ImageSize = None,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Fit a network to your own table or images, and test it.

    Says what it takes each column for, leaves out those that only name or count the rows, fits, and tests on rows that
    were held out: the log-likelihood per row, accuracy or error, and whether the probabilities can be believed, beside
    a naive model that looks at no column. The model that is written is the one that was tested, unless --refit or
    --cross-validate say otherwise.
    """
    from likeliest.cli.fit import run

    share, file = options.test_part(test)
    run(
        options.FitChoices(
            data=data,
            target=target,
            task=task,
            likelihood=likelihood,
            hidden=options.widths(hidden),
            activation=activation,
            engine=engine,
            devices=devices,
            epochs=epochs,
            keep=tuple(keep or ()),
            drop=tuple(drop or ()),
            categorical=tuple(categorical or ()),
            weights=weights,
            test_share=share,
            test_file=file,
            folds=cross_validate,
            refit=refit,
            out=out,
            force=force,
            pictures=pictures,
            separator=separator,
            header=not no_header,
            image_size=options.image_size(image_size),
            seed=seed,
            threads=threads,
            json=json,
            quiet=quiet,
        )
    )


@app.command("predict")
def predict(
    model: options.ModelFile,
    data: options.DataFile,
    out: options.TableOut = None,
    force: options.Force = False,
    copied: options.Copied = None,
    interval: options.Level = 0.9,
    missing_ok: options.Missing = False,
    separator: options.Separator = None,
    no_header: options.NoHeader = False,
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Predict each row of a table, or each image.

    Classes: the likeliest, "label", and the probability of each, "p_…". Numbers: "mean", "std", "median" and the ends
    of the interval, "low_90" and "high_90". Columns are found by name, in whatever order; of others there is a word on
    standard error. The rows stay in order.
    """
    from likeliest.cli.predict import run

    run(
        model,
        data,
        out=out,
        force=force,
        copied=tuple(copied or ()),
        level=interval,
        missing_ok=missing_ok,
        separator=separator,
        header=not no_header,
        threads=threads,
        json=json,
        quiet=quiet,
    )


@app.command("evaluate")
def evaluate(
    model: options.ModelFile,
    data: options.DataFile,
    target: options.TargetColumn = None,
    weights: options.WeightsColumn = None,
    pictures: options.PictureFolder = None,
    missing_ok: options.Missing = False,
    separator: options.Separator = None,
    no_header: options.NoHeader = False,
    threads: options.Threads = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Test a model on rows whose target is known.

    Beside the model stands a naive one that looks at no column: the shares of the classes, or the distribution of the
    numbers, of these very rows.
    """
    from likeliest.cli.evaluate import run

    run(
        model,
        data,
        target=target,
        weights=weights,
        pictures=pictures,
        missing_ok=missing_ok,
        separator=separator,
        header=not no_header,
        threads=threads,
        json=json,
    )


@app.command("show")
def show(
    model: options.ModelFile,
    pictures: options.PictureFolder = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show what is in a model file.

    The network, what it makes of columns, how it was fitted, its weights.
    """
    from likeliest.cli.show import run

    run(model, pictures=pictures, json=json)


@explain_app.command("row")
def explain_row(
    model: options.ModelFile,
    data: options.DataFile,
    row: options.Row = 0,
    target: options.TargetColumn = None,
    missing_ok: options.Missing = False,
    separator: options.Separator = None,
    no_header: options.NoHeader = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Work one row of your own data out by hand.

    What the row becomes, the forward pass, the prediction, backpropagation, and which columns push it where.
    """
    from likeliest.cli.explain_row import run

    run(
        model,
        data,
        row=row,
        target=target,
        missing_ok=missing_ok,
        separator=separator,
        header=not no_header,
        json=json,
    )


@explain_app.command("digits")
def explain_digits(
    example: Annotated[
        int,
        typer.Option(
            metavar="K",
            help="Which of the test digits, from 0.",
            callback=options.whole("example", 0),
            show_default=True,
        ),
    ] = 0,
    every: options.All = False,
    data: options.Data = None,
    hidden: options.Hidden = None,
    epochs: options.Epochs = None,
    seed: options.Seed = 0,
    debug: options.Debug = False,
) -> None:
    """Train a small network on the digits, then work one test digit out by hand.

    Writes the forward pass, equations (1) to (3) of the handout, and backpropagation, equations (4) and (5), with the
    numbers of one digit. Beside every derivative stands a finite difference that it should equal.
    """
    from likeliest.cli.explain import run

    run(options.Choices(every, data, options.widths(hidden), epochs, None, None, seed, 1), example)


@app.command("text")
def text(
    file: options.TextFile,
    out: options.TextOut = None,
    force: options.Force = False,
    hidden: options.Hidden = None,
    length: options.WindowLength = 64,
    epochs: options.Epochs = None,
    start: options.Start = "",
    samples: options.Samples = 3,
    characters: options.Characters = 300,
    temperature: options.Temperature = 0.8,
    samples_out: options.SamplesOut = None,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Learn how a text goes on, character by character, and write such text.

    Any text in UTF-8 will do, a few hundred thousand characters are a good start. Stops when the end of the text, which
    is held out, becomes no likelier; Ctrl-C stops earlier and keeps what was learned.

    likeliest text MODEL.likeliest writes more samples from a model that was saved.
    """
    from likeliest.cli.text import TextChoices, run

    run(
        TextChoices(
            file, out, force, options.widths(hidden), length, epochs, start, samples, characters, temperature,
            samples_out, seed, threads, json, quiet,
        )
    )  # fmt: skip


@app.command("export")
def export(
    model: options.ModelFile,
    out: options.OnnxFile,
    force: options.Force = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write a saved model as an ONNX file, which other programs predict with.

    Preprocessing is in the file: columns go in as they are, probabilities or the distribution of y come out. Says what
    goes in and what comes out.
    """
    from likeliest.cli.export import run

    run(model, out, force=force, json=json)


app.add_typer(explain_app, short_help="Write out one row's passes with numbers.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program: ``likeliest.cli.main(["digits"])``, or with the command line's own arguments.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after the program's name; by default ``sys.argv[1:]``.

    Returns
    -------
    int
        0, or 2 when the arguments or the data are at fault, 130 after Ctrl-C, 1 for all other errors. An error is one
        line on standard error, and with ``--debug`` a traceback.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a ŷ gets a question mark there, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = app(arguments, standalone_mode=False, prog_name="likeliest")
            if sys.stdout is not None:  # as in `likeliest digits >&-`
                sys.stdout.flush()
            if code == 130:  # newer typers make an exit of Ctrl-C by themselves
                return _complain("interrupted", 130)
            return code if isinstance(code, int) else 0
        except (KeyboardInterrupt, typer.Abort):
            return _complain("interrupted", 130)
        except SystemExit as error:  # typer's own way out when the reader of a pipe has gone
            return error.code if isinstance(error.code, int) else 1
        except BrokenPipeError:  # as in `likeliest digits | head -1`: nobody is left to tell
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Exception as error:
            if "--debug" in arguments:
                import traceback

                traceback.print_exc()
            return _complain(*_explanation(error))


def _explanation(error: Exception) -> tuple[str, int]:
    """What to say about an error, and the exit code."""
    if isinstance(error, ClickException):
        message = error.format_message()  # type: ignore[attr-defined]
        return message, 2 if isinstance(error, UsageError) else 1
    if isinstance(error, options.BadData):
        return str(error), 2
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror, 1
    known = (ArithmeticError, ImportError, OSError, ValueError, RuntimeError, MemoryError)
    message = str(error) or type(error).__name__
    if not isinstance(error, known):
        message = f"{type(error).__name__}: {message} (a bug: --debug shows where)"
    return message, 1


def _complain(message: str, code: int) -> int:
    print(f"likeliest: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    _complain(str(message), 0)
