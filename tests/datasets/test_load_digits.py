"""The small digits: shapes, scale, a split that never changes."""

import dataclasses
import hashlib

import numpy as np
import pytest

from likeliest.datasets import Digits, load_digits

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load_digits()


def test_shapes_and_scale(digits: Digits) -> None:
    assert digits.train_images.shape == (1438, 8, 8)
    assert digits.test_images.shape == (359, 8, 8)
    for images, labels in ((digits.train_images, digits.train_labels), (digits.test_images, digits.test_labels)):
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert len(images) == len(labels)
        assert images.min() == 0
        assert images.max() == 1


def test_every_class_gives_a_fifth_to_the_test_part(digits: Digits) -> None:
    train, test = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    assert len(train) == len(test) == 10
    np.testing.assert_allclose(test / (train + test), 0.2, atol=0.005)


def test_every_image_is_in_one_part_and_keeps_its_label(digits: Digits) -> None:
    from sklearn.datasets import load_digits as original

    data = original()
    expected = sorted((image.tobytes(), int(label)) for image, label in zip(data.images, data.target, strict=True))
    images = np.concatenate([digits.train_images, digits.test_images])
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    actual = [((image.astype(float) * 16).tobytes(), int(label)) for image, label in zip(images, labels, strict=True)]
    assert sorted(actual) == expected


def test_the_split_never_changes(digits: Digits) -> None:
    again = load_digits()
    assert np.array_equal(again.test_images, digits.test_images)
    digest = hashlib.sha256(digits.test_images.astype("<f4").tobytes() + digits.test_labels.astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "3f92cf0d60eb78bb"


def test_only(digits: Digits) -> None:
    pair = digits.only(0, 1)
    assert np.unique(pair.train_labels).tolist() == [0, 1]
    assert np.unique(pair.test_labels).tolist() == [0, 1]
    assert np.array_equal(pair.train_images, digits.train_images[digits.train_labels < 2])
    assert (pair.name, pair.source) == (digits.name, digits.source)
    assert np.array_equal(digits.only(1, 0).train_labels, pair.train_labels)
    assert digits.only(7).test_labels.tolist() == [7] * int(np.sum(digits.test_labels == 7))


def test_only_says_which_classes_there_are(digits: Digits) -> None:
    with pytest.raises(ValueError, match="no class 12: it has 0 1 2 3"):
        digits.only(0, 12)
    with pytest.raises(ValueError, match="at least one class"):
        digits.only()


def test_frozen(digits: Digits) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        digits.name = "other"  # type: ignore[misc]
