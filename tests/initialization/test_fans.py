"""Fans: against counting, and against both libraries."""

from __future__ import annotations

import keras
import pytest
import torch
from keras.src.initializers.random_initializers import compute_fans
from tests.reference.initial_values import counted_fans
from torch import nn
from torch.nn.init import _calculate_fan_in_and_fan_out

from affidavit.errors import DomainError
from affidavit.initialization.fans import Fans, fans_along, fans_of, matrix_shape

SHAPES = [(7, 5), (4, 3, 5), (4, 3, 5, 2), (2, 3, 4, 5, 6), (1, 1), (3, 0)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fans_are_those_of_the_libraries(shape: tuple[int, ...]) -> None:
    found = fans_of(shape, "torch")
    assert found is not None
    assert (found.fan_in, found.fan_out) == _calculate_fan_in_and_fan_out(torch.empty(shape))
    found = fans_of(shape, "keras")
    assert found is not None
    assert (found.fan_in, found.fan_out) == compute_fans(shape)


def test_vectors_have_fans_in_keras_only() -> None:
    assert fans_of((5,)) is None
    assert fans_of(()) is None
    assert fans_of((5,), "keras") == Fans(*compute_fans((5,)))
    assert fans_of((), "keras") == Fans(*compute_fans(()))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(6, 4), (6,)),
        (nn.Conv1d(3, 5, 3, padding=1), (3, 9)),
        (nn.Conv2d(3, 5, 3, padding=1), (3, 9, 9)),
    ],
    ids=["linear", "one dimension", "two dimensions"],
)
def test_fans_are_what_can_be_counted(layer: nn.Module, shape: tuple[int, ...]) -> None:
    weight = next(layer.parameters())
    found = fans_of(weight.shape)
    assert found is not None
    assert (found.fan_in, found.fan_out) == counted_fans(layer, shape)


def test_of_a_transposed_convolution_they_change_places() -> None:
    layer = nn.ConvTranspose2d(3, 5, 3, padding=1)
    found = fans_of(layer.weight.shape)
    assert found is not None
    assert (found.fan_out, found.fan_in) == counted_fans(layer, (3, 9, 9))


def test_axes_may_be_known() -> None:
    scaling = keras.initializers.GlorotUniform(seed=1, input_axes=[0], output_axes=[1, 2])
    bound = (6 / (4 + 30)) ** 0.5
    assert fans_along((4, 5, 6), [0], [1, 2]) == Fans(4, 30)
    drawn = scaling((4, 5, 6))
    assert 0.95 * bound < float(drawn.abs().max()) <= bound


def test_matrices() -> None:
    assert matrix_shape((4, 3, 2)) == (4, 6)
    assert matrix_shape((4, 3, 2), last=True) == (12, 2)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(DomainError, match="expected one of torch, keras"):
        fans_of((2, 2), "jax")
