"""Training functions: what they may do to what they are given, and how they are told apart."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from tests.initialization.problems import descend, exclusive_or, small
from torch import Tensor, nn

from affidavit.initialization.functions import ByFunction
from affidavit.initialization.searching import search
from affidavit.initialization.training import Trainer

DATA = exclusive_or(40)


class Shifting(nn.Module):
    """Changes its inputs in place."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = small()

    def forward(self, x: Tensor) -> Any:
        x -= 1
        return self.rest(x)


class Shifted(Shifting):
    def forward(self, x: Tensor) -> Any:
        return self.rest(x - 1)


def spoiling(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
    descend(model, inputs, labels, seed)
    inputs.zero_()
    labels.zero_()


def run(train: Any, make: Any = small) -> Any:
    return search(make, DATA, max_trial=3, train=train, seed=1)


def test_a_function_may_change_its_rows() -> None:
    assert run(spoiling).accuracies.tolist() == run(descend).accuracies.tolist()


def test_a_network_may_change_its_inputs() -> None:
    one, two = run(_on_copies, Shifting), run(descend, Shifted)
    assert one.accuracies.tolist() == two.accuracies.tolist()
    trainer = Trainer(epochs=3, batch_size=8)
    one, two = run(trainer, Shifting), run(trainer, Shifted)
    np.testing.assert_array_equal(one.correct("test"), two.correct("test"))
    again = run(trainer, Shifting)
    assert one.accuracies.tolist() == again.accuracies.tolist()


def _on_copies(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
    class Copying(nn.Module):
        def parameters(self, recurse: bool = True) -> Any:
            return model.parameters()

        def forward(self, x: Tensor) -> Any:
            return model(x.clone())

    descend(Copying(), inputs, labels, seed)


def test_the_network_is_given_as_it_was_judged() -> None:
    def noisy() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.9), nn.Linear(6, 2))

    found = run(descend, noisy)
    assert not any(part.training for part in found.model.modules())
    part = DATA.part("test")
    with torch.no_grad():
        right = found.model(torch.tensor(part.inputs)).argmax(1).numpy() == part.labels
    np.testing.assert_array_equal(right, found.chosen.test)


def test_functions_with_fixed_arguments_are_told_apart() -> None:
    one, other = (ByFunction(functools.partial(descend, seed=seed)) for seed in (1, 2))
    assert repr(one) == f"{descend.__module__}.descend(seed=1)"
    assert repr(one) != repr(other)
    inner = functools.partial(max, 1, key=descend)
    assert repr(ByFunction(inner)).endswith(f"max(1, key={descend.__module__}.descend)")
