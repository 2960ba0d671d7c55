"""Keras models on the torch backend, which copy themselves by saving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.initialization.training import Trainer

keras: Any = pytest.importorskip("keras")

GENERATOR = np.random.default_rng(0)
INPUTS = torch.tensor(GENERATOR.normal(size=(90, 4)), dtype=torch.float32)
LABELS = torch.tensor(GENERATOR.integers(3, size=90))


def made(*middle: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, activation="tanh"),
            *middle,
            keras.layers.Dense(3),
        ]
    )


def twin(model: Any) -> nn.Module:
    """The same network of PyTorch's layers."""
    found = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    kernels = [layer for layer in model.layers if layer.weights]
    for linear, layer in zip((found[0], found[2]), kernels, strict=True):
        linear.weight.data = layer.kernel.value.detach().T.clone()
        linear.bias.data = layer.bias.value.detach().clone()
    return found


def trained(model: nn.Module, trainer: Trainer, *epochs: int) -> tuple[torch.Tensor, Any]:
    training = trainer.begin([model], INPUTS, LABELS, [7])
    for count in epochs:
        training.run(count)
    return training.losses, training.correct(INPUTS, LABELS)


def test_it_is_trained_as_its_twin_of_pytorch() -> None:
    model = made()
    for trainer in (
        Trainer(4, 16, 0.3),
        Trainer(4, 16, 0.1, momentum=0.9),
        Trainer(4, 16, 0.02, optimizer="adam"),
    ):
        losses, right = trained(model, trainer, 4)
        expected, also = trained(twin(model), trainer, 4)
        torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
        assert losses[-1] < losses[0]
        assert torch.equal(right, also)


def test_it_goes_on_where_it_stopped() -> None:
    model, trainer = made(), Trainer(4, 16, 0.1, momentum=0.9)
    torch.testing.assert_close(trained(model, trainer, 3, 1)[0], trained(model, trainer, 4)[0])


def test_the_model_given_stays_as_it_was() -> None:
    model = made()
    before = [value.detach().clone() for value in model.parameters()]
    trained(model, Trainer(2, 16, 0.3), 2)
    for value, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(value, old)


def test_dropout_is_on_in_training_only() -> None:
    model = made(keras.layers.Dropout(0.9, seed=1))
    training = Trainer(1, 16, 0.01).begin([model], INPUTS, LABELS, [7])
    training.run(3)
    plain = trained(twin(model), Trainer(1, 16, 0.01), 3)[0]
    assert not torch.allclose(training.losses, plain, rtol=1e-3)
    assert torch.equal(training.correct(INPUTS, LABELS), training.correct(INPUTS, LABELS))
