from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.initialization.training.problems import blobs, dense
from torch import nn

from affidavit.errors import DataError, DomainError, ModelError
from affidavit.initialization.training import Trainer


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adan"}, r"no optimizer 'adan' \(did you mean 'adam'\?\)"),
        ({"epochs": -1}, "epochs is -1; expected a whole number of at least 0"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number of at least 1"),
        ({"batch_size": 2.0}, r"batch_size is 2\.0"),
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0; expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"momentum": 1.0}, r"momentum is 1\.0; expected at least 0 and below 1"),
        ({"momentum": 0.9, "optimizer": "adam"}, "but adam has its own"),
        ({"weight_decay": -0.1}, r"weight_decay is -0\.1"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:20],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        Trainer(**options)


INPUTS, LABELS = blobs(10)


def begin(
    models: Any = None, inputs: Any = INPUTS, labels: Any = LABELS, seeds: Any = (0,), **more: Any
) -> Any:
    return Trainer().begin(models or dense(1), inputs, labels, seeds, **more)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": (1, 2)}, "2 seeds for 1 models; expected one each"),
        ({"seeds": (-1,)}, "a seed is -1; expected 0 or more"),
        ({"threads": 0}, "threads is 0; expected at least 1"),
    ],
    ids=["seeds", "negative", "threads"],
)
def test_bad_arguments(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        begin(**given)
    with pytest.raises(DomainError, match="no models"):
        Trainer().begin([], INPUTS, LABELS, [])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"inputs": INPUTS[:0], "labels": LABELS[:0]}, r"shape \[0, 6\]; expected .* with rows"),
        ({"inputs": INPUTS.float()}, r"inputs are torch.float32, but .* 0 torch.float64"),
        ({"labels": LABELS[:9]}, r"labels have the shape \[9\] .* expected \[10\], torch.int64"),
        ({"labels": LABELS.int()}, "are torch.int32"),
        ({"labels": LABELS + 1}, "labels go from 1 to 3; expected 0 to 2"),
        ({"labels": LABELS - 1}, "labels go from -1 to 1"),
    ],
    ids=["empty", "dtype", "number", "type", "too large", "negative"],
)
def test_bad_data(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        begin(**given)


def frozen() -> nn.Module:
    return nn.Linear(6, 3).double().requires_grad_(False)


class Pair(nn.Linear):
    """It does not give one tensor."""

    def forward(self, x: torch.Tensor) -> Any:
        return x, super().forward(x)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([nn.Flatten()], "model 0 has no parameters to train"),
        ([*dense(1), frozen()], "model 1 has no parameters to train"),
        ([nn.Linear(5, 3).double()], r"the model fails in evaluation .*\[1, 6\]"),
        ([nn.Sequential(nn.Linear(6, 3), nn.Unflatten(1, (3, 1))).double()], r"gives \[1, 3, 1\]"),
        ([Pair(6, 3).double()], "gives tuple for inputs"),
        ([*dense(1), nn.Linear(6, 3, device="meta").double()], "several devices, cpu, meta"),
        ([*dense(1), nn.Linear(6, 4).double()], r"different numbers of classes: \[3, 4\]"),
    ],
    ids=["no parameters", "frozen", "other inputs", "axes", "tuple", "devices", "classes"],
)
def test_bad_models(models: list[nn.Module], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        begin(models, seeds=range(len(models)))


def test_a_model_that_fails_on_a_batch_in_training_says_so() -> None:
    # One row is left over, and batch normalisation has no variance of one.
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)).double()
    training = Trainer(batch_size=3).begin([model], INPUTS, LABELS, [0])
    with pytest.raises(ModelError, match=r"fails in training on inputs of the shape \[1, 6\]"):
        training.run(1)
    assert training.epochs == 0
