"""How many threads, several Python threads at once, and life after fork."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest import threads
from likeliest.threads import available_cpus, resolve_threads

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(600, 60)), RNG.integers(0, 5, 600)


def network() -> ll.Network:
    return ll.Network([ll.Dense(128, "tanh")], likelihood=ll.likelihoods.Categorical(5))


def trained(count: int = 2) -> bytes:
    net = network()
    net.fit(X, Y, epochs=3, seed=0, threads=count)
    results = [*net.parameters.values(), net.predict_proba(X, threads=count)]
    return hashlib.sha256(b"".join(result.tobytes() for result in results)).digest()


# How many ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "own", "openmp", "expected"),
    [
        (3, "5", "7", 3),
        (np.int64(2), None, None, 2),
        (None, "5", "1", 5),
        (None, None, "1", 1),
        (None, None, "3", 3),
        (None, None, "64", 4),
        (None, None, "4,2", 4),
        (None, None, "0", 4),
        (None, "", None, 4),
        (None, None, None, 4),
    ],
)
def test_the_argument_then_the_environment_then_the_cpus(
    argument: Any, own: str | None, openmp: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "available_cpus", lambda: 4)
    for name, value in (("LIKELIEST_NUM_THREADS", own), ("OMP_NUM_THREADS", openmp)):
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    assert resolve_threads(argument) == expected


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "1025"])
def test_the_variable_must_be_a_number(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELIEST_NUM_THREADS", value)
    with pytest.raises(
        ValueError, match=f"LIKELIEST_NUM_THREADS: expected a whole number from 1 to 1024, found '{value}'"
    ):
        resolve_threads(None)


@pytest.mark.parametrize(
    ("text", "most"), [("max 100000", None), ("150000 100000", 2), ("50000 100000", 1), ("", None)]
)
def test_a_quota_of_the_control_group_counts(text: str, most: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    available_cpus.cache_clear()
    try:
        assert available_cpus() == (most or 6)
    finally:
        available_cpus.cache_clear()


# At once -------------------------------------------------------------------------------------------------------------


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """work(0), work(1), ... each in a Python thread of its own, all started together."""
    results: list[Any] = [None] * count
    ready = threading.Barrier(count)

    def run(i: int) -> None:
        ready.wait()
        try:
            results[i] = work(i)
        except BaseException as error:
            results[i] = error

    workers = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    return results


def test_fits_in_several_python_threads() -> None:
    assert at_once(6, lambda i: trained()) == [trained()] * 6


def test_one_network_predicts_in_several_python_threads() -> None:
    net = network().build(60, seed=0)
    expected = [net.predict_proba(X[i * 50 :], threads=1) for i in range(6)]

    def work(i: int) -> bool:
        return all(np.array_equal(net.predict_proba(X[i * 50 :], threads=2), expected[i]) for _ in range(20))

    assert at_once(6, work) == [True] * 6


def test_one_network_predicts_while_it_is_fitted() -> None:
    """What is predicted is that of some θ on the way: finite, and summing to 1."""
    net = network().build(60, seed=0)

    def work(i: int) -> Any:
        if i == 0:
            return net.fit(X, Y, epochs=30, seed=0, threads=2).stopped
        for _ in range(20):
            p = net.predict_proba(X, threads=2)
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        return "finished"

    assert at_once(3, work) == ["finished"] * 3
    twin = network()
    twin.fit(X, Y, epochs=30, seed=0, threads=1)
    assert all(np.array_equal(net.parameters[name], value) for name, value in twin.parameters.items())


# After fork ----------------------------------------------------------------------------------------------------------


def in_child(queue: Any) -> None:
    queue.put(trained())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not fork by default")
def test_a_forked_child_fits_with_threads_of_its_own() -> None:
    expected = trained()  # so the pool has threads, which the child will not have
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork with threads; joblib and torch do it all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # JAX, where another test has imported it
        children = [context.Process(target=in_child, args=(queue,)) for _ in range(2)]
        for child in children:
            child.start()
    try:
        for child in children:
            child.join(30)
            assert child.exitcode == 0, "the child hangs or failed"
        assert [queue.get() for _ in children] == [expected] * 2
    finally:
        for child in children:
            child.kill()
    assert trained() == expected  # and the parent's pool goes on
