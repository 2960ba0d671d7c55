"""What the importers share: names, batch-free reshapes, slices and products."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from affidavit.errors import ModelError
from affidavit.graph import BATCH, ops
from affidavit.graph.builder import GraphBuilder, Inexpressible


def builder(*shape: int, batch: int = 2) -> GraphBuilder:
    return GraphBuilder(shape, batch)


def test_names_are_made_unique() -> None:
    b = builder(4)
    assert b.add(ops.Relu(), "input", name="a") == "a"
    assert b.add(ops.Relu(), "a", name="a") == "a_1"
    assert b.add(ops.Relu(), "a_1", name="a") == "a_2"
    assert b.tensor("a", torch.ones(1), parameter=True) == "a_3"
    assert b.add(ops.Mul(), "a_2", 2.0, name="m") == "m"
    assert set(b.tensors) == {"a_3", "m.constant"}
    assert b.tensors["m.constant"].dtype == torch.float64


def test_only_what_the_output_needs_is_built() -> None:
    b = builder(4)
    used = b.tensor("used", torch.ones(4), parameter=True)
    unused = b.tensor("unused", torch.ones(4), parameter=True)
    b.add(ops.Add(), "input", unused, name="dead")
    graph = b.build(b.add(ops.Add(), "input", used, name="y"))
    assert [node.name for node in graph.nodes] == ["y"]
    assert set(graph.tensors) == {"used"}
    assert graph.parameters == ("used",)
    for output in ("used", "nothing"):
        with pytest.raises(ModelError, match="does not depend on the input"):
            b.build(output)


def test_tensors_are_copies() -> None:
    b, weight = builder(4), torch.ones(4, requires_grad=True)
    b.tensor("w", weight, parameter=True)
    with torch.no_grad():
        weight.zero_()
    assert b.tensors["w"].sum() == 4
    assert not b.tensors["w"].requires_grad


@pytest.mark.parametrize(
    ("target", "shape"),
    [((2, 6), (BATCH, 6)), ((-1, 6), (BATCH, 6)), ((2, -1), (BATCH, 6)), ((2, 3, 2, 1), None)],
)
def test_reshape_frees_the_batch(target: Any, shape: Any) -> None:
    b = builder(3, 2)
    node = b.build(b.reshape("input", target, name="y"))["y"]
    assert node.op == ops.Reshape(shape or (BATCH, *target[1:]))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ((-1, -1), "more than one -1"),
        ((-1, 5), r"reshape of \[2, 3, 2\] to \[-1, 5\]"),
        ((3, -1), "merges the batch"),
        ((12,), "merges the batch"),
        ((), "merges the batch"),
        ((0, -1), "reshape"),
        ((2, 5), "invalid|shape"),
    ],
)
def test_reshapes_that_are_refused(target: Any, message: str) -> None:
    with pytest.raises(Inexpressible, match=message):
        builder(3, 2).reshape("input", target, name="y")


def test_gather_makes_runs() -> None:
    b = builder(6)
    assert b.gather("input", 1, range(6), name="all") == "input"
    b.gather("input", 1, [1, 2, 3], name="run")
    b.gather("input", 1, [-1, 0, 1, 1], name="runs")
    found = {node.name: node.op for node in b.nodes}
    assert found["run"] == ops.Slice(1, 1, 4)
    assert found["runs"] == ops.Concat(1)
    assert len([op for op in found.values() if isinstance(op, ops.Slice)]) == 4
    for indices in ([], [6], [-7]):
        with pytest.raises(Inexpressible, match="into an axis of size 6"):
            b.gather("input", 1, indices, name="bad")
    with pytest.raises(Inexpressible, match="256 pieces"):
        b.gather("input", 1, [0] * 300, name="bad")


def test_slices() -> None:
    b = builder(6)
    assert b.slice("input", 1, 0, 10**18, 1, name="all") == "input"
    assert b.slice("input", 1, -99, 99, 1, name="all") == "input"
    b.slice("input", 1, -3, -1, 2, name="y")
    assert b.nodes[-1].op == ops.Slice(1, 3, 5, 2)
    for start, stop, step, message in ((3, 3, 1, "empty"), (0, 3, 0, "step 0"), (3, 0, -1, "-1")):
        with pytest.raises(Inexpressible, match=message):
            b.slice("input", 1, start, stop, step, name="bad")


def test_products() -> None:
    b = builder(3, 4)
    w = b.tensor("w", torch.randn(4, 5), parameter=True)
    left = b.tensor("left", torch.randn(5, 3), parameter=True)
    x = torch.randn(2, 3, 4)
    right_product = b.matmul("input", w, name="right")
    left_product = b.matmul(left, "input", name="left_product")
    torch.testing.assert_close(b.build(right_product)(x), x @ b.tensors["w"])
    torch.testing.assert_close(b.build(left_product)(x), b.tensors["left"] @ x)
    cube = b.tensor("cube", torch.randn(2, 4, 5), parameter=True)
    for operands, message in (
        (("input", "input"), "two values that depend on the input"),
        (("input", cube), r"weight of shape \[2, 4, 5\]"),
    ):
        with pytest.raises(Inexpressible, match=message):
            b.matmul(*operands, name="bad")
    flat = builder(4)
    weight = flat.tensor("w", torch.randn(2, 2), parameter=True)
    with pytest.raises(Inexpressible, match="over the batch"):
        flat.matmul(weight, "input", name="bad")


def test_the_batch_axis_is_left_alone() -> None:
    for op in (ops.Softmax(0), ops.Concat(0), ops.Transpose((1, 0)), ops.Pad(((1, 1), (0, 0)))):
        with pytest.raises(Inexpressible, match="batch axis"):
            builder(4).add(op, "input", name="y")
    b = builder(4)
    w = b.tensor("w", torch.ones(4, 4), parameter=True)
    assert b.add(ops.Softmax(0), w, name="s") == "s"  # not a batch there
    assert not b.is_batched("s")
