"""Small networks that the tests of attacks share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(sizes: list[int], seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """A ReLU network of these sizes with random weights."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layer = nn.Linear(before, after, dtype=dtype)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(after, before, generator=generator) * before**-0.5)
            layer.bias.copy_(torch.randn(after, generator=generator) * 0.3)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn(seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """Convolutions, batch norm with random statistics, max pooling; inputs [1, 6, 6]."""
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(4)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 2), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip
    with torch.no_grad():
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
        norm.running_mean = 0.2 * torch.randn(4)
        norm.running_var = 0.5 + torch.rand(4)
    return model.to(dtype).eval()


def inputs(count: int, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random inputs in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, *shape, generator=generator, dtype=dtype)


def gradient(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """The gradient of a logit by plain autograd on the module."""
    x = x.detach().clone().requires_grad_(True)
    chosen = model(x).gather(1, target[:, None]).sum()
    found: Tensor = torch.autograd.grad(chosen, x)[0]
    return found
