"""The compiled products, against the same written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affidavit.certify.crown.lines import Lines
from affidavit.certify.crown.products import bend, least


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_row(x: Tensor, a: Tensor) -> Tensor:
    return x if x.ndim == a.ndim else x.unsqueeze(1)


def written_out(a: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    return torch.where(a > 0, a * by_row(positive, a), a * by_row(negative, a))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("shape", [(3, 2, 5), (1, 2, 5), (3, 4, 2, 5)])
def test_products_are_those_written_out(
    shape: tuple[int, ...], batch: int, dtype: torch.dtype
) -> None:
    a = numbers(batch, 4, 2, 5, seed=0, dtype=dtype)
    low, floor, high, ceiling = (numbers(*shape, seed=k, dtype=dtype) for k in range(1, 5))
    slack = 1e-4 if dtype == torch.float32 else 1e-13
    expected = written_out(a, floor, ceiling).sum((2, 3))
    torch.testing.assert_close(least(a, floor, ceiling), expected, rtol=0, atol=slack)
    bent, found = bend(a, Lines(low, floor, high, ceiling))
    torch.testing.assert_close(bent, written_out(a, low, high), rtol=0, atol=slack)
    torch.testing.assert_close(found, expected, rtol=0, atol=slack)


def test_no_entries_give_nothing() -> None:
    a, ends = torch.zeros(2, 3, 0), torch.zeros(2, 0)
    assert torch.equal(least(a, ends, ends), torch.zeros(2, 3))
    bent, found = bend(a, Lines(ends, ends, ends, ends))
    assert bent.shape == a.shape
    assert torch.equal(found, torch.zeros(2, 3))


@pytest.mark.parametrize("learned_ends", [False, True])
def test_the_slope_at_a_coefficient_of_0_is_halfway(learned_ends: bool) -> None:
    a = torch.tensor([[[2.0, -1.0, 0.0]]]).requires_grad_()
    below = torch.tensor([[-1.0, -2.0, -3.0]]).requires_grad_(learned_ends)
    above = torch.tensor([[1.0, 3.0, 5.0]])
    found = least(a, below, above)
    assert found.item() == 2 * -1.0 + -1.0 * 3.0
    (slope,) = torch.autograd.grad(found, a, torch.full_like(found, 2.0))
    assert slope.flatten().tolist() == [-2.0, 6.0, 2.0]
