"""Small classifiers whose answers are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def cnn(classes: int = 3, channels: int = 3, seed: int = 0) -> nn.Sequential:
    """A convolutional network with batch norm and dropout, for images of any size."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(48, classes),
    )
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        assert norm.running_mean is not None
        norm.running_mean.normal_()
        model[-1].get_parameter("weight").mul_(4)
    return model


def images(batch: int = 4, channels: int = 3, size: int = 16, seed: int = 1) -> Tensor:
    """Random pixels in [0, 1], [batch, channel, size, size]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((batch, channels, size, size), generator=generator)
