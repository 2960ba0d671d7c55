"""What merges, into what, and what must not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.graph.modules import Apply, Residual, Tensors, Tied
from tests.graph.passes.checks import check_view
from torch import Tensor, nn

from affidavit.errors import ModelError
from affidavit.graph import (
    Graph,
    View,
    fold_batch_norm,
    fold_constants,
    load,
    merge_affine,
    ops,
    simplify,
)


def graph_of(module: nn.Module, *shape: int) -> Graph:
    torch.manual_seed(3)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_()
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
    return load(module, torch.zeros(1, *shape))


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


CONV = [
    nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.Conv2d(2, 4, 3, groups=2)
]  # fmt: skip


@pytest.mark.parametrize("conv", CONV, ids=str)
@pytest.mark.parametrize("merge", [fold_batch_norm, merge_affine])
def test_batch_norm_after_convolution(conv: nn.Conv2d, merge: Callable[[Graph], View]) -> None:
    graph = graph_of(nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU()), 2, 5, 5)
    view = merge(graph)
    assert kinds(view.graph) == ["Conv", "Relu"]
    assert [node.name for node in view.graph.nodes] == ["1", "2"]
    assert view.merged_into["0"] == "1"
    assert view.merged_into["0.weight"] == "1"
    assert view.merged_into["1.running_var"] == "1"
    with pytest.raises(ModelError, match="merged into '1'"):
        view.name_of("0.weight")
    assert view.graph.parameters == ()
    check_view(view, torch.randn(2, 2, 5, 5, dtype=torch.float64))


@pytest.mark.parametrize(
    ("conv", "merged"),
    [
        (nn.Conv2d(4, 3, 3), True),
        (nn.Conv2d(4, 3, 3, padding=1), False),  # the shift would not reach the padded zeros
        (nn.Conv2d(4, 2, 3, groups=2), False),
    ],
)
def test_batch_norm_before_convolution(conv: nn.Conv2d, merged: bool) -> None:
    graph = graph_of(nn.Sequential(nn.BatchNorm2d(4), conv), 4, 5, 5)
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    view = merge_affine(graph)
    assert kinds(view.graph) == (["Conv"] if merged else ["BatchNorm", "Conv"])
    check_view(view, x)
    folded = fold_batch_norm(graph)
    assert kinds(folded.graph) == ["Mul", "Add", "Conv"]
    check_view(folded, x)
    check_view(simplify(graph), x)


def test_a_pure_scale_reaches_a_padded_convolution() -> None:
    module = nn.Sequential(Apply(lambda x: x * 3), nn.Conv2d(2, 3, 3, padding=1))
    view = merge_affine(graph_of(module, 2, 4, 4))
    assert kinds(view.graph) == ["Conv"]
    check_view(view, torch.randn(1, 2, 4, 4, dtype=torch.float64))


def test_batch_norm_after_something_else() -> None:
    graph = graph_of(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3)), 3)
    view = fold_batch_norm(graph)
    assert kinds(view.graph) == ["Relu", "Mul", "Add"]
    assert view.graph.output == "1"
    check_view(view, torch.randn(2, 3, dtype=torch.float64))


def test_batch_norm_by_channel_after_a_layer_over_the_last_axis() -> None:
    graph = graph_of(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), 4, 4)
    assert kinds(merge_affine(graph).graph) == ["Linear", "BatchNorm"]
    check_view(simplify(graph), torch.randn(2, 4, 4, dtype=torch.float64))


def test_what_has_other_users_is_not_merged_away() -> None:
    shared = nn.Sequential(nn.Linear(3, 3), Residual(nn.BatchNorm1d(3)))
    graph = graph_of(shared, 3)
    view = merge_affine(graph)
    assert "0" in {node.name for node in view.graph.nodes}
    check_view(view, torch.randn(2, 3, dtype=torch.float64))


def test_linear_after_linear_only_where_it_saves() -> None:
    wide = graph_of(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2)), 3)
    assert kinds(merge_affine(wide).graph) == ["Linear"]
    check_view(merge_affine(wide), torch.randn(2, 3, dtype=torch.float64))
    narrow = graph_of(nn.Sequential(nn.Linear(8, 1), nn.Linear(1, 8)), 8)
    assert kinds(merge_affine(narrow).graph) == ["Linear", "Linear"]


def test_constants_become_one() -> None:
    def body(x: Tensor, c: Tensor) -> Tensor:
        y = torch.relu((x + 2 - c) + c)
        y = torch.relu(1 / 3 * (y * c) / 5)
        return 1 - (2 - y)

    graph = graph_of(Tensors(body, c=torch.rand(4) + 1), 4)
    view = simplify(graph)
    assert kinds(view.graph) == ["Add", "Relu", "Mul", "Relu", "Sub", "Sub"]
    check_view(view, torch.randn(2, 4, dtype=torch.float64))


def test_products_that_cancel_leave_nothing() -> None:
    view = simplify(graph_of(Apply(lambda x: torch.relu(x * 2 * 0.5)), 4))
    assert kinds(view.graph) == ["Relu"]
    check_view(view, torch.randn(2, 4))


def test_tied_weights_and_scales_after_each_use() -> None:
    graph = graph_of(nn.Sequential(Tied(), Apply(lambda x: x * 2)), 4)
    view = merge_affine(graph)
    assert kinds(view.graph) == ["Linear", "Relu", "Linear"]
    assert "0.first.weight" in view.graph.parameters  # the first use has it still
    check_view(view, torch.randn(2, 4, dtype=torch.float64))


def test_fold_constants() -> None:
    def body(x: Tensor, w: Tensor, c: Tensor) -> Tensor:
        return (x @ w.t().abs()) * c + c

    tensors = {"w": nn.Parameter(torch.randn(3, 4)), "c": torch.rand(3)}
    graph = graph_of(Tensors(body, **tensors), 4)
    view = fold_constants(graph)
    assert kinds(view.graph) == ["Linear", "Mul", "Add"]
    assert view.graph.parameters == ()
    assert "w" in view.merged_into
    assert "c" in view.graph.tensors
    check_view(view, torch.randn(2, 4, dtype=torch.float64))
    assert kinds(simplify(graph).graph) == ["Linear"]


def test_views_keep_their_source_and_stay_frozen() -> None:
    graph = graph_of(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), 3)
    view = simplify(graph)
    assert view.source is graph
    assert view.graph is not graph
    assert ops.BatchNorm in {type(node.op) for node in graph.nodes}
    with pytest.raises(AttributeError):
        view.graph = graph  # type: ignore[misc]
