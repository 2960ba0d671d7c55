"""The transpose of a convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.interpreter import pad_pairs


def conv_adjoint(op: ops.Conv, y: Tensor, weight: Tensor, size: Sequence[int]) -> Tensor:
    """The transpose of a convolution as a linear map, for inputs of that spatial size."""
    if _by_phases(op, weight):
        full = _phases(op, y, weight)
    else:
        function: Callable[..., Tensor] = (F.conv_transpose1d, F.conv_transpose2d)[
            len(op.stride) - 1
        ]
        full = function(y, weight, None, op.stride, 0, 0, op.groups, op.dilation)
    # What the padding met is cut off; what no window reached gets 0.
    kept = (slice(pad, pad + extent) for extent, (pad, _) in zip(size, op.padding, strict=True))
    full = full[(slice(None), slice(None), *kept)]
    short = tuple((0, extent - length) for extent, length in zip(size, full.shape[2:], strict=True))
    return F.pad(full, pad_pairs(short)) if any(map(any, short)) else full.contiguous()


FEW = 4
"""Channels up to which PyTorch's transposed convolutions with a stride are slow on processors."""


def _by_phases(op: ops.Conv, weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.shape[1] <= FEW
        and max(op.stride) > 1
        and max(op.dilation) == 1
    )


def _phases(op: ops.Conv, y: Tensor, weight: Tensor) -> Tensor:
    """A transposed convolution as one convolution for each remainder by the stride.

    Entry `s q + r` of the result takes the taps `s j + r` of the kernel alone: the remainders are
    channels of one plain convolution, put side by side afterwards.
    """
    strides, dims = op.stride, len(op.stride)
    channels, inner, *sizes = weight.shape
    taps = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    short = [
        (0, tap * stride - size) for tap, stride, size in zip(taps, strides, sizes, strict=True)
    ]
    kernel = F.pad(weight, [entry for pair in reversed(short) for entry in pair])
    split = [entry for pair in zip(taps, strides, strict=True) for entry in pair]
    groups = op.groups
    kernel = kernel.reshape(groups, channels // groups, inner, *split)
    tap_axes, rest_axes = range(3, 3 + 2 * dims, 2), range(4, 4 + 2 * dims, 2)
    kernel = kernel.flip(*tap_axes).permute(0, 2, *rest_axes, 1, *tap_axes)
    kernel = kernel.reshape(-1, channels // groups, *taps)
    function: Callable[..., Tensor] = (F.conv1d, F.conv2d)[dims - 1]
    found = function(y, kernel, None, 1, [tap - 1 for tap in taps], 1, groups)
    lengths = found.shape[2:]
    found = found.reshape(len(y), groups * inner, *strides, *lengths)
    order = [
        axis
        for pair in zip(range(2 + dims, 2 + 2 * dims), range(2, 2 + dims), strict=True)
        for axis in pair
    ]
    whole = [length * stride for length, stride in zip(lengths, strides, strict=True)]
    return found.permute(0, 1, *order).reshape(len(y), groups * inner, *whole)
