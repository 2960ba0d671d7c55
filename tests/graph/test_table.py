"""The table of supported ops is complete and readable."""

from __future__ import annotations

import re

import pytest

from affidavit.graph import SupportedOp, ops, supported_ops
from affidavit.graph.aten import CONVERSIONS as ATEN
from affidavit.graph.interpreter import RULES
from affidavit.graph.intervals.rules import RULES as INTERVALS
from affidavit.graph.onnx import CONVERSIONS as ONNX


def test_one_row_an_op() -> None:
    defined = {
        value
        for value in vars(ops).values()
        if isinstance(value, type) and issubclass(value, ops.Op) and value is not ops.Op
    }
    assert set(ops.OPS) == defined
    assert len(ops.OPS) == len(defined)
    assert [row.name for row in supported_ops()] == [op.__name__ for op in ops.OPS]


def test_every_op_can_be_evaluated_and_all_but_two_bounded() -> None:
    assert set(RULES) == set(ops.OPS)
    assert set(ops.OPS) - set(INTERVALS) == {ops.Gelu, ops.Silu}


@pytest.mark.parametrize("row", supported_ops(), ids=lambda row: str(row.name))
def test_rows(row: SupportedOp) -> None:
    assert "evaluate" in row.methods
    assert row.pytorch
    assert row.onnx or row.name == "AdaptiveAveragePool"  # which ONNX has not
    assert all(re.fullmatch(r"[a-z_0-9]+", name) for name in row.pytorch)
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in row.onnx)
    assert row.meaning
    assert not re.search(r"\n|  |Operands", row.meaning)
    assert row.piecewise_linear == (getattr(ops, row.name) not in ops.SMOOTH)


def test_conversions_name_only_ops_of_the_set() -> None:
    from_aten = {op for conversion in ATEN.values() for op in conversion.gives}
    from_onnx = {op for conversion in ONNX.values() for op in conversion.gives}
    assert from_aten == set(ops.OPS)
    assert from_onnx == set(ops.OPS) - {ops.AdaptiveAveragePool}
