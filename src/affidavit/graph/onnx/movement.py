"""Movement of data: what only picks, joins, pads and reorders entries."""

from __future__ import annotations

import math

import numpy as np
import onnx

from affidavit.graph import ops
from affidavit.graph.builder import Inexpressible
from affidavit.graph.onnx.call import Call, converts


@converts("Concat", to=[ops.Concat])
def _concat(call: Call) -> str:
    values = call.values()
    batched = next((v for v in values if call.builder.is_batched(v)), values[0])
    return call.add(ops.Concat(call.axis(batched, call.attributes["axis"])), *values)


@converts("Slice", to=[ops.Slice])
def _slice(call: Call) -> str:
    x = call.value(0)
    starts, stops = call.integers(1, "starts"), call.integers(2, "ends")
    if starts is None or stops is None:
        raise Inexpressible("a slice without bounds")
    axes = call.integers(3, "axes") or list(range(len(starts)))
    steps = call.integers(4) or [1] * len(starts)
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        x = call.builder.slice(x, call.axis(x, axis), start, stop, step, **call.where)
    return x


@converts("Split", to=[ops.Slice])
def _split(call: Call) -> list[str]:
    x = call.value(0)
    axis = call.axis(x, call.attributes.get("axis", 0))
    extent, pieces = call.shape(x)[axis], len(call.outputs)
    size = -(-extent // pieces)
    sizes = call.integers(1, "split") or [
        min(size, extent - start) for start in range(0, extent, size)
    ]
    stops = np.cumsum(sizes).tolist()
    return [
        call.builder.slice(x, axis, stop - size, stop, 1, name=output, module=call.module)
        for output, size, stop in zip(call.outputs, sizes, stops, strict=True)
    ]


@converts("Gather", to=[ops.Slice, ops.Concat, ops.Reshape])
def _gather(call: Call) -> str:
    x, indices = call.value(0), call.array(1)
    if indices is None or indices.ndim > 1:
        raise Inexpressible("indices that are not a constant list")
    axis = call.axis(x, call.attributes.get("axis", 0))
    chosen = [int(index) for index in indices.reshape(-1)]
    picked = call.builder.gather(x, axis, chosen, **call.where)
    if indices.ndim:
        return picked
    shape = call.shape(picked)
    return call.reshape(picked, shape[:axis] + shape[axis + 1 :])


@converts("Pad", to=[ops.Pad])
def _pad_node(call: Call) -> str:
    x = call.value(0)
    mode = call.attributes.get("mode", "constant")
    if mode != "constant":
        raise Inexpressible(f"padding in the mode {mode!r}")
    widths = call.integers(1, "pads") or []
    rank = len(call.shape(x))
    axes = [call.axis(x, axis) for axis in call.integers(3) or range(len(widths) // 2)]
    padding = [(0, 0)] * rank
    for position, axis in enumerate(axes):
        padding[axis] = (widths[position], widths[position + len(axes)])
    if any(width < 0 for pair in padding for width in pair):
        raise Inexpressible("padding by a negative width")
    if not any(width for pair in padding for width in pair):
        return x
    return call.add(ops.Pad(tuple(padding), call.scalar(2, "value", 0.0)), x)


@converts("Reshape", to=[ops.Reshape])
def _reshape(call: Call) -> str:
    x = call.value(0)
    target = call.integers(1, "shape") or []
    if not call.attributes.get("allowzero", 0):
        shape = call.shape(x)
        target = [shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    return call.reshape(x, target)


@converts("Flatten", to=[ops.Reshape])
def _flatten(call: Call) -> str:
    x = call.value(0)
    shape, axis = call.shape(x), call.attributes.get("axis", 1)
    axis = axis % len(shape) if axis < 0 else axis
    return call.reshape(x, [math.prod(shape[:axis]), math.prod(shape[axis:])])


@converts("Squeeze", to=[ops.Reshape])
def _squeeze(call: Call) -> str:
    x = call.value(0)
    shape, axes = call.shape(x), call.integers(1, "axes")
    if axes is None:
        first = 1 if call.builder.is_batched(x) else 0
        gone = {axis for axis in range(first, len(shape)) if shape[axis] == 1}
    else:
        gone = {call.axis(x, axis) for axis in axes}
    return call.reshape(x, [size for axis, size in enumerate(shape) if axis not in gone])


@converts("Unsqueeze", to=[ops.Reshape])
def _unsqueeze(call: Call) -> str:
    x = call.value(0)
    shape, axes = list(call.shape(x)), call.integers(1, "axes") or []
    rank = len(shape) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        shape.insert(axis, 1)
    return call.reshape(x, shape)


@converts("Transpose", to=[ops.Transpose])
def _transpose(call: Call) -> str:
    x = call.value(0)
    rank = len(call.shape(x))
    if call.unbatched and call.builder.is_batched(x):
        raise Inexpressible("a transpose in a file whose input has no batch axis")
    return call.add(ops.Transpose(tuple(call.attributes.get("perm") or range(rank)[::-1])), x)


@converts("Identity", "Dropout")
def _identity(call: Call) -> str:
    training = call.array(2)
    if training is not None and training.any():
        raise Inexpressible("dropout as in training")
    return call.value(0)


@converts("Cast")
def _cast(call: Call) -> str:
    kind = onnx.helper.tensor_dtype_to_np_dtype(call.attributes["to"])
    if np.dtype(kind).kind != "f":
        raise Inexpressible(f"a cast to {np.dtype(kind).name}")
    if np.dtype(kind).itemsize < 4:
        raise Inexpressible(f"a cast to {np.dtype(kind).name}, which rounds")
    return call.value(0)
