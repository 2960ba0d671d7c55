"""What an adversary may choose is within its box in real numbers, and nearly all of it."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from affidavit.certify.attacks.room import input_room, weight_room
from affidavit.certify.boxes import input_box, weight_boxes
from affidavit.errors import DomainError
from affidavit.graph import Graph, load

DTYPES = [torch.float32, torch.float64]
numbers = st.floats(-1e6, 1e6, width=32)
sizes = st.one_of(st.just(0.0), st.floats(1e-12, 1e3))


def one_layer(values: list[float], dtype: torch.dtype) -> Graph:
    layer = nn.Linear(len(values), 1, dtype=dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(values, dtype=torch.float64))
    return load(layer, torch.zeros(1, len(values), dtype=dtype))


@given(st.lists(numbers, min_size=1, max_size=4), sizes, st.sampled_from(DTYPES))
def test_inputs_are_within_epsilon(values: list[float], epsilon: float, dtype: torch.dtype) -> None:
    x = torch.tensor([values], dtype=dtype)
    room = input_room(x, epsilon, None)
    for lower, upper, at in zip(room.lower[0], room.upper[0], x[0], strict=True):
        low, high, middle = (Fraction(end.item()) for end in (lower, upper, at))
        assert middle - Fraction(epsilon) <= low <= middle <= high <= middle + Fraction(epsilon)
        # All but two steps of the dtype.
        step = 4 * torch.finfo(dtype).eps * (abs(middle) + Fraction(epsilon))
        assert low - middle + Fraction(epsilon) <= step + Fraction(torch.finfo(dtype).tiny)
        assert middle + Fraction(epsilon) - high <= step + Fraction(torch.finfo(dtype).tiny)


@pytest.mark.parametrize("gamma", [0.0, 1e-30, 1e-9, 0.05, 0.7, 0.9999999999999999, 1.0, 2.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_within_gamma(gamma: float, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    graph = one_layer([0.0, 1.0, *torch.randn(40, generator=generator).tolist()], dtype)
    room = weight_room(graph, gamma, torch.zeros(1, 42, dtype=dtype))
    assert set(room) == (set(graph.parameters) if gamma else set())
    for name, box in room.items():
        certified = weight_boxes(graph, gamma)[name]
        assert (certified.lower <= box.lower[0]).all()
        assert (box.upper[0] <= certified.upper).all()
        ends = (box.lower.flatten(), graph.tensors[name].flatten(), box.upper.flatten())
        for lower, weight, upper in zip(*ends, strict=True):
            low, middle, high = (Fraction(end.item()) for end in (lower, weight, upper))
            radius = abs(middle) * Fraction(gamma)
            assert middle - radius <= low <= middle <= high <= middle + radius


def test_the_range_of_the_data_is_rounded_inward() -> None:
    x = torch.full((1, 1), 0.3)
    room = input_room(x, 1.0, (0.1, 0.7))
    assert 0.1 <= float(room.lower) <= 0.1 + 2e-8
    assert 0.7 - 2e-7 <= float(room.upper) <= 0.7
    assert torch.tensor(0.7).item() < 0.7 < room.upper.nextafter(torch.tensor(2.0)).item()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_certificate_is_for_a_larger_box(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(3, 40, generator=generator, dtype=dtype)
    epsilon = torch.rand(1, 40, generator=generator, dtype=dtype)
    room, box = input_room(x, epsilon, (0.0, 1.0)), input_box(x, epsilon, (0.0, 1.0))
    assert (box.lower <= room.lower).all()
    assert (room.upper <= box.upper).all()
    assert (room.lower >= 0).all()
    assert (room.upper <= 1).all()
    assert (room.lower == 0).any()
    assert (room.upper == 1).any()


def test_weights_have_the_dtype_of_the_input() -> None:
    graph = one_layer([0.1, -0.3], torch.float32)
    room = weight_room(graph, {"weight": 0.1}, torch.zeros(1, 2, dtype=torch.float64))
    assert list(room) == ["weight"]
    assert room["weight"].lower.dtype == torch.float64
    assert room["weight"].lower.shape == (1, 1, 2)
    # A box without another number of the dtype holds the weight alone.
    narrow = weight_room(graph, 1e-12, torch.zeros(1, 2))["weight"]
    assert torch.equal(narrow.lower[0], graph.tensors["weight"])
    assert torch.equal(narrow.upper[0], graph.tensors["weight"])


def test_dtypes_without_neighbours_are_refused() -> None:
    with pytest.raises(DomainError, match=r"dtype torch.float16; expected float32 or float64"):
        input_room(torch.zeros(1, 2, dtype=torch.float16), 0.1, None)
