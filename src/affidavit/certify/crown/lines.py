"""Lines below and above an elementwise op over an interval of its operand.

Any slope m gives a pair of parallel lines: `m z` plus the least and the greatest value of
`f(z) − m z` over the interval, which is taken at its ends, at the op's kinks, or where its
derivative is m. So soundness rests on one table of such points, and slopes may be chosen freely.
Source: Zhang et al. 2018 (CROWN); Xu et al. 2021 (slopes as free parameters).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify.derivatives import derivative
from affidavit.graph import Interval, ops
from affidavit.graph.interpreter import evaluate
from affidavit.graph.intervals.interval import smallest
from affidavit.graph.ops import Op

Points: TypeAlias = Callable[..., list[Tensor]]

_NEAR = 64.0
"""Relative errors within which f(z) − m z is known at a computed point."""


@dataclass(frozen=True, eq=False)
class Lines:
    """A line below and a line above a function of one variable, entry by entry.

    Attributes:
        low, high: slopes of the lower and the upper line.
        floor, ceiling: their values at 0.
    """

    low: Tensor
    floor: Tensor
    high: Tensor
    ceiling: Tensor

    @property
    def steep(self) -> Tensor:
        """The larger |slope|."""
        return torch.maximum(self.low.abs(), self.high.abs())

    def over(self, z: Interval) -> Interval:
        """What the lines say of the function over an interval."""
        below = torch.minimum(self.low * z.lower, self.low * z.upper) + self.floor
        above = torch.maximum(self.high * z.lower, self.high * z.upper) + self.ceiling
        return Interval(below, above)


def around(op: Op, z: Interval, eps: float) -> Lines:
    """Of several slopes, those whose lines leave the least area, by entry."""
    middle = z.lower / 2 + z.upper / 2
    points = (z.lower, middle, z.upper)
    slopes = [chord(op, z), *(derivative(op, Interval.point(point)).lower for point in points)]
    low = floor = high = ceiling = slopes[0]
    for number, slope in enumerate(slopes):
        least, most = offsets(op, z, slope, eps)
        if number == 0:
            floor, ceiling = least, most
            continue
        above = least + slope * middle > floor + low * middle
        low, floor = torch.where(above, slope, low), torch.where(above, least, floor)
        below = most + slope * middle < ceiling + high * middle
        high, ceiling = torch.where(below, slope, high), torch.where(below, most, ceiling)
    return Lines(low, floor, high, ceiling)


def offsets(op: Op, z: Interval, slope: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Bounds on `op(z) − slope · z` over an interval; the slope broadcasts against it."""
    inner = [torch.clamp(p, z.lower, z.upper) for p in TURNS[type(op)](op, slope.detach())]
    gaps, slacks = [], []
    for point in (z.lower, z.upper, *inner):
        value, line = evaluate(op, point), slope * point
        gaps.append(value - line)
        slacks.append((value.abs() + line.abs()) * (_NEAR * eps))
    least, most = gaps[0] - slacks[0], gaps[0] + slacks[0]
    for gap, slack in zip(gaps[1:], slacks[1:], strict=True):
        least, most = torch.minimum(least, gap - slack), torch.maximum(most, gap + slack)
    tiny = smallest(torch.finfo(least.dtype))
    return least - tiny, most + tiny


def chord(op: Op, z: Interval) -> Tensor:
    """Slope of the line through the ends; the derivative between them where they nearly meet."""
    width = z.upper - z.lower
    middle = z.lower / 2 + z.upper / 2
    wide = width > 1e-6 * (1 + middle.abs())
    rise = evaluate(op, z.upper) - evaluate(op, z.lower)
    return torch.where(wide, rise / width.where(wide, torch.ones_like(width)),
                       derivative(op, Interval.point(middle)).lower)  # fmt: skip


def _kinks(*places: float) -> Points:
    return lambda op, m: [torch.full_like(m, place) for place in places]


def _clip(op: ops.Clip, m: Tensor) -> list[Tensor]:
    return [torch.full_like(m, end) for end in (op.lower, op.upper) if math.isfinite(end)]


def _sigmoid(op: Op, m: Tensor) -> list[Tensor]:
    # σ(1 − σ) = m at z = ± log(σ / (1 − σ)) with σ = (1 + sqrt(1 − 4m)) / 2
    root = torch.sqrt(torch.clamp(1 - 4 * m, min=0))
    rest = torch.clamp(2 * m / (1 + root), min=1e-300)  # 1 − σ without cancellation
    z = torch.log((1 + root) / 2) - torch.log(rest)
    return [z, -z]


def _tanh(op: Op, m: Tensor) -> list[Tensor]:
    # tanh(z) = 2 σ(2z) − 1: its slope is m where that of σ is m / 4, at half the place.
    return [z / 2 for z in _sigmoid(op, m / 4)]


def _softplus(op: ops.Softplus, m: Tensor) -> list[Tensor]:
    inside = torch.clamp(m, 1e-300, 1 - 1e-16)
    turn = (torch.log(inside) - torch.log1p(-inside)) / op.beta
    if math.isinf(op.threshold):
        return [turn]
    # Above its threshold the op steps down, by a hair, onto the identity: both sides of the step.
    bend = op.threshold / op.beta
    sides = (bend, math.nextafter(bend, math.inf), math.nextafter(bend, -math.inf))
    return [turn, *(torch.full_like(m, side) for side in sides)]


def _elu(op: ops.Elu, m: Tensor) -> list[Tensor]:
    steep = op.scale * op.alpha
    share = m / steep if steep else torch.ones_like(m)
    return [torch.clamp(torch.log(torch.clamp(share, min=1e-300)), max=0), torch.zeros_like(m)]


TURNS: dict[type[Op], Points] = {
    ops.Relu: _kinks(0.0),
    ops.LeakyRelu: _kinks(0.0),
    ops.Abs: _kinks(0.0),
    ops.Clip: _clip,
    ops.Sigmoid: _sigmoid,
    ops.Tanh: _tanh,
    ops.Softplus: _softplus,
    ops.Elu: _elu,
}
"""Where `f(z) − m z` may turn, by op: computed points are good enough, its slope there being 0."""
