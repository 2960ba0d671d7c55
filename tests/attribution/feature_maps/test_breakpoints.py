"""Where networks bend: against a fine grid, window by window, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.attribution.feature_maps.networks import inputs, skip_graph
from torch import Tensor, nn

from affidavit.attribution.feature_maps.breakpoints import _windows, breakpoints, units
from affidavit.graph import load, ops


@given(
    size=st.tuples(st.integers(4, 8), st.integers(4, 8)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    padded=st.booleans(),
    ceiling=st.booleans(),
)
def test_windows_are_those_of_pooling(
    size: Sequence[int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: int,
    padded: bool,
    ceiling: bool,
) -> None:
    assume(all((k - 1) * dilation < s for k, s in zip(kernel, size, strict=True)))
    padding = (kernel[0] // 2 * padded, kernel[1] // 2 * padded)
    op = ops.MaxPool(kernel, stride, padding, (dilation, dilation), ceiling)
    x = inputs(2, 3, *size)
    expected = F.max_pool2d(x, kernel, stride, padding, dilation, ceiling)
    assert torch.equal(_windows(op, x).amax(0), expected)


def test_all_bends_are_found() -> None:
    """Between neighbours the network is linear, and at each place it bends."""
    graph = skip_graph().to(torch.float64)
    start, end = torch.zeros(2, 6, 6).double(), inputs(2, 6, 6).double()
    places = breakpoints(graph, start, end, [node.name for node in graph.nodes], 1000)
    assert 20 < len(places) < units(graph)
    assert bool((places.diff() > 0).all())

    def slope(at: Tensor) -> Tensor:
        x = start + at.reshape(-1, 1, 1, 1) * (end - start)
        way = (end - start).expand_as(x)
        rise: Tensor = torch.func.jvp(lambda x: graph(x), (x,), (way,))[1]
        return rise

    edges = torch.cat([places.new_zeros(1), places, places.new_ones(1)])
    wide = edges.diff() > 1e-9
    inside = [slope(torch.lerp(edges[:-1], edges[1:], share))[wide] for share in (0.01, 0.5, 0.99)]
    for other in inside[1:]:
        torch.testing.assert_close(other, inside[0])
    # A unit that is shut off later on bends without a trace in the scores.
    changed = (inside[0].diff(dim=0).abs() > 1e-9).any(1)
    assert changed.double().mean() > 0.5


def test_only_bends_after_the_layer_are_given() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(1, 3, bias=False), nn.ReLU(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2)
    )
    with torch.no_grad():
        model[0].get_parameter("weight").copy_(torch.ones(3, 1))
        model[2].get_parameter("weight").copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
        model[2].get_parameter("bias").copy_(torch.tensor([-0.25, -1.5]))
    graph = load(model, torch.zeros(1, 1)).to(torch.float64)
    start, end = torch.tensor([-1.0]).double(), torch.tensor([1.0]).double()
    # x runs from -1 to 1: the first ReLUs bend at 0, one of the second at 0.25, the other never.
    late = breakpoints(graph, start, end, ["3"], 100)
    torch.testing.assert_close(late, torch.tensor([0.625]).double())
    early = breakpoints(graph, start, end, ["1", "3"], 100)
    torch.testing.assert_close(early, torch.tensor([0.5, 0.625]).double())


@pytest.mark.parametrize("way", ["same", "still"])
def test_a_path_that_goes_nowhere_has_no_bends(way: str) -> None:
    graph = skip_graph().to(torch.float64)
    x = inputs(2, 6, 6).double() if way == "same" else torch.zeros(2, 6, 6).double()
    assert len(breakpoints(graph, x, x, [node.name for node in graph.nodes], 10)) == 0
