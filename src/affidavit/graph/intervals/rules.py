"""How each op carries intervals from its operands to its value.

Every rule is sound for the real-valued function that the op stands for, under the rounding model
of :mod:`affidavit.graph.intervals.interval`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.interpreter import evaluate, pad_pairs
from affidavit.graph.intervals.ball import Ball
from affidavit.graph.intervals.interval import (
    Interval,
    add,
    limits,
    multiply,
    outward,
    reciprocal,
    subtract,
    union,
)
from affidavit.graph.intervals.products import bilinear
from affidavit.graph.ops import Op

Rule: TypeAlias = Callable[..., Interval]


def _linear(
    op: ops.Linear, x: Interval, weight: Interval, bias: Interval | None = None
) -> Interval:
    return bilinear(F.linear, weight.lower.shape[1], x, weight, bias)


@dataclass(frozen=True)
class _Convolution:
    """A convolution as a product. Equal ops give equal products."""

    op: ops.Conv

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return evaluate(self.op, x, weight, *([] if bias is None else [bias]))


def _conv(op: ops.Conv, x: Interval, weight: Interval, bias: Interval | None = None) -> Interval:
    terms = math.prod(weight.lower.shape[1:])
    return bilinear(_Convolution(op), terms, x, weight, bias, axis=1)


def _batch_norm(
    op: ops.BatchNorm,
    x: Interval,
    scale: Interval,
    shift: Interval,
    mean: Interval,
    variance: Interval,
) -> Interval:
    shape = (-1, *(1,) * (x.lower.ndim - 2))
    scale, shift, mean, variance = (
        Interval(i.lower.reshape(shape), i.upper.reshape(shape))
        for i in (scale, shift, mean, variance)
    )
    root = outward(
        torch.sqrt(variance.lower + op.epsilon), torch.sqrt(variance.upper + op.epsilon), 2
    )
    factor = multiply(scale, reciprocal(root))
    y = add(multiply(subtract(x, mean), factor), shift)
    # PyTorch computes x factor + (shift - mean factor), which cancels where the mean is large.
    eps, tiny = limits(x.lower)
    size = _magnitude(x) + _magnitude(mean)
    slack = (size * _magnitude(factor) + _magnitude(shift)) * (8 * eps) + tiny
    return Interval(y.lower - slack, y.upper + slack)


def _magnitude(x: Interval) -> Tensor:
    """Largest absolute value."""
    return torch.maximum(x.lower.abs(), x.upper.abs())


def _averaging(op: Op, x: Interval, terms: int) -> Interval:
    """Sums with weights of one sign are monotone: the ends of x give the ends of the result."""
    eps, tiny = limits(x.lower)
    slack = evaluate(op, _magnitude(x)) * ((terms + 8) * eps) + terms * tiny
    return outward(evaluate(op, x.lower) - slack, evaluate(op, x.upper) + slack, 1)


def _average_pool(op: ops.AveragePool, x: Interval) -> Interval:
    return _averaging(op, x, math.prod(op.kernel))


def _adaptive_average_pool(op: ops.AdaptiveAveragePool, x: Interval) -> Interval:
    return _averaging(op, x, math.prod(x.lower.shape[2:]))


def _mean(op: ops.Mean, x: Interval) -> Interval:
    return _averaging(op, x, math.prod(x.lower.shape[axis] for axis in op.axes))


def _exact(op: Op, *operands: Interval) -> Interval:
    """Monotone ops that compute nothing new, so that no rounding takes place."""
    return Interval(
        evaluate(op, *[operand.lower for operand in operands]),
        evaluate(op, *[operand.upper for operand in operands]),
    )


def _moved(op: Op, x: Interval) -> Interval:
    """Every entry under another index."""
    if isinstance(x, Ball):
        return x.at(evaluate(op, x.center))
    return _exact(op, x)


def _abs(op: ops.Abs, x: Interval) -> Interval:
    lower = torch.clamp(torch.maximum(x.lower, -x.upper), min=0)
    return Interval(lower, torch.maximum(x.upper, -x.lower))


def _sides(positive: Interval, negative: Interval, x: Interval) -> Interval:
    """A function with one branch for x >= 0 and another for x <= 0, from the bounds of each."""
    return union(positive, negative, x.upper >= 0, x.lower < 0)


def _prelu(op: ops.PRelu, x: Interval, slope: Interval) -> Interval:
    below = Interval(torch.clamp(x.lower, max=0), torch.clamp(x.upper, max=0))
    return _sides(_exact(ops.Relu(), x), multiply(below, slope), x)


def _leaky_relu(op: ops.LeakyRelu, x: Interval) -> Interval:
    return _prelu(ops.PRelu(), x, number(op.slope, x))


def _elu(op: ops.Elu, x: Interval) -> Interval:
    below = outward(
        torch.expm1(torch.clamp(x.lower, max=0)), torch.expm1(torch.clamp(x.upper, max=0)), 8
    )
    below = Interval(
        torch.clamp(below.lower, min=-1, max=0), torch.clamp(below.upper, min=-1, max=0)
    )
    return _sides(
        multiply(_exact(ops.Relu(), x), number(op.scale, x)),
        multiply(below, number(op.scale * op.alpha, x)),
        x,
    )


def _pad(op: ops.Pad, x: Interval) -> Interval:
    value, pairs = number(op.value, x), pad_pairs(op.padding)
    return Interval(
        F.pad(x.lower, pairs, value=float(value.lower)),
        F.pad(x.upper, pairs, value=float(value.upper)),
    )


def number(value: float, like: Interval) -> Interval:
    """An attribute, which is a double, in a dtype that may have to round it."""
    tensor = torch.tensor(value, dtype=like.lower.dtype, device=like.lower.device)
    return Interval.point(tensor) if float(tensor) == value else outward(tensor, tensor, 2)


def smooth(op: Op, x: Interval, least: float, most: float) -> Interval:
    """Increasing functions with a range: evaluated at the ends, and kept within the range."""
    y = outward(evaluate(op, x.lower), evaluate(op, x.upper), 8)
    return Interval(torch.clamp(y.lower, least, most), torch.clamp(y.upper, least, most))


def _clip(op: ops.Clip, x: Interval) -> Interval:
    least, most = number(op.lower, x), number(op.upper, x)
    return Interval(
        torch.clamp(x.lower, least.lower, most.lower), torch.clamp(x.upper, least.upper, most.upper)
    )


def _softplus(op: ops.Softplus, x: Interval) -> Interval:
    if op.beta < 0:  # the negative of the one with -beta, at -x
        y = _softplus(ops.Softplus(-op.beta, op.threshold), Interval(-x.upper, -x.lower))
        return Interval(-y.upper, -y.lower)
    beta = number(op.beta, x)
    z = multiply(x, beta)
    zero = torch.zeros_like(z.lower)
    y = outward(torch.logaddexp(z.lower, zero), torch.logaddexp(z.upper, zero), 8)
    y = multiply(Interval(torch.clamp(y.lower, min=0), y.upper), reciprocal(beta))
    # Above its threshold the op is the identity, which lies below the function by a hair, so that
    # its least value may be found just there rather than at the lower end.
    bend = op.threshold / op.beta
    identity = torch.clamp(x.lower, min=bend - min(1e-3 * abs(bend), 1.0))
    lower = torch.where(z.upper >= op.threshold, torch.minimum(y.lower, identity), y.lower)
    return Interval(lower, torch.where(z.lower > op.threshold, x.upper, y.upper))


def _others(x: Tensor, axis: int) -> Tensor:
    """log Σ exp over all entries of an axis but one, for each one, without subtracting."""
    if x.shape[axis] == 1:
        return torch.full_like(x, -math.inf)
    edge = torch.full_like(x.narrow(axis, 0, 1), -math.inf)
    before = torch.logcumsumexp(x, axis).narrow(axis, 0, x.shape[axis] - 1)
    after = torch.logcumsumexp(x.flip(axis), axis).flip(axis).narrow(axis, 1, x.shape[axis] - 1)
    return torch.logaddexp(torch.cat([edge, before], axis), torch.cat([after, edge], axis))


def _odds(axis: int, x: Interval) -> tuple[Interval, Tensor]:
    """Bounds of the log-odds `x_j - log Σ_{i≠j} exp(x_i)`, and how far rounding may carry them."""
    eps, _ = limits(x.lower)
    scale = torch.maximum(x.lower.abs(), x.upper.abs()).amax(axis, keepdim=True) + 1
    slack = scale * ((4 * x.lower.shape[axis] + 32) * eps)
    odds = Interval(x.lower - _others(x.upper, axis), x.upper - _others(x.lower, axis))
    return odds, slack


def _softmax(op: ops.Softmax, x: Interval) -> Interval:
    odds, slack = _odds(op.axis, x)
    return smooth(ops.Sigmoid(), Interval(odds.lower - slack, odds.upper + slack), 0.0, 1.0)


def _log_softmax(op: ops.LogSoftmax, x: Interval) -> Interval:
    odds, slack = _odds(op.axis, x)
    y = outward(F.logsigmoid(odds.lower - slack), F.logsigmoid(odds.upper + slack), 16)
    # Computed as x_j less a logarithm, it errs by as much itself.
    return Interval(y.lower - slack, torch.clamp(y.upper + slack, max=0))


RULES: dict[type[Op], Rule] = {
    ops.Linear: _linear,
    ops.Conv: _conv,
    ops.BatchNorm: _batch_norm,
    ops.AveragePool: _average_pool,
    ops.AdaptiveAveragePool: _adaptive_average_pool,
    ops.Mean: _mean,
    ops.Add: lambda op, a, b: add(a, b),
    ops.Sub: lambda op, a, b: subtract(a, b),
    ops.Mul: lambda op, a, b: multiply(a, b),
    ops.Div: lambda op, a, b: multiply(a, reciprocal(b)),
    ops.Concat: _exact,
    ops.Slice: _moved,
    ops.Pad: _pad,
    ops.Reshape: _moved,
    ops.Transpose: _moved,
    ops.Relu: _exact,
    ops.Clip: _clip,
    ops.LeakyRelu: _leaky_relu,
    ops.PRelu: _prelu,
    ops.Abs: _abs,
    ops.Maximum: _exact,
    ops.Minimum: _exact,
    ops.MaxPool: _exact,
    ops.Sigmoid: lambda op, x: smooth(op, x, 0.0, 1.0),
    ops.Tanh: lambda op, x: smooth(op, x, -1.0, 1.0),
    ops.Softplus: _softplus,
    ops.Elu: _elu,
    ops.Softmax: _softmax,
    ops.LogSoftmax: _log_softmax,
}
"""The interval rule of every op but GELU and SiLU, which can be evaluated only."""
