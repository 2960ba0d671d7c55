"""The table of supported ops: what each is called elsewhere, and which methods have a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from affidavit.graph import aten, interpreter, onnx, ops
from affidavit.graph.intervals import rules as intervals

METHODS: dict[str, dict[type[ops.Op], Any]] = {
    "evaluate": interpreter.RULES,
    "intervals": intervals.RULES,
}
"""Each method's map from op to rule."""


@dataclass(frozen=True)
class SupportedOp:
    """One row of the table."""

    name: str
    meaning: str
    pytorch: tuple[str, ...]
    onnx: tuple[str, ...]
    methods: tuple[str, ...]
    piecewise_linear: bool


def supported_ops() -> list[SupportedOp]:
    """All ops of the closed set, in the order of their definition."""
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
            methods=tuple(method for method, rules in METHODS.items() if op in rules),
            piecewise_linear=op not in ops.SMOOTH,
        )
        for op in ops.OPS
    ]
