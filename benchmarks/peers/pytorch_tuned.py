"""PyTorch, eager, with all that was found to help convolutions; other networks gain nothing.

- The C library keeps memory that is freed. Otherwise every step of W3 gets its tens of MiB anew from the system, page
  by page: a third of the epoch. (PyTorch's guide to tuning proposes other allocators for the same reason.)
- relu works in place, and after the pool behind it instead of before: the same values of a quarter as many numbers.
- Volumes, and images of depthwise convolutions, lie channels first: an eighth quicker than channels last once memory is
  kept. A series is an image of height 1, channels last: in some runs a seventh quicker than a Conv1d.
"""

# ruff: noqa: D102 (base.py says what the methods of a peer do)

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from benchmarks.data import X, Y
from benchmarks.layers import Convolution
from benchmarks.peers.pytorch import CHANNELS_LAST, ChannelsSecond, PyTorch, network
from benchmarks.workloads import Workload

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
MOST = 2**31 - 1


class PyTorchTuned(PyTorch):
    """torch.nn, autograd and torch.optim, for convolutions."""

    def __init__(self, workload: Workload, inputs: X, labels: Y, threads: int) -> None:
        if workload.is_dense or workload.is_recurrent:
            raise NotImplementedError("it is for convolutions")
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, MOST)
        depthwise = any(isinstance(layer, Convolution) and layer.depthwise for layer in workload.layers)
        self.channels_first = workload.axes == 3 or depthwise
        super().__init__(workload, inputs, labels, threads)

    def resident(self, inputs: X) -> Tensor:
        x = torch.from_numpy(inputs)
        if self.channels_first:
            return x.movedim(-1, 1).contiguous()
        return x[:, None] if self.workload.axes == 1 else x

    def network(self) -> nn.Module:
        modules = list(network(self.workload))
        for i in range(len(modules) - 1):
            if isinstance(modules[i], nn.ReLU) and isinstance(modules[i + 1], (nn.MaxPool2d, nn.MaxPool3d)):
                modules[i], modules[i + 1] = modules[i + 1], modules[i]
        for module in modules:
            if isinstance(module, nn.ReLU):
                module.inplace = True
        if self.workload.axes == 1:
            modules = [of_height_1(module) if isinstance(module, nn.Conv1d) else module for module in modules]
        net = nn.Sequential(*modules)
        if self.channels_first:
            return net
        return nn.Sequential(ChannelsSecond(), net.to(memory_format=CHANNELS_LAST[2]))


def of_height_1(series: nn.Conv1d) -> nn.Conv2d:
    """The same convolution, of an image of height 1."""
    image = nn.Conv2d(series.in_channels, series.out_channels, (1, *series.kernel_size))
    with torch.no_grad():
        image.weight.copy_(series.weight[:, :, None])
        assert series.bias is not None
        assert image.bias is not None
        image.bias.copy_(series.bias)
    return image


PEER = PyTorchTuned
