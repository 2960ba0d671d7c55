"""Convolution and pooling: what works on windows."""

from __future__ import annotations

from collections.abc import Sequence

from affidavit.graph import ops
from affidavit.graph.aten.call import Call, converts
from affidavit.graph.builder import Inexpressible


@converts(
    "conv1d.default",
    "conv2d.default",
    "conv1d.padding",
    "conv2d.padding",
    "convolution.default",
    to=[ops.Conv],
)
def _conv(call: Call) -> str:
    a = call.args
    if getattr(a, "transposed", False):
        raise Inexpressible("a transposed convolution")
    kernel = call.shape(a.weight)[2:]
    space = len(kernel)
    if space > 2:
        raise Inexpressible(f"a convolution in {space} dimensions")
    dilation = _spread(a.dilation, space)
    if a.padding == "valid":
        padding: ops.Padding = ((0, 0),) * space
    elif a.padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = tuple((width // 2, width - width // 2) for width in total)
    else:
        padding = tuple((width, width) for width in _spread(a.padding, space))
    op = ops.Conv(_spread(a.stride, space), padding, dilation, a.groups)
    bias = () if a.bias is None else (a.bias,)
    return call.add(op, a.input, a.weight, *bias)


@converts("avg_pool1d.default", "avg_pool2d.default", to=[ops.AveragePool])
def _average_pool(call: Call) -> str:
    a = call.args
    if getattr(a, "divisor_override", None) is not None:
        raise Inexpressible("average pooling with a divisor of its own")
    space = len(call.shape(a.self)) - 2
    kernel = _spread(a.kernel_size, space)
    stride = _spread(a.stride, space) if a.stride else kernel
    op = ops.AveragePool(
        kernel, stride, _spread(a.padding, space), a.ceil_mode, a.count_include_pad
    )
    return call.add(op, a.self)


@converts(
    "adaptive_avg_pool1d.default",
    "adaptive_avg_pool2d.default",
    "_adaptive_avg_pool2d.default",
    to=[ops.AdaptiveAveragePool],
)
def _adaptive_average_pool(call: Call) -> str:
    return call.add(ops.AdaptiveAveragePool(tuple(call.args.output_size)), call.args.self)


@converts(
    "max_pool1d.default", "max_pool2d.default", "max_pool2d_with_indices.default", to=[ops.MaxPool]
)
def _max_pool(call: Call) -> str:
    a = call.args
    space = len(call.shape(a.self)) - 2
    kernel = _spread(a.kernel_size, space)
    stride = _spread(a.stride, space) if a.stride else kernel
    op = ops.MaxPool(
        kernel, stride, _spread(a.padding, space), _spread(a.dilation, space), a.ceil_mode
    )
    return call.add(op, a.self)


def _spread(value: int | Sequence[int], space: int) -> tuple[int, ...]:
    """One entry a spatial axis, from one for all or one each."""
    entries = [value] if isinstance(value, int) else list(value)
    return tuple(entries * space if len(entries) == 1 else entries)
