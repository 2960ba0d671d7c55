"""Data that networks learn in a moment, for claims about networks that are trained anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit.contract import Context
from affidavit.data import Dataset
from affidavit.graph import load

QUICK: dict[str, Any] = {
    "hidden": [6],
    "epochs": 4,
    "batch_size": 20,
    "learning_rate": 0.05,
    "optimizer": "adam",
}
"""Keys of a training that reaches 0.9 of :func:`trainable` and leaves runs different."""


def trainable(count: int = 100, *, noise: float = 0.0, **changes: Any) -> Context:
    """Two features of which the larger is the class, with a part of `count` rows for each.

    Args:
        noise: share of the labels that are turned over, at random.
        changes: of the context.
    """
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (3 * count, 2)).astype(np.float32)
    labels = (inputs[:, 1] > inputs[:, 0]) ^ (rng.uniform(size=3 * count) < noise)
    places = np.arange(3 * count)
    data = Dataset(
        name="larger",
        inputs=inputs,
        labels=labels.astype(np.int64),
        class_names=("first", "second"),
        parts={
            "train": places[:count],
            "validation": places[count : 2 * count],
            "test": places[2 * count :],
        },
    )
    graph = load(nn.Linear(2, 2), torch.zeros(1, 2))
    return Context(graph, data, **changes)
