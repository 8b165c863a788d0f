"""Progress: what ``fit`` shows while it works. A bar in a terminal, else one plain line an epoch, or nothing."""

from __future__ import annotations

import sys
from typing import Any, Protocol


class Progress(Protocol):
    """Shown things: told of every chunk of steps and every finished epoch."""

    def advance(self, examples: int, seconds: float, log_likelihood: float) -> None:
        """Some steps are done: how many examples they took, how long, and their mean log-likelihood."""

    def epoch(self, number: int, log_likelihood: float, validation: float | None, seconds: float) -> None:
        """An epoch is done."""

    def close(self) -> None:
        """Training is over."""


class Silent:
    """Shows nothing."""

    def advance(self, examples: int, seconds: float, log_likelihood: float) -> None:
        """Nothing."""

    def epoch(self, number: int, log_likelihood: float, validation: float | None, seconds: float) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines(Silent):
    """One plain line an epoch, on standard error."""

    def __init__(self, last: int) -> None:
        self.last = last

    def epoch(self, number: int, log_likelihood: float, validation: float | None, seconds: float) -> None:
        """Prints the line."""
        held_out = "" if validation is None else f"   validation LL {validation:.5f}"
        line = (
            f"epoch {number:>{len(str(self.last))}}/{self.last}   LL {log_likelihood:.5f}{held_out}   {seconds:.3f} s"
        )
        print(line, file=sys.stderr, flush=True)


class Bar(Silent):
    """A rich progress bar with LL, validation LL, examples a second and time left."""

    def __init__(self, first: int, last: int, examples: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.last, self.examples = last, examples
        self.bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("LL {task.fields[ll]}{task.fields[validation]}  {task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            auto_refresh=False,  # a thread of its own would take time from the training threads
        )
        self.task = self.bar.add_task(
            "fit", total=(last - first) * examples, epoch=f"{first + 1}/{last}", ll="-", validation="", speed=""
        )
        self.bar.start()

    def advance(self, examples: int, seconds: float, log_likelihood: float) -> None:
        """Moves the bar."""
        speed = f"{_short(examples / max(seconds, 1e-9))} examples/s"
        self.bar.update(self.task, advance=examples, ll=f"{log_likelihood:.4f}", speed=speed, refresh=True)

    def epoch(self, number: int, log_likelihood: float, validation: float | None, seconds: float) -> None:
        """Shows the epoch's numbers."""
        held_out = "" if validation is None else f"  validation LL {validation:.4f}"
        self.bar.update(
            self.task,
            epoch=f"{min(number + 1, self.last)}/{self.last}",
            ll=f"{log_likelihood:.4f}",
            validation=held_out,
        )

    def close(self) -> None:
        """Leaves the bar as it stands."""
        self.bar.refresh()
        self.bar.stop()


def _short(x: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if x >= limit:
            return f"{x / limit:.3g}{unit}"
    return f"{x:.3g}"


def make_progress(verbose: Any, first: int, last: int, examples: int) -> Progress:
    """The one that ``verbose`` asks for.

    ``"auto"``: a bar when standard error is a terminal, else nothing. True: a bar, or lines where there is no terminal.
    False: nothing.
    """
    if verbose not in ("auto", True, False):
        raise ValueError(f'verbose: expected "auto", True or False, found {verbose!r}')
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if terminal and verbose:
        return Bar(first, last, examples)
    return Lines(last) if verbose and verbose != "auto" else Silent()
