"""Small networks with every kind of way round a layer, and inputs for them."""

from __future__ import annotations

from functools import cache

import torch
from tests.graph.networks import ResNet20
from torch import Tensor, nn

from affidavit.graph import Graph, load


def bent(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model with random shifts everywhere: without any, its path from 0 has no bends."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean.copy_(torch.randn(part.num_features, generator=generator) / 4)
                part.running_var.copy_(torch.rand(part.num_features, generator=generator) + 0.5)
            bias = getattr(part, "bias", None)
            if isinstance(bias, Tensor):
                bias.copy_(torch.randn(bias.shape, generator=generator) / 4)
    return model.eval()


def resnet() -> ResNet20:
    torch.manual_seed(0)
    model = ResNet20()
    bent(model)
    return model


class Skip(nn.Module):
    """`first` is bypassed by the input of its block; `last` is not; `pool` is between."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 3, 3, padding=1)
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=inplace)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.last = nn.Conv2d(3, 4, 2)
        self.end = nn.ReLU(inplace=inplace)
        self.linear = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x).relu()
        return self.after_first(self.first(stem), stem)

    def after_first(self, y: Tensor, stem: Tensor) -> Tensor:
        return self.after_pool(self.pool(self.act(self.norm(y)) + stem))

    def after_pool(self, y: Tensor) -> Tensor:
        scores: Tensor = self.linear(self.end(self.last(y)).flatten(1))
        return scores


def skip(inplace: bool = False) -> Skip:
    torch.manual_seed(0)
    model = Skip(inplace)
    bent(model)
    return model


class Kinds(nn.Module):
    """Every piecewise-linear op, in branches that are joined: `left` is one of two."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.left = nn.Conv2d(2, 2, 3, padding=1)
        self.right = nn.Conv2d(2, 2, 3, padding=1)
        self.prelu = nn.PReLU(2, 0.3)
        self.leaky = nn.LeakyReLU(0.1)
        self.pool = pool
        self.linear = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        left = self.leaky(self.left(x)).clamp(-0.1, 0.4)
        right = self.prelu(self.right(x))
        most = torch.maximum(left, right - 0.1)
        least = torch.minimum(left, 0.5 * right)
        joined = self.pool(torch.cat([most, least.abs(), right], 1))
        scores: Tensor = self.linear(joined.flatten(1))
        return scores


def kinds(pool: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    model = Kinds(pool)
    model(torch.zeros(1, 2, 6, 6))
    return bent(model)


class Twice(nn.Module):
    """One ReLU after both layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 6), nn.Linear(6, 6)
        self.relu, self.linear = nn.ReLU(), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.linear(self.relu(self.two(self.relu(self.one(x)))))
        return scores


def twice() -> nn.Module:
    torch.manual_seed(0)
    return bent(Twice())


@cache
def skip_graph() -> Graph:
    """Of `skip()`; tracing takes longer than most tests."""
    return load(skip(), torch.zeros(1, 2, 6, 6))


@cache
def twice_graph() -> Graph:
    return load(twice(), torch.zeros(1, 4))


class Untraceable(nn.Module):
    """A network that no graph can be made of: it looks at its values."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        if bool((x.sum() > 1e9).item()):
            return torch.zeros_like(x)
        scores: Tensor = self.model(x)
        return scores


def inputs(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
