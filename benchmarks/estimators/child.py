"""The child process of one estimator: it obeys the lines on its standard input.

    python -m benchmarks.estimators.child PEER {regression,classification} --threads N

Each answer is one line of JSON on standard output. The first comes unasked, after one small fit that loads and compiles
what the first fit does; then

    fit SET SPLIT   fit the training rows of a split, predict its test rows   → {"seconds": … of the fit, …}
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.child import answers_only
from benchmarks.estimators import classification, regression

TASKS = {"regression": regression, "classification": classification}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("peer")
    arguments.add_argument("task", choices=TASKS)
    arguments.add_argument("--threads", type=int, required=True)
    options = arguments.parse_args()
    answer = answers_only()
    task = TASKS[options.task]
    fit = task.PEERS[options.peer]()
    task.warm_up(fit)
    answer({})
    for line in sys.stdin:
        _, name, split = line.split()
        answer(task.measure(fit, name, int(split)))


if __name__ == "__main__":
    main()
