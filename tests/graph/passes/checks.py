"""What holds of every view: the checks that the tests of all passes share."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.graph import Graph, View


def evaluate_all(graph: Graph, x: Tensor) -> dict[str, Tensor]:
    return graph.values(x, graph.shapes)


def check_view(view: View, x: Tensor) -> None:
    """Both graphs agree at `x` wherever they share a name, and all names of the source lead on."""
    source, graph = view.source, view.graph
    before, after = evaluate_all(source, x), evaluate_all(graph, x)

    def close(ours: Tensor, theirs: Tensor, name: str) -> None:
        scale = float(theirs.abs().max()) if theirs.numel() else 1.0
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9 * scale, msg=name)

    close(after[graph.output], before[source.output], "output")
    assert graph.input_shape == source.input_shape
    for name in graph.shapes.keys() & source.shapes.keys():
        close(after[name], before[name], name)
    for name, same in view.same_as.items():
        close(after[same], before[name], name)
    assert set(graph.parameters) <= set(source.parameters)

    # Each value of the source is still there, has another name, or was merged: one of the three.
    for name in source.shapes:
        ways = [name in graph.shapes, name in view.same_as, name in view.merged_into]
        assert ways.count(True) == 1, (name, ways)
        if name not in view.merged_into:
            assert view.name_of(name) in graph.shapes
    for place in (*view.same_as.values(), *view.merged_into.values()):
        assert place in graph.shapes, place
    assert (view.same_as.keys() | view.merged_into.keys()) <= source.shapes.keys()

    # What is found in the view comes back under names of the source, with the value they have.
    back = view.to_source(after)
    for name, value in back.items():
        close(value, before[name], name)
    assert set(back) == source.shapes.keys() - view.merged_into.keys()
