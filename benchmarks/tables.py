"""The tables that a run prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.peers import REFERENCE
from benchmarks.summary import Summary, ratio
from benchmarks.workloads import Workload

WIDTH = 110
"""Columns, where there is no terminal that has a width of its own."""

console = Console()
if not console.is_terminal:
    console = Console(width=WIDTH)


def epochs(
    workload: Workload,
    seconds: dict[str, list[float]],
    results: dict[str, dict[str, Any]],
    peak: float | str,
    per_turn: int,
) -> None:
    """One row per peer: time, ratio, share of the peak, and how well it predicts after as many epochs as the others."""
    rounds = max(map(len, seconds.values()), default=0)
    title = (
        f"{workload.name}: one epoch, median of {rounds}; test {workload.score} after {rounds * per_turn + 1} epochs"
    )
    table = titled(title, ["", "s", "least-most", f"x {REFERENCE}", "least-most", "of peak", workload.score])
    for peer, times in seconds.items():
        row = [peer, *spread(Summary.of(times)), *ratios(times, seconds.get(REFERENCE))]
        row.append(share(workload, results[peer]["examples_per_epoch"], times, peak))
        score = results[peer][f"test_{workload.score}"]
        table.add_row(*row, f"{score:.4f}" if workload.is_normal else f"{score:.2%}")
    console.print(table)


def learned(workload: Workload, results: dict[str, dict[str, Any]]) -> None:
    """One row per peer: the log-likelihood per example that it reached, and the memory that it took."""
    title = f"{workload.name}: log-likelihood per example, and peak memory in MiB"
    table = titled(title, ["", "train", "test", "memory", "above the data"])
    for peer, result in results.items():
        row = [f"{result[name]:.4f}" for name in ("train_log_likelihood", "test_log_likelihood")]
        table.add_row(peer, *row, *(f"{result[name]:.0f}" for name in ("peak_mib", "peak_above_data_mib")))
    console.print(table)


def durations(
    title: str, seconds: dict[str, list[float]], unit: str = "s", scale: float = 1, base: str | None = None
) -> None:
    """One row per name: time and ratio; with ``base``, also the time above that of ``base`` in the same round."""
    headings = ["", unit, "least-most", f"x {REFERENCE}", "least-most", *([f"above {base}"] if base else [])]
    table = titled(title, headings)
    for name, times in seconds.items():
        row = [name, *spread(Summary.of([scale * t for t in times])), *ratios(times, seconds.get(REFERENCE))]
        if base and base in seconds:
            row.append(figure(above(times, seconds[base]).median * scale))
        table.add_row(*row)
    console.print(table)


def likelihoods(answers: list[dict[str, Any]]) -> None:
    """One row per likelihood: its speed as a share of two others', round by round."""
    if not answers:
        return
    title = "One epoch of 20-50-η by likelihood, and its speed as a share of that of Normal(), and of as many Normals"
    headings = ["", "outputs", "ms", "of Normal()", "least-most", "of as many", "least-most"]
    table = titled(title, headings, narrow=True)
    for answer in answers:
        row = [str(answer["outputs"]), figure(1e3 * Summary.of(answer["seconds"]).median)]
        for key in ("normal", "alike"):
            share = ratio(answer[key], answer["seconds"])
            row += [f"{share.median:.0%}", f"{share.least:.0%}-{share.most:.0%}"]
        table.add_row(answer["likelihood"], *row)
    console.print(table)


def heading(machine: dict[str, object]) -> None:
    """Where and when."""
    console.print("  ".join(f"{key}: {value}" for key, value in machine.items()), highlight=False)


def written(path: Path) -> None:
    """Where the lines of JSON are."""
    if path.exists():
        console.print(f"Written to {path}", highlight=False)


def titled(title: str, headings: list[str], narrow: bool = False) -> Table:
    """An empty table: names to the left, figures to the right; a narrow one spares the lines between columns."""
    table = Table(title=title, title_justify="left")
    if narrow:
        table.box, table.pad_edge, table.padding = SIMPLE_HEAD, False, (0, 1, 0, 0)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("", "set") else "right", no_wrap=True)
    return table


def failures(failed: dict[str, str]) -> None:
    """Why a peer is missing from a table."""
    for name, reason in failed.items():
        console.print(f"[yellow]{name} is missing:[/] {reason}", highlight=False)


def above(seconds: list[float], base: list[float]) -> Summary:
    """The difference, round by round."""
    return Summary.of([a - b for a, b in zip(seconds, base, strict=True)])


def share(workload: Workload, examples: int, seconds: list[float], peak: float | str) -> str:
    """The share of the peak that the necessary products reach."""
    if isinstance(peak, str):
        return "-"
    return f"{workload.flop_per_example * examples / Summary.of(seconds).median / peak:.0%}"


def ratios(seconds: list[float], reference: list[float] | None) -> list[str]:
    if not reference:
        return ["-", "-"]
    summary = ratio(seconds, reference)
    return [f"{summary.median:.2f}", f"{summary.least:.2f}-{summary.most:.2f}"]


def spread(summary: Summary) -> list[str]:
    return [figure(summary.median), f"{figure(summary.least)}-{figure(summary.most)}"]


def figure(value: float) -> str:
    """Three significant figures, never in powers of ten."""
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
