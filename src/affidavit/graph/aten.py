"""Conversions from functional ATen ops to the closed op set, one short function a family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.builder import GraphBuilder, Inexpressible, Value


class Call:
    """One ATen call under conversion: its arguments by schema name, and where its result goes."""

    def __init__(
        self,
        builder: GraphBuilder,
        node: torch.fx.Node,
        values: dict[torch.fx.Node, Any],
        name: str,
        module: str,
    ) -> None:
        self.builder = builder
        self.name = name
        self.module = module
        schema = node.target._schema  # type: ignore[union-attr]
        given = dict(zip((a.name for a in schema.arguments), node.args, strict=False)) | node.kwargs
        bound = {a.name: given.get(a.name, a.default_value) for a in schema.arguments}
        self.args = SimpleNamespace(**torch.fx.map_arg(bound, lambda n: values[n]))

    def add(self, op: ops.Op, *operands: Value, hint: str = "") -> str:
        """Adds a node that the call becomes. Constants may stand among the operands."""
        return self.builder.add(op, *operands, name=self.name + hint, module=self.module)

    def shape(self, value: str) -> tuple[int, ...]:
        return self.builder.shape(value)

    def axis(self, value: str, axis: int) -> int:
        """The axis, counted from the front."""
        return axis % max(len(self.shape(value)), 1)

    @property
    def where(self) -> dict[str, Any]:
        return {"name": self.name, "module": self.module}


class Conversion(NamedTuple):
    """How one ATen op is converted, and to which ops of the set."""

    function: Callable[[Call], Any]
    gives: tuple[type[ops.Op], ...]


CONVERSIONS: dict[str, Conversion] = {}
"""Conversion by ATen name, such as 'aten.linear.default'."""


def converts(
    *names: str, to: Sequence[type[ops.Op]] = ()
) -> Callable[[Callable[[Call], Any]], Any]:
    def register(function: Callable[[Call], Any]) -> Callable[[Call], Any]:
        for name in names:
            CONVERSIONS[f"aten.{name}"] = Conversion(function, tuple(to))
        return function

    return register


# Affine.


@converts("linear.default", to=[ops.Linear])
def _linear(call: Call) -> str:
    a = call.args
    return call.builder.linear(a.input, a.weight, a.bias, transposed=True, **call.where)


@converts("addmm.default", to=[ops.Linear])
def _addmm(call: Call) -> str:
    a = call.args
    if a.alpha != 1 or a.beta != 1:
        raise Inexpressible(f"alpha {a.alpha}, beta {a.beta}")
    return call.builder.linear(a.mat1, a.mat2, a.self, transposed=False, **call.where)


@converts("mm.default", "matmul.default", to=[ops.Linear])
def _matmul(call: Call) -> str:
    a = call.args
    right = a.mat2 if hasattr(a, "mat2") else a.other
    return call.builder.matmul(a.self, right, **call.where)


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


@converts("_native_batch_norm_legit_no_training.default", "batch_norm.default", to=[ops.BatchNorm])
def _batch_norm(call: Call) -> str:
    a = call.args
    if a.running_mean is None:
        raise Inexpressible("batch statistics instead of running ones")
    mean = call.builder.operand(a.running_mean, call.name)
    ones = torch.ones(call.shape(mean), dtype=torch.float64)
    scale = ones if a.weight is None else a.weight
    shift = torch.zeros_like(ones) if a.bias is None else a.bias
    return call.add(ops.BatchNorm(a.eps), a.input, scale, shift, mean, a.running_var)


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


@converts("mean.dim", "mean.default", to=[ops.Mean])
def _mean(call: Call) -> str:
    a = call.args
    axes = getattr(a, "dim", None) or range(len(call.shape(a.self)))
    axes = tuple(sorted(call.axis(a.self, axis) for axis in axes))
    return call.add(ops.Mean(axes, getattr(a, "keepdim", False)), a.self)


@converts("add.Tensor", "add.Scalar", to=[ops.Add])
def _add(call: Call) -> str:
    return _sum(call, ops.Add())


@converts("sub.Tensor", "sub.Scalar", to=[ops.Sub])
def _sub(call: Call) -> str:
    return _sum(call, ops.Sub())


def _sum(call: Call, op: ops.Op) -> str:
    a = call.args
    if a.alpha == 1:
        return call.add(op, a.self, a.other)
    if isinstance(a.other, int | float):
        return call.add(op, a.self, a.alpha * a.other)
    return call.add(op, a.self, call.add(ops.Mul(), a.other, a.alpha))


@converts("mul.Tensor", "mul.Scalar", to=[ops.Mul])
def _mul(call: Call) -> str:
    return call.add(ops.Mul(), call.args.self, call.args.other)


@converts("div.Tensor", "div.Scalar", to=[ops.Div])
def _div(call: Call) -> str:
    return call.add(ops.Div(), call.args.self, call.args.other)


@converts("reciprocal.default", to=[ops.Div])
def _reciprocal(call: Call) -> str:
    return call.add(ops.Div(), 1.0, call.args.self)


@converts("neg.default", to=[ops.Mul])
def _neg(call: Call) -> str:
    return call.add(ops.Mul(), call.args.self, -1.0)


# Movement of data.


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


# Activations.


@converts("relu.default", to=[ops.Relu])
def _relu(call: Call) -> str:
    return call.add(ops.Relu(), call.args.self)


@converts("relu6.default", to=[ops.Clip])
def _relu6(call: Call) -> str:
    return call.add(ops.Clip(0.0, 6.0), call.args.self)


@converts("hardtanh.default", to=[ops.Clip])
def _hardtanh(call: Call) -> str:
    return call.add(ops.Clip(float(call.args.min_val), float(call.args.max_val)), call.args.self)


@converts("clamp.default", "clamp_min.default", "clamp_max.default", to=[ops.Clip, ops.Relu])
def _clamp(call: Call) -> str:
    low, high = getattr(call.args, "min", None), getattr(call.args, "max", None)
    if low == 0 and high is None:
        return call.add(ops.Relu(), call.args.self)
    lower = float("-inf") if low is None else float(low)
    return call.add(ops.Clip(lower, float("inf") if high is None else float(high)), call.args.self)


@converts("leaky_relu.default", to=[ops.LeakyRelu])
def _leaky_relu(call: Call) -> str:
    return call.add(ops.LeakyRelu(float(call.args.negative_slope)), call.args.self)


@converts("prelu.default", to=[ops.PRelu, ops.Reshape])
def _prelu(call: Call) -> str:
    x, slope = call.args.self, call.args.weight
    rank = len(call.shape(x))
    if rank > 2 and call.shape(slope) != (1,):
        shape = (1, *call.shape(slope), *(1,) * (rank - 2))
        slope = call.builder.reshape(slope, shape, name=f"{call.name}.slope", module=call.module)
    return call.add(ops.PRelu(), x, slope)


@converts("abs.default", to=[ops.Abs])
def _abs(call: Call) -> str:
    return call.add(ops.Abs(), call.args.self)


@converts("maximum.default", to=[ops.Maximum])
def _maximum(call: Call) -> str:
    return call.add(ops.Maximum(), call.args.self, call.args.other)


@converts("minimum.default", to=[ops.Minimum])
def _minimum(call: Call) -> str:
    return call.add(ops.Minimum(), call.args.self, call.args.other)


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


@converts("sigmoid.default", to=[ops.Sigmoid])
def _sigmoid(call: Call) -> str:
    return call.add(ops.Sigmoid(), call.args.self)


@converts("tanh.default", to=[ops.Tanh])
def _tanh(call: Call) -> str:
    return call.add(ops.Tanh(), call.args.self)


@converts("softplus.default", to=[ops.Softplus])
def _softplus(call: Call) -> str:
    return call.add(ops.Softplus(float(call.args.beta), float(call.args.threshold)), call.args.self)


@converts("elu.default", to=[ops.Elu])
def _elu(call: Call) -> str:
    a = call.args
    if a.input_scale != 1:
        raise Inexpressible(f"ELU with input scale {a.input_scale}")
    return call.add(ops.Elu(float(a.alpha), float(a.scale)), a.self)


@converts("celu.default", to=[ops.Mul, ops.Elu])
def _celu(call: Call) -> str:
    # max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) is an ELU of x / alpha, times alpha.
    alpha = float(call.args.alpha)
    scaled = call.add(ops.Mul(), call.args.self, 1 / alpha, hint=".scaled")
    return call.add(ops.Elu(1.0, alpha), scaled)


@converts("gelu.default", to=[ops.Gelu])
def _gelu(call: Call) -> str:
    return call.add(ops.Gelu(call.args.approximate), call.args.self)


@converts("silu.default", to=[ops.Silu])
def _silu(call: Call) -> str:
    return call.add(ops.Silu(), call.args.self)


@converts("softmax.int", "_softmax.default", to=[ops.Softmax])
def _softmax(call: Call) -> str:
    return call.add(ops.Softmax(call.axis(call.args.self, call.args.dim)), call.args.self)


@converts("log_softmax.int", "_log_softmax.default", to=[ops.LogSoftmax])
def _log_softmax(call: Call) -> str:
    return call.add(ops.LogSoftmax(call.axis(call.args.self, call.args.dim)), call.args.self)


def _spread(value: int | Sequence[int], space: int) -> tuple[int, ...]:
    """One entry a spatial axis, from one for all or one each."""
    entries = [value] if isinstance(value, int) else list(value)
    return tuple(entries * space if len(entries) == 1 else entries)
