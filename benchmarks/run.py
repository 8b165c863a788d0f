"""Times likeliest and its peers in the same run: epochs, one prediction, imports, a first fit; and each likelihood.

python -m benchmarks.run [--workloads W1 W2] [--peers likeliest pytorch jax] [--rounds 9] [--threads 2]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a file: what must be importable is the folder above, not this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import children, data, machine, processes, tables
from benchmarks.peers import PEERS, STREAMS, versions
from benchmarks.record import Record
from benchmarks.workloads import WORKLOADS, Workload

MEASUREMENTS = ("epochs", "latency", "stream", "imports", "first-fit", "likelihoods")
LATENCY_WORKLOAD = "W1"
STREAM_WORKLOAD = "W4"


def main() -> None:
    options = parse()
    of_workloads = {"epochs", "latency", "stream"} & set(options.measure) and any(
        WORKLOADS[w].digits for w in options.workloads
    )
    if of_workloads or "first-fit" in options.measure:
        try:
            data.folder()
        except data.DataError as error:
            raise SystemExit(str(error)) from None
    described = machine.describe(options.threads)
    record = Record.of_run(options.json, "", described)
    tables.heading(described)

    if {"epochs", "latency", "stream"} & set(options.measure):
        peak = machine.fma_peak(options.threads)
        found = f"{peak / 1e9:.0f} GFLOP/s" if isinstance(peak, float) else f"not measured: {peak}"
        tables.console.print(f"FMA peak of {options.threads} threads: {found}", highlight=False)
        for name in options.workloads:
            try:
                time_workload(WORKLOADS[name], options, peak, record)
            except children.ChildError as error:
                raise SystemExit(f"A peer failed while it was timed. {error}") from None
    if "imports" in options.measure:
        time_imports(options, record)
    if "first-fit" in options.measure:
        time_first_fits(options, record)
    if "likelihoods" in options.measure:
        time_likelihoods(options, record)
    tables.written(record.path)


def parse() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    arguments.add_argument(
        "--peers", nargs="+", choices=PEERS, default=[one for one in PEERS if one != "likeliest-jax"]
    )
    arguments.add_argument("--measure", nargs="+", choices=MEASUREMENTS, default=MEASUREMENTS)
    arguments.add_argument("--rounds", type=int, default=7, help="how often each peer is timed (default 7)")
    arguments.add_argument("--epochs", type=int, help="epochs in a row each time (default: see workloads.py)")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--json", type=Path, help="append to this file (default: a new one in benchmarks/results)")
    return arguments.parse_args()


def time_workload(workload: Workload, options: argparse.Namespace, peak: float | str, record: Record) -> None:
    """Epochs, and on the small network also the latency of one prediction, by the processes that trained it."""
    failed: dict[str, str] = {}
    with_latency = "latency" in options.measure and workload.name == LATENCY_WORKLOAD
    with_stream = "stream" in options.measure and workload.name == STREAM_WORKLOAD
    if "epochs" not in options.measure and not with_latency and not with_stream:
        return
    running = children.start(options.peers, workload.name, options.threads, failed)
    per_turn = options.epochs or workload.epochs_per_turn
    try:
        word = f"epoch {per_turn}"
        seconds = children.in_turn(running, word, options.rounds) if "epochs" in options.measure else {}
        latencies = children.in_turn(running, "latency", options.rounds) if with_latency else {}
        streaming = [child for child in running if child.peer in STREAMS] if with_stream else []
        streams = children.in_turn(streaming, "stream", options.rounds)
        results = {child.peer: {**child.ready, **child.ask("finish")} for child in running}
    finally:
        for child in running:
            child.close()
    about = {"workload": workload.name, "version": versions(options.peers)}
    if seconds:
        tables.epochs(workload, seconds, results, peak, per_turn)
        tables.learned(workload, results)
        fma_peak = peak if isinstance(peak, float) else None
        record.write(
            "epoch",
            "s",
            seconds,
            **about,
            epochs_per_turn=per_turn,
            results=results,
            fma_peak=fma_peak,
            flop=workload.flop_per_example,
        )
    if latencies:
        tables.durations("Predicting one row (784-32-1), in microseconds", latencies, unit="µs", scale=1e6)
        record.write("latency", "s", latencies, **about)
    if streams:
        tables.durations("Reading one more step (LSTM of 128), in microseconds", streams, unit="µs", scale=1e6)
        record.write("stream", "s", streams, **about)
    tables.failures(failed)


def time_imports(options: argparse.Namespace, record: Record) -> None:
    failed: dict[str, str] = {}
    seconds = processes.imports(options.peers, options.rounds, options.threads, failed)
    tables.durations("A whole process that only imports", seconds, base="numpy")
    tables.failures(failed)
    record.write("import", "s", seconds, version=versions([*seconds]))


def time_first_fits(options: argparse.Namespace, record: Record) -> None:
    failed: dict[str, str] = {}
    seconds = processes.first_fits(options.peers, options.rounds, options.threads, failed)
    tables.durations("A whole process: import, load, fit W1 to 99.8 %, predict", seconds)
    tables.failures(failed)
    record.write("first fit", "s", seconds, workload="W1", version=versions([*seconds]))


def time_likelihoods(options: argparse.Namespace, record: Record) -> None:
    failed: dict[str, str] = {}
    answers = processes.likelihoods(options.rounds, options.threads, failed)
    tables.likelihoods(answers)
    tables.failures(failed)
    seconds = {answer["likelihood"]: answer["seconds"] for answer in answers}
    more = {key: {answer["likelihood"]: answer[key] for answer in answers} for key in ("outputs", "normal", "alike")}
    record.write("likelihood epoch", "s", seconds, **more)


if __name__ == "__main__":
    main()
