"""Small subjects of audits: data whose accuracy is known because the labels say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.contract import Context
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


@pytest.fixture
def loans() -> Callable[..., Context]:
    """Makes audits of a network on two features, age and debt, both from 0 to 10.

    With `h1 = max(age - 4, 0)` and `h2 = max(debt - 5, 0)` it approves where `h1 - h2 > 1`, that is
    where age is above 5 and so far above as debt is above 5.
    """

    def make(head: str = "", single: bool = False, output: Any = None, **changes: Any) -> Context:
        hidden = nn.Linear(2, 2)
        last = nn.Linear(2, 1 if single else 2)
        with torch.no_grad():
            hidden.weight.copy_(torch.eye(2))
            hidden.bias.copy_(torch.tensor([-4.0, -5.0]))
            last.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -1.0]])[-last.out_features :])
            last.bias.copy_(torch.tensor([-1.0] if single else [1.0, 0.0]))
        heads: dict[str, list[nn.Module]] = {
            "": [],
            "softmax": [nn.Softmax(1)],
            "sigmoid": [nn.Sigmoid()],
            "clip": [nn.Hardtanh(0.0, 1.0)],
        }
        model = nn.Sequential(hidden, nn.ReLU(), last, *heads[head])
        grid = np.stack(np.meshgrid(np.arange(11.0), np.arange(11.0)), -1).reshape(-1, 2)
        fields: dict[str, Any] = {
            "name": "loans",
            "inputs": grid.astype(np.float32),
            "labels": (grid[:, 0] > 5 + np.maximum(grid[:, 1] - 5, 0)).astype(np.int64),
            "class_names": ("deny", "approve"),
            "feature_names": ("age", "net debt"),
        }
        return Context(load(model, torch.zeros(1, 2)), Dataset(**(fields | changes)), output=output)

    return make
