"""The table of supported ops: what each is called elsewhere, and which methods have a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from affidavit.graph import aten, interpreter, onnx, ops
from affidavit.graph.intervals import rules as intervals

Methods: TypeAlias = Mapping[str, Mapping[type[ops.Op], Any]]

METHODS: Methods = {
    "evaluate": interpreter.RULES,
    "intervals": intervals.RULES,
}
"""The map from op to rule of each method that the graph itself has."""


@dataclass(frozen=True)
class SupportedOp:
    """One row of the table."""

    name: str
    meaning: str
    pytorch: tuple[str, ...]
    onnx: tuple[str, ...]
    methods: tuple[str, ...]
    piecewise_linear: bool


def supported_ops(methods: Methods = METHODS) -> list[SupportedOp]:
    """All ops of the closed set, in the order of their definition, and which methods have each."""
    return [
        SupportedOp(
            name=op.__name__,
            meaning=(op.__doc__ or "")
            .split(" Operands:")[0]
            .split("\n\n")[0]
            .replace("\n    ", " "),
            pytorch=tuple(
                sorted(
                    {name.split(".")[1] for name, c in aten.CONVERSIONS.items() if op in c.gives}
                )
            ),
            onnx=tuple(sorted(name for name, c in onnx.CONVERSIONS.items() if op in c.gives)),
            methods=tuple(method for method, rules in methods.items() if op in rules),
            piecewise_linear=op not in ops.SMOOTH,
        )
        for op in ops.OPS
    ]
