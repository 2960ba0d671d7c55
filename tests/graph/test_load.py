"""One door: what `load` takes, and what it says to the rest."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tests.graph.onnx_files import Node, write
from torch import nn

from affidavit.errors import ModelError
from affidavit.graph import load


def test_a_graph_is_returned_as_it_is() -> None:
    graph = load(nn.Linear(2, 1), torch.zeros(1, 2))
    assert load(graph) is graph


def test_paths(tmp_path: Path) -> None:
    path = write(tmp_path / "M.ONNX", [Node("Relu", ["x"], ["y"])])
    assert load(path).sha256 == load(str(path)).sha256


def _script() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch deprecates what we refuse
        return torch.jit.script(nn.Linear(2, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "weights.safetensors", "expected an .onnx file. Weights alone"),
        (lambda: Path("model.pt"), "expected an .onnx file"),
        (lambda: nn.Linear(2, 1), r"needs an example input .*: load\(Linear\(...\), torch.zeros"),
        (_script, "TorchScript"),
        (LogisticRegression, "LogisticRegression: expected an MLPClassifier"),
        (lambda: nn.Linear, "cannot make a graph of a type"),
        (lambda: None, "cannot make a graph of a NoneType"),
        (lambda: torch.relu, "cannot make a graph of a builtin_function_or_method"),
    ],
)
def test_other_things_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(make())
