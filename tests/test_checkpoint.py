"""A fit that was killed, stopped or failed goes on from its checkpoint, and ends with the same bits as without."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likeliest as ll
from likeliest import checkpoint
from likeliest import fit as fitting
from likeliest.atomic import TEMPORARY

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(90, 6)), RNG.integers(0, 3, 90)
W = RNG.integers(0, 3, 90).astype(float)

CALLS: dict[str, dict[str, Any]] = {
    "plain": {"optimizer": "adam"},
    "early stopping": {"validation": 0.3, "early_stopping": 30, "averaging": ll.averaging.EMA(0.9), "epochs": 40},
    "swa": {"averaging": ll.averaging.SWA(0.5), "schedule": "cosine", "optimizer": "momentum", "sample_weight": W},
    "plateau": {"schedule": ll.schedules.ReduceOnPlateau(0.5, patience=1), "validation": (X[:20], Y[:20])},
    "looks": {"validation": W > 1, "validation_every": 3, "early_stopping": 6, "clip_norm": 0.5, "batch_size": None},
    "warm up": {"schedule": ll.schedules.WarmUp(20, "one_cycle"), "optimizer": ll.optimizers.NAdam(0.01)},
}
USUAL: dict[str, Any] = {"epochs": 12, "batch_size": 16, "seed": 5, "threads": 1}
ENGINES = [("native", "float32"), ("native", "float64"), ("reference", "float32")]


def network(engine: str = "native", dtype: str = "float32", width: int = 7) -> ll.Network:
    return ll.Network(
        [ll.Dense(width, "tanh"), ll.Dropout(0.2), ll.BatchNorm()],
        likelihood=ll.likelihoods.Categorical(3, label_smoothing=0.05),
        prior=ll.priors.Normal(1.0),
        engine=engine,
        dtype=dtype,
    )


def end(net: ll.Network) -> str:
    """All that a network knows, but for seconds, as text that is the same for the same bits."""
    found = net.__getstate__()
    program, arrays = found.pop("_state")
    history = {**vars(found.pop("history")), "seconds": 0}
    return repr([program, found, history, {name: value.tobytes() for name, value in arrays.items()}])


class Stop(Exception):
    """A crash."""


def crash_at(number: int) -> Any:
    def callback(epoch: ll.Epoch) -> None:
        if epoch.number == number:
            raise Stop

    return callback


@pytest.fixture(autouse=True)
def _often(monkeypatch: Any) -> None:
    """A checkpoint after every epoch, however short it is."""
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


def epochs_in(folder: Path) -> list[str]:
    return sorted(name.removeprefix("epoch-").removesuffix(".safetensors") for name in os.listdir(folder))


def crashed(folder: Path, number: int, net: ll.Network | None = None, **how: Any) -> ll.Network:
    net = net or network()
    with pytest.raises(Stop):
        net.fit(X, Y, **{**USUAL, **how}, checkpoint=folder, callbacks=[crash_at(number)])
    return net


# The same in the end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
@pytest.mark.parametrize("name", CALLS)
def test_crashes_do_not_change_a_bit(name: str, engine: str, dtype: str, tmp_path: Path) -> None:
    how = {**USUAL, **CALLS[name]}
    whole = network(engine, dtype)
    whole.fit(X, Y, **how)
    for number in (1, 2, 4, 9):
        crashed(tmp_path, number, network(engine, dtype), **how)
        assert len(os.listdir(tmp_path)) == min(number, 2)
    net = network(engine, dtype)
    history = net.fit(X, Y, **how, checkpoint=str(tmp_path))
    assert end(net) == end(whole)
    again = network(engine, dtype)
    repeated = again.fit(X, Y, **how, checkpoint=tmp_path, callbacks=[crash_at(history.epochs)])
    assert repeated.seconds == history.seconds  # nothing was computed
    assert end(again) == end(whole)
    for one in (net, again, whole):
        one.fit(X, Y, epochs=2, threads=1)
    assert end(net) == end(again) == end(whole)


def test_a_fit_with_checkpoints_is_the_same_as_one_without(tmp_path: Path, monkeypatch: Any) -> None:
    how = {**USUAL, "batch_size": 2, "optimizer": ll.optimizers.Momentum(0.001)}  # many sums that are rounded
    whole = network(dtype="float64")
    whole.fit(X, Y, **how)
    for chunk in (1e-6, 10):
        monkeypatch.setattr(fitting, "CHUNK_SECONDS", chunk)
        net = network(dtype="float64")
        net.fit(X, Y, **how, checkpoint=tmp_path / str(chunk), every=5)
        assert end(net) == end(whole)


def test_a_seed_that_was_drawn_is_kept(tmp_path: Path) -> None:
    how = {**USUAL, "seed": None, "validation": 0.3}
    for number in (1, 5):
        crashed(tmp_path, number, **how)
    net, whole = network(), network()
    history = net.fit(X, Y, **how, checkpoint=tmp_path)
    whole.fit(X, Y, **{**how, "seed": history.seed})
    assert end(net) == end(whole)


def test_a_network_that_was_fitted_before(tmp_path: Path) -> None:
    def begun() -> ll.Network:
        net = network()
        net.fit(X, Y, optimizer="adam", epochs=3, seed=1, threads=1, averaging=ll.averaging.EMA(0.9))
        return net

    whole = begun()
    whole.fit(X, Y, epochs=6, threads=1, averaging=ll.averaging.EMA(0.8))
    how = {"epochs": 6, "threads": 1, "averaging": ll.averaging.EMA(0.8), "checkpoint": tmp_path}
    with pytest.raises(Stop):
        begun().fit(X, Y, **how, callbacks=[crash_at(7)])
    net = begun()
    assert net.fit(X, Y, **how).first_epoch == 3
    assert end(net) == end(whole)
    with pytest.raises(ValueError, match="it began with a network with another θ, and this one has none"):
        network().fit(X, Y, **how)
    other = network()
    other.fit(X, Y, epochs=1, seed=2)
    with pytest.raises(ValueError, match="it began with a network with another θ, and this one has one already"):
        other.fit(X, Y, **how)


def test_the_same_network_goes_on_too_when_nothing_has_changed_it(tmp_path: Path) -> None:
    whole = network()
    whole.fit(X, Y, **USUAL)
    net = crashed(tmp_path, 4)
    net.fit(X, Y, **USUAL, checkpoint=tmp_path)
    assert end(net) == end(whole)
    net.fit(X, Y, **USUAL, checkpoint=tmp_path)
    assert end(net) == end(whole)
    net.fit(X, Y, epochs=1)
    with pytest.raises(ValueError, match="it began with a network without θ, and this one has one already"):
        net.fit(X, Y, **USUAL, checkpoint=tmp_path)


def test_a_likelihood_of_ones_own(tmp_path: Path) -> None:
    class Exponential:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        def log_prob(self, xp: Any, eta: Any, y: Any) -> Any:
            return eta[:, 0] - self.rate * y * xp.exp(eta[:, 0])

    def own() -> ll.Network:
        likelihood: Any = Exponential(1.0)
        return ll.Network([ll.Dense(3, "tanh")], likelihood=likelihood)

    y = np.exp(X[:, 0])
    whole, net = own(), own()
    whole.fit(X, y, **USUAL)
    with pytest.raises(Stop):
        own().fit(X, y, **USUAL, checkpoint=tmp_path, callbacks=[crash_at(5)])
    net.fit(X, y, **USUAL, checkpoint=tmp_path)
    assert all((net.parameters[name] == whole.parameters[name]).all() for name in net.parameters)


def test_a_callback_that_ends_a_fit(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, **USUAL, checkpoint=tmp_path, callbacks=[lambda epoch: epoch.number == 5])
    twin = network()
    assert twin.fit(X, Y, **USUAL, checkpoint=tmp_path).stopped == "callback"
    assert end(twin) == end(net)


def test_divergence_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    how = {**USUAL, "optimizer": ll.optimizers.GradientAscent(1e12), "checkpoint": tmp_path}
    for _ in range(2):
        with pytest.raises(ll.DivergenceError):
            ll.Network([ll.Dense(3)], likelihood="normal").fit(X, X[:, 0], **how)
    assert epochs_in(tmp_path)


# More epochs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("averaging", [None, ll.averaging.EMA(0.9)])
@pytest.mark.parametrize("crash", [None, 3, 6])
def test_more_epochs_go_on_where_the_learning_rate_stays(crash: int | None, averaging: Any, tmp_path: Path) -> None:
    how = {**USUAL, "averaging": averaging, "validation": 0.3, "validation_every": 2, "early_stopping": 30}
    whole = network()
    whole.fit(X, Y, **{**how, "epochs": 15})
    if crash:
        crashed(tmp_path, crash, **{**how, "epochs": 6})
    else:
        network().fit(X, Y, **{**how, "epochs": 6}, checkpoint=tmp_path)
        assert epochs_in(tmp_path) == ["00000006", "00000006-finished"]
    crashed(tmp_path, 8, **{**how, "epochs": 15})
    assert epochs_in(tmp_path) == ["00000006", "00000007"]
    net = network()
    net.fit(X, Y, **{**how, "epochs": 15}, checkpoint=tmp_path)
    assert end(net) == end(whole)
    with pytest.raises(ValueError, match=r"has epochs=15, found 6, but 15 are done; choose another folder"):
        network().fit(X, Y, **{**how, "epochs": 6}, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"schedule": "cosine"}, "a schedule is for the whole of a fit"),
        ({"averaging": ll.averaging.SWA(0.5)}, "averaging is for the whole of a fit"),
        ({"validation": 0.3, "validation_every": 5}, "which epochs are looked at depends on it"),
    ],
)
def test_more_epochs_are_refused_where_the_end_would_differ(how: dict[str, Any], why: str, tmp_path: Path) -> None:
    network().fit(X, Y, **USUAL, **how, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=rf"has epochs=12, found 20, but {why}; choose another folder, or delete"):
        network().fit(X, Y, **{**USUAL, **how, "epochs": 20}, checkpoint=tmp_path)


def test_a_fit_that_stopped_early_stays_as_it_is_with_more_epochs(tmp_path: Path) -> None:
    how = {**USUAL, "validation": 0.3, "early_stopping": 1, "optimizer": ll.optimizers.Adam(0.3), "epochs": 50}
    net, more = network(), network()
    assert net.fit(X, Y, **how, checkpoint=tmp_path).stopped == "early stopping"
    more.fit(X, Y, **{**how, "epochs": 99}, checkpoint=tmp_path)
    assert end(net) == end(more)


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"batch_size": 8}, "batch_size was 16, found 8"),
        ({"seed": 6}, "seed was 5, found 6"),
        ({"seed": None}, "seed was 5, found None"),
        ({"optimizer": ll.optimizers.Adam(0.1)}, r"optimizer was Adam\(.*=0.001.*found Adam\(.*=0.1"),
        ({"schedule": "cosine"}, r"schedule was Constant\(\), found Cosine\(final=0.0\)"),
        ({"averaging": ll.averaging.EMA()}, r"averaging was None, found EMA\(decay=0.999\)"),
        ({"validation": 0.5}, "validation was None, found 0.5"),
        ({"validation": (X, Y)}, "validation was None, found data"),
        ({"clip_norm": 1.0}, "clip_norm was None, found 1.0"),
        ({"sample_weight": W}, "sample_weight was None, found data"),
        ({"epochs": 3}, "has epochs=12, found 3, but 5 are done"),
    ],
)  # fmt: skip
def test_another_call_is_refused_with_what_differs(how: dict[str, Any], message: str, tmp_path: Path) -> None:
    crashed(tmp_path, 6)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    net = network()
    with pytest.raises(ValueError, match=f"checkpoint: .*{message}.*; choose another folder, or delete this one"):
        net.fit(X, Y, **{**USUAL, **how}, checkpoint=tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before
    assert not net._is_built


def test_other_data_and_another_network_are_refused(tmp_path: Path) -> None:
    crashed(tmp_path, 4)
    changed, labels = X.copy(), Y.copy()
    changed[50, 3] += 1e-9
    labels[7] = (labels[7] + 1) % 3
    for data, message in (
        ((changed, Y), "X has other numbers in it"),
        ((X, labels), "y has other numbers in it"),
        ((X.astype(np.float32), Y), r"X was \(90, 6\) of float64, found \(90, 6\) of float32"),
        ((X[:80], Y[:80]), r"X was \(90, 6\) of float64, found \(80, 6\) of float64; y was"),
    ):
        with pytest.raises(ValueError, match=message):
            network().fit(*data, **USUAL, checkpoint=tmp_path)
    for other, message in (
        (network(width=8), r"layers was .*width=7.*, found .*width=8"),
        (network("reference"), "engine was 'native', found 'reference'"),
        (network(dtype="float64"), "dtype was 'float32', found 'float64'"),
    ):
        with pytest.raises(ValueError, match=message):
            other.fit(X, Y, **USUAL, checkpoint=tmp_path)


def test_of_large_data_some_rows_are_compared(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(checkpoint, "WHOLE", 1000)
    monkeypatch.setattr(checkpoint, "ROWS", 10)
    crashed(tmp_path, 4)
    seen, unseen = X.copy(), X.copy()
    seen[9], unseen[10] = 0, 0
    with pytest.raises(ValueError, match="X has other numbers in it"):
        network().fit(seen, Y, **USUAL, checkpoint=tmp_path)
    network().fit(unseen, Y, **USUAL, checkpoint=tmp_path)


def test_digests_do_not_depend_on_the_layout() -> None:
    assert checkpoint.digest(np.asfortranarray(X)) == checkpoint.digest(X)
    assert checkpoint.digest(X[::2]) == checkpoint.digest(X[::2].copy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "checkpoint: expected the name of a folder, found 3"),
        ("", "checkpoint: expected the name of a folder, found ''"),
        (__file__, "checkpoint: expected a folder, but .* is a file"),
    ],
)
def test_what_is_no_folder(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().fit(X, Y, checkpoint=given)


def test_lbfgs_is_refused_before_any_work(tmp_path: Path) -> None:
    net = ll.Network([ll.Dense(3)], likelihood="normal")
    with pytest.raises(ValueError, match=r"checkpoint: LBFGS keeps in SciPy .*; leave checkpoint out, or use Adam"):
        net.fit(X, X[:, 0], optimizer="lbfgs", checkpoint=tmp_path / "new")
    assert not net._is_built
    assert not os.listdir(tmp_path)
    with pytest.raises(ValueError, match="every: expected a whole number of at least 1, found 0"):
        network().fit(X, Y, checkpoint=tmp_path, every=0)


def test_a_checkpoint_is_no_model_file(tmp_path: Path) -> None:
    crashed(tmp_path, 3)
    with pytest.raises(ll.ModelFileError, match=r"this is a checkpoint; fit\(..., checkpoint=FOLDER\) goes on from it"):
        ll.load(next(tmp_path.iterdir()))


def test_a_folder_in_use(tmp_path: Path) -> None:
    def use(epoch: ll.Epoch) -> None:
        with pytest.raises(ValueError, match=r"checkpoint: another fit is using .* now; wait for it, or choose"):
            network().fit(X, Y, **USUAL, checkpoint=tmp_path)

    network().fit(X, Y, **USUAL, checkpoint=tmp_path, callbacks=[use])


def test_a_disk_that_is_full_is_told_of_and_the_checkpoint_before_stays(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    def fill(epoch: ll.Epoch) -> None:
        if epoch.number == 5:
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="cannot write: No space left on device"):
        network().fit(X, Y, **USUAL, checkpoint=tmp_path, callbacks=[fill])
    assert epochs_in(tmp_path) == ["00000003", "00000004"]
    net = network()
    with pytest.raises(OSError, match="cannot write: No space left on device"):
        net.fit(X, Y, **USUAL, checkpoint=tmp_path / "new")
    assert not net._is_built  # nothing was done
    monkeypatch.undo()
    whole = network()
    whole.fit(X, Y, **USUAL)
    net.fit(X, Y, **USUAL, checkpoint=tmp_path)
    assert end(net) == end(whole)


# Damage ---------------------------------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("finished", [False, True])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(finished: bool, tmp_path: Path) -> None:
    how = {**USUAL, "validation": 0.3, "early_stopping": 20, "averaging": ll.averaging.EMA(0.9)}
    whole = network()
    whole.fit(X, Y, **how)
    if finished:
        network().fit(X, Y, **how, checkpoint=tmp_path)
    else:
        crashed(tmp_path, 6, **how)
    damage(tmp_path / ("epoch-00000012-finished.safetensors" if finished else "epoch-00000005.safetensors"))
    net = network()
    with pytest.warns(UserWarning, match=r"checkpoint: .* is damaged: .*The fit goes on from epoch-.*, which gives"):
        net.fit(X, Y, **how, checkpoint=tmp_path)
    assert end(net) == end(whole)


def test_where_all_is_damaged_nothing_begins_anew_by_itself(tmp_path: Path) -> None:
    crashed(tmp_path, 6)
    for path in tmp_path.iterdir():
        damage(path)
    net = network()
    with pytest.raises(ll.ModelFileError, match=r"nothing to go on from in .*damaged.*; choose another folder"):
        net.fit(X, Y, **USUAL, checkpoint=tmp_path)
    assert not net._is_built
    assert len(os.listdir(tmp_path)) == 2


def test_files_of_others_stay_and_what_a_kill_has_left_goes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f".epoch-00000003.safetensors.00{TEMPORARY}").write_text("half")
    network().fit(X, Y, **USUAL, checkpoint=tmp_path)
    assert sorted(os.listdir(tmp_path)) == [
        "epoch-00000012-finished.safetensors", "epoch-00000012.safetensors", "notes.txt"
    ]  # fmt: skip


# Ctrl-C and kills -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_ctrl_c_keeps_a_checkpoint_from_which_the_same_call_goes_on(tmp_path: Path) -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:

        def press(epoch: ll.Epoch) -> None:
            if epoch.number == 7:
                os.kill(os.getpid(), signal.SIGINT)

        net = network()
        with pytest.warns(UserWarning, match="stopped by Ctrl-C") as caught:
            history = net.fit(X, Y, **USUAL, checkpoint=tmp_path, every=100, callbacks=[press])
        assert caught[0].filename == __file__
    finally:
        signal.signal(signal.SIGINT, handler)
    assert history.stopped == "interrupted"
    assert epochs_in(tmp_path) == ["00000000", "00000007"]
    whole = network()
    whole.fit(X, Y, **USUAL)
    assert net.fit(X, Y, **USUAL, checkpoint=tmp_path).stopped == "finished"
    assert end(net) == end(whole)


def test_what_a_kill_at_the_end_left_is_removed(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, **USUAL, checkpoint=tmp_path)
    before = sorted(os.listdir(tmp_path))
    shutil.copy(tmp_path / "epoch-00000012.safetensors", tmp_path / "epoch-00000010.safetensors")
    again = network()
    again.fit(X, Y, **USUAL, checkpoint=tmp_path)
    assert sorted(os.listdir(tmp_path)) == before
    assert end(again) == end(net)


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import test_checkpoint as here
from likeliest import checkpoint, fit
checkpoint.SHARE, fit.CHUNK_SECONDS = 1e9, 0.003
net, X, y, how = here.longer(sys.argv[2])
print("ready", flush=True)
net.fit(X, y, **how, checkpoint=sys.argv[3])
print(here.hashed(net), net.history.seed)
"""
LONGER: dict[str, tuple[str, str, dict[str, Any]]] = {
    "native": ("native", "float32", {"optimizer": "adam", "epochs": 120}),
    "everything": (
        "native",
        "float64",
        {
            "optimizer": "momentum", "schedule": "cosine", "validation": 0.2, "early_stopping": 200, "epochs": 120,
            "averaging": ll.averaging.EMA(0.99), "seed": None,
        },
    ),
    "watching": (
        "native", "float32",
        {"schedule": "reduce_on_plateau", "validation": 0.2, "validation_every": 1, "epochs": 120},
    ),
    "reference": ("reference", "float32", {"optimizer": "nadam", "averaging": ll.averaging.SWA(0.5), "epochs": 25}),
}  # fmt: skip


