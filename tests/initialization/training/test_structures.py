from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from affidavit.errors import DomainError
from affidavit.initialization.training import Dense, SmallCNN


def kinds(model: nn.Module) -> list[str]:
    return [type(module).__name__ for module in model.children()]


def test_dense_layers() -> None:
    model = Dense((256, 32), "tanh").make((28, 28), 10)
    assert kinds(model) == ["Flatten", "Linear", "Tanh", "Linear", "Tanh", "Linear"]
    sizes = [tuple(p.shape) for p in model.parameters()]
    assert sizes == [(256, 784), (256,), (32, 256), (32,), (10, 32), (10,)]
    assert model(torch.zeros(4, 28, 28)).shape == (4, 10)


def test_dense_without_hidden_layers_is_logistic_regression() -> None:
    assert kinds(Dense(()).make((5,), 2)) == ["Flatten", "Linear"]


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (3, 9, 14)])
def test_small_cnn(shape: tuple[int, ...]) -> None:
    model = SmallCNN((4, 6), hidden=(7,)).make(shape, 5)
    assert model(torch.zeros(2, *shape)).shape == (2, 5)
    assert kinds(model)[-4:] == ["Flatten", "Linear", "ReLU", "Linear"]
    assert [m.out_channels for m in model if isinstance(m, nn.Conv2d)] == [4, 6]


def test_weights_follow_the_ambient_seed() -> None:
    def first(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(SmallCNN().make((8, 8), 3).parameters())

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_lists_are_as_good_as_tuples() -> None:
    assert Dense([3, 4]) == Dense((3, 4))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense((0,)), r"hidden is \[0\]; expected whole numbers of at least 1"),
        (lambda: Dense((2.5,)), r"hidden is \[2.5\]"),  # type: ignore[arg-type]
        (lambda: Dense(activation="rely"), r"no activation 'rely' \(did you mean 'relu'\?\)"),
        (lambda: SmallCNN(()), "a CNN without blocks"),
        (lambda: SmallCNN((4, -1)), r"channels is \[4, -1\]"),
        (lambda: SmallCNN().make((784,), 10), r"shape \[784\].*Dense takes any shape"),
        (lambda: SmallCNN().make((3, 28), 10), "images are 3 × 28, and 2 poolings.*4 × 4"),
        (lambda: Dense().make((0,), 10), r"shape \[0\] and 10 classes"),
        (lambda: Dense().make((4,), 0), "0 classes"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_structures(make: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        make()
