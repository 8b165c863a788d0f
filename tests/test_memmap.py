"""Memory-mapped data are read as they are needed and never copied whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import likeliest as ll

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("offset", [0, 3])
def test_a_memory_map_gives_the_same_as_the_array(dtype: str, order: str, offset: int, tmp_path: Path) -> None:
    plain, y = RNG.integers(0, 2, (40, 6)).astype(np.float32), np.arange(40) % 2
    mapped = np.memmap(tmp_path / "x", dtype, "w+", offset, plain.shape, order)  # type: ignore[call-overload]
    mapped[:] = plain
    mapped = np.memmap(tmp_path / "x", dtype, "r", offset, plain.shape, order)  # type: ignore[call-overload]
    theta = []
    for X in (plain, mapped):
        net = ll.Network([ll.Dense(3, "tanh")], likelihood=ll.likelihoods.Bernoulli())
        net.fit(X, y, epochs=2, batch_size=7, seed=0, threads=1, validation=0.2)
        theta.append([value.tobytes() for value in net.parameters.values()] + [net.predict_proba(X).tobytes()])
    assert theta[0] == theta[1]


SCRIPT = """
import sys
import numpy as np
import likeliest as ll

def peak():  # MB of this process's own memory; pages of the file itself are the system's to take back
    status = open("/proc/self/status").read()
    return sum(int(status.split(name + ":")[1].split()[0]) for name in ("RssAnon", "RssShmem")) / 1024

n, p = 60_000, 784
X = np.memmap(sys.argv[1], np.float32, "r", shape=(n, p))
X = X.reshape(n, 28, 28) if sys.argv[2] == "images" else X
y = np.arange(n) % 2
net = ll.Network([ll.Flatten(), ll.Dense(4, "tanh")], likelihood=ll.likelihoods.Bernoulli())
net.fit(X[:500], y[:500], epochs=1, seed=0, threads=1)
before, seen = peak(), []
look = lambda epoch: seen.append(peak())
net.fit(X, y, epochs=1, batch_size=256, seed=0, threads=1, validation=0.5, callbacks=[look])
net.predict(X)
seen.append(peak())
print(max(seen) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", ["rows", "images"])
def test_a_memory_map_of_188_mb_is_never_copied_whole(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    with open(path, "wb") as file:
        file.truncate(60_000 * 784 * 4)  # a sparse file: zeros that take no disk
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), kind], capture_output=True, text=True, timeout=120, check=True
    )
    assert float(run.stdout) < 60


IMAGES = """
import sys
import numpy as np
import likeliest as ll

def peak():  # MB; see above
    status = open("/proc/self/status").read()
    return sum(int(status.split(name + ":")[1].split()[0]) for name in ("RssAnon", "RssShmem")) / 1024

n = 25_000
kind, path, dtype = sys.argv[1:]
X = np.memmap(path, dtype, "r", shape=(n, 32, 32, 3)) if path else np.zeros((n, 32, 32, 3), dtype)
y = np.arange(n) % 2
layers = [ll.Conv2D(2, 3, "relu", stride=4), ll.GlobalAvgPool()]
if kind == "Network":
    net = ll.Network([ll.Rescale(), *layers], likelihood="bernoulli", engine="native")
    fit = lambda X, y: net.fit(X, y, epochs=1, batch_size=256, seed=0, threads=1, validation=0.2)
    predict = net.predict
else:
    more = {} if kind == "Regressor" else {"class_weight": {0: 1, 1: 2}}
    model = getattr(ll, kind)(layers=layers, max_iter=1, random_state=0, n_jobs=1, warm_start=True, **more)
    fit, predict = model.fit, model.predict
fit(X[:500], y[:500])
before = peak()
if kind != "Network":
    model.set_params(warm_start=False)
fit(X, y)
after = peak()
predict(X)
print(max(after, peak()) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "kind", ["Network", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("Classifier", "Regressor"))]
)
@pytest.mark.parametrize("mapped", [True, False])
def test_bytes_are_never_copied_whole_to_floats(kind: str, mapped: bool, tmp_path: Path) -> None:
    """77 MB of bytes, which would be 307 MB in float32 and 614 MB in float64."""
    path = tmp_path / "x"
    if mapped:
        with open(path, "wb") as file:
            file.truncate(25_000 * 3072)
    run = subprocess.run(
        [sys.executable, "-c", IMAGES, kind, str(path) if mapped else "", "u1"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert float(run.stdout) < 40
