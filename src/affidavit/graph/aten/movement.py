"""Movement of data: what only picks, joins, pads and reorders entries."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.aten.call import Call, converts
from affidavit.graph.builder import Inexpressible


@converts("cat.default", to=[ops.Concat])
def _concat(call: Call) -> str:
    tensors = [call.builder.operand(value, call.name) for value in call.args.tensors]
    return call.add(ops.Concat(call.axis(tensors[0], call.args.dim)), *tensors)


@converts("slice.Tensor", to=[ops.Slice])
def _slice(call: Call) -> str:
    a = call.args
    axis = call.axis(a.self, a.dim)
    stop = call.shape(a.self)[axis] if a.end is None else a.end
    return call.builder.slice(a.self, axis, a.start or 0, stop, a.step, **call.where)


@converts("select.int", to=[ops.Slice, ops.Reshape])
def _select(call: Call) -> str:
    a = call.args
    axis = call.axis(a.self, a.dim)
    picked = call.builder.gather(a.self, axis, [a.index], **call.where)
    shape = call.shape(picked)
    return call.builder.reshape(picked, shape[:axis] + shape[axis + 1 :], **call.where)


@converts("index_select.default", "index.Tensor", to=[ops.Slice, ops.Concat])
def _index(call: Call) -> str:
    a = call.args
    if hasattr(a, "index"):
        axis, index = call.axis(a.self, a.dim), a.index
    else:
        chosen = [(axis, index) for axis, index in enumerate(a.indices) if index is not None]
        if len(chosen) != 1:
            raise Inexpressible("indexing along several axes at once")
        axis, index = chosen[0]
    if not isinstance(index, Tensor) or index.ndim != 1:
        raise Inexpressible("indices that are not a constant list")
    if index.dtype == torch.bool:
        index = index.nonzero().flatten()
    return call.builder.gather(a.self, axis, index.tolist(), **call.where)


@converts("split.Tensor", "split_with_sizes.default", to=[ops.Slice])
def _split(call: Call) -> tuple[str, ...]:
    a = call.args
    axis = call.axis(a.self, a.dim)
    extent = call.shape(a.self)[axis]
    if hasattr(a, "split_sizes"):
        sizes = list(a.split_sizes)
    else:
        sizes = [min(a.split_size, extent - start) for start in range(0, extent, a.split_size)]
    stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return tuple(
        call.builder.slice(a.self, axis, stop - size, stop, 1, **call.where)
        for size, stop in zip(sizes, stops, strict=True)
    )


@converts("constant_pad_nd.default", to=[ops.Pad])
def _pad(call: Call) -> str:
    a = call.args
    rank = len(call.shape(a.self))
    pairs = [(a.pad[i], a.pad[i + 1]) for i in range(0, len(a.pad), 2)]
    if any(width < 0 for pair in pairs for width in pair):
        raise Inexpressible("padding by a negative width")
    padding = ((0, 0),) * (rank - len(pairs)) + tuple(reversed(pairs))
    return call.add(ops.Pad(padding, float(a.value)), a.self)


@converts("view.default", "_unsafe_view.default", "reshape.default", to=[ops.Reshape])
def _view(call: Call) -> str:
    shape = call.args.size if hasattr(call.args, "size") else call.args.shape
    return call.builder.reshape(call.args.self, shape, **call.where)


@converts("squeeze.dims", "squeeze.dim", "squeeze.default", to=[ops.Reshape])
def _squeeze(call: Call) -> str:
    a = call.args
    shape = call.shape(a.self)
    chosen = getattr(a, "dim", range(len(shape)))
    axes = {call.axis(a.self, axis) for axis in ([chosen] if isinstance(chosen, int) else chosen)}
    # A batch of one must keep its axis; the traced batch has two, so only ones of the model go.
    kept = [size for axis, size in enumerate(shape) if axis not in axes or size != 1]
    return call.builder.reshape(a.self, kept, **call.where)


@converts("unsqueeze.default", to=[ops.Reshape])
def _unsqueeze(call: Call) -> str:
    shape = list(call.shape(call.args.self))
    shape.insert(call.args.dim % (len(shape) + 1), 1)
    return call.builder.reshape(call.args.self, shape, **call.where)


@converts("permute.default", to=[ops.Transpose])
def _permute(call: Call) -> str:
    x = call.args.self
    return call.add(ops.Transpose(tuple(call.axis(x, axis) for axis in call.args.dims)), x)


@converts(
    "clone.default", "alias.default", "detach.default", "lift_fresh_copy.default", "dropout.default"
)
def _identity(call: Call) -> str:
    value: str = getattr(call.args, "self", None) or call.args.input
    return value


@converts("_to_copy.default")
def _cast(call: Call) -> str:
    a = call.args
    if a.dtype is not None and not a.dtype.is_floating_point:
        raise Inexpressible(f"a cast to {a.dtype}")
    if a.dtype is not None and a.dtype.itemsize < 4:
        raise Inexpressible(f"a cast to {a.dtype}, which rounds")
    value: str = a.self
    return value


@converts("expand.default")
def _expand(call: Call) -> str:
    a = call.args
    target = [
        old if new == -1 else new for new, old in zip(a.size, call.shape(a.self), strict=False)
    ]
    if target != list(call.shape(a.self)):
        raise Inexpressible(f"expansion of {list(call.shape(a.self))} to {list(a.size)}")
    value: str = a.self
    return value
