"""What a conversion from ONNX is given, and the register of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from affidavit.graph import ops
from affidavit.graph.builder import GraphBuilder, Inexpressible, Value
from affidavit.graph.conversion import Conversion, registrar


@dataclass(frozen=True, eq=False)
class Constant:
    """An array that the file gives, or that follows from such alone."""

    name: str
    array: np.ndarray
    parameter: bool = False


@dataclass(frozen=True)
class Comparison:
    """Where a value exceeds a number: no value of a graph, but part of what an op stands for."""

    value: str
    threshold: float


class Call:
    """One ONNX node under conversion: its operands and attributes, and where its results go."""

    def __init__(
        self,
        builder: GraphBuilder,
        added: dict[Constant, str],
        place: str,
        outputs: list[str],
        operands: Sequence[str | Constant | Comparison | None],
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
        if isinstance(operand, Comparison):
            raise Inexpressible("a comparison")
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


CONVERSIONS: dict[str, Conversion] = {}
"""Conversion by operator name."""

converts = registrar(CONVERSIONS)
