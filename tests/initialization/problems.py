"""Small problems to search on."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.data import Dataset


def exclusive_or(rows: int = 120, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Signs of two features multiplied, some of them wrong; as many rows in each part."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(3 * rows, 4)).astype(np.float32)
    flipped = generator.random(3 * rows) < noise
    labels = ((inputs[:, 0] * inputs[:, 1] > 0) ^ flipped).astype(np.int64)
    return Dataset(
        "exclusive or",
        inputs,
        labels,
        ("no", "yes"),
        parts={
            "train": np.arange(rows),
            "validation": np.arange(rows, 2 * rows),
            "test": np.arange(2 * rows, 3 * rows),
        },
    )


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


def descend(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
    """A few steps on all rows; the seed decides which rows weigh more."""
    weight = torch.rand(len(labels), generator=torch.Generator().manual_seed(seed)) + 0.5
    parameters = list(model.parameters())
    for _ in range(8):
        loss = (weight * F.cross_entropy(model(inputs), labels, reduction="none")).mean()
        for value, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            value.data -= 0.5 * slope
