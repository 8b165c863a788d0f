"""Classifier() with nothing said beside scikit-learn's MLPClassifier and HistGradientBoostingClassifier, in ten folds.

python -m benchmarks.classifiers [--sets wine customers] [--folds 3] [--peers mlp]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if not __package__:  # run as a file: what must be importable is the folder above, not this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import children, machine, tables
from benchmarks.estimators import classification, labelled
from benchmarks.estimators.turns import Figures, in_turn
from benchmarks.peers import REFERENCE, versions
from benchmarks.record import Record
from benchmarks.summary import mean_and_error
from likeliest.calibration import expected_calibration_error

BINS = 15


def main() -> None:
    options = parse()
    peers = [REFERENCE, *(peer for peer in options.peers if peer not in ("none", REFERENCE))]
    record = Record.of_run(options.json, "classifiers", machine.describe(options.threads))
    tables.heading(record.machine)

    failed: dict[str, str] = {}
    figures: dict[str, Figures] = {}
    running = children.start(peers, "classification", options.threads, failed, "benchmarks.estimators.child")
    try:
        for name in options.sets:
            figures[name] = in_turn(running, name, range(options.folds), failed)
            write(record, name, figures[name])
    finally:
        for child in running:
            child.close()
    show(figures, options.folds)
    tables.failures(failed)
    tables.written(record.path)


def parse() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--sets", nargs="+", choices=labelled.SETS, default=list(labelled.SETS))
    folds = range(1, labelled.FOLDS + 1)
    arguments.add_argument("--folds", type=int, choices=folds, default=labelled.FOLDS, metavar="K", help="the first K")
    peers = list(classification.PEERS)
    arguments.add_argument("--peers", nargs="+", choices=[*peers, "none"], default=peers)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--json", type=Path, help="append to this file (default: a new one in benchmarks/results)")
    return arguments.parse_args()


def write(record: Record, name: str, by_peer: Figures) -> None:
    scores = {peer: fold_means(answers) for peer, answers in by_peer.items()}
    about = {
        "set": name,
        "version": versions(["likeliest", "mlp", "boosting"]),
        "accuracy": {peer: accuracy(answers) for peer, answers in by_peer.items()},
        "calibration_error": {peer: calibration_error(answers) for peer, answers in by_peer.items()},
    }
    record.write("classifier log_likelihood", "nat", scores, **about)
    seconds = {peer: [answer["seconds"] for answer in answers] for peer, answers in by_peer.items()}
    record.write("classifier seconds", "s", seconds, **about)


def show(figures: dict[str, Figures], folds: int) -> None:
    """One row per data set and peer; the verdict stands in likeliest's own row."""
    title = f"Mean test log-likelihood per row, {folds} folds; less the better peer's, ± its standard error"
    headings = ["set", "", "log-likelihood", "less better peer", "verdict", "accuracy", "ECE", "s"]
    table = tables.titled(title, headings, narrow=True)
    for name, by_peer in figures.items():
        scores = {peer: fold_means(answers) for peer, answers in by_peer.items()}
        for peer, answers in by_peer.items():
            row = [f"{statistics.fmean(scores[peer]):.4f}", *(verdict(scores) if peer == REFERENCE else ("", ""))]
            row += [f"{accuracy(answers):.2%}", f"{calibration_error(answers):.3f}"]
            table.add_row(name, peer, *row, f"{statistics.median(a['seconds'] for a in answers):.2f}")
            name = ""
        table.add_section()
    tables.console.print(table)


def verdict(scores: dict[str, list[float]]) -> tuple[str, str]:
    """The difference to the better peer, fold by fold, and whether it is above minus one standard error of itself."""
    peers = [values for peer, values in scores.items() if peer != REFERENCE]
    if not peers:
        return "", ""
    better = max(peers, key=statistics.fmean)
    mean, error = mean_and_error([a - b for a, b in zip(scores[REFERENCE], better, strict=True)])
    return f"{mean:+.4f} ± {error:.4f}", "not worse" if mean >= -error else "worse"


def fold_means(answers: list[dict[str, Any]]) -> list[float]:
    """The mean log-likelihood per row of each fold."""
    return [statistics.fmean(answer["log_prob"]) for answer in answers]


def accuracy(answers: list[dict[str, Any]]) -> float:
    """The share of all test rows whose likeliest label is right."""
    return float(np.mean(pooled(answers, "right")))


def calibration_error(answers: list[dict[str, Any]]) -> float:
    """Expected calibration error of the likeliest label over all test rows (Guo and others, 2017).

    Σ_b n_b / n · |share right in b − mean probability in b|, over 15 bins of equal width: b = ((k − 1)/15, k/15].
    """
    return expected_calibration_error(pooled(answers, "confidence"), pooled(answers, "right"), n_bins=BINS)


def pooled(answers: list[dict[str, Any]], key: str) -> NDArray[np.float64]:
    """One number per test row, all folds."""
    return np.concatenate([np.asarray(answer[key], np.float64) for answer in answers])


if __name__ == "__main__":
    main()
