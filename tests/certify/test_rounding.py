"""What rounding did to bounds: boxes smaller than asked for."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from affidavit.certify.boxes import input_box, weight_boxes
from affidavit.graph import load

DTYPES = [torch.float32, torch.float64]
SIZES = [0.02, 0.1, 0.3, 1e-3, 0.7, 1 / 3]


def fractions(tensor: Tensor) -> list[Fraction]:
    return [Fraction(entry) for entry in tensor.double().flatten().tolist()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("epsilon", SIZES)
def test_boxes_of_inputs_are_not_smaller_than_asked_for(dtype: torch.dtype, epsilon: float) -> None:
    # Some inputs lie so that an end cancels to next to nothing.
    x = torch.tensor([[*SIZES, 0.0, -0.1, 5.0]], dtype=torch.float64).to(dtype)
    size = Fraction(epsilon)
    for given in (epsilon, torch.tensor(epsilon, dtype=torch.float64)):
        box = input_box(x, given)
        assert box.lower.dtype == dtype
        for middle, low, high in zip(*map(fractions, (x, box.lower, box.upper)), strict=True):
            assert low <= middle - size
            assert high >= middle + size
            assert high - low <= 2 * size + (abs(middle) + size) * 10 * Fraction(
                torch.finfo(dtype).eps
            )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("end", [0.7, 0.1, 0.3])
def test_the_range_of_the_data_is_not_cut(dtype: torch.dtype, end: float) -> None:
    x = torch.zeros(1, 3, dtype=dtype)
    box = input_box(x, 1.0, (-end, torch.tensor(end, dtype=torch.float64)))
    for low, high in zip(fractions(box.lower), fractions(box.upper), strict=True):
        assert low <= -Fraction(end)
        assert high >= Fraction(end)
        assert high <= Fraction(end) * (1 + 4 * Fraction(torch.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [*SIZES, 0.99, 0.999999, 1 - 1e-8, 1.0, 3.0])
def test_boxes_of_weights_are_not_smaller_than_asked_for(dtype: torch.dtype, gamma: float) -> None:
    module = nn.Linear(40, 2).to(dtype)
    graph = load(module, torch.zeros(1, 40, dtype=dtype))
    for name, box in weight_boxes(graph, gamma).items():
        weights = fractions(graph.tensors[name])
        for weight, low, high in zip(
            weights, fractions(box.lower), fractions(box.upper), strict=True
        ):
            assert low <= weight - Fraction(gamma) * abs(weight)
            assert high >= weight + Fraction(gamma) * abs(weight)
