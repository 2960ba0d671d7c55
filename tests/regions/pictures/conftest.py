"""Small partitions that pictures are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from affidavit import regions


def network(features: int, outputs: int, seed: int = 0) -> nn.Sequential:
    """A random ReLU network whose decisions differ."""
    torch.manual_seed(seed)
    layers = [nn.Linear(features, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(10, outputs, bias=False)).double()


@pytest.fixture(scope="session")
def square() -> regions.Partition:
    """Two features, three classes."""
    return regions.partition(network(2, 3, 3), regions.Box([-4, -2], [4, 6]), refine="decision")


@pytest.fixture(scope="session")
def slice_() -> regions.Partition:
    """Features 3 and 1 of five vary; without decisions."""
    point = np.linspace(-1, 1, 5)
    return regions.partition(network(5, 2, 1), regions.Slice(point, (3, 1), [-2, -3], [2, 3]))
