"""Regressor() with nothing said on the published splits of four UCI tables, beside its peers and what was published.

python -m benchmarks.uci [--folder DIR] [--sets concrete yacht] [--splits 3] [--peers none]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

if not __package__:  # run as a file: what must be importable is the folder above, not this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import children, machine, tables
from benchmarks.data import DataError
from benchmarks.estimators import regression, uci
from benchmarks.estimators.turns import Figures, in_turn
from benchmarks.peers import REFERENCE, versions
from benchmarks.record import Record
from benchmarks.summary import Summary, mean_and_error

UNITS = {"log_likelihood": "nat", "rmse": "unit of y", "seconds": "s"}


def main() -> None:
    options = parse()
    if options.folder:
        os.environ[uci.VARIABLE] = str(options.folder.resolve())
    try:
        uci.folder()
    except DataError as error:
        raise SystemExit(str(error)) from None
    peers = [REFERENCE, *(peer for peer in options.peers if peer not in ("none", REFERENCE))]
    record = Record.of_run(options.json, "uci", machine.describe(options.threads))
    tables.heading(record.machine)

    failed: dict[str, str] = {}
    figures: dict[str, Figures] = {}
    running = children.start(peers, "regression", options.threads, failed, "benchmarks.estimators.child")
    try:
        for name in options.sets:
            figures[name] = in_turn(running, name, range(options.splits), failed)
            for measurement, unit in UNITS.items():
                values = {peer: [answer[measurement] for answer in answers] for peer, answers in figures[name].items()}
                about = {"set": name, "version": versions([*values])}
                record.write(f"uci {measurement}", unit, values, **about)
    finally:
        for child in running:
            child.close()
    show(figures, options.splits)
    tables.failures(failed)
    tables.written(record.path)


def parse() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--folder", type=Path, help=f"the folder of the .npz files (default: {uci.VARIABLE})")
    arguments.add_argument("--sets", nargs="+", choices=uci.SETS, default=list(uci.SETS))
    arguments.add_argument("--splits", type=int, choices=range(1, uci.SPLITS + 1), default=uci.SPLITS, metavar="K")
    arguments.add_argument("--peers", nargs="+", choices=[*regression.PEERS, "none"], default=list(regression.PEERS))
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--json", type=Path, help="append to this file (default: a new one in benchmarks/results)")
    return arguments.parse_args()


def show(figures: dict[str, Figures], splits: int) -> None:
    """One row per table and peer; what was published stands in the first row of its table."""
    title = f"Mean test log-likelihood per row and RMSE, ± standard error over {splits} splits; median seconds a fit"
    table = tables.titled(title, ["set", "", "log-likelihood", "RMSE", "s", *uci.PUBLISHED], narrow=True)
    for name, by_peer in figures.items():
        published = [f"{column[name]:.2f}" for column in uci.PUBLISHED.values()]
        for peer, answers in by_peer.items():
            row = [plus_minus([answer[key] for answer in answers]) for key in ("log_likelihood", "rmse")]
            seconds = Summary.of([answer["seconds"] for answer in answers]).median
            table.add_row(name, peer, *row, f"{seconds:.2f}", *published)
            name, published = "", [""] * len(published)
        table.add_section()
    tables.console.print(table)
    for column, source in uci.SOURCES.items():
        tables.console.print(f"{column}: {source}", highlight=False)


def plus_minus(values: list[float]) -> str:
    mean, error = mean_and_error(values)
    return f"{mean:.3f} ± {error:.3f}"


if __name__ == "__main__":
    main()
