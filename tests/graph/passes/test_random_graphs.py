"""Every pass, on random graphs and on the graphs of the table of modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.modules import CASES, NAMES, Case
from tests.graph.passes.checks import check_view
from tests.graph.passes.graphs import random_graph

from affidavit.graph import (
    Graph,
    View,
    drop_identities,
    fold_batch_norm,
    fold_constants,
    merge_affine,
    simplify,
)

PASSES = [drop_identities, fold_batch_norm, fold_constants, merge_affine, simplify]


def _inputs(graph: Graph) -> torch.Tensor:
    return torch.randn(2, *graph.input_shape, dtype=torch.float64)


@pytest.mark.parametrize("apply", PASSES)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=60)
def test_random_graphs(apply: Callable[[Graph], View], seed: int) -> None:
    graph = random_graph(seed)
    before = graph.sha256
    view = apply(graph)
    check_view(view, _inputs(graph))
    assert graph.sha256 == before
    again = apply(view.graph)
    assert again.graph.nodes == view.graph.nodes
    assert not again.same_as


@pytest.mark.parametrize("first", PASSES)
@pytest.mark.parametrize("second", PASSES)
def test_views_of_views(first: Callable[[Graph], View], second: Callable[[Graph], View]) -> None:
    for seed in range(8):
        graph = random_graph(seed)
        view = first(graph)
        check_view(view.then(second(view.graph)), _inputs(graph))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_modules(case: Case) -> None:
    for apply in PASSES:
        check_view(apply(case.graph), case.inputs(3, torch.float64))
