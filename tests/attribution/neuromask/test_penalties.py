"""Penalties in closed form against autograd through a plain convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.attribution.neuromask.penalties import smoothness, sparsity
from affidavit.attribution.neuromask.presets import Kernel, Reduction, Roughness

KERNELS_2D: dict[Kernel, Tensor] = {
    "five_point": torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
    "box3": 9 * F.pad(torch.ones(1, 1), (1,) * 4) - torch.ones(3, 3),
    "box5": 25 * F.pad(torch.ones(1, 1), (2,) * 4) - torch.ones(5, 5),
}
KERNELS_1D: dict[Kernel, Tensor] = {
    "five_point": torch.tensor([-1.0, 2, -1]),
    "box3": torch.tensor([-1.0, 2, -1]),
    "box5": torch.tensor([-1.0, -1, 4, -1, -1]),
}


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("roughness", ["absolute", "squared"])
@pytest.mark.parametrize("kernel", KERNELS_2D)
@pytest.mark.parametrize("shape", [(3, 9, 7), (2, 11), (2, 5, 5)])
def test_smoothness(
    kernel: Kernel, roughness: Roughness, reduction: Reduction, shape: tuple[int, ...]
) -> None:
    weights = torch.randn(shape, dtype=torch.float64).requires_grad_(True)
    plane = len(shape) == 3
    filter_ = (KERNELS_2D if plane else KERNELS_1D)[kernel].double()[None, None]
    rough = (F.conv2d if plane else F.conv1d)(weights[:, None], filter_).flatten(1)
    entries = rough.abs() if roughness == "absolute" else rough.square()
    expected = entries.sum(1) if reduction == "sum" else entries.mean(1)
    (slope,) = torch.autograd.grad(expected.sum(), weights)
    kept = weights.detach().clone()
    value, found = smoothness(kept, kernel, roughness, reduction)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(found, slope)
    assert torch.equal(kept, weights)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_sparsity(reduction: Reduction) -> None:
    weights = torch.randn(3, 4, 5, dtype=torch.float64)
    weights[0, 0, 0] = -2
    leaf = weights.clone().requires_grad_(True)
    entries = (leaf + 2).abs().flatten(1)
    expected = entries.sum(1) if reduction == "sum" else entries.mean(1)
    (slope,) = torch.autograd.grad(expected.sum(), leaf)
    value, found = sparsity(weights, 2.0, reduction)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(found, slope)
    assert found[0, 0, 0] == 0


@pytest.mark.parametrize("shape", [(2, 2, 9), (2, 9, 4), (2, 1)])
def test_an_axis_too_short_for_the_kernel_is_smooth(shape: tuple[int, ...]) -> None:
    value, slope = smoothness(torch.randn(shape), "box5", "squared", "mean")
    assert torch.equal(value, torch.zeros(2))
    assert torch.equal(slope, torch.zeros(shape))
