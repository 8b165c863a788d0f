"""joblib's Dask backend: the same bits from the workers of a cluster, with data sent once and errors as they are."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

import likeliest as ll
from likeliest import threads

distributed = pytest.importorskip("distributed")

# Dask itself warns of sockets and loops that it leaves to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default", "ignore:Port 8787", "ignore::ResourceWarning"),  # which are Dask's own
]

RNG = np.random.default_rng(0)
N = 300
X = RNG.normal(size=(N, 4))
Y = X[:, 0] + 0.1 * RNG.normal(size=N)
GRID = {"hidden": [(3,), (5,)], "activation": ["tanh", "relu"]}
MEMBER = ll.Regressor(hidden=(5,), max_iter=3, random_state=0)


def theta(estimator: Any) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in estimator.network_.parameters.items()}


def on_dask(client: Any, **how: Any) -> Any:
    return joblib.parallel_config(backend="dask", client=client, **how)


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    """Two worker processes."""
    before = dict(os.environ)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client
    for name in set(os.environ) - set(before):  # Dask writes OMP_NUM_THREADS=1 into the environment of its parent
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="module")
def threaded() -> Iterator[Any]:
    """Two threads of this process."""
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def assert_same(client: Any) -> None:
    """A search, a cross-validation and an ensemble give the bits that they give here."""
    search, alone = GridSearchCV(MEMBER, GRID, cv=3), GridSearchCV(MEMBER, GRID, cv=3).fit(X, Y)
    ensemble = ll.Ensemble(MEMBER, n_estimators=3, bootstrap=True, random_state=0)
    members = [theta(one) for one in ensemble.fit(X, Y).estimators_]
    with on_dask(client):
        search.fit(X, Y)
        scores = cross_val_score(MEMBER, X, Y, cv=3)
        ensemble.fit(X, Y)
    for name in ("split0_test_score", "split2_test_score", "mean_test_score"):
        assert np.array_equal(search.cv_results_[name], alone.cv_results_[name])
    assert search.best_params_ == alone.best_params_
    assert theta(search.best_estimator_) == theta(alone.best_estimator_)
    assert np.array_equal(scores, cross_val_score(MEMBER, X, Y, cv=3))
    assert [theta(one) for one in ensemble.estimators_] == members


def test_processes(local: Any) -> None:
    assert_same(local)


def test_threads_of_one_worker(threaded: Any) -> None:
    assert_same(threaded)


def test_a_search_over_ensembles(local: Any) -> None:
    search = GridSearchCV(ll.Ensemble(MEMBER, n_estimators=2, random_state=0), {"bootstrap": [False, True]}, cv=2)
    alone = search.fit(X, Y).cv_results_["mean_test_score"]
    with on_dask(local):
        assert np.array_equal(search.fit(X, Y).cv_results_["mean_test_score"], alone)


@pytest.mark.parametrize("scatter", [False, True])
def test_data_are_sent_once(local: Any, scatter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    scattered: list[int] = []
    along: list[Any] = []
    usual_scatter, usual_submit = local.scatter, local.submit

    def count(data: Any, **how: Any) -> Any:
        scattered.extend(id(one) for one in (data if isinstance(data, list) else [data]))
        return usual_scatter(data, **how)

    def look(function: Any, *args: Any, tasks: Any = (), **how: Any) -> Any:
        for _, given, named in tasks:
            along.extend(one for one in (*given, *named.values()) if isinstance(one, np.ndarray) and one.nbytes > 1000)
        return usual_submit(function, *args, tasks=tasks, **how)

    monkeypatch.setattr(local, "scatter", count)
    monkeypatch.setattr(local, "submit", look)
    with on_dask(local, **({"scatter": [X, Y]} if scatter else {})):
        ll.Ensemble(MEMBER, n_estimators=6, random_state=0).fit(X, Y)
        GridSearchCV(MEMBER, GRID, cv=3, refit=False).fit(X, Y)
    calls = 1 if scatter else 2  # once for all that is done in the block, or once for each search or ensemble
    assert (scattered.count(id(X)), scattered.count(id(Y))) == (calls, calls)
    assert along == []


def what_a_task_carries(task: Any) -> int:
    return len(pickle.dumps(task))


def test_pickles_are_small() -> None:
    assert what_a_task_carries(MEMBER) < 2_000
    fitted = ll.Regressor(hidden=(5,), max_iter=3, random_state=0).fit(X, Y)
    assert what_a_task_carries(fitted) < 20_000  # θ, the optimizer's state and the record, not X


def test_workers_take_their_share_of_the_processors(local: Any, threaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(local.run(threads.resolve_threads, None).values()) == {1}
    for name in ("OMP_NUM_THREADS", "LIKELIEST_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "available_cpus", lambda: 64)
    assert threaded.submit(threads.resolve_threads, None, pure=False).result() == 2
    assert threads.resolve_threads(None) == 64


def test_a_fit_that_fails_says_why(local: Any) -> None:
    bad = {"optimizer": ll.optimizers.GradientAscent(1e30), "schedule": None, "activation": "relu"}
    diverging = ll.Regressor(hidden=(5,), max_iter=50, likelihood="normal", **bad)
    with on_dask(local):
        with pytest.raises(ll.DivergenceError, match="training diverged at step"):
            ll.Ensemble(diverging, n_estimators=2, random_state=0).fit(X, Y)
        with pytest.raises(ValueError, match="sample_weight: "):
            ll.Ensemble(MEMBER, n_estimators=2).fit(X, Y, sample_weight=-np.ones(N))
        with pytest.raises(ll.DivergenceError, match="training diverged at step"):
            GridSearchCV(diverging, {"hidden": [(3,)]}, cv=2, error_score="raise").fit(X, Y)
        assert_same(local)  # and the workers go on


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_scheduler_elsewhere(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    dask = [sys.executable, "-m", "dask"]
    commands = [
        [*dask, "scheduler", "--host", host, "--port", port, "--no-dashboard"],
        *[[*dask, "worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard", "--host", host]] * 2,
    ]
    with (tmp_path / "log").open("w") as log:
        processes = [subprocess.Popen(one, stdout=log, stderr=log, cwd=tmp_path) for one in commands]
        try:
            with distributed.Client(f"tcp://{address}", timeout=30, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=30)
                assert set(client.run(threads.resolve_threads, None).values()) == {1}
                assert_same(client)
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in reversed(processes):
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()


INTERRUPTED = """
import os, signal, sys, threading, time
import joblib, numpy as np
from distributed import Client, LocalCluster
import likeliest as ll

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X = np.random.default_rng(0).normal(size=(400, 3))
    try:
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as it, Client(it) as client:
            print(*client.run(os.getpid).values(), flush=True)
            threading.Thread(target=lambda: (time.sleep(1.5), os.kill(os.getpid(), signal.SIGINT)), daemon=True).start()
            with joblib.parallel_config(backend="dask"):
                ll.Ensemble(ll.Regressor(max_iter=10**7), n_estimators=4).fit(X, X[:, 0])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_leaves_no_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    first, last = done.stdout.strip().splitlines()
    assert last == "interrupted", done.stderr
    end = time.monotonic() + 15
    left = [int(pid) for pid in first.split()]
    while left and time.monotonic() < end:
        left = [pid for pid in left if Path(f"/proc/{pid}").exists()]
        time.sleep(0.1)
    assert not left


def test_import_likeliest_imports_no_dask() -> None:
    code = (
        "import sys, likeliest as ll;"
        "net = ll.Network([ll.Dense(2, 'tanh')], likelihood='bernoulli');"
        "net.fit([[0.0], [1.0]], [0, 1], epochs=1);"
        "print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"dask", "distributed", "joblib"} & {name.split(".")[0] for name in run.stdout.split()}
