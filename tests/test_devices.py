"""Many devices and many processes: a fit takes the same steps as on one, and a death in it costs no more than an epoch.

All of it runs in processes of its own, since the number of devices is fixed when JAX starts.
"""

from __future__ import annotations

import os
import pickle
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import Array

import likeliest as ll
from likeliest.distributed import initialize

jax = pytest.importorskip("jax", reason="needs JAX: make test-jax")

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
KILLS = int(os.environ.get("LIKELIEST_KILLS", "2"))


def environment(devices: int = 1) -> dict[str, str]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


# One process ---------------------------------------------------------------------------------------------------------

EIGHT = """
import sys
import jax
import numpy as np
import likeliest as ll
from likeliest.optimizers import Adam, Momentum

assert jax.device_count() == 8
rng = np.random.default_rng(0)
kind, dtype = sys.argv[1:3]
layers, shape, optimizer, options, X = [ll.Dense(16, "tanh")], (12,), Adam(), {}, None
if kind == "dropout, prior, average":
    layers += [ll.Dropout(0.3)]
    options = {"averaging": ll.averaging.EMA(0.9), "sample_weight": rng.uniform(0, 2, 210)}
elif kind == "batch norm":
    layers, optimizer = [ll.Dense(16), ll.BatchNorm(), ll.Dense(8, "tanh")], Momentum(0.05)
elif kind == "augmented images":
    # No kink: with relu, a number at 1e-7 of 0 decides otherwise on other devices, of which Adam makes more than 1e-5.
    layers, shape = [ll.Conv2D(8, 3, activation="tanh"), ll.MaxPool2D(2), ll.Flatten()], (8, 8)
    options = {"augment": [ll.augmentation.Shift(1), ll.augmentation.Mixup(0.3)]}
elif kind == "sequences":
    layers = [ll.LSTM(8)]
    X = [rng.normal(size=(k, 3)) for k in rng.integers(1, 9, 210)]
elif kind == "from a file":
    X = np.memmap(sys.argv[3], np.float32, "w+", shape=(210, 12))
    X[:] = rng.normal(size=X.shape)
elif kind == "theta in parts":
    layers = [ll.Dense(24, "tanh"), ll.Dense(16, "tanh"), ll.Dropout(0.2)]
X = rng.normal(size=(210, *shape)) if X is None else X
y = rng.integers(0, 3, 210)
found = []
three = jax.sharding.Mesh(np.array(jax.devices()[:3]), ("some",))
for devices in (None, "all", jax.make_mesh((4, 2), ("a", "b")), three):
    net = ll.Network(
        layers, likelihood=ll.likelihoods.Categorical(3), prior=ll.priors.Normal(1.0), engine="jax", dtype=dtype,
        devices=devices,
    )
    net.fit(X, y, epochs=10, batch_size=40, seed=3, verbose=False, optimizer=optimizer, validation=0.05, **options)
    W = net._built()._now.theta["dense_1.W" if "dense_1.W" in net.parameters else "output.W"]
    in_parts = kind == "theta in parts" and devices is not None and W.shape[-1] % net._built()._devices.count == 0
    assert W.is_fully_replicated != in_parts, W.sharding
    assert len(W.devices()) == net._built()._devices.count
    found.append({**net.parameters, "p": net.predict_proba(X), "g": net.gradient(X, y)["output.W"] / 210})
for other in found[1:]:
    for name, value in found[0].items():
        difference = np.abs(np.asarray(other[name]) - value).max()
        assert difference <= {"float64": 1e-10, "float32": 1e-5}[dtype], (name, difference)
print("fine")
"""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kind",
    [
        "dropout, prior, average",
        "batch norm",
        "augmented images",
        "sequences",
        "from a file",
        "theta in parts",
    ],
)
def test_eight_devices_take_the_steps_of_one(kind: str, dtype: str, tmp_path: Path) -> None:
    """50 and more of them, of which the last of an epoch has fewer rows than the others."""
    env = environment(8)
    if kind == "theta in parts":
        env["LIKELIEST_JAX_RESIDENT_BYTES"] = "1000"
    run = [sys.executable, "-c", EIGHT, kind, dtype, str(tmp_path / "X")]
    done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr


