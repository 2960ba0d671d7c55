"""A graph evaluated in real numbers: mpmath at a precision that leaves no rounding to speak of.

Each op is written from its definition, with loops over entries and windows, on NumPy arrays of
mpmath numbers. It shares nothing with the package but the names of ops and their attributes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import mpmath
import numpy as np
from torch import Tensor

from affidavit.graph import Graph, ops

PRECISION = 2500
"""Bits: the products of the largest and the smallest doubles, and sums of them, are exact."""

FUNCTION_PRECISION = 1100
"""Bits for exponentials and logarithms: enough to tell 1 from 1 + 5e-324."""

Array: TypeAlias = "np.ndarray[Any, Any]"


def real(tensor: Tensor) -> Array:
    """The entries of a tensor as real numbers, exactly."""
    flat = [mpmath.mpf(entry) for entry in tensor.detach().double().reshape(-1).tolist()]
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(tuple(tensor.shape))


def evaluate(graph: Graph, x: Tensor, params: Mapping[str, Tensor]) -> dict[str, Array]:
    """The value of every node at inputs and parameters that count as exact."""
    with mpmath.workprec(PRECISION):
        env = {name: real(params.get(name, tensor)) for name, tensor in graph.tensors.items()}
        env[graph.input] = real(x)
        for node in graph.nodes:
            env[node.name] = RULES[type(node.op)](node.op, *[env[name] for name in node.operands])
        return {node.name: env[node.name] for node in graph.nodes}


def _each(function: Callable[[Any], Any], x: Array) -> Array:
    result = np.empty(x.shape, dtype=object)
    for index in np.ndindex(*x.shape):
        result[index] = function(x[index])
    return result


def _transcendental(function: Callable[[Any], Any], x: Array) -> Array:
    with mpmath.workprec(FUNCTION_PRECISION):
        return _each(function, x)


def _pairwise(function: Callable[[Any, Any], Any], a: Array, b: Array) -> Array:
    a, b = np.broadcast_arrays(a, b)
    result = np.empty(a.shape, dtype=object)
    for index in np.ndindex(*a.shape):
        result[index] = function(a[index], b[index])
    return result


def _zero() -> Any:
    return mpmath.mpf(0)


def _linear(op: ops.Linear, x: Array, weight: Array, bias: Array | None = None) -> Array:
    result = np.empty((*x.shape[:-1], len(weight)), dtype=object)
    for index in np.ndindex(*result.shape):
        row = x[index[:-1]]
        total = sum((row[i] * weight[index[-1], i] for i in range(len(row))), _zero())
        result[index] = total + (_zero() if bias is None else bias[index[-1]])
    return result


def _windows(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    before: tuple[int, ...],
    dilation: tuple[int, ...],
    position: tuple[int, ...],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], bool]]:
    """Tap, place in x, and whether that place exists, for each tap of one window."""
    for tap in np.ndindex(*kernel):
        place = tuple(
            p * s - b + t * d
            for p, s, b, t, d in zip(position, stride, before, tap, dilation, strict=True)
        )
        yield tap, place, all(0 <= i < size for i, size in zip(place, shape, strict=True))


def _conv(op: ops.Conv, x: Array, weight: Array, bias: Array | None = None) -> Array:
    space, kernel = x.shape[2:], weight.shape[2:]
    size = tuple(
        (s + a + b - d * (k - 1) - 1) // stride + 1
        for s, (a, b), d, k, stride in zip(
            space, op.padding, op.dilation, kernel, op.stride, strict=True
        )
    )
    before = tuple(a for a, _ in op.padding)
    each_in, each_out = weight.shape[1], len(weight) // op.groups
    result = np.empty((len(x), len(weight), *size), dtype=object)
    for n, out, *position in np.ndindex(*result.shape):
        total = _zero() if bias is None else bias[out]
        first = out // each_out * each_in
        for tap, place, exists in _windows(
            space, kernel, op.stride, before, op.dilation, tuple(position)
        ):
            for channel in range(each_in if exists else 0):
                total += x[(n, first + channel, *place)] * weight[(out, channel, *tap)]
        result[(n, out, *position)] = total
    return result


def _batch_norm(
    op: ops.BatchNorm, x: Array, scale: Array, shift: Array, mean: Array, variance: Array
) -> Array:
    result = np.empty(x.shape, dtype=object)
    for index in np.ndindex(*x.shape):
        c = index[1]
        root = mpmath.sqrt(variance[c] + mpmath.mpf(op.epsilon))
        result[index] = (x[index] - mean[c]) / root * scale[c] + shift[c]
    return result


def _pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    reach = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-reach // stride) if ceil_mode else reach // stride) + 1
    # A window must start within the input or its left padding.
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def _pool(
    x: Array, op: ops.AveragePool | ops.MaxPool, dilation: tuple[int, ...],
    reduce: Callable[[list[Any], tuple[int, ...]], Any],
) -> Array:  # fmt: skip
    space = x.shape[2:]
    size = tuple(
        _pooled_size(s, k, st, p, d, op.ceil_mode)
        for s, k, st, p, d in zip(space, op.kernel, op.stride, op.padding, dilation, strict=True)
    )
    result = np.empty((*x.shape[:2], *size), dtype=object)
    for n, c, *position in np.ndindex(*result.shape):
        entries = [
            x[(n, c, *place)]
            for _, place, exists in _windows(
                space, op.kernel, op.stride, op.padding, dilation, tuple(position)
            )
            if exists
        ]
        result[(n, c, *position)] = reduce(entries, tuple(position))
    return result


def _average_pool(op: ops.AveragePool, x: Array) -> Array:
    def mean(entries: list[Any], position: tuple[int, ...]) -> Any:
        divisor = len(entries)
        if op.count_padding:  # what lies beyond the padding, as ceil_mode allows, never counts
            divisor = math.prod(
                min(p * s - pad + k, size + pad) - (p * s - pad)
                for p, s, pad, k, size in zip(
                    position, op.stride, op.padding, op.kernel, x.shape[2:], strict=True
                )
            )
        return sum(entries, _zero()) / divisor

    return _pool(x, op, (1,) * len(op.kernel), mean)


def _adaptive_average_pool(op: ops.AdaptiveAveragePool, x: Array) -> Array:
    result = np.empty((*x.shape[:2], *op.output_size), dtype=object)
    for n, c, *position in np.ndindex(*result.shape):
        spans = [
            range(p * size // count, -(-(p + 1) * size // count))
            for p, size, count in zip(position, x.shape[2:], op.output_size, strict=True)
        ]
        entries = [x[(n, c, *place)] for place in itertools.product(*spans)]
        result[(n, c, *position)] = sum(entries, _zero()) / len(entries)
    return result


def _mean(op: ops.Mean, x: Array) -> Array:
    count = math.prod(x.shape[axis] for axis in op.axes)
    return np.asarray(np.sum(x, axis=op.axes, keepdims=op.keepdims) / count, dtype=object)


def _pad(op: ops.Pad, x: Array) -> Array:
    result = np.full(
        [a + size + b for (a, b), size in zip(op.padding, x.shape, strict=True)],
        mpmath.mpf(op.value),
        dtype=object,
    )
    inner = tuple(slice(a, a + size) for (a, _), size in zip(op.padding, x.shape, strict=True))
    result[inner] = x
    return result


def _softplus(op: ops.Softplus, x: Array) -> Array:
    beta = mpmath.mpf(op.beta)

    def one(entry: Any) -> Any:
        if beta * entry > op.threshold:
            return entry
        return mpmath.log1p(mpmath.exp(beta * entry)) / beta

    return _transcendental(one, x)


def _elu(op: ops.Elu, x: Array) -> Array:
    scale, alpha = mpmath.mpf(op.scale), mpmath.mpf(op.alpha)
    return _transcendental(lambda e: scale * e if e > 0 else scale * alpha * mpmath.expm1(e), x)


def _softmax(x: Array, axis: int, logarithm: bool) -> Array:
    moved = np.moveaxis(x, axis, -1)
    result = np.empty(moved.shape, dtype=object)
    for index in np.ndindex(*moved.shape[:-1]):
        most = max(moved[index])
        with mpmath.workprec(FUNCTION_PRECISION):
            powers = [mpmath.exp(entry - most) for entry in moved[index]]
        total = sum(powers, _zero())
        shift = most + mpmath.log(total) if logarithm else None
        for i, power in enumerate(powers):
            result[(*index, i)] = moved[index][i] - shift if logarithm else power / total
    return np.moveaxis(result, -1, axis)


def _slice(op: ops.Slice, x: Array) -> Array:
    return x[(*[slice(None)] * op.axis, slice(op.start, op.stop, op.step))]


RULES: dict[type[ops.Op], Callable[..., Array]] = {
    ops.Linear: _linear,
    ops.Conv: _conv,
    ops.BatchNorm: _batch_norm,
    ops.AveragePool: _average_pool,
    ops.AdaptiveAveragePool: _adaptive_average_pool,
    ops.Mean: _mean,
    ops.Add: lambda op, a, b: a + b,
    ops.Sub: lambda op, a, b: a - b,
    ops.Mul: lambda op, a, b: a * b,
    ops.Div: lambda op, a, b: a / b,
    ops.Concat: lambda op, *xs: np.concatenate(xs, op.axis),
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Reshape: lambda op, x: x.reshape(op.shape),
    ops.Transpose: lambda op, x: x.transpose(op.axes),
    ops.Relu: lambda op, x: _each(lambda e: max(e, _zero()), x),
    ops.Clip: lambda op, x: _each(
        lambda e: min(max(e, mpmath.mpf(op.lower)), mpmath.mpf(op.upper)), x
    ),
    ops.LeakyRelu: lambda op, x: _each(lambda e: e if e > 0 else mpmath.mpf(op.slope) * e, x),
    ops.PRelu: lambda op, x, slope: _pairwise(lambda e, s: e if e > 0 else s * e, x, slope),
    ops.Abs: lambda op, x: _each(abs, x),
    ops.Maximum: lambda op, a, b: _pairwise(max, a, b),
    ops.Minimum: lambda op, a, b: _pairwise(min, a, b),
    ops.MaxPool: lambda op, x: _pool(x, op, op.dilation, lambda entries, _: max(entries)),
    ops.Sigmoid: lambda op, x: _transcendental(lambda e: 1 / (1 + mpmath.exp(-e)), x),
    ops.Tanh: lambda op, x: _transcendental(mpmath.tanh, x),
    ops.Softplus: _softplus,
    ops.Elu: _elu,
    ops.Softmax: lambda op, x: _softmax(x, op.axis, logarithm=False),
    ops.LogSoftmax: lambda op, x: _softmax(x, op.axis, logarithm=True),
}
