"""The largest certified size: what it returns was certified, and is the threshold where one is."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from affidavit.certify import largest_certified
from affidavit.errors import DomainError

THRESHOLDS = torch.tensor([0.3, 5.0, 0.0, -1.0, 1.0, 0.30001, 1e-9], dtype=torch.float64)


def test_thresholds_of_each_input() -> None:
    found = largest_certified(lambda size: size <= THRESHOLDS, 1.0, steps=25)
    assert found.dtype == torch.float64
    assert found[1] == found[4] == 1
    assert found[3] == -math.inf
    expected = THRESHOLDS.clamp(max=1)
    keep = THRESHOLDS >= 0
    assert (found[keep] <= expected[keep]).all()
    assert (found[keep] > expected[keep] - 2**-25).all()


def test_all_at_once() -> None:
    calls = []

    def certify(size: float) -> Tensor:
        calls.append(size)
        return torch.ones(3, dtype=torch.bool)

    assert largest_certified(certify, 0.7).tolist() == [0.7] * 3
    assert calls == [0.7]


@given(st.integers(0, 2**12 - 1), st.integers(0, 6))
def test_what_is_returned_was_certified(pattern: int, steps: int) -> None:
    seen: dict[float, Tensor] = {}

    def certify(size: float) -> Tensor:
        """No threshold at all: whether a size is certified depends on its digits."""
        digits = [(pattern >> (int(size * 64) * 7 + i) % 12) & 1 for i in range(4)]
        seen[size] = torch.tensor(digits, dtype=torch.bool)
        return seen[size]

    found = largest_certified(certify, 1.0, steps=steps)
    for i, size in enumerate(found.tolist()):
        if size == -math.inf:
            assert not seen[0.0][i]
        else:
            assert seen[size][i]


def test_steps_and_ends() -> None:
    at_most_half: Callable[[float], Tensor] = lambda size: torch.tensor([size <= 0.5])
    assert largest_certified(at_most_half, 1.0, steps=0).tolist() == [0.0]
    assert largest_certified(at_most_half, 1.0, steps=1).tolist() == [0.5]
    assert largest_certified(at_most_half, 0.0).tolist() == [0.0]
    never: Callable[[float], Tensor] = lambda size: torch.tensor([False])
    assert largest_certified(never, 0.0).tolist() == [-math.inf]
    none: Callable[[float], Tensor] = lambda size: torch.zeros(0, dtype=torch.bool)
    assert largest_certified(none, 1.0).shape == (0,)


@pytest.mark.parametrize(
    ("most", "steps", "message"),
    [(-1.0, 3, "most is -1"), (math.nan, 3, "most is nan"), (1.0, -1, "steps is -1")],
)
def test_what_has_no_meaning(most: float, steps: int, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        largest_certified(lambda size: torch.ones(1), most, steps=steps)
