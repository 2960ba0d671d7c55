"""What claims say of outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from affidavit.contract import Context
from affidavit.contract.outputs import class_index, function, output_name
from affidavit.errors import ContractError, DataError

Loans = Callable[..., Context]


@pytest.mark.parametrize(
    ("form", "keys", "row", "bias", "name"),
    [
        ({}, {"output": "approve"}, [0, 1], 0, "the logit of approve"),
        ({}, {"margin": ["deny", 1]}, [1, -1], 0, "the margin of deny over 1"),
        ({"head": "softmax"}, {"output": 0}, [1, 0], 0, "the logit of 0"),
        (
            {"head": "softmax"},
            {"output": "deny", "of": "probability"},
            [1, -1],
            0,
            "the log-odds of deny",
        ),
        ({"single": True, "head": "sigmoid"}, {}, [1], 0, "the logit of approve"),
        ({"single": True, "head": "sigmoid"}, {"output": "deny"}, [-1], 0, "the logit of deny"),
        (
            {"single": True, "output": "logit"},
            {"margin": ["approve", "deny"]},
            [1],
            0,
            "the margin of approve over deny",
        ),
        (
            {"single": True, "head": "clip", "output": "probability"},
            {"output": "deny"},
            [-1],
            1,
            "the probability of deny",
        ),
        (
            {"single": True, "head": "clip", "output": "probability"},
            {"margin": ["approve", "deny"]},
            [2],
            -1,
            "the margin of approve over deny",
        ),
    ],
)
def test_functions(
    loans: Loans,
    form: dict[str, Any],
    keys: dict[str, Any],
    row: list[float],
    bias: float,
    name: str,
) -> None:
    found = function(loans(**form), **keys)
    assert (found.row.tolist(), found.bias, found.name) == (row, bias, name)


def test_classes_stand_in_the_models_order(loans: Loans) -> None:
    context = loans()
    graph = context.graph
    swapped = dataclasses.replace(graph, output_names=("approve", "deny"))
    other = dataclasses.replace(context, graph=swapped)
    assert function(other, "approve").row.tolist() == [1, 0]
    assert [output_name(other, i) for i in range(2)] == ["approve", "deny"]
    assert class_index(other, "approve") == 1


def test_outputs_without_classes_have_numbers(loans: Loans) -> None:
    context = loans(labels=np.zeros(121), class_names=())
    assert output_name(context, 1) == "output 1"
    assert function(context, "output 1").row.tolist() == [0, 1]
    assert function(context, 0).name == "output 0"
    with pytest.raises(DataError, match="numbered 0 to 1"):
        function(context, "approve")


def test_other_numbers_of_classes_are_refused(loans: Loans) -> None:
    with pytest.raises(DataError, match="tells 2 classes apart"):
        function(loans(class_names=("a", "b", "c")), "a")
    with pytest.raises(ContractError, match="has 2 outputs: say which one"):
        function(loans())