def test_what_devices_may_be() -> None:
    for devices, engine, message in (
        ("all", "native", 'devices: they are for engine="jax" only'),
        ("some", "jax", 'devices: expected "all", a jax.sharding.Mesh'),
        (3, "jax", 'devices: expected "all", a jax.sharding.Mesh'),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            ll.Network([], likelihood="normal", engine=engine, devices=devices)
        with pytest.raises(ValueError, match=re.escape(message)):
            ll.Regressor(engine=engine, devices=devices).fit([[0.0], [1.0]], [0.0, 1.0])


def test_where_a_network_is_does_not_travel_with_it(tmp_path: Path) -> None:
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("rows",))
    net = ll.Network([], likelihood="normal", engine="jax", devices=mesh).build(2)
    assert net.predict(np.zeros((3, 2))).shape == (3,)
    assert pickle.loads(pickle.dumps(net)).devices is None
    net.save(tmp_path / "net.likeliest")
    assert ll.load(tmp_path / "net.likeliest").devices is None
    assert ll.load(tmp_path / "net.likeliest", devices=mesh)._built()._devices.count == 1
    with pytest.raises(ValueError, match='devices: they are for engine="jax" only'):
        ll.load(tmp_path / "net.likeliest", engine="native", devices=mesh)
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    clf = ll.Classifier(hidden=(4,), max_iter=2, engine="jax", devices=mesh, random_state=0).fit(X, y)
    assert clf.network_.devices is mesh
    again = pickle.loads(pickle.dumps(clf))
    assert again.devices is again.network_.devices is None
    clf.save(tmp_path / "clf.likeliest")
    assert ll.load(tmp_path / "clf.likeliest").devices is None
    everywhere = ll.load(tmp_path / "clf.likeliest", devices="all")
    assert everywhere.devices == everywhere.network_.devices == "all"
    np.testing.assert_allclose(everywhere.predict_proba(X), clf.predict_proba(X), rtol=1e-6)
    everywhere = ll.Network([], likelihood="normal", engine="jax", devices="all")
    assert "devices='all'" in repr(everywhere)
    assert pickle.loads(pickle.dumps(everywhere)).devices == "all"


# Several processes ---------------------------------------------------------------------------------------------------

WORKER = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
port, count, index, out, dtype, folder, pause = sys.argv[1:]
count, index = int(count), int(index)
import numpy as np
import likeliest as ll

if count > 1:
    ll.distributed.initialize(f"127.0.0.1:{port}", count, index, timeout=10)
from likeliest.engines.jax import Jax

read, numbers = 0, Jax._numbers
def counted(engine, a):
    global read
    read += len(a)
    return numbers(engine, a)
Jax._numbers = counted

rng = np.random.default_rng(0)
X, y = np.load(os.path.dirname(out) + "/X.npy", mmap_mode="r"), rng.integers(0, 3, 400)
net = ll.Network(
    [ll.Dense(16, "tanh"), ll.Dropout(0.3)], likelihood=ll.likelihoods.Categorical(3), engine="jax", dtype=dtype,
    devices="all",
)

def after(epoch):
    print("epoch", epoch.number, flush=True)
    time.sleep(float(pause))

