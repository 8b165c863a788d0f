"""A user's first minute with a framework, as one process: import, load the data, fit W1 to 99.8 %, predict, exit.

python -m benchmarks.first_fit PEER --threads N
"""

from __future__ import annotations

import argparse

from benchmarks.data import load
from benchmarks.peers import PEERS, peer_class
from benchmarks.workloads import W1

TARGET = 0.998
MOST_EPOCHS = 100


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("peer", choices=PEERS)
    arguments.add_argument("--threads", type=int, required=True)
    options = arguments.parse_args()

    test = load("test", W1)
    peer = peer_class(options.peer, W1.name)(W1, *load("train", W1), options.threads)
    for epoch in range(1, MOST_EPOCHS + 1):
        peer.epochs(1)
        accuracy, _ = peer.evaluate(*test)
        if accuracy >= TARGET:
            peer.predictor(test[0][:1])()
            print(epoch)
            return
    raise SystemExit(f"{options.peer} has not reached {TARGET:.1%} after {MOST_EPOCHS} epochs: {accuracy:.2%}.")


if __name__ == "__main__":
    main()
