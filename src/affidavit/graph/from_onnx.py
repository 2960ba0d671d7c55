"""Graphs from ONNX files, read directly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph.builder import GraphBuilder, Inexpressible
from affidavit.graph.graph import Graph
from affidavit.graph.onnx import CONVERSIONS, FOLDABLE, Call, Comparison, Constant, fold
from affidavit.graph.onnx.file import read_onnx, read_tensor

FREE_BATCH = (2, 3)
"""Batch sizes to convert at, where the file leaves it free: both must give the same graph."""

OLDEST_OPSET = 7
"""Before it, broadcasting and dropout meant something else."""

_FLOATING = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}


def from_onnx(path: str | Path, input_shape: Sequence[int] | None = None) -> Graph:
    """The graph of an ONNX file with one input and one output.

    The first axis of the input is the batch, whatever size the file gives it. A file whose input
    has a single axis describes one input; the graph then takes batches of such. All floating
    initializers count as parameters, but for running statistics of batch norms: the file does
    not say which of them were trained.

    Args:
        path: the file.
        input_shape: shape of one input without the batch, for files that leave it open.

    Raises:
        UnsupportedOpsError: lists all ops outside the closed set, with their places.
        ModelError: the file cannot be read, or is not such a network.
    """
    path = Path(path)
    model, arrays = read_onnx(path)
    try:
        graph, *others = (
            _Converter(model, arrays, input_shape, batch).run()
            for batch in (FREE_BATCH if _leaves_batch_free(model, arrays) else FREE_BATCH[:1])
        )
        if any(other.sha256 != graph.sha256 for other in others):
            raise ModelError("the network computes with the size of the batch")
        return graph
    except UnsupportedOpsError as error:
        raise UnsupportedOpsError(f"{path}: {str(error).splitlines()[0]}", error.ops) from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except RecursionError:
        raise
    except Exception as error:  # attributes of the wrong type, ranks that do not fit, and so on
        raise ModelError(f"{path}: malformed: {type(error).__name__}: {error}") from error


class _Converter:
    """Walks the nodes of a file once, collecting what it cannot express."""

    def __init__(
        self,
        model: onnx.ModelProto,
        arrays: dict[str, np.ndarray],
        input_shape: Sequence[int] | None,
        free_batch: int,
    ) -> None:
        self.graph = model.graph
        self.opset = max(
            (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
            default=1,
        )
        newest = onnx.defs.onnx_opset_version()
        if not OLDEST_OPSET <= self.opset <= newest:
            raise ModelError(f"opset {self.opset}; expected one from {OLDEST_OPSET} to {newest}")
        self.faults: list[tuple[str, str]] = []
        inputs = _inputs(model, arrays)
        if len(inputs) != 1 or len(self.graph.output) != 1:
            raise ModelError(
                f"{len(inputs)} inputs and {len(self.graph.output)} outputs; expected one of each"
            )
        shape, batch, self.unbatched = _input_shape(inputs[0], input_shape)
        self.builder = GraphBuilder(shape, batch or free_batch, inputs[0].name)
        self.added: dict[Constant, str] = {}
        # By ONNX name: the name of a value of the graph, a constant not used there yet, or None
        # where a fault upstream left nothing.
        self.values: dict[str, str | Constant | Comparison | None] = {
            "": None,
            inputs[0].name: inputs[0].name,
        }
        for name, array in arrays.items():
            self.values[name] = Constant(name, array, parameter=array.dtype.kind == "f")

    def run(self) -> Graph:
        for node in self.graph.node:
            self._convert(node)
        if self.faults:
            raise UnsupportedOpsError(
                "The model uses ops that have no place in the graph:", self.faults
            )
        output = self.values.get(self.graph.output[0].name)
        if not isinstance(output, str):
            raise ModelError("the output does not depend on the input")
        return self.builder.build(output)

    def _convert(self, node: onnx.NodeProto) -> None:
        place = node.name or (node.output[0] if node.output else "?")
        domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}."
        op = domain + node.op_type
        missing = [name for name in node.input if name and name not in self.values]
        if missing:
            raise ModelError(f"node {place!r} uses {missing[0]!r}, which no earlier node gives")
        for name in node.output:
            if name and name in self.values:
                raise ModelError(f"two values of the file are named {name!r}")
            self.values[name] = None
        if op not in CONVERSIONS and op not in FOLDABLE:
            self.faults.append((op, place))
            return
        operands = [self.values[name] for name in node.input]
        if any(name and value is None for name, value in zip(node.input, operands, strict=True)):
            return  # what it needs was refused upstream
        call = Call(
            self.builder,
            self.added,
            place,
            list(node.output),
            operands,
            _attributes(node),
            self.opset,
            self.unbatched,
        )
        first = len(self.builder.nodes)
        try:
            constants = [value for value in operands if isinstance(value, Constant)]
            known = all(not c.parameter for c in constants) and len(constants) == sum(
                value is not None for value in operands
            )
            if op in FOLDABLE and (known or op == "Shape"):
                results: Any = fold(node, call)
            elif op in CONVERSIONS:
                results = CONVERSIONS[op].function(call)
            else:
                raise Inexpressible("its operands are not constant")
        except Inexpressible as reason:
            self.faults.append((f"{op} ({reason})", place))
            return
        for name, value in zip(
            node.output, results if isinstance(results, list | tuple) else [results], strict=False
        ):
            self.values[name] = self._named(name, value, first)

    def _named(self, name: str, value: Any, first: int) -> Any:
        """The value under its own name, which an earlier step towards it may have taken."""
        new = {node.name for node in self.builder.nodes[first:]}
        if not isinstance(value, str) or value == name or not {name, value} <= new:
            return value
        self.builder.swap_names(first, name, value)
        return name


def _inputs(model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> list[onnx.ValueInfoProto]:
    # Older files list their initializers among the inputs.
    return [value for value in model.graph.input if value.name not in arrays]


def _leaves_batch_free(model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> bool:
    dims = [list(value.type.tensor_type.shape.dim) for value in _inputs(model, arrays)]
    return len(dims) == 1 and len(dims[0]) > 1 and not dims[0][0].dim_value


def _input_shape(
    value: onnx.ValueInfoProto, given: Sequence[int] | None
) -> tuple[tuple[int, ...], int, bool]:
    """Shape of one input, the file's batch size (0: free), and whether it has no batch axis."""
    tensor = value.type.tensor_type
    if tensor.elem_type not in _FLOATING:
        raise ModelError(
            f"input {value.name!r} has the data type"
            f" {TensorProto.DataType.Name(tensor.elem_type)}; expected a floating one"
        )
    dims = [dim.dim_value or None for dim in tensor.shape.dim]
    if not dims:
        raise ModelError(f"input {value.name!r} has no shape; expected [batch, ...]")
    if any(size is not None and size < 0 for size in dims):
        raise ModelError(f"input {value.name!r} has the shape {dims}")
    if len(dims) == 1:
        if dims[0] is None and given is None:
            raise ModelError(
                f"input {value.name!r} has one axis of open size: give an example input"
            )
        return (dims[0] or int((given or ())[0]),), 1, True
    if given is not None and len(given) == len(dims) - 1:
        wrong = [
            size is not None and size != want for size, want in zip(dims[1:], given, strict=True)
        ]
        if not any(wrong):
            return tuple(given), dims[0] or 0, False
    if None in dims[1:] or given is not None:
        raise ModelError(
            f"input {value.name!r} has the shape"
            f" {[size or '?' for size in dims]} (batch first),"
            + (
                f" the example {list(given)}"
                if given
                else " which leaves sizes open: give an example"
            )
        )
    return tuple(size for size in dims[1:] if size is not None), dims[0] or 0, False


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            attributes[attribute.name] = read_tensor(attribute.t, None)
        elif attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            raise ModelError(f"node {node.name or node.op_type!r} contains a subgraph")
        else:
            value = onnx.helper.get_attribute_value(attribute)
            attributes[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return attributes
