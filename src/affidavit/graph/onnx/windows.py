"""Convolution and pooling: what works on windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affidavit.graph import ops
from affidavit.graph.builder import Inexpressible
from affidavit.graph.onnx.call import Call, converts


@converts("Conv", to=[ops.Conv])
def _conv(call: Call) -> str:
    a = call.attributes
    x, weight = call.value(0), call.value(1)
    kernel = call.shape(weight)[2:]
    if len(kernel) not in (1, 2):
        raise Inexpressible(f"a convolution in {len(kernel)} dimensions")
    stride = tuple(a.get("strides") or [1] * len(kernel))
    dilation = tuple(a.get("dilations") or [1] * len(kernel))
    padding = _padding(call, x, kernel, stride, dilation)
    op = ops.Conv(stride, padding, dilation, a.get("group", 1))
    return call.add(op, x, weight, *([call.value(2)] if call.has(2) else []))


@converts("AveragePool", to=[ops.AveragePool, ops.Pad])
def _average_pool(call: Call) -> str:
    x, kernel, stride, dilation, padding = _window(call)
    if any(step != 1 for step in dilation):
        raise Inexpressible("average pooling with dilation")
    count_padding = bool(call.attributes.get("count_include_pad", 0))
    ceil_mode = bool(call.attributes.get("ceil_mode", 0))
    if not _poolable(padding, kernel):
        if not count_padding or ceil_mode:
            raise Inexpressible(f"average pooling with the padding {padding}")
        x, padding = _pad(call, x, padding, 0.0)
    before = tuple(width for width, _ in padding)
    return call.add(ops.AveragePool(kernel, stride, before, ceil_mode, count_padding), x)


@converts("GlobalAveragePool", to=[ops.Mean])
def _global_average_pool(call: Call) -> str:
    x = call.value(0)
    return call.add(ops.Mean(tuple(range(2, len(call.shape(x)))), keepdims=True), x)


@converts("MaxPool", to=[ops.MaxPool, ops.Pad])
def _max_pool(call: Call) -> str:
    x, kernel, stride, dilation, padding = _window(call)
    if not _poolable(padding, kernel):
        x, padding = _pad(call, x, padding, -math.inf)
    before = tuple(width for width, _ in padding)
    ceil_mode = bool(call.attributes.get("ceil_mode", 0))
    return call.add(ops.MaxPool(kernel, stride, before, dilation, ceil_mode), x)


@converts("GlobalMaxPool", to=[ops.MaxPool])
def _global_max_pool(call: Call) -> str:
    x = call.value(0)
    kernel = call.shape(x)[2:]
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    return call.add(ops.MaxPool(kernel, kernel, zeros, ones), x)


def _window(
    call: Call,
) -> tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], ops.Padding]:
    a = call.attributes
    x = call.value(0)
    kernel = tuple(a["kernel_shape"])
    if len(kernel) not in (1, 2):
        raise Inexpressible(f"pooling in {len(kernel)} dimensions")
    stride = tuple(a.get("strides") or [1] * len(kernel))
    dilation = tuple(a.get("dilations") or [1] * len(kernel))
    return x, kernel, stride, dilation, _padding(call, x, kernel, stride, dilation)


def _padding(
    call: Call,
    x: str,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> ops.Padding:
    space = len(kernel)
    mode = call.attributes.get("auto_pad", "NOTSET")
    if mode == "VALID":
        return ((0, 0),) * space
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for size, k, s, d in zip(call.shape(x)[2:], kernel, stride, dilation, strict=True):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            small, large = total // 2, total - total // 2
            pairs.append((small, large) if mode == "SAME_UPPER" else (large, small))
        return tuple(pairs)
    widths = call.attributes.get("pads") or [0] * 2 * space
    return tuple((widths[axis], widths[axis + space]) for axis in range(space))


def _poolable(padding: ops.Padding, kernel: Sequence[int]) -> bool:
    """Whether the pooling ops can pad this themselves: both sides alike, at most half a window."""
    return all(a == b and a <= k // 2 for (a, b), k in zip(padding, kernel, strict=True))


def _pad(call: Call, x: str, padding: ops.Padding, value: float) -> tuple[str, ops.Padding]:
    full = ((0, 0), (0, 0), *padding)
    return call.add(ops.Pad(full, value), x, hint=".padded"), ((0, 0),) * len(padding)
