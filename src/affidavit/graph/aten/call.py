"""What a conversion from ATen is given, and the register of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from affidavit.graph import ops
from affidavit.graph.builder import GraphBuilder, Value


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
