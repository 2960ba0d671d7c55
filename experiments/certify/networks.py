"""The networks and images that several scripts use."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affidavit.data import load
from benchmarks.networks import mlp

Rows = tuple[Tensor, Tensor]


def dense(outputs: int = 10, width: int = 128, inputs: int = 784) -> nn.Module:
    """Two hidden layers, on flattened images."""
    return mlp(inputs, width, width, outputs)


def linear(outputs: int = 10) -> nn.Module:
    """No hidden layer: its gradient is the same everywhere."""
    return nn.Linear(784, outputs)


def images(name: str, part: str, count: int | None = None) -> Rows:
    """The first images of a part, flattened, and their labels."""
    found = load(name).part(part)
    x = torch.tensor(found.inputs[:count]).flatten(1)
    return x, torch.tensor(found.labels[:count])


def corners() -> Tensor:
    """Twenty goals: squares of five by five ones near the corners, [20, 784].

    Each corner at distances of 0 to 4 from the border, the distance turning fastest.
    """
    found = []
    for bottom in (False, True):
        for right in (False, True):
            for away in range(5):
                mask = torch.zeros(28, 28, dtype=torch.float64)
                top = 23 - away if bottom else away
                left = 23 - away if right else away
                mask[top : top + 5, left : left + 5] = 1
                found.append(mask.flatten())
    return torch.stack(found)


def gradient(model: nn.Module, x: Tensor) -> Tensor:
    """Of the predicted class's logit, of the shape of x."""
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(model(x).amax(1).sum(), x)
    return found
