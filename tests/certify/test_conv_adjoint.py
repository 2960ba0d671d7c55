"""Transposes of convolutions, against automatic differentiation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affidavit.certify.conv_adjoint import conv_adjoint
from affidavit.graph import ops


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
