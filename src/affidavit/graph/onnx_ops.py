"""Conversions from ONNX operators to the closed op set, one short function a family."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch

from affidavit.graph import ops
from affidavit.graph.builder import GraphBuilder, Inexpressible, Value


@dataclass(frozen=True, eq=False)
class Constant:
    """An array that the file gives, or that follows from such alone."""

    name: str
    array: np.ndarray
    parameter: bool = False


class Call:
    """One ONNX node under conversion: its operands and attributes, and where its results go."""

    def __init__(
        self,
        builder: GraphBuilder,
        added: dict[Constant, str],
        place: str,
        outputs: list[str],
        operands: Sequence[str | Constant | None],
        attributes: dict[str, Any],
        opset: int,
        unbatched: bool,
    ) -> None:
        self.builder = builder
        self.added = added  # names in the graph of the constants that were added to it so far
        self.module = place
        self.outputs = outputs
        self.operands = operands
        self.attributes = attributes
        self.opset = opset
        self.unbatched = unbatched

    @property
    def where(self) -> dict[str, Any]:
        return {"name": self.outputs[0], "module": self.module}

    def has(self, index: int) -> bool:
        return index < len(self.operands) and self.operands[index] is not None

    def value(self, index: int, *, parameter: bool = True) -> str:
        """The name of an operand in the graph; an array is added to the graph's tensors."""
        if not self.has(index):
            raise Inexpressible(f"operand {index} is missing")
        operand = self.operands[index]
        if not isinstance(operand, Constant):
            return str(operand)
        if operand not in self.added:
            tensor = torch.from_numpy(np.array(operand.array))
            if not tensor.is_floating_point():
                tensor = tensor.double()
            self.added[operand] = self.builder.tensor(
                operand.name, tensor, parameter=operand.parameter and parameter
            )
        return self.added[operand]

    def values(self) -> list[str]:
        return [self.value(index) for index in range(len(self.operands))]

    def array(self, index: int, attribute: str = "") -> np.ndarray | None:
        """A constant operand, or the attribute that held it in earlier opsets, or None."""
        if self.has(index):
            operand = self.operands[index]
            if not isinstance(operand, Constant):
                raise Inexpressible(f"operand {index} is not constant")
            return operand.array
        given = self.attributes.get(attribute)
        return None if given is None else np.asarray(given)

    def integers(self, index: int, attribute: str = "") -> list[int] | None:
        array = self.array(index, attribute)
        return None if array is None else [int(entry) for entry in array.reshape(-1)]

    def scalar(self, index: int, attribute: str, default: float) -> float:
        array = self.array(index, attribute)
        if array is None:
            return default
        if array.size != 1:
            raise Inexpressible(f"operand {index} is not a single number")
        return float(array.reshape(()))

    def shape(self, value: str) -> tuple[int, ...]:
        return self.builder.shape(value)

    def axis(self, value: str, axis: int) -> int:
        """The axis of the value in the graph, counted from the front."""
        rank = len(self.shape(value))
        added = 1 if self.unbatched and self.builder.is_batched(value) else 0
        if not -(rank - added) <= axis < rank - added:
            raise Inexpressible(f"axis {axis} of a value of rank {rank - added}")
        return axis % (rank - added) + added

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        if self.unbatched and self.builder.is_batched(value):
            raise Inexpressible("a reshape in a file whose input has no batch axis")
        return self.builder.reshape(value, shape, **self.where)

    def add(self, op: ops.Op, *operands: Value, hint: str = "") -> str:
        name = self.outputs[0] + hint
        return self.builder.add(op, *operands, name=name, module=self.module)


class Conversion(NamedTuple):
    """How one ONNX operator is converted, and to which ops of the set."""

    function: Callable[[Call], str | Sequence[str]]
    gives: tuple[type[ops.Op], ...]


CONVERSIONS: dict[str, Conversion] = {}
"""Conversion by operator name."""

FOLDABLE = {
    "Constant", "Shape", "Gather", "Concat", "Unsqueeze", "Squeeze", "Cast", "Slice", "Add",
    "Sub", "Mul", "Div", "ConstantOfShape", "Reshape", "Transpose", "Identity", "ReduceProd",
    "Neg", "Sqrt", "Reciprocal", "Equal", "Where", "Range", "Floor", "Size",
}  # fmt: skip
"""Operators that may be evaluated on constants while reading (shape arithmetic, mostly)."""

_FOLD_LIMIT = 10**7  # entries: a file must not be able to ask for all memory


def converts(*names: str, to: Sequence[type[ops.Op]] = ()) -> Callable[[Any], Any]:
    def register(function: Callable[[Call], Any]) -> Callable[[Call], Any]:
        for name in names:
            CONVERSIONS[name] = Conversion(function, tuple(to))
        return function

    return register


