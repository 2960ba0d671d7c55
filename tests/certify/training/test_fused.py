"""Steps in one pass against the same written out for automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affidavit.certify.training import fused
from affidavit.graph import Interval

ENDS = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], dtype=torch.float64)


def boxes() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ends of y and of x in every order that there is."""
    grid = [part.flatten() for part in torch.meshgrid(ENDS, ENDS, ENDS, ENDS, indexing="ij")]
    fair = (grid[0] <= grid[1]) & (grid[2] <= grid[3])
    lower, upper, x_lower, x_upper = (part[fair] for part in grid)
    return lower, upper, x_lower, x_upper


def gated(lower: Tensor, upper: Tensor, x_lower: Tensor, x_upper: Tensor) -> tuple[Tensor, Tensor]:
    """The product with a derivative of [1, 1], [0, 1] or [0, 0]."""
    least, most = (x_lower > 0).double(), (x_upper > 0).double()
    return torch.minimum(lower * least, lower * most), torch.maximum(upper * least, upper * most)


def test_back_through_relu_with_its_gradients() -> None:
    lower, upper, x_lower, x_upper = boxes()
    # At 0 the cotangent's own derivative is a matter of taste.
    beside = (lower != 0) & (upper != 0)
    ends = [end[beside].clone().requires_grad_() for end in (lower, upper, x_lower, x_upper)]
    found = fused.gated(Interval(*ends[:2]), Interval(*ends[2:]))
    expected = gated(*ends)
    weights = torch.linspace(-1, 2, len(expected[0]), dtype=torch.float64)
    slopes = torch.autograd.grad((found.lower * weights + found.upper).sum(), ends[:2])
    wanted = torch.autograd.grad((expected[0] * weights + expected[1]).sum(), ends[:2])
    for one, other in zip((found.lower, found.upper, *slopes), (*expected, *wanted), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_center_and_width_with_their_gradients(gamma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    lower = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    upper = lower + torch.rand(3, 4, generator=generator, dtype=torch.float64)

    def function(lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        return fused.widened(Interval(lower, upper), gamma)

    total, width = function(lower, upper)
    torch.testing.assert_close(total, lower + upper)
    torch.testing.assert_close(width, (upper - lower) * (1 + gamma) + gamma * total.abs())
    assert torch.autograd.gradcheck(function, (lower.requires_grad_(), upper.requires_grad_()))


def test_what_has_no_loop_takes_the_same_steps_in_pytorch() -> None:
    lower, upper, x_lower, x_upper = boxes()
    y, x = Interval(lower, upper), Interval(x_lower, x_upper)
    half = [Interval(part.lower.half(), part.upper.half()) for part in (y, x)]
    for quick, slow in (
        (fused.gated(y, x), fused.gated(*half)),
        (Interval(*fused.widened(y, 0.5)), Interval(*fused.widened(half[0], 0.5))),
    ):
        assert torch.equal(quick.lower, slow.lower.double())
        assert torch.equal(quick.upper, slow.upper.double())
