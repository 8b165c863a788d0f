"""Ctrl-C stops after the current chunk and keeps θ; a second one interrupts at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import likeliest as ll

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

START = """
import os, signal, sys, warnings
import numpy as np
import likeliest as ll

signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may have been told to ignore it
rng = np.random.default_rng(0)
X, y = rng.normal(size=(400, 20)), rng.integers(0, 2, 400)
net = ll.Network([ll.Dense(8, "tanh")], likelihood=ll.likelihoods.Bernoulli())
net.fit(X, y, epochs=1, seed=0, threads=1)
start = net.log_likelihood(X, y)

def press(epoch):  # the keyboard; a real signal, in the middle of the fit
    if epoch.number in PRESSES:
        os.kill(os.getpid(), signal.SIGINT)
"""

ONCE = """
PRESSES = {50}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    history = net.fit(X, y, epochs=10**9, callbacks=[press], threads=1)
assert history.stopped == "interrupted", history
assert 49 <= history.epochs <= 50 and len(history.seconds) == history.epochs, history
assert ["stopped by Ctrl-C" in str(w.message) for w in caught] == [True]
assert caught[0].filename == __file__, caught[0].filename
assert net.log_likelihood(X, y) > start
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
PRESSES = set()
more = net.fit(X, y, epochs=2, threads=1)  # and training goes on from there
assert more.first_epoch == 1 + history.epochs and more.stopped == "finished"
print("fine")
"""

TWICE = """
PRESSES = {30}
def press_again(epoch):
    if epoch.number == 30:
        os.kill(os.getpid(), signal.SIGINT)
try:
    net.fit(X, y, epochs=10**9, callbacks=[press, press_again], threads=1)
except KeyboardInterrupt:
    assert all(np.isfinite(value).all() for value in net.parameters.values())
    assert net.log_likelihood(X, y) > start
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    net.fit(X, y, epochs=1, threads=1)
    print("fine")
"""

FROM_OUTSIDE = """
print("ready", flush=True)
warnings.simplefilter("ignore")
history = net.fit(X, y, epochs=10**9, threads=2)
assert history.stopped == "interrupted" and history.epochs > 0, history
assert np.isfinite(net.log_likelihood(X, y))
print("fine")
"""


@pytest.mark.parametrize("script", [ONCE, TWICE], ids=["once", "twice"])
def test_ctrl_c(script: str, tmp_path: object) -> None:
    path = f"{tmp_path}/script.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write(START + script)
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "fine"), run.stderr


def test_ctrl_c_from_outside_in_the_middle_of_a_chunk_of_many_epochs() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", START + FROM_OUTSIDE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        with pytest.raises(subprocess.TimeoutExpired):  # it does not end by itself, and has begun by then
            process.wait(timeout=0.7)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out.strip()) == (0, "fine"), err


def fit() -> ll.History:
    X, y = np.array([[0.0], [1.0]]), [0, 1]
    return ll.Network([], likelihood=ll.likelihoods.Bernoulli()).fit(X, y, epochs=2, seed=0, threads=1)


def test_a_handler_of_somebody_else_stays() -> None:
    before = signal.getsignal(signal.SIGINT)
    mine = lambda number, frame: None  # noqa: E731
    try:
        signal.signal(signal.SIGINT, mine)
        assert fit().stopped == "finished"
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_usual_handler_is_back_after_a_fit() -> None:
    before = signal.getsignal(signal.SIGINT)
    fit()
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    stopped: list[str] = []
    thread = threading.Thread(target=lambda: stopped.append(fit().stopped))
    thread.start()
    thread.join()
    assert stopped == ["finished"]