def fold(node: onnx.NodeProto, call: Call) -> list[Constant]:
    """The results of an operator on constants, by ONNX's reference implementation."""
    if node.op_type == "Shape":
        operand = call.operands[0]
        if isinstance(operand, Constant):
            shape = list(operand.array.shape)
        else:
            shape = list(call.shape(call.value(0)))[1 if call.unbatched else 0 :]
        chosen = shape[call.attributes.get("start", 0) : call.attributes.get("end")]
        return [Constant(node.output[0], np.array(chosen, dtype=np.int64))]
    if node.op_type == "Constant":
        (value,) = call.attributes.values()
        dtype = {"value_float": np.float32, "value_floats": np.float32}.get(node.attribute[0].name)
        return [Constant(node.output[0], np.asarray(value, dtype=dtype))]
    feeds = {
        name: operand.array
        for name, operand in zip(node.input, call.operands, strict=True)
        if isinstance(operand, Constant)
    }
    if _folded_size(node.op_type, list(feeds.values())) > _FOLD_LIMIT:
        raise Inexpressible("a constant of absurd size")
    from onnx.reference import ReferenceEvaluator  # slow to import, and seldom needed

    graph = onnx.helper.make_graph(
        [node],
        "fold",
        [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feeds.items()
        ],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.output],
    )
    opset = onnx.helper.make_opsetid("", call.opset)
    model = onnx.helper.make_model(graph, opset_imports=[opset])
    results = ReferenceEvaluator(model).run(None, feeds)
    return [
        Constant(name, np.asarray(array)) for name, array in zip(node.output, results, strict=True)
    ]


def _folded_size(op: str, arrays: Sequence[np.ndarray]) -> float:
    """At most how many entries the result has, told before any is computed."""
    sizes = [array.size for array in arrays]
    if op == "ConstantOfShape":
        return math.prod(abs(int(extent)) for extent in arrays[0].reshape(-1))
    if op == "Range":
        start, limit, step = (float(array.reshape(())) for array in arrays)
        return abs((limit - start) / step)
    if op == "Gather":
        return math.prod(sizes)
    if op == "Concat":
        return sum(sizes)
    if op in ("Add", "Sub", "Mul", "Div", "Equal", "Where"):
        return math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))
    return max(sizes, default=0)


# Affine.


@converts("Gemm", to=[ops.Linear])
def _gemm(call: Call) -> str:
    a = call.attributes
    x, weight = call.value(0), call.value(1)
    if a.get("transA", 0):
        raise Inexpressible("a transposed input")
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    bias = call.value(2) if call.has(2) else None
    if alpha != 1:
        weight = call.add(ops.Mul(), weight, alpha, hint=".weight")
    if bias is not None and beta != 1:
        bias = call.add(ops.Mul(), bias, beta, hint=".bias")
    transposed = bool(a.get("transB", 0))
    out = call.shape(weight)[0 if transposed else 1]
    if bias is None or call.shape(bias) == (out,):
        return call.builder.linear(x, weight, bias, transposed=transposed, **call.where)
    product = call.builder.linear(x, weight, transposed=transposed, **call.where)
    return call.add(ops.Add(), product, bias)


@converts("MatMul", to=[ops.Linear])
def _matmul(call: Call) -> str:
    left, right = call.value(0), call.value(1)
    return call.builder.matmul(left, right, vectors=call.unbatched, **call.where)


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


@converts("BatchNormalization", to=[ops.BatchNorm])
def _batch_norm(call: Call) -> str:
    if call.attributes.get("training_mode", 0):
        raise Inexpressible("batch statistics instead of running ones")
    statistics = [call.value(index, parameter=False) for index in (3, 4)]
    op = ops.BatchNorm(call.attributes.get("epsilon", 1e-5))
    return call.add(op, call.value(0), call.value(1), call.value(2), *statistics)


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


@converts("ReduceMean", to=[ops.Mean])
def _mean(call: Call) -> str:
    x = call.value(0)
    axes = call.integers(1, "axes")
    if axes is None and call.attributes.get("noop_with_empty_axes", 0):
        return x
    chosen = range(len(call.shape(x))) if not axes else [call.axis(x, axis) for axis in axes]
    return call.add(ops.Mean(tuple(sorted(chosen)), bool(call.attributes.get("keepdims", 1))), x)


def _binary(name: str, op: ops.Op) -> None:
    @converts(name, to=[type(op)])
    def convert(call: Call) -> str:
        # max, min and sum take any number of operands.
        result, *rest = call.values()
        for value in rest:
            result = call.add(op, result, value)
        return result


