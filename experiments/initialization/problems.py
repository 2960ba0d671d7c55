"""The six models of the paper, with settings under which a first run is about as accurate."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache

import numpy as np
from torch import nn

from affidavit.data import Dataset, load
from affidavit.initialization.training import Dense, Trainer

CLASSES, SHAPE = 10, (1, 28, 28)
HELD = 10_000
"""Rows of the published training part that runs are compared on."""


@dataclass(frozen=True)
class Problem:
    """A structure, its data, and how it is trained.

    Attributes:
        data: name of the data set.
        hidden: neurons of the hidden layers.
        learning_rate: of plain gradient descent in batches of 128. The paper does not say how it
            trained; these rates give a first run near its accuracies.
        paper: accuracy of the paper's first run (on training data), and its best gain.
        epochs: passes over the data.
    """

    data: str
    hidden: tuple[int, ...]
    learning_rate: float
    paper: tuple[float, float]
    epochs: int = 1

    @property
    def trainer(self) -> Trainer:
        return Trainer(epochs=self.epochs, batch_size=128, learning_rate=self.learning_rate)

    def make(self) -> nn.Module:
        return Dense(self.hidden).make(SHAPE, CLASSES)


PROBLEMS = {
    "MNIST-1": Problem("mnist", (256,), 0.055, (0.886, 0.0004)),
    "MNIST-2": Problem("mnist", (256,) * 2, 0.07, (0.885, 0.0402)),
    "MNIST-4": Problem("mnist", (256,) * 4, 0.125, (0.872, 0.0317)),
    "FMNIST-1": Problem("fashion-mnist", (256,), 0.15, (0.815, 0.0256)),
    "FMNIST-2": Problem("fashion-mnist", (256,) * 2, 0.21, (0.816, 0.0355)),
    "FMNIST-4": Problem("fashion-mnist", (256,) * 4, 0.12, (0.802, 0.0333), epochs=2),
}


@cache
def parts(name: str) -> Dataset:
    """50,000 rows to train on, 10,000 to choose on, and the published test part to judge on."""
    data = load(name)
    rows = np.random.default_rng(0).permutation(data.parts["train"])
    own = {
        "train": np.sort(rows[HELD:]),
        "validation": np.sort(rows[:HELD]),
        "test": data.parts["test"],
    }
    return dataclasses.replace(data, parts=own)
