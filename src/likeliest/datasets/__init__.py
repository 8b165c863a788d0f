"""Data to learn on: handwritten digits, small (from scikit-learn) and full size (MNIST)."""

from likeliest.datasets.digits import Digits, load_digits
from likeliest.datasets.idx import read_idx
from likeliest.datasets.mnist import load_mnist
from likeliest.datasets.shards import join_shards

__all__ = ["Digits", "join_shards", "load_digits", "load_mnist", "read_idx"]
