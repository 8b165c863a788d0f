"""Data to learn on: handwritten digits, small (from scikit-learn) and full size (MNIST)."""

from likeliest.datasets.digits import Digits, load_digits
from likeliest.datasets.idx import read_idx
from likeliest.datasets.mnist import load_mnist

__all__ = ["Digits", "load_digits", "load_mnist", "read_idx"]