history = net.fit(
    X, y, epochs=10, batch_size=60, seed=5, verbose=False, averaging=ll.averaging.EMA(0.9), checkpoint=folder or None,
    callbacks=[after],
)
in_fit = read
p = net.predict_proba(X)
np.savez(f"{out}-{index}.npz", p=p, read=in_fit, epochs=history.epochs, **net.parameters)
"""


def free_port() -> int:
    """One that is still free when process 0 listens there, a second later: never handed out to whoever asks for any."""
    numbers = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(numbers.read_text().split()[0]) if numbers.exists() else 32768
    while True:
        port = random.SystemRandom().randrange(10_000, max(first, 20_000))
        try:
            socket.create_server(("", port)).close()
            return port
        except OSError:
            continue


class Fleet:
    """Processes that fit a network together."""

    def __init__(
        self, out: Path, count: int, dtype: str = "float64", folder: str = "", pause: float = 0, devices: int = 1
    ):
        port = free_port()
        self.out, self.count = out, count
        np.save(out.parent / "X.npy", np.random.default_rng(1).normal(size=(400, 12)))
        self.files = [(open(f"{out}-{k}.out", "w+"), open(f"{out}-{k}.err", "w+")) for k in range(count)]  # noqa: SIM115
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, *map(str, (port, count, k, out, dtype, folder, pause))],
                env=environment(devices), stdout=self.files[k][0], stderr=self.files[k][1],
            )
            for k in range(count)
        ]  # fmt: skip

    def said(self, k: int) -> str:
        return Path(f"{self.out}-{k}.out").read_text()

    def errors(self, k: int) -> str:
        return Path(f"{self.out}-{k}.err").read_text()

    def until_epoch(self, number: int, k: int = 0) -> None:
        end = time.monotonic() + 120
        while f"epoch {number}\n" not in self.said(k):
            assert time.monotonic() < end, self.errors(k)
            assert self.processes[k].poll() is None, self.errors(k)
            time.sleep(0.05)

    def wait(self, timeout: float) -> list[int]:
        end = time.monotonic() + timeout
        return [one.wait(max(0.1, end - time.monotonic())) for one in self.processes]

    def results(self) -> list[dict[str, Array]]:
        end = time.monotonic() + 240
        while (codes := [one.poll() for one in self.processes]) != [0] * self.count:
            # none is waited for after another has failed: it would wait for that one
            go_on = not any(codes) and time.monotonic() < end
            assert go_on, [codes, *map(self.errors, range(self.count))]
            time.sleep(0.05)
        return [dict(np.load(f"{self.out}-{k}.npz")) for k in range(self.count)]

    def close(self) -> None:
        for one in self.processes:
            if one.poll() is None:
                one.kill()
            one.wait()
        for pair in self.files:
            for file in pair:
                file.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Any]:
    made: list[Fleet] = []

    def make(count: int, **options: Any) -> Fleet:
        made.append(Fleet(tmp_path / f"run{len(made)}", count, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def same(found: dict[str, Array], expected: dict[str, Array], dtype: str) -> bool:
    return all(np.abs(found[name] - expected[name]).max() <= TOLERANCE[dtype] for name in expected.keys() - {"read"})


@pytest.mark.slow
@pytest.mark.parametrize(("count", "dtype", "devices"), [(2, "float64", 1), (2, "float32", 2), (4, "float64", 1)])
def test_processes_take_the_steps_of_one_and_read_their_share(fleet: Any, count: int, dtype: str, devices: int) -> None:
    (alone,) = fleet(1, dtype=dtype).results()
    several = fleet(count, dtype=dtype, devices=devices).results()
    for one in several:
        assert same(one, alone, dtype)
    for name, value in several[0].items():
        if name != "read":
            assert all(np.array_equal(one[name], value) for one in several), name
    # where it starts is looked at on the same rows by all, and rows are filled up to as many for each device
    assert max(int(one["read"]) for one in several) < 1.5 * int(alone["read"]) / count


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_process_ends_the_others_by_name_and_the_fit_goes_on(fleet: Any, tmp_path: Path, number: int) -> None:
    """Goes on with other processes and devices than it began with."""
    rng = random.Random(number)
    count = rng.choice([2, 3])
    begun = fleet(count, folder=str(tmp_path / "kept"), pause=0.1)
    begun.until_epoch(rng.randint(1, 8))
    time.sleep(rng.uniform(0, 0.2))
    victim = rng.randrange(count)
    begun.processes[victim].send_signal(signal.SIGKILL)
    begin = time.monotonic()
    codes = begun.wait(60)
    assert time.monotonic() - begin < 60
    assert 0 not in codes
    others = [k for k in range(count) if k != victim]
    text = "".join(begun.errors(k) for k in others)
    named = f"process {victim} of {count} \\([^)]*process id {begun.processes[victim].pid}\\)"
    by_jax = "leader task" if victim == 0 else rf"heartbeats\):\s+{victim}\b|Task {victim} heartbeat timeout"
    assert re.search(f"{named}|{by_jax}", text), text[-5000:]
    (whole,) = fleet(1).results()
    again = fleet(rng.choice([1, 2]), folder=str(tmp_path / "kept"), devices=rng.choice([1, 2]))
    for one in again.results():
        assert same(one, whole, "float64")
    assert "epoch 1\n" not in again.said(0)  # it did go on


@pytest.mark.slow
def test_ctrl_c_in_one_process_ends_all_of_them_after_the_same_step(fleet: Any) -> None:
    two = fleet(2, pause=0.3)
    two.until_epoch(2)
    two.processes[1].send_signal(signal.SIGINT)
    one, other = two.results()
    assert one["epochs"] == other["epochs"] < 10
    assert all(np.array_equal(one[name], other[name]) for name in one.keys() - {"read"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"coordinator_address": "here", "num_processes": 2, "process_id": 0},
            'coordinator_address: expected "host:port"',
        ),
        (
            {"coordinator_address": "a:1", "num_processes": 2},
            "process_id: expected a value, as coordinator_address, num",
        ),
        ({"coordinator_address": "a:1", "num_processes": 0, "process_id": 0}, "num_processes: expected a whole number"),
        ({"coordinator_address": "a:1", "num_processes": 2, "process_id": 2}, "process_id: expected one from 0 to 1"),
        (
            {"coordinator_address": "a:99999", "num_processes": 2, "process_id": 0},
            'coordinator_address: expected "host:port" with a port from 1 to 65535',
        ),
        ({"timeout": 0.5}, "timeout: expected a whole number of at least 1, found 0.5"),
    ],
)
def test_what_joining_needs(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        initialize(**arguments)


def test_a_port_that_is_taken_is_named_before_anything_starts() -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"coordinator_address: process 0 cannot listen at port {port} "):
            initialize(f"127.0.0.1:{port}", 2, 0)
