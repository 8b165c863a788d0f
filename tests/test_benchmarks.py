"""The arithmetic of the benchmarks' verdicts."""

import math
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


def test_mean_and_error():
    from benchmarks.summary import mean_and_error

    mean, error = mean_and_error([1.0, 2.0, 4.0])
    assert mean == pytest.approx(7 / 3)
    assert error == pytest.approx(np.std([1, 2, 4], ddof=1) / math.sqrt(3))
    assert math.isnan(mean_and_error([1.0])[1])


def test_calibration_error_is_the_weighted_mean_of_the_gaps():
    """Bin by bin, as it is defined, on edges of bins, too."""
    from benchmarks.classifiers import BINS, calibration_error

    random = np.random.default_rng(0)
    confidence = np.append(random.uniform(0.3, 1, 473), [2 / 3] * 30)
    right = random.uniform(size=503) < confidence**2
    right[473:] = True  # on an edge, and unlike their neighbours on either side
    expected = 0.0
    for k in range(BINS):
        inside = (confidence > k / BINS) & (confidence <= (k + 1) / BINS)
        if inside.any():
            expected += inside.sum() / 503 * abs(right[inside].mean() - confidence[inside].mean())
    folds = [slice(0, 200), slice(200, 503)]
    answers = [{"confidence": confidence[fold].tolist(), "right": right[fold].tolist()} for fold in folds]
    assert calibration_error(answers) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("likeliest", "expected"),
    [([-0.2, -0.3, -0.4], "not worse"), ([-0.21, -0.35, -0.36], "not worse"), ([-0.25, -0.35, -0.46], "worse")],
)
def test_verdict_compares_with_the_better_peer_fold_by_fold(likeliest, expected):
    from benchmarks.classifiers import verdict

    scores = {"likeliest": likeliest, "mlp": [-0.2, -0.3, -0.4], "boosting": [-0.1, -0.9, -0.1]}
    difference, found = verdict(scores)
    gaps = np.subtract(likeliest, scores["mlp"])
    assert found == expected
    assert difference == f"{gaps.mean():+.4f} ± {gaps.std(ddof=1) / math.sqrt(3):.4f}"


def test_peers_of_a_least_squares_workload_agree_on_its_log_likelihood():
    from benchmarks.peers.base import Peer
    from benchmarks.workloads import T1

    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    mean, y = random.standard_normal((2, 50))
    peer = type("Known", (Peer,), {"epoch": None, "eta": lambda self, inputs: mean[:, None], "predictor": None})
    rmse, log_likelihood = peer(T1, None, None, 1).evaluate(None, y)
    assert rmse == pytest.approx(np.sqrt(np.mean((y - mean) ** 2)))
    assert log_likelihood == pytest.approx(stats.norm.logpdf(y, mean, 1).mean())


def test_arithmetic_of_a_network_of_convolutions():
    """W3, layer by layer: 28 - 26 - 13 - 11 - 5; the first layer needs no gradient of its input."""
    from benchmarks.workloads import DEPTHWISE, W3

    first, second = 2 * 26 * 26 * 9 * 32, 2 * 11 * 11 * 9 * 32 * 64
    dense = 2 * 5 * 5 * 64 * 128 + 2 * 128 * 10
    assert W3.shapes == [(28, 28, 1), (26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (1600,), (128,)]
    assert W3.flop_per_example == 2 * first + 3 * (second + dense)
    assert DEPTHWISE.flop_per_example == 2 * (2 * 54**2 * 9 * 128) + 3 * (2 * 52**2 * 9 * 128 + 2 * 128 * 10)


@pytest.mark.parametrize(("name", "gates"), [("W4", 4), ("W4-GRU", 3)])
def test_arithmetic_of_a_recurrence(name, gates):
    """28 steps of 28 and 27 of 128, whose first state is 0, into the gates; no gradient of the inputs."""
    from benchmarks.workloads import WORKLOADS

    workload = WORKLOADS[name]
    inputs, state = 2 * 28 * 28 * gates * 128, 2 * 27 * 128 * gates * 128
    assert workload.shapes == [(28, 28), (128,)]
    assert workload.outputs == 10
    assert workload.flop_per_example == 2 * inputs + 3 * (state + 2 * 128 * 10)


def test_small_minibatches_are_of_the_same_network():
    from benchmarks.workloads import W4, W4_BATCH_1, W4_BATCH_16

    for small, size in ((W4_BATCH_1, 1), (W4_BATCH_16, 16)):
        assert small.layers == W4.layers
        assert small.batch_size == size
        assert small.rows % size == 0


def test_an_image_is_a_sequence_of_its_rows(tmp_path, monkeypatch):
    from benchmarks import data
    from benchmarks.workloads import W4_BATCH_16

    random = np.random.default_rng(0)
    for split, n in (("train", 3300), ("test", 20)):
        images, labels = (tmp_path / name for name in data.FILES[split])
        pixels = random.integers(256, size=(n, 28, 28), dtype=np.uint8)
        images.write_bytes(b"\0\0\x08\x03" + np.array(pixels.shape, ">i4").tobytes() + pixels.tobytes())
        labels.write_bytes(b"\0\0\x08\x01" + np.array([n], ">i4").tobytes() + bytes(range(10)) * (n // 10))
        monkeypatch.setenv(data.VARIABLE, str(tmp_path))
        (tmp_path / data.FILES["test"][0]).touch()
        (tmp_path / data.FILES["test"][1]).touch()
        x, y = data.load(split, W4_BATCH_16)
        rows = min(n, W4_BATCH_16.rows) if split == "train" else n
        assert x.shape == (rows, 28, 28)
        assert y.tolist() == [i % 10 for i in range(rows)]
        np.testing.assert_allclose(x[7, 3], pixels[7, 3] / 255, rtol=1e-6)


def test_generated_examples_carry_their_class():
    """A texture repeats itself after five steps, noise does not; the same data each time, and others to test on."""
    from benchmarks.data import patterns
    from benchmarks.workloads import CONV1D

    x, y = patterns("train", CONV1D)
    again, _ = patterns("train", CONV1D)
    assert x.shape == (4000, 100, 16)
    assert np.array_equal(x, again)
    # The textures have variance 0.09.
    assert np.mean(x[:, :-5] * x[:, 5:]) == pytest.approx(0.09, abs=0.015)
    assert np.mean(x[:, :-4] * x[:, 4:]) < 0.03
    held_out, _ = patterns("test", CONV1D)
    assert not np.array_equal(x, held_out)
    assert set(y) == set(range(10))
