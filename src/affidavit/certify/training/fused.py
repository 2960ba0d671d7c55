"""Steps of training on boxes in one pass over memory each, forward and backward.

Each is an expression of PyTorch, which takes several passes and keeps what they leave behind; on
small networks that costs as much as the products. Elsewhere than on a processor the expressions
themselves are taken.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affidavit.graph import Interval
from affidavit.graph.intervals import fused


def gated(y: Interval, x: Interval) -> Interval:
    """Back through ReLU. The choice of the gate's end has no gradient; one product an end has."""
    # Detached, lest the way back goes through the bounds of x with nothing but zeros.
    given = y.lower, y.upper, x.lower.detach(), x.upper.detach()
    ends = [end.contiguous() for end in given]
    if fused.simple(*ends):
        return Interval(*_apply(_Gate, *ends))
    always, maybe = x.lower > 0, x.upper > 0
    lower, upper = always | (maybe & (y.lower < 0)), always | (maybe & (y.upper > 0))
    return Interval(y.lower * lower, y.upper * upper)


def widened(a: Interval, gamma: float) -> tuple[Tensor, Tensor]:
    """Sum of the ends, and their difference with the part of weights that vary by γ|W|."""
    lower, upper = a.lower.contiguous(), a.upper.contiguous()
    if fused.simple(lower, upper):
        return _apply(_Widen, lower, upper, gamma)
    total, width = lower + upper, upper - lower
    if gamma > 0:
        width = torch.add(width * (1 + gamma), total.abs(), alpha=gamma)
    return total, width


def _apply(function: type[torch.autograd.Function], *given: Any) -> tuple[Tensor, Tensor]:
    found: tuple[Tensor, Tensor] = function.apply(*given)  # type: ignore[no-untyped-call]
    return found


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, lower: Tensor, upper: Tensor, x_lower: Tensor, x_upper: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(lower, upper, x_lower, x_upper)
        return fused.gated(lower, upper, x_lower, x_upper)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *by: Tensor) -> tuple[Tensor | None, ...]:
        return *fused.gated_back(*ctx.saved_tensors, *(end.contiguous() for end in by)), None, None


class _Widen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, lower: Tensor, upper: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
        total, width = fused.widened(lower, upper, gamma)
        ctx.save_for_backward(total)
        ctx.gamma = gamma
        return total, width

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *by: Tensor) -> tuple[Tensor | None, ...]:
        (total,) = ctx.saved_tensors
        by = tuple(end.contiguous() for end in by)
        return *fused.widened_back(total, ctx.gamma, *by), None
