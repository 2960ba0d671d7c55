"""Affine ops as linear maps of one operand: forward for tangents, transposed for cotangents."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.certify.backward import adjoint, batch_norm_factor
from affidavit.certify.conv_adjoint import conv_adjoint
from affidavit.graph import Interval, ops
from affidavit.graph.interpreter import conv_function, evaluate, pad_pairs
from affidavit.graph.intervals.interval import multiply, reciprocal, subtract
from affidavit.graph.ops import Op

Product: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Sizes: TypeAlias = Sequence[tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Map:
    """A linear map `v ↦ W v` and its transpose, as functions of a batch and the weight.

    Attributes:
        push: the map.
        pull: its transpose.
        weight: bounds of W; a map without weights has the interval around a single 1, unused.
        terms: most products in one sum of either; 0 where nothing is computed.
    """

    push: Product
    pull: Product
    weight: Interval
    terms: int

    @cached_property
    def center(self) -> Tensor:
        """The weight that is multiplied with; what it may be beside it is charged."""
        return self.weight.center_radius()[0]


def linear_map(
    op: Op, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    """The op as a map of its operand `index`.

    Args:
        op: an op of :data:`MAPS`.
        index: which operand varies.
        operands: bounds of all operands; only those of weights are used.
        sizes: shapes of the operands, the batch left out for values and not for tensors.
        out: shape of the value, without the batch.
    """
    return MAPS[type(op)](op, index, operands, sizes, out)


def constant_part(op: Op, operands: Sequence[Interval], fixed: Sequence[bool]) -> list[Interval]:
    """What the op adds to its linear parts: values that broadcast against its own, without batch.

    `fixed` tells which operands are tensors.
    """
    match op:
        case ops.Linear():
            return list(operands[2:])
        case ops.Conv():
            shape = (-1, *(1,) * len(op.stride))
            return [Interval(b.lower.reshape(shape), b.upper.reshape(shape)) for b in operands[2:]]
        case ops.BatchNorm():
            _, scale, shift, mean, variance = operands
            factor = batch_norm_factor(op, operands[0].lower.ndim, scale, variance)
            shape = factor.lower.shape
            shift, mean = (
                Interval(i.lower.reshape(shape), i.upper.reshape(shape)) for i in (shift, mean)
            )
            return [subtract(shift, multiply(mean, factor))]
        case ops.Pad() if op.value != 0:
            x = operands[0].lower[:1]
            value = 0.0 if math.isinf(op.value) else op.value
            padded = evaluate(dataclasses.replace(op, value=value), torch.zeros_like(x))
            return [Interval.point(padded[0])]
        case ops.Add() | ops.Sub():
            found = []
            for index, (operand, is_tensor) in enumerate(zip(operands, fixed, strict=True)):
                if is_tensor:
                    negative = index == 1 and isinstance(op, ops.Sub)
                    found.append(Interval(-operand.upper, -operand.lower) if negative else operand)
            return found
    return []


def _nothing(x: Interval) -> Interval:
    return Interval.point(torch.ones((), dtype=x.lower.dtype, device=x.lower.device))


def _linear(op: ops.Linear, index: int, operands: Sequence[Interval], *_: object) -> Map:
    weight = operands[1]
    return Map(F.linear, torch.matmul, weight, max(weight.lower.shape))


def _conv(
    op: ops.Conv, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    function, pairs = conv_function(len(op.stride)), pad_pairs(op.padding)
    weight, space = operands[1], sizes[0][1:]

    def push(v: Tensor, w: Tensor) -> Tensor:
        return function(F.pad(v, pairs), w, None, op.stride, 0, op.dilation, op.groups)

    def pull(v: Tensor, w: Tensor) -> Tensor:
        return conv_adjoint(op, v, w, space)

    channels, *rest = weight.lower.shape
    terms = max(math.prod(rest), channels // op.groups * math.prod(rest[1:]))
    return Map(push, pull, weight, terms)


def _batch_norm(
    op: ops.BatchNorm, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    factor = batch_norm_factor(op, len(out) + 1, operands[1], operands[4])
    return Map(torch.mul, torch.mul, factor, 1)


def _averaging(
    op: Op, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    x = operands[0]

    def pull(v: Tensor, w: Tensor) -> Tensor:
        return adjoint(op, v, v.new_empty((len(v), *sizes[0])))

    return Map(lambda v, w: evaluate(op, v), pull, _nothing(x), math.prod(sizes[0]))


def _moving(
    op: Op, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    plain = dataclasses.replace(op, value=0.0) if isinstance(op, ops.Pad) else op
    moved = _averaging(plain, index, operands, sizes, out)
    return dataclasses.replace(moved, terms=0)


def _concat(
    op: ops.Concat, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    lengths = [size[op.axis - 1] for size in sizes]
    before, length = sum(lengths[:index]), lengths[index]
    pairs = [0, 0] * (len(out) - op.axis) + [before, sum(lengths) - before - length]

    def pull(v: Tensor, w: Tensor) -> Tensor:
        return v.narrow(op.axis, before, length)

    return Map(lambda v, w: F.pad(v, pairs), pull, _nothing(operands[index]), 0)


def _spreading(size: tuple[int, ...], out: tuple[int, ...]) -> tuple[Product, int]:
    """The transpose of broadcasting from `size` to `out`, and how many copies it sums."""
    longer = len(out) - len(size)
    axes = [
        axis + 1
        for axis in range(len(out))
        if axis < longer or (size[axis - longer] == 1 and out[axis] > 1)
    ]

    def pull(v: Tensor, w: Tensor) -> Tensor:
        return (v.sum(axes, keepdim=True) if axes else v).reshape(len(v), *size)

    return pull, math.prod(out) // max(math.prod(size), 1)


def _adding(
    op: Op, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    size = sizes[index]
    pull, copies = _spreading(size, out)
    sign = -1.0 if index == 1 and isinstance(op, ops.Sub) else 1.0

    def push(v: Tensor, w: Tensor) -> Tensor:
        lined_up = v.reshape(len(v), *(1,) * (len(out) - len(size)), *size)
        return sign * lined_up.expand(len(v), *out)

    return Map(
        push,
        lambda v, w: sign * pull(v, w),
        _nothing(operands[index]),
        copies if copies > 1 else 0,
    )


def _scaling(
    op: Op, index: int, operands: Sequence[Interval], sizes: Sizes, out: tuple[int, ...]
) -> Map:
    size, other = sizes[index], operands[1 - index]
    weight = reciprocal(other) if isinstance(op, ops.Div) else other
    pull, copies = _spreading(size, out)

    def push(v: Tensor, w: Tensor) -> Tensor:
        lined_up = v.reshape(len(v), *(1,) * (len(out) - len(size)), *size)
        return (lined_up * w).expand(len(v), *out)

    return Map(push, lambda v, w: pull(v * w, w), weight, copies)


MAPS: dict[type[Op], Callable[..., Map]] = {
    ops.Linear: _linear,
    ops.Conv: _conv,
    ops.BatchNorm: _batch_norm,
    ops.AveragePool: _averaging,
    ops.AdaptiveAveragePool: _averaging,
    ops.Mean: _averaging,
    ops.Add: _adding,
    ops.Sub: _adding,
    ops.Mul: _scaling,
    ops.Div: _scaling,
    ops.Concat: _concat,
    ops.Slice: _moving,
    ops.Pad: _moving,
    ops.Reshape: _moving,
    ops.Transpose: _moving,
}
"""The map of each affine op. Of Mul and Div only where the other operand is a tensor."""
