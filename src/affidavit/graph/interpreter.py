"""Evaluation of every op in PyTorch: the plain interpreter, and the oracle of all other rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.ops import Op

Rule: TypeAlias = Callable[..., Tensor]


def evaluate(op: Op, *operands: Tensor) -> Tensor:
    """The op's value at the operands. Works on any device and dtype, and under autograd."""
    return RULES[type(op)](op, *operands)


def conv_function(dimensions: int) -> Rule:
    """torch's convolution in that many dimensions."""
    return (F.conv1d, F.conv2d)[dimensions - 1]


def pad_pairs(padding: ops.Padding) -> list[int]:
    """Paddings in the order of `torch.nn.functional.pad`: last axis first."""
    return [width for pair in reversed(padding) for width in pair]


def _linear(op: ops.Linear, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def _conv(op: ops.Conv, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if all(before == after for before, after in op.padding):
        padding = tuple(before for before, _ in op.padding)
    else:
        x = F.pad(x, pad_pairs(op.padding))
        padding = (0,) * len(op.padding)
    function = conv_function(len(op.stride))
    return function(x, weight, bias, op.stride, padding, op.dilation, op.groups)


def _batch_norm(
    op: ops.BatchNorm, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, shift, training=False, eps=op.epsilon)


def _average_pool(op: ops.AveragePool, x: Tensor) -> Tensor:
    function: Any = (F.avg_pool1d, F.avg_pool2d)[len(op.kernel) - 1]
    result: Tensor = function(x, op.kernel, op.stride, op.padding, op.ceil_mode, op.count_padding)
    return result


def _adaptive_average_pool(op: ops.AdaptiveAveragePool, x: Tensor) -> Tensor:
    function: Any = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d)[len(op.output_size) - 1]
    result: Tensor = function(x, op.output_size)
    return result


def _max_pool(op: ops.MaxPool, x: Tensor) -> Tensor:
    function: Any = (F.max_pool1d, F.max_pool2d)[len(op.kernel) - 1]
    result: Tensor = function(x, op.kernel, op.stride, op.padding, op.dilation, op.ceil_mode)
    return result


def _slice(op: ops.Slice, x: Tensor) -> Tensor:
    index: list[slice] = [slice(None)] * op.axis
    return x[(*index, slice(op.start, op.stop, op.step))]


def _prelu(op: ops.PRelu, x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x > 0, x, slope * x)


def _softplus(op: ops.Softplus, x: Tensor) -> Tensor:
    # torch overflows no exponential below its threshold; without one, log1p of a large one would.
    if op.threshold == float("inf"):
        return torch.logaddexp(op.beta * x, torch.zeros_like(x)) / op.beta
    return F.softplus(x, op.beta, op.threshold)


def _elu(op: ops.Elu, x: Tensor) -> Tensor:
    negative = op.scale * op.alpha * torch.expm1(torch.clamp(x, max=0))
    return torch.where(x > 0, op.scale * x, negative)


RULES: dict[type[Op], Rule] = {
    ops.Linear: _linear,
    ops.Conv: _conv,
    ops.BatchNorm: _batch_norm,
    ops.AveragePool: _average_pool,
    ops.AdaptiveAveragePool: _adaptive_average_pool,
    ops.Mean: lambda op, x: torch.mean(x, op.axes, op.keepdims),
    ops.Add: lambda op, a, b: a + b,
    ops.Sub: lambda op, a, b: a - b,
    ops.Mul: lambda op, a, b: a * b,
    ops.Div: lambda op, a, b: a / b,
    ops.Concat: lambda op, *xs: torch.cat(xs, op.axis),
    ops.Slice: _slice,
    ops.Pad: lambda op, x: F.pad(x, pad_pairs(op.padding), value=op.value),
    ops.Reshape: lambda op, x: x.reshape(op.shape),
    ops.Transpose: lambda op, x: x.permute(op.axes),
    ops.Relu: lambda op, x: torch.relu(x),
    ops.Clip: lambda op, x: torch.clamp(x, op.lower, op.upper),
    ops.LeakyRelu: lambda op, x: F.leaky_relu(x, op.slope),
    ops.PRelu: _prelu,
    ops.Abs: lambda op, x: torch.abs(x),
    ops.Maximum: lambda op, a, b: torch.maximum(a, b),
    ops.Minimum: lambda op, a, b: torch.minimum(a, b),
    ops.MaxPool: _max_pool,
    ops.Sigmoid: lambda op, x: torch.sigmoid(x),
    ops.Tanh: lambda op, x: torch.tanh(x),
    ops.Softplus: _softplus,
    ops.Elu: _elu,
    ops.Gelu: lambda op, x: F.gelu(x, approximate=op.approximate),
    ops.Silu: lambda op, x: F.silu(x),
    ops.Softmax: lambda op, x: torch.softmax(x, op.axis),
    ops.LogSoftmax: lambda op, x: torch.log_softmax(x, op.axis),
}
"""The evaluation rule of every op in the set."""

OVERWRITING: dict[type[Op], Rule] = {
    ops.Relu: lambda op, x: torch.relu_(x),
    ops.Clip: lambda op, x: torch.clamp_(x, op.lower, op.upper),
    ops.LeakyRelu: lambda op, x: F.leaky_relu_(x, op.slope),
}
"""Rules that put the result where the operand was, for where nobody else can see the operand.

Large activations cost more to allocate than to compute.
"""

FRESH = (ops.Linear, ops.Conv, ops.BatchNorm, ops.Add, ops.Sub, ops.Mul, ops.Div)
"""Ops whose result never shares memory with an operand."""
