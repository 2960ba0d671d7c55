"""Lengths of vectors and of the points of boxes, from both sides."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.graph import Interval
from affidavit.graph.intervals.interval import limits


def unit_scale(size: Tensor) -> Tensor:
    """The power of two that brings the largest entry of each row into [0.5, 1); 1 for zeros.

    Multiplying by it rounds nothing but what underflows. [batch, 1] of [batch, feature].
    """
    if size.shape[1] == 0:
        return torch.ones_like(size[:, :1])
    most = size.amax(1, keepdim=True)
    mantissa, _ = torch.frexp(most)
    # Division is correctly rounded, and the quotient a power of two: it is exact.
    return torch.where(most > 0, mantissa / most, 1.0)


def length(v: Tensor) -> Interval:
    """Bounds of `|v|` by row, for entries of at most 1 that may have underflowed."""
    eps, tiny = limits(v)
    n = v.shape[1]
    square = v.square().sum(1)
    slack = square * ((n + 8) * eps) + n * tiny
    low, high = torch.clamp(square - slack, min=0).sqrt(), (square + slack).sqrt()
    return Interval(low * (1 - 2 * eps), high * (1 + 2 * eps))


def norms(lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Lower bound of the least and upper bound of the greatest `|v|` over each box."""
    near = torch.clamp(torch.zeros_like(lower), lower, upper)
    return length(near).lower, length(torch.maximum(lower.abs(), upper.abs())).upper
