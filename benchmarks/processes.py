"""Whole processes, from their start to their exit: what an import costs, and what a first fit costs."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from benchmarks import children

IMPORTS = {
    "numpy": "import numpy",
    "likeliest": "import numpy, likeliest",
    "pytorch": "import numpy, torch",
    "jax": "import numpy, jax",
    "scikit-learn": "import numpy, sklearn.neural_network",
    "keras": "import numpy, keras",
}
"""NumPy is in all of them, and alone in one: the difference is the framework's own."""

Words = dict[str, tuple[str, ...]]
Times = dict[str, list[float]]


def imports(peers: list[str], rounds: int, threads: int, failed: dict[str, str]) -> Times:
    """Seconds of ``python -c "import …"`` for NumPy alone and for each of ``peers`` that is a package of its own."""
    words: Words = {name: ("-c", code) for name, code in IMPORTS.items() if name in ("numpy", *peers)}
    return whole_processes(words, rounds, threads, failed)


def first_fits(peers: list[str], rounds: int, threads: int, failed: dict[str, str]) -> Times:
    """Seconds of first_fit.py for each of ``peers``."""
    words: Words = {peer: ("-m", "benchmarks.first_fit", peer, "--threads", str(threads)) for peer in peers}
    return whole_processes(words, rounds, threads, failed)


def likelihoods(rounds: int, threads: int, failed: dict[str, str]) -> list[dict[str, Any]]:
    """What likelihood_speed.py finds out about each likelihood that it could train."""
    words = ("-m", "benchmarks.likelihood_speed", "--rounds", str(rounds), "--threads", str(threads))
    answer = subprocess.run(**children.command(*words, threads=threads), capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        failed["likelihoods"] = children.last_line(answer.stderr)
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    failed.update({line["likelihood"]: line["failed"] for line in lines if "failed" in line})
    return [line for line in lines if "failed" not in line]


def whole_processes(words: Words, rounds: int, threads: int, failed: dict[str, str]) -> Times:
    """Run each command ``rounds`` times, in turn, after one time that is not counted (files cached, code compiled)."""
    seconds: Times = {name: [] for name in words}
    for attempt in range(rounds + 1):
        for name in [name for name in words if name not in failed]:
            start = time.perf_counter()
            answer = subprocess.run(
                **children.command(*words[name], threads=threads), capture_output=True, text=True, check=False
            )
            elapsed = time.perf_counter() - start
            if answer.returncode != 0:
                failed[name] = children.last_line(answer.stderr)
            elif attempt > 0:
                seconds[name].append(elapsed)
    return {name: times for name, times in seconds.items() if name not in failed}
