"""Keras's `fit` on PyTorch, for the workloads where that is quicker than on JAX (see peers/__init__.py)."""

# ruff: noqa: D102 (base.py says what the methods of a peer do), E402

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.data import X, Y
from benchmarks.peers.keras_fit import Keras
from benchmarks.workloads import Workload


class KerasOnTorch(Keras):
    """keras.Sequential, compile, fit."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        torch.set_num_threads(threads)
        super().__init__(workload, inputs, labels, threads)

    def execution(self) -> dict[str, Any]:
        return {}

    @torch.no_grad()
    def eta(self, inputs: X) -> NDArray[Any]:
        return np.asarray(self.net.predict_on_batch(inputs))


PEER = KerasOnTorch
