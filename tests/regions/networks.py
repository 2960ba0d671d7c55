"""Small random networks that tests of the regions share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit.graph import Graph, load


def mlp(sizes: list[int], seed: int = 0, head: nn.Module | None = None) -> nn.Sequential:
    """A ReLU network of these sizes with random weights, and a given head at its end."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layer = nn.Linear(before, after, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(after, before, generator=generator) * before**-0.5)
            layer.bias.copy_(torch.randn(after, generator=generator) * 0.5)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([] if head is None else [head]))


def loaded(model: nn.Module, features: int) -> Graph:
    """Its graph, for tests that ask many things of one network: reading a module takes longest."""
    return load(model, torch.zeros(1, features, dtype=torch.float64))


def layers(model: nn.Sequential) -> list[tuple[Any, Any]]:
    """Its weight matrices and biases."""
    return [
        (module.weight.detach().numpy(), module.bias.detach().numpy())
        for module in model
        if isinstance(module, nn.Linear)
    ]


def run(model: nn.Module, x: Any) -> Any:
    """The outputs at inputs, [input, output]."""
    with torch.no_grad():
        return model(torch.as_tensor(np.asarray(x))).numpy()


def grid(lower: Any, upper: Any, steps: int) -> Any:
    """Middles of equal cells that fill a box, [point, feature]."""
    axes = [
        low + (np.arange(steps) + 0.5) / steps * (high - low)
        for low, high in zip(lower, upper, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
