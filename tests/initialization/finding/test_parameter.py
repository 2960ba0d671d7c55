"""The table of parameters."""

from __future__ import annotations

import torch
from torch import nn

from affidavit.initialization.finding import find_random_parameters, parameters_table


def test_the_table_has_a_row_for_each_parameter() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(40, 30))
    with torch.no_grad():
        nn.init.kaiming_normal_(model[2].weight)  # type: ignore[arg-type]
        model[2].bias.copy_(torch.arange(30.0) ** 4)  # type: ignore[operator]
    table = parameters_table(find_random_parameters(model))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["parameter"] for row in rows] == [name for name, _ in model.named_parameters()]
    first = dict(rows[0])
    assert 0 < float(str(first.pop("p"))) <= 1
    assert first == {
        "parameter": "0.weight", "layer": "Conv2d", "shape": "8 × 3 × 3 × 3", "fan-in": 27,
        "fan-out": 72, "drawn by": "torch_linear", "distribution": "uniform on ±0.1925",
        "random": True, "default": True, "values": 216,
    }  # fmt: skip
    assert rows[2]["distribution"] == "constant 1"
    assert (rows[2]["random"], rows[2]["fan-in"]) == (False, None)
    assert (rows[4]["drawn by"], rows[4]["default"]) == ("kaiming_normal_", False)
    assert rows[5]["drawn by"] == "none of the catalogue"
    assert table.note.startswith("4 of 6 parameters are drawn at random. ")
    assert "2.bias: set by hand or trained" in table.note


def test_exceptions_are_told() -> None:
    table = parameters_table(find_random_parameters(nn.Embedding(9, 4, padding_idx=0)))
    assert table.rows[0][5] == "torch_embedding; zeros in row 0"
