"""What drop_identities drops and joins, and what it leaves."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.graph.passes.checks import check_view

from affidavit.errors import ModelError
from affidavit.graph import BATCH, Graph, Node, drop_identities, ops


def chain(shape: tuple[int, ...], *steps: Any, **tensors: torch.Tensor) -> Graph:
    """Ops in a row, named a, b, c, ...; a step is an op, or an op and further operands."""
    nodes, before = [], "input"
    for name, step in zip("abcdefgh", steps, strict=False):
        op, *others = step if isinstance(step, tuple) else (step,)
        nodes.append(Node(name, op, (before, *others)))
        before = name
    return Graph(tuple(nodes), before, shape, tensors)


ZERO, ONE = torch.zeros(1, dtype=torch.float64), torch.ones(3)


@pytest.mark.parametrize(
    "step",
    [
        ops.Reshape((BATCH, 2, 3)), ops.Transpose((0, 1, 2)), ops.Pad(((0, 0),) * 3),
        ops.Slice(1, 0, 2), ops.Concat(1), ops.Clip(-math.inf, math.inf),
        ops.MaxPool((1,), (1,), (0,), (1,)), ops.AveragePool((1,), (1,), (0,)),
        (ops.Add(), "zero"), (ops.Sub(), "zero"), (ops.Mul(), "one"), (ops.Div(), "one"),
    ],
    ids=str,
)  # fmt: skip
def test_identities_go(step: Any) -> None:
    graph = chain((2, 3), ops.Relu(), step, ops.Tanh(), zero=ZERO, one=ONE)
    view = drop_identities(graph)
    check_view(view, torch.randn(2, 2, 3))
    assert [node.name for node in view.graph.nodes] == ["a", "c"]
    assert view.same_as == {"b": "a"}
    assert view.name_of("b") == "a"
    assert view.to_source({"a": 5}) == {"a": 5, "b": 5}


def test_an_identity_as_output_or_alone() -> None:
    view = drop_identities(chain((2, 3), ops.Relu(), ops.Clip(-math.inf, math.inf)))
    assert view.graph.output == "a"
    check_view(view, torch.randn(2, 2, 3))
    view = drop_identities(chain((2, 3), ops.Reshape((BATCH, 2, 3))))
    assert view.graph.output == "input"
    assert view.name_of("a") == "input"
    check_view(view, torch.randn(2, 2, 3))


@pytest.mark.parametrize(
    "step",
    [
        ops.Slice(2, 0, 2), ops.Clip(0, math.inf), ops.MaxPool((1,), (2,), (0,), (1,)),
        (ops.Mul(), "zero"), (ops.Add(), "one"), (ops.Add(), "wide"),
    ],
    ids=str,
)  # fmt: skip
def test_what_computes_something_stays(step: Any) -> None:
    graph = chain((1, 3), step, zero=ZERO, one=ONE, wide=torch.zeros(1, 4, 3))
    assert len(drop_identities(graph).graph.nodes) == 1


def test_parameters_are_never_taken_for_neutral() -> None:
    nodes = (Node("y", ops.Add(), ("input", "b")),)
    graph = Graph(nodes, "y", (3,), {"b": torch.zeros(3)}, ("b",))
    assert drop_identities(graph).graph.nodes == nodes


def test_views_in_a_row_are_joined() -> None:
    turn = ops.Transpose((0, 2, 1))
    flat, square = ops.Reshape((BATCH, 6)), ops.Reshape((BATCH, 2, 3))
    view = drop_identities(chain((2, 3), turn, turn, flat, square, ops.Relu()))
    assert [node.name for node in view.graph.nodes] == ["e"]
    assert view.name_of("b") == "input"
    assert set(view.merged_into) == {"a", "c"}
    assert set(view.merged_into.values()) == {"input"}
    with pytest.raises(ModelError, match="'a' was merged into 'input'"):
        view.name_of("a")
    with pytest.raises(ModelError, match="no node 'z'"):
        view.name_of("z")
    check_view(view, torch.randn(2, 2, 3))


def test_a_value_dropped_then_merged() -> None:
    # b is a; then a goes into c: neither value is computed any more.
    clip = ops.Clip(-math.inf, math.inf)
    graph = chain((2, 3), ops.Reshape((BATCH, 6)), clip, ops.Reshape((BATCH, 3, 2)))
    view = drop_identities(graph)
    assert view.merged_into == {"a": "c", "b": "c"}
    assert not view.same_as
    check_view(view, torch.randn(2, 2, 3))


def test_a_view_with_two_users_stays() -> None:
    nodes = (
        Node("a", ops.Reshape((BATCH, 6)), ("input",)),
        Node("b", ops.Reshape((BATCH, 3, 2)), ("a",)),
        Node("c", ops.Relu(), ("a",)),
        Node("d", ops.Reshape((BATCH, 3, 2)), ("c",)),
        Node("e", ops.Add(), ("b", "d")),
    )
    view = drop_identities(Graph(nodes, "e", (2, 3), {}))
    assert view.graph["b"].operands == ("input",)
    assert "a" in view.graph.shapes
    check_view(view, torch.randn(2, 2, 3))


def test_dead_nodes_do_not_take_the_output_along() -> None:
    nodes = (
        Node("a", ops.Reshape((BATCH, 6)), ("input",)),
        Node("y", ops.Clip(-math.inf, math.inf), ("a",)),
        Node("dead", ops.Reshape((BATCH, 3, 2)), ("a",)),
    )
    view = drop_identities(Graph(nodes, "y", (2, 3), {}))
    assert view.graph.output == "a"
    check_view(view, torch.randn(2, 2, 3))
