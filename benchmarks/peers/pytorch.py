"""PyTorch in its usual, eager form, without what slows it down.

There is no DataLoader (it collates row by row): the data are one tensor, and `index_select` gathers a minibatch, which
was quicker than gathering the epoch at once, than writing into one buffer with `out=`, and than indexing.
The fused optimizers update all parameters in one call: for Adam that almost halves the epoch of W2.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.data import X, Y
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload

LIKELIHOODS = {
    "bernoulli": F.binary_cross_entropy_with_logits,
    "categorical": F.cross_entropy,
    "normal": F.mse_loss,  # (y − η)², twice what the log-likelihood has: see `epsilon`
}


class PyTorch(Peer):
    """torch.nn, autograd and torch.optim."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.inputs = torch.from_numpy(inputs)
        self.labels = torch.from_numpy(labels)
        if workload.widths[-1] == 1:
            self.labels = self.labels.float()[:, None]
        self.likelihood = LIKELIHOODS[workload.likelihood]
        self.net = network(workload)
        self.optimizer = optimizer(workload, self.net)

    def epoch(self) -> None:
        order = torch.randperm(len(self.inputs))
        labels = self.labels.index_select(0, order)
        size = self.workload.batch_size
        for rows, y in zip(order.split(size), labels.split(size), strict=True):
            self.likelihood(self.net(self.inputs.index_select(0, rows)), y).backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def eta(self, inputs: X) -> NDArray[Any]:
        eta: Tensor = self.net(torch.from_numpy(inputs))
        return eta.numpy()

    def predictor(self, row: X) -> Callable[[], Tensor]:
        x = torch.from_numpy(row)

        @torch.no_grad()
        def predict() -> Tensor:
            return torch.sigmoid(self.net(x))

        return predict


def network(workload: Workload) -> nn.Sequential:
    """Dense layers with an activation between them, starting from Glorot's uniform distribution."""
    layers: list[nn.Module] = []
    for p, q in pairwise(workload.widths):
        dense = nn.Linear(p, q)
        nn.init.xavier_uniform_(dense.weight)
        nn.init.zeros_(dense.bias)
        layers += [dense, nn.Sigmoid() if workload.activation == "logistic" else nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def optimizer(workload: Workload, net: nn.Module) -> torch.optim.Optimizer:
    """The workload's optimizer; gradient ascent keeps no state and gains nothing from being fused."""
    if workload.optimizer == "gradient ascent":
        return torch.optim.SGD(net.parameters(), lr=workload.learning_rate)
    betas = (workload.beta1, workload.beta2)
    return torch.optim.Adam(net.parameters(), lr=workload.learning_rate, betas=betas, eps=epsilon(workload), fused=True)


def epsilon(workload: Workload) -> float:
    """Adam's ε for the squared error without its ½: with g and ε both doubled, its steps are the same to the bit."""
    return 2 * workload.epsilon if workload.is_normal else workload.epsilon


PEER = PyTorch
