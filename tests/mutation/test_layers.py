"""Which layers can be mutated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.graph.onnx_files import Node, W, write

from affidavit.errors import ModelError
from affidavit.graph import load
from affidavit.mutation.layers import layers_of


@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
def test_a_weight_stored_as_in_out_is_named(tmp_path: Path, kind: str) -> None:
    x = torch.zeros(1, 4)
    graph = load(write(tmp_path / "a.onnx", [Node(kind, ["x", "w"], ["y"])], tensors={"w": W}))
    with pytest.raises(ModelError, match=r"That of 'y' is 'w' transposed.*transB = 1"):
        layers_of(graph, x)
    # It mends what it says it mends.
    turned = {"w": np.ascontiguousarray(W.T)}
    node = Node("Gemm", ["x", "w"], ["y"], transB=1)
    (layer,) = layers_of(load(write(tmp_path / "b.onnx", [node], tensors=turned)), x)
    assert (layer.weight, layer.convolution) == ("w", False)


def test_a_scaled_weight_is_no_transposed_one(tmp_path: Path) -> None:
    node = Node("Gemm", ["x", "w"], ["y"], alpha=0.5, transB=1)
    path = write(tmp_path / "a.onnx", [node], tensors={"w": np.ascontiguousarray(W.T)})
    with pytest.raises(ModelError, match="computed in the model, as of 'y'"):
        layers_of(load(path), torch.zeros(1, 4))
