"""Which rows are held out."""

import numpy as np
import pytest

from likeliest.cli.options import BadData
from likeliest.cli.splitting import folds, held_out


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_of_each_class_its_share(share: float) -> None:
    y = np.array(["a"] * 50 + ["b"] * 30 + ["c"] * 7)
    mask = held_out(y, share, 0, True)
    assert abs(mask.sum() - share * len(y)) <= 1
    for label, count in (("a", 50), ("b", 30), ("c", 7)):
        assert abs(mask[y == label].sum() - share * count) <= 1


def test_a_class_of_one_row_is_learned_from() -> None:
    for seed in range(20):
        y = np.array(["a"] * 5 + ["b"] * 5 + ["lonely"])
        assert not held_out(y, 0.5, seed, True)[-1]


def test_the_same_seed_the_same_rows_and_another_others() -> None:
    y = np.random.default_rng(0).normal(size=200)
    assert (held_out(y, 0.2, 3, False) == held_out(y, 0.2, 3, False)).all()
    assert (held_out(y, 0.2, 3, False) != held_out(y, 0.2, 4, False)).any()
    assert held_out(y, 0.2, 3, False).sum() == 40


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_rows(n: int) -> None:
    with pytest.raises(BadData, match="too few"):
        held_out(np.arange(n), 0.2, 0, False)


def test_each_row_is_in_one_fold_and_classes_are_spread() -> None:
    y = np.array(["a"] * 20 + ["b"] * 10)
    seen = np.zeros(30, int)
    for train, test in folds(y, 5, 0, True):
        assert not set(train) & set(test)
        assert len(train) + len(test) == 30
        assert (y[test] == "a").sum() == 4
        seen[test] += 1
    assert (seen == 1).all()
    with pytest.raises(BadData, match="--cross-validate"):
        list(folds(np.arange(3), 5, 0, False))
