"""The child process of one peer and one workload: it obeys the lines on its standard input.

    python -m benchmarks.child PEER WORKLOAD --threads N

Each answer is one line of JSON on standard output. The first comes unasked, after one epoch of warming up; then

    epoch N   train N epochs                → {"seconds": …}, of one
    latency   predict one row, repeatedly   → {"seconds": …}, the median of this round
    stream    read one more step of a sequence, repeatedly   → {"seconds": …}, the median of this round
    finish    evaluate and exit             → accuracy or RMSE, log-likelihoods, memory

Between two lines it waits for input, and so leaves the processor to the other peers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from time import perf_counter, perf_counter_ns

from benchmarks import memory
from benchmarks.data import load
from benchmarks.peers import PEERS, peer_class
from benchmarks.peers.base import Peer
from benchmarks.workloads import WORKLOADS

LATENCY_CALLS = 1000


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("peer", choices=PEERS)
    arguments.add_argument("workload", choices=WORKLOADS)
    arguments.add_argument("--threads", type=int, required=True)
    options = arguments.parse_args()
    answer = answers_only()

    workload = WORKLOADS[options.workload]
    kind = peer_class(options.peer, options.workload)
    data = load("train", workload)
    memory.reset_peak()
    memory_before = memory.peak_mib()
    examples = len(data[1])
    peer = kind(workload, *data, options.threads)
    del data  # A peer that made a copy need not pay for both.
    warm_up = seconds(peer.epoch)
    answer({"examples_per_epoch": examples, "warm_up_seconds": warm_up})

    for line in sys.stdin:
        match line.split():
            case ["epoch", count]:
                answer({"seconds": seconds(lambda: peer.epochs(int(count))) / int(count)})
            case ["latency"]:
                answer({"seconds": latency(peer)})
            case ["stream"]:
                row, _ = load("test", workload)
                answer({"seconds": median_seconds(peer.streamer(row[0, 14]))})
            case ["finish"]:
                answer(results(peer, memory_before))
                return


def answers_only() -> Callable[[dict[str, object]], None]:
    """A writer of JSON lines to the parent; whatever else is printed from now on goes to the standard error."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda message: print(json.dumps(message), file=pipe, flush=True)


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def latency(peer: Peer) -> float:
    """The median time of predicting one row, in seconds; a tenth as many calls go first and are not counted."""
    row, _ = load("test", peer.workload)
    return median_seconds(peer.predictor(row[:1]))


def median_seconds(call: Callable[[], object]) -> float:
    """The median time of a call."""
    for _ in range(LATENCY_CALLS // 10):
        call()
    times = []
    for _ in range(LATENCY_CALLS):
        start = perf_counter_ns()
        call()
        times.append(perf_counter_ns() - start)
    return statistics.median(times) * 1e-9


def results(peer: Peer, memory_before: float) -> dict[str, object]:
    """What the peer learned; the memory is read first, before the test set takes some."""
    peak = memory.peak_mib()
    test_score, test_ll = peer.evaluate(*load("test", peer.workload))
    _, train_ll = peer.evaluate(*load("train", peer.workload))
    return {
        f"test_{peer.workload.score}": test_score,
        "test_log_likelihood": test_ll,
        "train_log_likelihood": train_ll,
        "peak_mib": peak,
        "peak_above_data_mib": peak - memory_before,
    }


if __name__ == "__main__":
    main()
