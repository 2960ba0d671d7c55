"""Bounds on the derivative of each elementwise op over an interval of its operand.

At a kink the derivative may be any subgradient that a framework might return: the derivative is
certain only strictly beside it, but for ReLU and its kin at 0, where every framework takes the
side below.

Where a framework has the derivative from the value (1 − y² for tanh, say), what it computes of a
saturated unit is the rounding of that difference. The bounds allow for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from affidavit.graph import Interval, ops
from affidavit.graph.intervals.interval import limits, multiply, outward, union
from affidavit.graph.intervals.rules import number, smooth
from affidavit.graph.ops import Op


def derivative(op: Op, z: Interval, eps: float | None = None) -> Interval:
    """All values of the op's derivative over z. PReLU's is not elementwise in one operand.

    Args:
        op: the op.
        z: bounds of its operand.
        eps: relative rounding error of the network, where it is not that of the bounds.
    """
    found = DERIVATIVES[type(op)](op, z)
    if type(op) not in DIFFERENCES:
        return found
    slack = DIFFERENCES[type(op)](op, z) * (16 * (limits(z.lower)[0] if eps is None else eps))
    lower, upper = found.lower - slack, found.upper + slack
    # The difference keeps its sign.
    return Interval(
        torch.where(found.lower >= 0, torch.clamp(lower, min=0), lower),
        torch.where(found.upper <= 0, torch.clamp(upper, max=0), upper),
    )


def _step(yes: Tensor, maybe: Tensor, z: Interval) -> Interval:
    """1 where yes, [0, 1] where maybe, 0 elsewhere."""
    dtype = z.lower.dtype
    return Interval(yes.to(dtype), (yes | maybe).to(dtype))


def _relu(op: ops.Relu, z: Interval) -> Interval:
    return _step(z.lower > 0, z.upper > 0, z)


def _clip(op: ops.Clip, z: Interval) -> Interval:
    # clamp and hardtanh differ at the ends themselves.
    inside = (z.lower > op.lower) & (z.upper < op.upper)
    return _step(inside, (z.upper >= op.lower) & (z.lower <= op.upper), z)


def sides(above: Interval, below: Interval, z: Interval) -> Interval:
    """One bound where z may be above 0, another where it may not."""
    return union(above, below, z.upper > 0, z.lower <= 0)


def _leaky_relu(op: ops.LeakyRelu, z: Interval) -> Interval:
    return prelu(z, number(op.slope, z))


def prelu(z: Interval, slope: Interval) -> Interval:
    """The derivative of PReLU by its operand."""
    one = torch.ones_like(z.lower)
    lower, upper = slope.lower.expand_as(one), slope.upper.expand_as(one)
    return sides(Interval.point(one), Interval(lower, upper), z)


def _abs(op: ops.Abs, z: Interval) -> Interval:
    one = torch.ones_like(z.lower)
    return Interval(one.where(z.lower > 0, -one), (-one).where(z.upper < 0, one))


def _bell(z: Interval, slope_at: Callable[[Interval], Interval]) -> Interval:
    """A derivative that is even in z and falls with |z|."""
    near = torch.clamp(torch.maximum(z.lower, -z.upper), min=0)
    far = torch.maximum(z.lower.abs(), z.upper.abs())
    return Interval(slope_at(Interval.point(far)).lower, slope_at(Interval.point(near)).upper)


def _logistic_slope(z: Interval) -> Interval:
    both = multiply(smooth(ops.Sigmoid(), z, 0, 1), smooth(ops.Sigmoid(), _minus(z), 0, 1))
    return Interval(torch.clamp(both.lower, min=0), torch.clamp(both.upper, max=0.25))


def _sigmoid(op: ops.Sigmoid, z: Interval) -> Interval:
    return _bell(z, _logistic_slope)


def _tanh(op: ops.Tanh, z: Interval) -> Interval:
    # 1 − tanh(z)² = 4 σ(2z) σ(−2z): no cancellation.
    slope = _bell(Interval(2 * z.lower, 2 * z.upper), _logistic_slope)
    return Interval(4 * slope.lower, 4 * slope.upper)


def _softplus(op: ops.Softplus, z: Interval) -> Interval:
    scaled = multiply(z, number(op.beta, z))
    slope = smooth(ops.Sigmoid(), scaled, 0, 1)
    if math.isinf(op.threshold):
        return slope
    # Above its threshold the op is the identity.
    return Interval(slope.lower, torch.where(scaled.upper >= op.threshold, 1.0, slope.upper))


def _elu(op: ops.Elu, z: Interval) -> Interval:
    scale = number(op.scale, z)
    above = Interval(scale.lower.expand_as(z.lower), scale.upper.expand_as(z.lower))
    below = outward(
        torch.exp(torch.clamp(z.lower, max=0)), torch.exp(torch.clamp(z.upper, max=0)), 8
    )
    below = Interval(torch.clamp(below.lower, min=0), below.upper)
    return sides(above, multiply(below, number(op.scale * op.alpha, z)), z)


def _minus(a: Interval) -> Interval:
    return Interval(-a.upper, -a.lower)


DERIVATIVES: dict[type[Op], Callable[..., Interval]] = {
    ops.Relu: _relu,
    ops.Clip: _clip,
    ops.LeakyRelu: _leaky_relu,
    ops.Abs: _abs,
    ops.Sigmoid: _sigmoid,
    ops.Tanh: _tanh,
    ops.Softplus: _softplus,
    ops.Elu: _elu,
}
"""The derivative rule of every elementwise op of one operand but GELU and SiLU."""


DIFFERENCES: dict[type[Op], Callable[..., Tensor]] = {
    ops.Sigmoid: lambda op, z: smooth(op, z, 0, 1).upper,  # y (1 − y)
    ops.Tanh: lambda op, z: torch.ones_like(z.lower),  # 1 − y²
    ops.Elu: lambda op, z: (z.lower <= 0).to(z.lower.dtype) * abs(op.scale * op.alpha),  # (y + 1)
}
"""Size of the numbers whose difference a framework may take for the derivative, by op."""
