"""Small piecewise-linear networks of every kind of op, and gradients at random points."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from tests.regions.networks import mlp
from torch import Tensor, nn

from affidavit.graph import Graph, load


class Net(nn.Module):
    """A function of layers, which are made from a seed, in double precision."""

    def __init__(self, function: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers).double()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.layers)


def mixed(seed: int = 0) -> nn.Module:
    """Three features; leaky ReLU, a clip, a maximum and an absolute value."""
    torch.manual_seed(seed)

    def run(x: Tensor, a: nn.Module, b: nn.Module, c: nn.Module) -> Tensor:
        h = F.leaky_relu(a(x), 0.2)
        h = torch.clamp(b(h), -0.5, 0.6)
        result: Tensor = c(torch.maximum(h[:, :3], h[:, 3:])) + x[:, :1].abs()
        return result

    return Net(run, nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(3, 2))


def pooled(seed: int = 0) -> nn.Module:
    """Four features as an image of 1 x 2 x 2; a convolution, a max pool, a batch norm."""
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(3)
    norm.running_mean = torch.randn(3)
    norm.running_var = torch.rand(3) + 0.5

    def run(x: Tensor, conv: nn.Module, norm: nn.Module, last: nn.Module) -> Tensor:
        h = F.relu(norm(conv(x)))
        result: Tensor = last(F.max_pool2d(h, 2, 1).flatten(1))
        return result

    return Net(run, nn.Conv2d(1, 3, 2, padding=1), norm, nn.Linear(12, 3)).eval()


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "two features": (mlp([2, 8, 8, 3], seed=1), (2,)),
    "three layers": (mlp([3, 8, 6, 4, 3], seed=2), (3,)),
    "mixed ops": (mixed(), (3,)),
    "convolution": (pooled(), (1, 2, 2)),
}
"""Each with the shape of its input."""


@cache
def graph(name: str) -> Graph:
    """One of the networks, read once: reading a module takes longest."""
    model, shape = NETWORKS[name]
    return load(model, torch.zeros((1, *shape), dtype=torch.float64))


def inputs(name: str, count: int = 2) -> Tensor:
    """Inputs of one of the networks."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand((count, *NETWORKS[name][1]), generator=generator, dtype=torch.float64)


def gradients_around(
    model: nn.Module, x: Tensor, epsilon: float, target: int, count: int = 400
) -> Tensor:
    """Gradients of a logit by autograd at random points and corners, [point, batch, ...]."""
    generator = torch.Generator().manual_seed(4)
    found = []
    for number in range(count):
        step = 2 * torch.rand(x.shape, generator=generator, dtype=torch.float64) - 1
        step = step.sign() if number % 4 == 0 else step
        at = (x + epsilon * step).to(x.dtype).requires_grad_()
        (gradient,) = torch.autograd.grad(model(at)[:, target].sum(), at)
        found.append(gradient)
    return torch.stack(found)
