"""Values that a network computes in a dtype lie within the bounds of that dtype, unwidened."""

from __future__ import annotations

import pytest
import torch
from tests.graph.intervals.soundness import around
from tests.graph.intervals.test_rules import BOUNDED, one
from tests.graph.modules import Case
from torch import Tensor

from affidavit.graph import Graph, Interval, ops, propagate

DTYPES = [torch.float32, torch.float64]


def check(graph: Graph, x: Tensor, box: Interval, dtype: torch.dtype) -> None:
    bounds = propagate(graph, box, dtype=dtype)
    with torch.no_grad():
        values = graph.values(x.to(dtype), bounds)
    for name, value in values.items():
        assert bounds[name].contains(value), f"{name}, {graph[name].op}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", BOUNDED, ids=[case.name for case in BOUNDED])
def test_the_table_of_modules(case: Case, dtype: torch.dtype) -> None:
    for scale in (0.1, 1.0, 10.0):
        x = (scale * case.inputs(64)).to(dtype)
        check(case.graph, x, Interval.point(x), dtype)
        check(case.graph, x, around(x, 0.01), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_norm_of_a_mean_that_cancels(dtype: torch.dtype) -> None:
    x = torch.linspace(-1, 1, 41, dtype=dtype)[:, None].expand(-1, 3) + 1e4
    tensors = {
        "scale": torch.tensor([1.0, -0.7, 3.0]), "shift": torch.tensor([0.1, 0.0, -1e4]),
        "mean": torch.full((3,), 1e4), "variance": torch.tensor([1e-3, 1.0, 7.0]),
    }  # fmt: skip
    check(one(ops.BatchNorm(1e-5), (3,), **tensors), x, Interval.point(x), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_softmax_of_a_sure_class(dtype: torch.dtype) -> None:
    gap = torch.linspace(0, 60, 61, dtype=dtype)
    x = torch.stack([gap, torch.zeros_like(gap), -gap], 1)
    check(one(ops.LogSoftmax(1), (3,)), x, Interval.point(x), dtype)
