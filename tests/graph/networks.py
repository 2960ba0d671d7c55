"""Published networks that the tests rebuild: ResNet-20 for CIFAR-10 and the Pensieve actor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Shortcut(nn.Module):
    """Option A of He et al.: every second pixel, and new channels of zeros on both sides."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Block(nn.Module):
    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Sequential()
        if stride != 1:
            zeros = channels // 4
            self.shortcut = Shortcut(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, zeros, zeros)))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y)) + self.shortcut(x)
        return F.relu(y)


class ResNet20(nn.Module):
    """With the parameter names of akamaster/pytorch_resnet_cifar10."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.layer3(self.layer2(self.layer1(y)))
        y = F.avg_pool2d(y, y.shape[-1])
        logits: Tensor = self.linear(y.view(y.shape[0], -1))
        return logits


class PensieveActor(nn.Module):
    """State [6, 8] to the probabilities of six bit rates, from the published checkpoint."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        with np.load(path) as file:
            arrays = {name: torch.from_numpy(file[name]) for name in file.files}

        def dense(name: str) -> nn.Linear:
            weight = arrays[f"{name}.W"]
            layer = nn.Linear(*weight.shape)
            layer.weight.data = weight.T.clone()
            layer.bias.data = arrays[f"{name}.b"].clone()
            return layer

        def conv(name: str) -> nn.Conv1d:
            weight = arrays[f"{name}.W"]  # [tap, 1, in, out]
            layer = nn.Conv1d(weight.shape[2], weight.shape[3], len(weight), padding="same")
            layer.weight.data = weight[:, 0].permute(2, 1, 0).clone()
            assert layer.bias is not None
            layer.bias.data = arrays[f"{name}.b"].clone()
            return layer

        self.rate, self.buffer, self.left = (
            dense(f"FullyConnected{end}") for end in ("", "_1", "_2")
        )
        self.throughput, self.times, self.sizes = (conv(f"Conv1D{end}") for end in ("", "_1", "_2"))
        self.hidden, self.logits = dense("FullyConnected_3"), dense("FullyConnected_4")

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.rate(x[:, 0:1, -1]),
            self.buffer(x[:, 1:2, -1]),
            self.throughput(x[:, 2, :, None]).flatten(1),
            self.times(x[:, 3, :, None]).flatten(1),
            self.sizes(x[:, 4, :6, None]).flatten(1),
            self.left(x[:, 4:5, -1]),
        ]
        merged = torch.cat([F.relu(branch) for branch in branches], 1)
        return F.softmax(self.logits(F.relu(self.hidden(merged))), -1)
