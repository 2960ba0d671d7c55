"""The way back through single ops."""

from __future__ import annotations

import pytest
import torch

from affidavit.certify.backward import RULES
from affidavit.graph import Interval, ops


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
