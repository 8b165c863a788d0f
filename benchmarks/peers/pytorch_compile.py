"""PyTorch through torch.compile, in functional form: quicker than eager, after a compilation of many seconds.

Gradient ascent: eight steps, gathers and updates included, are one compiled call (W1: a third of the eager time; one
step per call only halves it, and more than eight gains little). The C++ wrapper takes the remaining Python out.
Adam of W2: only the gradient is compiled, and the fused eager update follows; a compiled Adam is twice as slow.
Adam of the small networks of tables: eight steps with their updates, written out, are one compiled call, a fifth of the
time of the above; it takes the better part of a minute to compile.
Convolutions: eager is quicker, in whatever layout; it is compiled as W2 is.
Recurrences: torch.compile leaves an nn.LSTM as it is, and cells written out take longer than it at any size of
minibatch, with or without compiling; an nn.GRU takes as long as they do. So there is nothing to show.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch._inductor.config
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad

from benchmarks.data import X, Y
from benchmarks.layers import Convolution, Dense, GlobalAverage, MaxPool
from benchmarks.peers.base import Peer
from benchmarks.peers.pytorch import CHANNELS_LAST, LIKELIHOODS, epsilon, network
from benchmarks.workloads import Workload

STEPS_PER_CALL = 8
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "logistic": torch.sigmoid,
    "relu": torch.relu,
    "identity": lambda z: z,
}
CONVOLVE: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
POOL: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


class PyTorchCompile(Peer):
    """torch.func.grad under torch.compile."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        super().__init__(workload, inputs, labels, threads)
        if workload.is_recurrent:
            raise NotImplementedError("nn.LSTM and nn.GRU are not compiled, and cells written out are no quicker")
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        torch._inductor.config.cpp_wrapper = True
        self.inputs = torch.from_numpy(inputs)
        self.labels = torch.from_numpy(labels)
        if workload.outputs == 1:
            self.labels = self.labels.float()[:, None]
        self.parameters = [tensor.detach() for tensor in self.initial()]
        self.steps_per_call = 1
        if workload.optimizer == "gradient ascent":
            self.steps_per_call = STEPS_PER_CALL
            self.steps = torch.compile(self.ascend, dynamic=False)
        elif workload.is_normal:
            self.steps_per_call = STEPS_PER_CALL
            self.moments = [(torch.zeros_like(tensor), torch.zeros_like(tensor)) for tensor in self.parameters]
            self.t = torch.zeros(())
            self.steps = torch.compile(self.climb, dynamic=False)
        else:
            self.gradient = torch.compile(grad(self.loss), dynamic=False)
            self.optimizer = torch.optim.Adam(
                self.parameters,
                lr=workload.learning_rate,
                betas=(workload.beta1, workload.beta2),
                eps=epsilon(workload),
                fused=True,
            )
            self.steps = self.adam

    def initial(self) -> list[Tensor]:
        """W and b of each layer that has them; kernels of images and volumes lie channels last."""
        net, axes = network(self.workload), self.workload.axes
        return list((net.to(memory_format=CHANNELS_LAST[axes]) if axes > 1 else net).parameters())

    def forward(self, parameters: list[Tensor], x: Tensor) -> Tensor:
        axes, theta = self.workload.axes, iter(parameters)
        if axes:
            x = x.movedim(-1, 1)
        for layer in self.workload.layers:
            match layer:
                case Dense():
                    x = ACTIVATIONS[layer.activation](F.linear(x, next(theta), next(theta)))
                case Convolution():
                    W, b = next(theta), next(theta)
                    groups = layer.width if layer.depthwise else 1
                    x = ACTIVATIONS[layer.activation](CONVOLVE[axes](x, W, b, groups=groups))
                case MaxPool():
                    x = POOL[axes](x, 2)
                case GlobalAverage():
                    x = x.mean(dim=tuple(range(2, x.ndim)))
                case _:
                    x = x.flatten(1)
        return x

    def loss(self, parameters: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
        return LIKELIHOODS[self.workload.likelihood](self.forward(parameters, x), y)

    def ascend(self, parameters: list[Tensor], inputs: Tensor, labels: Tensor, rows: Tensor) -> None:
        """Gradient ascent on each minibatch of ``rows`` (steps x batch of them)."""
        for batch in rows.split(self.workload.batch_size):
            slopes = grad(self.loss)(parameters, inputs.index_select(0, batch), labels.index_select(0, batch))
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.sub_(slope, alpha=self.workload.learning_rate)

    def climb(self, parameters: list[Tensor], inputs: Tensor, labels: Tensor, rows: Tensor) -> None:
        """Adam on each minibatch of ``rows``."""
        w = self.workload
        for batch in rows.split(w.batch_size):
            slopes = grad(self.loss)(parameters, inputs.index_select(0, batch), labels.index_select(0, batch))
            self.t.add_(1)
            root = torch.sqrt(1 - w.beta2**self.t)
            rate, small = w.learning_rate * root / (1 - w.beta1**self.t), epsilon(w) * root
            for parameter, slope, (m, v) in zip(parameters, slopes, self.moments, strict=True):
                m.mul_(w.beta1).add_(slope, alpha=1 - w.beta1)
                v.mul_(w.beta2).addcmul_(slope, slope, value=1 - w.beta2)
                parameter.sub_(rate * m / (v.sqrt() + small))

    def adam(self, parameters: list[Tensor], inputs: Tensor, labels: Tensor, rows: Tensor) -> None:
        """One step of Adam."""
        slopes = self.gradient(parameters, inputs.index_select(0, rows), labels.index_select(0, rows))
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        self.optimizer.step()

    @torch.no_grad()
    def epoch(self) -> None:
        for rows in torch.randperm(len(self.inputs)).split(self.steps_per_call * self.workload.batch_size):
            self.steps(self.parameters, self.inputs, self.labels, rows)

    @torch.no_grad()
    def eta(self, inputs: X) -> NDArray[Any]:
        return self.forward(self.parameters, torch.from_numpy(inputs)).numpy()

    def predictor(self, row: X) -> Callable[[], Tensor]:
        x = torch.from_numpy(row)
        probability = torch.compile(lambda parameters, x: torch.sigmoid(self.forward(parameters, x)), dynamic=False)

        @torch.no_grad()
        def predict() -> Tensor:
            return probability(self.parameters, x)

        return predict


PEER = PyTorchCompile
