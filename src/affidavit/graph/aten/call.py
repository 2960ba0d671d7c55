"""What a conversion from ATen is given, and the register of all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from affidavit.graph import ops
from affidavit.graph.builder import GraphBuilder, Value
from affidavit.graph.conversion import Conversion, registrar


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


CONVERSIONS: dict[str, Conversion] = {}
"""Conversion by ATen name, such as 'aten.linear.default'."""

converts = registrar(CONVERSIONS, prefix="aten.")
