"""Evaluation of constants while reading: shape arithmetic, mostly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx

from affidavit.graph.builder import Inexpressible
from affidavit.graph.onnx.call import Call, Constant

FOLDABLE = {
    "Constant", "Shape", "Gather", "Concat", "Unsqueeze", "Squeeze", "Cast", "Slice", "Add",
    "Sub", "Mul", "Div", "ConstantOfShape", "Reshape", "Transpose", "Identity", "ReduceProd",
    "Neg", "Sqrt", "Reciprocal", "Equal", "Where", "Range", "Floor", "Size",
}  # fmt: skip
"""Operators that may be evaluated on constants while reading (shape arithmetic, mostly)."""


_FOLD_LIMIT = 10**7  # entries: a file must not be able to ask for all memory


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