def longer(name: str) -> tuple[ll.Network, Any, Any, dict[str, Any]]:
    """A fit of about half a second."""
    engine, dtype, how = LONGER[name]
    rng = np.random.default_rng(1)
    n = 2000
    return network(engine, dtype, 40), rng.normal(size=(n, 20)), rng.integers(0, 3, n), {**USUAL, **how}


def hashed(net: ll.Network) -> str:
    import hashlib

    return hashlib.sha256(end(net).encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("name", LONGER)
def test_kills_at_any_moment(name: str, tmp_path: Path) -> None:
    chance, kills, ends = random.Random(name), 0, 0
    code = [sys.executable, "-c", CHILD, str(Path(__file__).parent), name]
    whole: dict[str, str] = {}
    while kills < 13 or ends == 0:
        folder = tmp_path / str(ends)
        process = subprocess.Popen([*code, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
            try:
                process.wait(timeout=chance.uniform(0, 0.25) if kills < 13 else 60)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        if process.returncode == -signal.SIGKILL:
            continue
        assert process.returncode == 0, err
        found, seed = out.split()
        if seed not in whole:
            net, inputs, y, how = longer(name)
            net.fit(inputs, y, **{**how, "seed": int(seed)})
            whole[seed] = hashed(net)
        assert found == whole[seed]
        assert len(os.listdir(folder)) == 2
        ends += 1
