"""Small subjects of audits: data whose accuracy is known because the labels say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.data import Dataset
from affidavit.graph import Graph, load


@pytest.fixture
def identity_model() -> Graph:
    """A classifier of two features that decides for the larger one."""
    layer = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
    return load(layer, torch.zeros(1, 2))


@pytest.fixture
def answers() -> Callable[..., Dataset]:
    """Makes data on which the identity model is right just as often as asked."""

    def make(right: int, wrong: int, **columns: list[object]) -> Dataset:
        total = right + wrong
        labels = np.arange(total) % 2
        decided = labels.copy()
        decided[right:] = 1 - decided[right:]
        rng = np.random.default_rng(0)
        inputs = np.eye(2, dtype=np.float32)[decided] + rng.uniform(0, 0.4, (total, 2))
        return Dataset(
            name="answers",
            inputs=inputs.astype(np.float32),
            labels=labels,
            class_names=("no", "yes"),
            columns={name: np.array(values) for name, values in columns.items()},
        )

    return make
