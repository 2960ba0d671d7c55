"""Small networks of many kinds, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from affidavit.graph import Graph, load


class Residual(nn.Module):
    """The input goes two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 5)
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(torch.relu(x + self.second(torch.relu(self.first(x)))))
        return found


class Constantly(nn.Module):
    """Outputs that hardly depend on the input: the gradient is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(0 * x)
        return found


def dense() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 3)
    )


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)),
        nn.Conv2d(1, 3, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(3, 4, 2, groups=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


def pooled() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def smooth() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 7), nn.Sigmoid(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3))


def linear() -> nn.Module:
    return nn.Linear(5, 3)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dense": (dense, (5,)),
    "convolutional": (convolutional, (36,)),
    "pooled": (pooled, (2, 4, 4)),
    "smooth": (smooth, (5,)),
    "residual": (Residual, (5,)),
    "linear": (linear, (5,)),
    "constant": (Constantly, (5,)),
}
"""By name, how to make one and the shape of its input."""


def made(name: str, rows: int = 3) -> tuple[nn.Module, Tensor, Tensor]:
    """A network in evaluation mode, inputs in [0, 1] and labels."""
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    model = make().double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.rand(4).double()
            module.running_var = torch.rand(4).double() + 0.5
    return model, torch.rand(rows, *shape).double(), torch.arange(rows) % 3


@cache
def graph(name: str) -> Graph:
    """The graph of the network as made; tracing is what takes time."""
    model, x, _ = made(name)
    return load(model, x)
