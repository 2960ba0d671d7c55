"""How each op carries an interval of cotangents back to its operands.

A rule takes the op, the cotangent of its value and the bounds of its operands, and gives the
cotangent of each operand in order, None for those that are weights. It is sound for every point
of the operands' bounds at once, under the rounding model of
:mod:`affidavit.graph.intervals.interval`. Source: Wicker et al. 2022, section 5, in centre/radius
form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify import windows
from affidavit.certify.conv_adjoint import conv_adjoint
from affidavit.certify.derivatives import DERIVATIVES, derivative, prelu
from affidavit.graph import Interval, ops
from affidavit.graph.interpreter import evaluate
from affidavit.graph.intervals import fused
from affidavit.graph.intervals.interval import (
    limits,
    multiply,
    outward,
    reciprocal,
    subtract,
)
from affidavit.graph.intervals.products import bilinear
from affidavit.graph.intervals.rules import RULES as FORWARD
from affidavit.graph.ops import Op

Rule: TypeAlias = Callable[..., Sequence[Interval | None]]


def _linear(
    op: ops.Linear, y: Interval, x: Interval, weight: Interval, bias: Interval | None = None
) -> Sequence[Interval | None]:
    return bilinear(_rows_product, weight.lower.shape[0], y, weight), None, None


def _rows_product(a: Tensor, w: Tensor, _: Tensor | None) -> Tensor:
    return a @ w


def _conv(
    op: ops.Conv, y: Interval, x: Interval, weight: Interval, bias: Interval | None = None
) -> Sequence[Interval | None]:
    size = x.like.shape[2:]

    def product(a: Tensor, w: Tensor, _: Tensor | None) -> Tensor:
        return conv_adjoint(op, a, w, size)

    channels, *rest = weight.lower.shape
    terms = channels // op.groups * math.prod(rest[1:])
    return bilinear(product, terms, y, weight), None, None


def _batch_norm(
    op: ops.BatchNorm, y: Interval, x: Interval, scale: Interval, shift: Interval, mean: Interval,
    variance: Interval,
) -> Sequence[Interval | None]:  # fmt: skip
    return multiply(y, batch_norm_factor(op, x.lower.ndim, scale, variance)), *(None,) * 4


def batch_norm_factor(
    op: ops.BatchNorm, ndim: int, scale: Interval, variance: Interval
) -> Interval:
    """What a batch norm multiplies each channel by, shaped for a value of `ndim` axes."""
    shape = (-1, *(1,) * (ndim - 2))
    scale, variance = (
        Interval(i.lower.reshape(shape), i.upper.reshape(shape)) for i in (scale, variance)
    )
    root = outward(
        torch.sqrt(variance.lower + op.epsilon), torch.sqrt(variance.upper + op.epsilon), 2
    )
    return multiply(scale, reciprocal(root))


def adjoint(op: Op, y: Tensor, like: Tensor) -> Tensor:
    """The transpose of an op that is linear in its one operand, of the shape of `like`."""
    zero = torch.zeros(like.shape, dtype=y.dtype, device=y.device)
    pull: Callable[[Tensor], tuple[Tensor]] = torch.func.vjp(lambda x: evaluate(op, x), zero)[1]
    found = pull(y)[0]
    return found


def _moved(op: Op, y: Interval, x: Interval) -> Sequence[Interval | None]:
    """Each entry goes to one place at most: nothing is computed."""
    return (Interval(adjoint(op, y.lower, x.like), adjoint(op, y.upper, x.like)),)


def _reshaped(op: ops.Reshape, y: Interval, x: Interval) -> Sequence[Interval | None]:
    shape = x.like.shape
    return (Interval(y.lower.reshape(shape), y.upper.reshape(shape)),)


def _averaged(op: Op, y: Interval, x: Interval) -> Sequence[Interval | None]:
    """Weights of one sign: the ends of y give the ends of the result."""
    eps, tiny = limits(y.lower)
    size = torch.maximum(y.lower.abs(), y.upper.abs())
    terms = math.prod(y.lower.shape[1:])
    slack = adjoint(op, size, x.lower) * ((terms + 8) * eps) + terms * tiny
    lower, upper = adjoint(op, y.lower, x.lower), adjoint(op, y.upper, x.lower)
    return (outward(lower - slack, upper + slack, 1),)


def _concat(op: ops.Concat, y: Interval, *xs: Interval) -> Sequence[Interval | None]:
    sizes = [x.lower.shape[op.axis] for x in xs]
    lower, upper = torch.split(y.lower, sizes, op.axis), torch.split(y.upper, sizes, op.axis)
    return [Interval(*ends) for ends in zip(lower, upper, strict=True)]


def _summed(y: Interval, x: Interval) -> Interval:
    """The cotangent of an operand that was broadcast: the sum over its copies."""
    shape = x.lower.shape
    if y.lower.shape == shape:
        return y
    axes = [
        axis
        for axis in range(y.lower.ndim)
        if axis < y.lower.ndim - len(shape)
        or (shape[axis - y.lower.ndim + len(shape)] == 1 and y.lower.shape[axis] > 1)
    ]
    eps, tiny = limits(y.lower)
    terms = math.prod(y.lower.shape[axis] for axis in axes)
    size = torch.maximum(y.lower.abs(), y.upper.abs()).sum(axes, keepdim=True)
    slack = size * ((terms + 8) * eps) + tiny
    lower, upper = y.lower.sum(axes, keepdim=True), y.upper.sum(axes, keepdim=True)
    found = outward(lower - slack, upper + slack, 1)
    return Interval(found.lower.reshape(shape), found.upper.reshape(shape))


def _add(op: ops.Add, y: Interval, a: Interval, b: Interval) -> Sequence[Interval | None]:
    return _summed(y, a), _summed(y, b)


def _sub(op: ops.Sub, y: Interval, a: Interval, b: Interval) -> Sequence[Interval | None]:
    return _summed(y, a), _summed(Interval(-y.upper, -y.lower), b)


def _mul(op: ops.Mul, y: Interval, a: Interval, b: Interval) -> Sequence[Interval | None]:
    return _summed(multiply(y, b), a), _summed(multiply(y, a), b)


def _div(op: ops.Div, y: Interval, a: Interval, b: Interval) -> Sequence[Interval | None]:
    over = reciprocal(b)
    quotient = multiply(y, over)
    by = multiply(multiply(quotient, a), over)
    return _summed(quotient, a), _summed(Interval(-by.upper, -by.lower), b)


def _elementwise(op: Op, y: Interval, x: Interval) -> Sequence[Interval | None]:
    return (multiply(y, derivative(op, x)),)


def _relu(op: ops.Relu, y: Interval, x: Interval) -> Sequence[Interval | None]:
    if fused.fits(y.lower, y.upper, x.lower, x.upper):
        return (Interval(*fused.gated(y.lower, y.upper, x.lower, x.upper)),)
    return _gated(op, y, x)


def _gated(op: Op, y: Interval, x: Interval) -> Sequence[Interval | None]:
    """Derivatives of 0, 1 or what lies between: nothing is rounded."""
    gate = derivative(op, x)
    least, most = y.lower * gate.lower, y.lower * gate.upper
    if y.is_point:
        return (Interval(torch.minimum(least, most), torch.maximum(least, most)),)
    lower = torch.minimum(least, most)
    return (Interval(lower, torch.maximum(y.upper * gate.lower, y.upper * gate.upper)),)


def _prelu(op: ops.PRelu, y: Interval, x: Interval, slope: Interval) -> Sequence[Interval | None]:
    return multiply(y, prelu(x, slope)), None


def _maximum(op: ops.Maximum, y: Interval, a: Interval, b: Interval) -> Sequence[Interval | None]:
    return _choice(y, a, b, a_always=a.lower > b.upper, b_always=b.lower > a.upper)


def _minimum(op: ops.Minimum, y: Interval, a: Interval, b: Interval) -> Sequence[Interval | None]:
    return _choice(y, a, b, a_always=a.upper < b.lower, b_always=b.upper < a.lower)


def _choice(
    y: Interval, a: Interval, b: Interval, a_always: Tensor, b_always: Tensor
) -> Sequence[Interval | None]:
    """One of two operands takes the cotangent, or (at a tie) both a share of it."""
    part = Interval(torch.clamp(y.lower, max=0), torch.clamp(y.upper, min=0))

    def of(always: Tensor, never: Tensor) -> Interval:
        zero = torch.zeros_like(y.lower)
        return Interval(
            torch.where(always, y.lower, torch.where(never, zero, part.lower)),
            torch.where(always, y.upper, torch.where(never, zero, part.upper)),
        )

    return _summed(of(a_always, b_always), a), _summed(of(b_always, a_always), b)


def _max_pool(op: ops.MaxPool, y: Interval, x: Interval) -> Sequence[Interval | None]:
    window = windows.of(op, tuple(x.lower.shape[2:]), x.lower.device)
    gate = window.gates(x)
    flat = Interval(y.lower.flatten(2).unsqueeze(-1), y.upper.flatten(2).unsqueeze(-1))
    lower = torch.minimum(flat.lower * gate.lower, flat.lower * gate.upper)
    upper = torch.maximum(flat.upper * gate.lower, flat.upper * gate.upper)
    eps, tiny = limits(y.lower)
    slack = window.scatter(torch.maximum(-lower, upper)) * ((window.overlap + 8) * eps) + tiny
    found = outward(window.scatter(lower) - slack, window.scatter(upper) + slack, 1)
    return (Interval(found.lower.reshape(x.lower.shape), found.upper.reshape(x.lower.shape)),)


def _softmax(op: ops.Softmax, y: Interval, x: Interval) -> Sequence[Interval | None]:
    # x̄_j = p_j Σ_k p_k (ȳ_j − ȳ_k)
    p = FORWARD[ops.Softmax](op, x)
    y_last = Interval(y.lower.movedim(op.axis, -1), y.upper.movedim(op.axis, -1))
    p_last = Interval(p.lower.movedim(op.axis, -1), p.upper.movedim(op.axis, -1))
    pairs = subtract(
        Interval(y_last.lower.unsqueeze(-1), y_last.upper.unsqueeze(-1)),
        Interval(y_last.lower.unsqueeze(-2), y_last.upper.unsqueeze(-2)),
    )
    n = y_last.lower.shape[-1]
    itself = torch.eye(n, dtype=torch.bool, device=y.lower.device)
    pairs = Interval(pairs.lower.masked_fill(itself, 0), pairs.upper.masked_fill(itself, 0))
    terms = multiply(pairs, Interval(p_last.lower.unsqueeze(-2), p_last.upper.unsqueeze(-2)))
    total = _summed(terms, Interval.point(y_last.lower.unsqueeze(-1)))
    # A framework may compute ȳ_j − Σ_k p_k ȳ_k, with p that do not quite sum to 1.
    eps, _ = limits(y.lower)
    size = torch.maximum(y_last.lower.abs(), y_last.upper.abs()).amax(-1, keepdim=True)
    slack = size * ((2 * n + 16) * eps)
    mean = Interval(total.lower.squeeze(-1) - slack, total.upper.squeeze(-1) + slack)
    found = multiply(mean, p_last)
    return (Interval(found.lower.movedim(-1, op.axis), found.upper.movedim(-1, op.axis)),)


def _log_softmax(op: ops.LogSoftmax, y: Interval, x: Interval) -> Sequence[Interval | None]:
    # x̄ = ȳ − p Σ ȳ
    p = FORWARD[ops.Softmax](ops.Softmax(op.axis), x)
    total = _summed(y, Interval.point(y.lower.narrow(op.axis, 0, 1)))
    return (subtract(y, multiply(p, total)),)


RULES: dict[type[Op], Rule] = {
    ops.Linear: _linear,
    ops.Conv: _conv,
    ops.BatchNorm: _batch_norm,
    ops.AveragePool: _averaged,
    ops.AdaptiveAveragePool: _averaged,
    ops.Mean: _averaged,
    ops.Add: _add,
    ops.Sub: _sub,
    ops.Mul: _mul,
    ops.Div: _div,
    ops.Concat: _concat,
    ops.Slice: _moved,
    ops.Pad: _moved,
    ops.Reshape: _reshaped,
    ops.Transpose: _moved,
    **dict.fromkeys(DERIVATIVES, _elementwise),
    ops.Relu: _relu,
    ops.Clip: _gated,
    ops.PRelu: _prelu,
    ops.Maximum: _maximum,
    ops.Minimum: _minimum,
    ops.MaxPool: _max_pool,
    ops.Softmax: _softmax,
    ops.LogSoftmax: _log_softmax,
}
"""The rule of every op but GELU and SiLU."""