_binary("Add", ops.Add())
_binary("Sub", ops.Sub())
_binary("Mul", ops.Mul())
_binary("Div", ops.Div())
_binary("Sum", ops.Add())
_binary("Max", ops.Maximum())
_binary("Min", ops.Minimum())


@converts("Reciprocal", to=[ops.Div])
def _reciprocal(call: Call) -> str:
    return call.add(ops.Div(), 1.0, call.value(0))


@converts("Neg", to=[ops.Mul])
def _neg(call: Call) -> str:
    return call.add(ops.Mul(), call.value(0), -1.0)


# Movement of data.


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
    return call.value(0)


@converts("Cast")
def _cast(call: Call) -> str:
    kind = onnx.helper.tensor_dtype_to_np_dtype(call.attributes["to"])
    if np.dtype(kind).kind != "f":
        raise Inexpressible(f"a cast to {np.dtype(kind).name}")
    return call.value(0)


# Activations.


def _elementwise(name: str, op: Callable[[dict[str, Any]], ops.Op], gives: type[ops.Op]) -> None:
    @converts(name, to=[gives])
    def convert(call: Call) -> str:
        return call.add(op(call.attributes), call.value(0))


_elementwise("Relu", lambda a: ops.Relu(), ops.Relu)
_elementwise("LeakyRelu", lambda a: ops.LeakyRelu(a.get("alpha", 0.01)), ops.LeakyRelu)
_elementwise("Abs", lambda a: ops.Abs(), ops.Abs)
_elementwise("Sigmoid", lambda a: ops.Sigmoid(), ops.Sigmoid)
_elementwise("Tanh", lambda a: ops.Tanh(), ops.Tanh)
_elementwise("Softplus", lambda a: ops.Softplus(), ops.Softplus)
_elementwise("Elu", lambda a: ops.Elu(a.get("alpha", 1.0)), ops.Elu)
_elementwise(
    "Selu",
    lambda a: ops.Elu(
        a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.05070102214813232421875)
    ),
    ops.Elu,
)
_elementwise("Gelu", lambda a: ops.Gelu(a.get("approximate", "none")), ops.Gelu)


@converts("Celu", to=[ops.Mul, ops.Elu])
def _celu(call: Call) -> str:
    alpha = call.attributes.get("alpha", 1.0)
    scaled = call.add(ops.Mul(), call.value(0), 1 / alpha, hint=".scaled")
    return call.add(ops.Elu(1.0, alpha), scaled)


@converts("Swish", to=[ops.Silu])
def _swish(call: Call) -> str:
    if call.attributes.get("alpha", 1.0) != 1:
        raise Inexpressible(f"alpha {call.attributes['alpha']}")
    return call.add(ops.Silu(), call.value(0))


@converts("Clip", to=[ops.Clip, ops.Relu])
def _clip(call: Call) -> str:
    lower = call.scalar(1, "min", -math.inf)
    upper = call.scalar(2, "max", math.inf)
    if (lower, upper) == (0, math.inf):
        return call.add(ops.Relu(), call.value(0))
    return call.add(ops.Clip(lower, upper), call.value(0))


@converts("HardSigmoid", to=[ops.Mul, ops.Add, ops.Clip])
def _hard_sigmoid(call: Call) -> str:
    return _hard(call, call.attributes.get("alpha", 0.2), call.attributes.get("beta", 0.5))


@converts("HardSwish", to=[ops.Mul, ops.Add, ops.Clip])
def _hard_swish(call: Call) -> str:
    return call.add(ops.Mul(), call.value(0), _hard(call, 1 / 6, 0.5))


def _hard(call: Call, alpha: float, beta: float) -> str:
    scaled = call.add(ops.Mul(), call.value(0), alpha, hint=".scaled")
    return call.add(ops.Clip(0.0, 1.0), call.add(ops.Add(), scaled, beta, hint=".shifted"))


@converts("PRelu", to=[ops.PRelu])
def _prelu(call: Call) -> str:
    return call.add(ops.PRelu(), call.value(0), call.value(1))


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


@converts("Softmax", to=[ops.Softmax])
def _softmax(call: Call) -> str:
    return call.add(ops.Softmax(_softmax_axis(call)), call.value(0))


@converts("LogSoftmax", to=[ops.LogSoftmax])
def _log_softmax(call: Call) -> str:
    return call.add(ops.LogSoftmax(_softmax_axis(call)), call.value(0))


def _softmax_axis(call: Call) -> int:
    x = call.value(0)
    if call.opset >= 13:
        return call.axis(x, call.attributes.get("axis", -1))
    # Before opset 13 all axes from this one on were normalised together.
    axis = call.axis(x, call.attributes.get("axis", 1))
    if axis != len(call.shape(x)) - 1:
        raise Inexpressible("a softmax over several axes at once")
    return axis


# Windows and paddings.


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
