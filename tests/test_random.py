"""The generator: the published known answers, and streams that depend on nothing but where they are used."""

from __future__ import annotations

import numpy as np
import pytest

from likeliest import _native, random


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers_of_random123(
    counter: tuple[int, int], key: tuple[int, int], answer: tuple[int, int]
) -> None:
    c0, c1 = (np.array([word] * 2, np.uint32) for word in counter)
    words = random.threefry(key, c0, c1)
    assert [word.tolist() for word in words] == [[answer[0]] * 2, [answer[1]] * 2]


def test_a_stream_depends_on_all_its_indices_in_order() -> None:
    keys = {
        random.stream(*indices)
        for indices in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 1), (0, 1, 0), (2**32,), (2**32 + 1,), (2**63,)]
    }
    assert len(keys) == 10
    assert random.stream(3, 2, 1) == random.stream(3, 2, 1)


def test_uniform_is_uniform_and_never_0_or_1() -> None:
    u = random.uniform(random.stream(0, random.CHECK), (100, 1000))
    assert 0 < u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    counts = np.histogram(u, bins=100, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 99 + 5 * np.sqrt(2 * 99)
    assert abs(np.corrcoef(u[:, :-1].ravel(), u[:, 1:].ravel())[0, 1]) < 0.02


def test_uniform_maps_its_ends_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    for word in (0, 2**64 - 1):
        monkeypatch.setattr(random, "bits", lambda key, n, word=word: np.full(n, word, np.uint64))
        assert 0 < random.uniform((0, 0), (1,))[0] < 1


@pytest.mark.parametrize("n", [1, 2, 99999])
def test_normal_is_normal(n: int) -> None:
    z = random.normal(random.stream(1, random.CHECK), (n,))
    assert z.shape == (n,)
    if n > 2:
        assert abs(z.mean()) < 5 / np.sqrt(n)
        assert abs(z.var() - 1) < 5 * np.sqrt(2 / n)
        assert abs((z**4).mean() - 3) < 0.2
        half = (n + 1) // 2  # the cosines, then the sines of the same angles
        assert abs(np.corrcoef(z[: n - half], z[half:])[0, 1]) < 0.03
        assert np.mean((z[: n - half] > 0) & (z[half:] > 0)) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1001])
def test_permutations_are_permutations(n: int) -> None:
    rows = random.permutations(7, range(5, 9), n)
    assert rows.shape == (4, n)
    assert rows.dtype == np.uint32
    assert np.array_equal(np.sort(rows, axis=1), np.tile(np.arange(n), (4, 1)))


def test_each_example_is_as_likely_in_each_position() -> None:
    epochs, n = 6000, 7
    rows = random.permutations(0, range(epochs), n)
    counts = np.array([np.bincount(rows[:, position], minlength=n) for position in range(n)])
    expected = epochs / n
    freedom = (n - 1) ** 2
    assert ((counts - expected) ** 2 / expected).sum() < freedom + 5 * np.sqrt(2 * freedom)


def test_all_orders_are_as_likely() -> None:
    rows = random.permutations(3, range(6000), 3)
    _, counts = np.unique(rows @ [100, 10, 1], return_counts=True)
    assert len(counts) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 5 + 5 * np.sqrt(2 * 5)


def test_epochs_differ_and_so_do_seeds() -> None:
    rows = [*random.permutations(0, range(20), 50), *random.permutations(1, range(20), 50)]
    assert len({row.tobytes() for row in rows}) == 40


def test_an_epochs_order_does_not_depend_on_how_the_call_is_split() -> None:
    at_once = random.permutations(11, range(0, 12), 33)
    split = [random.permutations(11, range(a, b), 33) for a, b in ((0, 1), (1, 5), (5, 12))]
    assert np.array_equal(at_once, np.concatenate(split))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 3, 128, 1000, 4097, 20_000, 70_001, 1_100_001])
def test_the_core_draws_the_same_orders(n: int, threads: int) -> None:
    key = random.stream(7, random.ORDER)
    expected = random.permutations(7, range(3, 6), n)
    for isa in _native.available_isas():
        np.testing.assert_array_equal(_native.permutations(*key, 3, 6, n, threads, isa), expected)
