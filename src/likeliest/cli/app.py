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

from likeliest.cli import options

# Markup off: plain help that a pipe, a narrow terminal and a screen reader take, without loading rich first.
plain = {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}
app = typer.Typer(name="likeliest", **plain)  # type: ignore[arg-type]
explain_app = typer.Typer(name="explain", **plain)  # type: ignore[arg-type]
app.add_typer(explain_app, help="Write out one example's forward pass and backpropagation, with numbers.")

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
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@explain_app.callback(invoke_without_command=True)
def explain(context: typer.Context) -> None:
    """Write out one example's forward pass and backpropagation, with numbers."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("digits")
def digits(
    every: options.All = False,
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
    """
    from likeliest.cli.digits import run

    run(
        options.Choices(every, data, options.widths(hidden), epochs, learning_rate, batch_size, seed, threads),
        out,
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


@app.command("export")
def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", callback=options.existing_file, help="A file that save() wrote.", show_default=False
        ),
    ],
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT.onnx", callback=options.writable_file, help="The ONNX file to write.", show_default=False
        ),
    ],
    debug: options.Debug = False,
) -> None:
    """Write a saved model as an ONNX file, which other programs predict with.

    Preprocessing is in the file: columns go in as they are, probabilities or the distribution of y come out. Says what
    goes in and what comes out. A file that is there is replaced.
    """
    from likeliest.cli.export import run

    run(model, out)


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
