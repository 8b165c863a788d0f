"""PyTorch in its usual, eager form, without what slows it down.

There is no DataLoader (it collates row by row): the data are one tensor, and `index_select` gathers a minibatch, which
was quicker than gathering the epoch at once, than writing into one buffer with `out=`, and than indexing.
The fused optimizers update all parameters in one call: for Adam that almost halves the epoch of W2.
Images and volumes lie channels last in memory, which is as quick (W3, Conv3D) or quicker (Depthwise) than channels
first; series lie channels first, since a Conv1d knows nothing else. pytorch_tuned.py has what else helps.
Recurrences are nn.LSTM (oneDNN's) and nn.GRU; sequences first or steps first is as quick, cells written out take twice
as long, and minibatches of 16 and less take one thread, which is a third quicker than two.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.data import X, Y
from benchmarks.layers import Convolution, Dense, GlobalAverage, MaxPool, Recurrence
from benchmarks.peers.base import Peer
from benchmarks.workloads import Workload

LIKELIHOODS = {
    "bernoulli": F.binary_cross_entropy_with_logits,
    "categorical": F.cross_entropy,
    "normal": F.mse_loss,  # (y − η)², twice what the log-likelihood has: see `epsilon`
}


CONVOLUTIONS: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLS: dict[int, type[nn.Module]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


FEW = 16
"""Sequences in a minibatch that one thread goes through more quickly than two."""


class PyTorch(Peer):
    """torch.nn, autograd and torch.optim."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        torch.set_num_threads(1 if workload.is_recurrent and workload.batch_size <= FEW else threads)
        torch.manual_seed(0)
        self.inputs = self.resident(inputs)
        self.labels = torch.from_numpy(labels)
        if workload.outputs == 1:
            self.labels = self.labels.float()[:, None]
        self.likelihood = LIKELIHOODS[workload.likelihood]
        self.net = self.network()
        self.optimizer = optimizer(workload, self.net)

    def resident(self, inputs: X) -> Tensor:
        """The inputs as they lie in memory; a series (n, T, c) with its channels first."""
        x = torch.from_numpy(inputs)
        return x.movedim(-1, 1).contiguous() if self.workload.is_series else x

    def network(self) -> nn.Module:
        """The layers; images and volumes are turned to (n, c, *space), which moves nothing."""
        net = network(self.workload)
        axes = self.workload.axes
        return nn.Sequential(ChannelsSecond(), net.to(memory_format=CHANNELS_LAST[axes])) if axes > 1 else net

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
        eta: Tensor = self.net(self.resident(inputs))
        return eta.numpy()

    def predictor(self, row: X) -> Callable[[], Tensor]:
        x = torch.from_numpy(row)

        @torch.no_grad()
        def predict() -> Tensor:
            return torch.sigmoid(self.net(x))

        return predict

    def streamer(self, step: X) -> Callable[[], Tensor]:
        torch.set_num_threads(1)  # one step is quicker without a second
        first, *rest = self.net.children()
        recurrence, output = first.recurrence, nn.Sequential(*rest)
        state = None

        @torch.inference_mode()
        def read() -> Tensor:
            nonlocal state
            h, state = recurrence(torch.from_numpy(step)[None, None], state)
            return torch.softmax(output(h[:, 0]), 1)

        return read


def network(workload: Workload) -> nn.Sequential:
    """The workload's layers, starting from Glorot's uniform distribution."""
    modules: list[nn.Module] = []
    for layer, given in zip(workload.layers, workload.shapes, strict=True):
        match layer:
            case Dense():
                modules += [glorot(nn.Linear(given[0], layer.width)), *activation(layer)]
            case Convolution():
                groups = layer.width if layer.depthwise else 1
                kind = CONVOLUTIONS[workload.axes]
                modules += [glorot(kind(given[-1], layer.width, layer.kernel, groups=groups)), *activation(layer)]
            case Recurrence():
                modules.append(LastState(given[-1], layer))
            case MaxPool():
                modules.append(POOLS[workload.axes](2))
            case GlobalAverage():
                modules.append(Mean())
            case _:
                modules.append(nn.Flatten())
    return nn.Sequential(*modules)


def glorot(module: nn.Module) -> nn.Module:
    """Weights uniform as Glorot and Bengio (2010) proposed, biases 0."""
    nn.init.xavier_uniform_(module.get_parameter("weight"))
    nn.init.zeros_(module.get_parameter("bias"))
    return module


def activation(layer: Dense | Convolution) -> list[nn.Module]:
    """None after the last layer."""
    return {"logistic": [nn.Sigmoid()], "relu": [nn.ReLU()], "identity": []}[layer.activation]


class ChannelsSecond(nn.Module):
    """(n, *space, c) → (n, c, *space), without moving a number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)


class LastState(nn.Module):
    """(n, T, p) → (n, q), of one recurrence; each gate's weights are drawn by themselves."""

    def __init__(self, p: int, layer: Recurrence) -> None:
        super().__init__()
        kind = nn.LSTM if layer.kind == "lstm" else nn.GRU
        self.recurrence = kind(p, layer.width, batch_first=True)
        W, U, *biases = self.recurrence.parameters()
        for W_gate, U_gate in zip(W.chunk(layer.gates), U.chunk(layer.gates), strict=True):
            nn.init.xavier_uniform_(W_gate)
            nn.init.orthogonal_(U_gate)
        for b in biases:
            nn.init.zeros_(b)
        if layer.kind == "lstm":
            nn.init.ones_(biases[0].chunk(layer.gates)[1])

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.recurrence(x)[0]
        return h[:, -1]


class Mean(nn.Module):
    """The mean over space."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=tuple(range(2, x.ndim)))


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
