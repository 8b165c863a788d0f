"""Starting child processes that differ in nothing but the peer: one environment, one set of processors, for all."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CC", "CXX", "LIKELIEST_DATA", "LIKELIEST_DATA_UCI")


class ChildError(Exception):
    """A child process that failed; the message is the end of what it wrote to its standard error."""


def environment(threads: int) -> dict[str, str]:
    """A clean environment, made of what is named here and nothing else.

    A shell's OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE can halve NumPy's speed, and PYTHONDONTWRITEBYTECODE makes every
    import compile: neither gets through. The names of the thread counts are those of OpenMP, OpenBLAS, MKL and XLA.
    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    return {
        **kept,
        **dict.fromkeys(counts, str(threads)),
        "XLA_FLAGS": f"{flags} intra_op_parallelism_threads={threads}",
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "jax",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONPATH": str(ROOT),
    }


def command(*words: str, threads: int) -> dict[str, Any]:
    """The arguments of subprocess.Popen for ``python words``, on as many of the allowed processors as threads."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return {
        "args": [sys.executable, *words],
        "env": environment(threads),
        "cwd": tempfile.gettempdir(),
        "preexec_fn": lambda: os.sched_setaffinity(0, processors),
    }


@dataclass
class Child:
    """One peer on one workload, ready for the next line (see child.py, or the ``module`` that it runs instead)."""

    peer: str
    workload: str
    threads: int
    module: str = "benchmarks.child"
    ready: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 (it lives as long as the process)
        words = ("-m", self.module, self.peer, self.workload, "--threads", str(self.threads))
        self.process = subprocess.Popen(
            **command(*words, threads=self.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.ready = self.read()

    def ask(self, word: str) -> dict[str, Any]:
        """Send one line and wait for the answer."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # The child is gone; reading says why.
            print(word, file=self.process.stdin, flush=True)
        try:
            return self.read()
        except ChildError as error:
            raise ChildError(f"{self.peer}, {self.workload}, {word}: {error}") from None

    def read(self) -> dict[str, Any]:
        """The child's next line; if it has ended instead, an error that says with which words."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.process.wait()
        self.errors.seek(0)
        raise ChildError(last_line(self.errors.read()))

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def last_line(text: str) -> str:
    """What a traceback ends with."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it ended without a word"


def start(
    peers: list[str], workload: str, threads: int, failed: dict[str, str], module: str = "benchmarks.child"
) -> list[Child]:
    """The children that started, one after another, each warmed up; why the others did not goes into ``failed``."""
    children = []
    for peer in peers:
        try:
            children.append(Child(peer, workload, threads, module))
        except ChildError as error:
            failed[peer] = str(error)
    return children


def in_turn(children: list[Child], word: str, rounds: int) -> dict[str, list[float]]:
    """The seconds that each child answers: A B C, A B C, … so that the machine's moods fall on all alike."""
    seconds: dict[str, list[float]] = {child.peer: [] for child in children}
    for _ in range(rounds):
        for child in children:
            seconds[child.peer].append(child.ask(word)["seconds"])
    return seconds
