"""The way back through single ops, against automatic differentiation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affidavit.certify.backward import RULES, conv_adjoint
from affidavit.graph import Interval, ops


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 1), (2, 2)), ((1, 2), (0, 1))])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (4, 4), (5, 3)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1), (2, 4)])
def test_the_transpose_of_a_convolution(
    stride: tuple[int, int],
    kernel: tuple[int, int],
    padding: tuple[tuple[int, int], ...],
    groups: int,
) -> None:
    generator = torch.Generator().manual_seed(0)
    op = ops.Conv(stride, padding, (1, 1), groups)
    x = torch.randn(2, 4, 9, 11, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4 // groups, *kernel, generator=generator, dtype=torch.float64)
    padded = F.pad(x, [*padding[1], *padding[0]])
    value = F.conv2d(padded, weight, None, stride, 0, 1, groups)
    y = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    (expected,) = torch.autograd.grad(value, x, y)
    torch.testing.assert_close(conv_adjoint(op, y, weight, (9, 11)), expected)


@pytest.mark.parametrize(("stride", "kernel"), [(2, 4), (3, 4), (4, 3), (2, 1)])
def test_the_transpose_of_a_convolution_of_signals(stride: int, kernel: int) -> None:
    generator = torch.Generator().manual_seed(0)
    op = ops.Conv((stride,), ((1, 0),), (1,), 1)
    x = torch.randn(3, 2, 13, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 2, kernel, generator=generator, dtype=torch.float64)
    value = F.conv1d(F.pad(x, (1, 0)), weight, None, stride)
    y = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    (expected,) = torch.autograd.grad(value, x, y)
    torch.testing.assert_close(conv_adjoint(op, y, weight, (13,)), expected)


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("padding", [(3, 0), (3, 3), (0, 3)])
def test_windows_that_see_nothing_but_padding(channels: int, padding: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    op = ops.Conv((4,), (padding,), (1,), 1)
    x = torch.randn(2, channels, 1, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, channels, 1, generator=generator, dtype=torch.float64)
    value = F.conv1d(F.pad(x, padding), weight, None, 4)
    y = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    (expected,) = torch.autograd.grad(value, x, y)
    found = conv_adjoint(op, y, weight, (1,))
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous()


@pytest.mark.parametrize("point", [False, True])
def test_relu_in_one_pass_is_the_product_with_its_derivative(point: bool) -> None:
    ends = torch.tensor([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0])
    lower, upper, x_lower, x_upper = (
        grid.flatten() for grid in torch.meshgrid(ends, ends, ends, ends, indexing="ij")
    )
    fair = (lower <= upper) & (x_lower <= x_upper)
    if point:
        fair &= lower == upper
    lower, upper, x_lower, x_upper = (end[fair] for end in (lower, upper, x_lower, x_upper))
    y = Interval.point(lower) if point else Interval(lower, upper)
    x = Interval(x_lower, x_upper)
    (quick,) = RULES[ops.Relu](ops.Relu(), y, x)
    (slow,) = RULES[ops.Clip](ops.Clip(0.0, 1e9), y, Interval(x_lower, x_upper))
    assert quick is not None
    assert slow is not None
    # A clip is uncertain at its end itself; ReLU's derivative there is 0.
    beside = (x_lower != 0) & (x_upper != 0)
    assert torch.equal(quick.lower[beside], slow.lower[beside])
    assert torch.equal(quick.upper[beside], slow.upper[beside])
    shut = x_upper <= 0
    assert not quick.lower[shut].any()
    assert not quick.upper[shut].any()
    learned = Interval(lower.clone().requires_grad_(), upper)
    (through,) = RULES[ops.Relu](ops.Relu(), learned, x)
    assert through is not None
    assert torch.equal(through.lower, quick.lower)
    assert torch.equal(through.upper, quick.upper)
