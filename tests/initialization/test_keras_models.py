"""Searches over Keras models on the torch backend: their names, their copies, their norms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers
from tests.initialization.problems import exclusive_or
from torch import nn

from affidavit.initialization.numbering import numbered
from affidavit.initialization.searching import search
from affidavit.initialization.start import Start, moved
from affidavit.initialization.strategies import Halving
from affidavit.initialization.training import Trainer

DATA = exclusive_or(20)

# Keras's own, when it copies a model.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def made() -> Any:
    return keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )


def test_networks_of_one_factory_have_the_same_names() -> None:
    keras.utils.clear_session()
    layers.Dense(1)  # so that dense_9 and dense_10 are of one network, which Keras sorts by name
    starts = [Start(made, 0) for _ in range(11)]
    assert len({start.digest for start in starts}) == 1
    assert len({start.names for start in starts}) == 1
    assert len({Start(made, seed).digest for seed in range(3)}) == 3


def test_normalisations_are_not_moved() -> None:
    names = [name.split("/", 1)[1] for name, _ in moved(made())]
    assert names == ["dense/bias", "dense/kernel", "dense_1/bias", "dense_1/kernel"]


def test_names_by_number() -> None:
    given = [("a/dense_10/w", 1), ("a/dense_9/w", 2), ("a/sum/b.c_2/w", 3), ("top_7", 4)]
    assert numbered(given) == [
        ("a/dense/w", 2),
        ("a/dense_1/w", 1),
        ("a/sum/b.c/w", 3),
        ("top_7", 4),
    ]
    assert numbered([("dense_9.w", 1), ("dense_10.w", 2)]) == [("dense_9.w", 1), ("dense_10.w", 2)]


@pytest.mark.parametrize("strategy", ["anneal", "initializers", Halving(2, 1.5, 2)], ids=str)
def test_they_are_searched_and_go_on(tmp_path: Path, strategy: Any) -> None:
    given = {"train": Trainer(epochs=2, batch_size=10), "strategy": strategy, "seed": 1}
    path = tmp_path / "trials.log"
    search(made, DATA, max_trial=1, storage=path, **given)
    found = search(made, DATA, max_trial=2, storage=path, **given)
    assert len(found.runs) == 3


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"optimizer": "adam"}], ids=str)
def test_they_are_trained_as_the_same_network_of_pytorch(options: dict[str, Any]) -> None:
    def kernels() -> Any:
        return keras.Sequential([layers.Input((4,)), layers.Dense(6, "tanh"), layers.Dense(2)])

    theirs = kernels()
    ours = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    first, second = theirs.layers
    with torch.no_grad():
        for layer, linear in ((first, ours[0]), (second, ours[2])):
            linear.get_parameter("weight").copy_(layer.kernel.value.t())
            linear.get_parameter("bias").copy_(layer.bias.value)
    inputs, labels = torch.tensor(DATA.inputs), torch.tensor(DATA.labels)
    trainer = Trainer(batch_size=16, learning_rate=0.1, **options)
    training = trainer.begin([theirs, ours], inputs, labels, [5, 5])
    training.run(1)
    training.run(2)
    losses = training.losses.numpy()
    assert losses[-1, 0] < losses[0, 0]
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-5)
    with torch.no_grad():
        one, two = (model(inputs).numpy() for model in training.models)
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
