"""Handwritten digits: the dataclass that every loader returns, and the small digits that scikit-learn ships."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Images of digits and what they show, in a training and a test part.

    Attributes
    ----------
    train_images, test_images : array (n, H, W)
        float32 from 0 (background) to 1 (ink), or uint8 from 0 to 255 where that was asked for.
    train_labels, test_labels : array (n,)
        int64, the digit that the image shows.
    name : str
        which data these are.
    source : str
        where they come from.

    Examples
    --------
    >>> images, labels = np.zeros((3, 8, 8), np.float32), np.array([0, 1, 2])
    >>> digits = Digits(images, labels, images[:2], labels[:2], name="blank", source="nowhere")
    >>> digits
    Digits(blank: 3 for training, 2 for testing, 8 x 8 float32, classes 0 1 2)
    >>> digits.only(0, 2).train_labels
    array([0, 2])
    """

    train_images: NDArray[Any]
    train_labels: NDArray[np.int64]
    test_images: NDArray[Any]
    test_labels: NDArray[np.int64]
    name: str
    source: str

    def only(self, *classes: int) -> "Digits":
        """Keep the images of these classes, (n, H, W) -> (fewer, H, W), in their order, labels as they are.

        Raises ValueError when no class is given, or one that the data do not have.

        >>> images, labels = np.zeros((3, 8, 8), np.float32), np.array([0, 1, 2])
        >>> Digits(images, labels, images, labels, "blank", "nowhere").only(0, 7)
        Traceback (most recent call last):
        ...
        ValueError: blank has no class 7: it has 0 1 2
        """
        there = np.union1d(self.train_labels, self.test_labels)
        if not classes:
            raise ValueError(f"name at least one class to keep; {self.name} has {' '.join(map(str, there))}")
        for c in classes:
            if c not in there:
                raise ValueError(f"{self.name} has no class {c}: it has {' '.join(map(str, there))}")
        train, test = np.isin(self.train_labels, classes), np.isin(self.test_labels, classes)
        return Digits(
            self.train_images[train],
            self.train_labels[train],
            self.test_images[test],
            self.test_labels[test],
            self.name,
            self.source,
        )

    def __repr__(self) -> str:
        height, width = self.train_images.shape[1:]
        classes = " ".join(map(str, np.union1d(self.train_labels, self.test_labels)))
        return (
            f"Digits({self.name}: {len(self.train_labels)} for training, {len(self.test_labels)} for testing, "
            f"{height} x {width} {self.train_images.dtype}, classes {classes})"
        )


def load_digits() -> Digits:
    """Load the 1797 handwritten digits of 8 by 8 pixels that scikit-learn ships: real handwriting, without a download.

    Images (1438, 8, 8) for training and (359, 8, 8) for testing, float32 from 0 to 1 (the file's 0 to 16, divided by
    16); labels int64 from 0 to 9. The split never changes: of each class one image in five, drawn with seed 0, is for
    testing, and each part keeps scikit-learn's order.

    The images are the *test* part of the UCI set, by 13 people, all of whom write in both parts here: accuracy says how
    well the network reads these people, and flatters it about strangers.

    Returns
    -------
    Digits
        with `name` "digits".

    Raises
    ------
    ImportError
        when scikit-learn, which holds the data, is not installed.

    Notes
    -----
    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
    doi:10.24432/C50P49.

    Examples
    --------
    >>> load_digits()
    Digits(digits: 1438 for training, 359 for testing, 8 x 8 float32, classes 0 1 2 3 4 5 6 7 8 9)
    >>> load_digits().only(0, 1)
    Digits(digits: 288 for training, 72 for testing, 8 x 8 float32, classes 0 1)
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError("load_digits reads the digits that scikit-learn ships: install scikit-learn") from error

    data = datasets.load_digits()
    images, labels = (data.images / 16).astype(np.float32), data.target.astype(np.int64)
    # The old generator on purpose: NumPy promises that its stream never changes (NEP 19), so the split never does.
    generator = np.random.RandomState(0)
    test = np.zeros(len(labels), dtype=bool)
    for c in range(10):
        members = np.flatnonzero(labels == c)
        test[generator.permutation(members)[: round(len(members) / 5)]] = True
    return Digits(
        images[~test],
        labels[~test],
        images[test],
        labels[test],
        name="digits",
        source="scikit-learn's load_digits, from the UCI set Optical Recognition of Handwritten Digits",
    )
