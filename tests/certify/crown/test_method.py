"""Linear relaxation: against a linear program, between its own ways, and on odd input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.reference.mccormick_program import least_gradient
from torch import Tensor, nn

from affidavit.certify import crown, gradient_bounds, ibp, margin_bounds, output_bounds
from affidavit.certify.crown import method, receptive, rows, ties
from affidavit.certify.problem import Problem, pose
from affidavit.certify.target import Score, score
from affidavit.errors import DomainError
from affidavit.graph import Graph, Interval, load


def dense(seed: int = 0, features: int = 6) -> Graph:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Linear(features, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3)
    )
    return load(layers.double(), torch.zeros(1, features, dtype=torch.float64))


def convolution(seed: int = 0) -> Graph:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 16, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )
    return load(layers.double(), torch.zeros(1, 1, 8, 8, dtype=torch.float64))


def problem(graph: Graph, epsilon: float, count: int = 3) -> tuple[Problem, Score]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand((count, *graph.input_shape), generator=generator, dtype=torch.float64)
    return pose(graph, x, epsilon=epsilon), score(graph, x)


def within(inner: Interval, outer: Interval, slack: float = 1e-12) -> bool:
    return bool(
        (inner.lower >= outer.lower - slack).all() & (inner.upper <= outer.upper + slack).all()
    )


@pytest.mark.parametrize("seed", range(3))
def test_planes_are_those_of_the_linear_program(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = dense(seed)
    posed, chosen = problem(graph, 0.2, 1)
    monkeypatch.setattr(ties, "tied", lambda net: {})
    found = crown.gradient(posed, chosen, steps=0)
    net = method.relaxed(posed, chosen.node, 0)
    weights = [graph.tensors[name].numpy() for name in graph.parameters if "weight" in name]
    gates = []
    for node in net.nodes:
        if type(node.op).__name__ == "Relu":
            z = net.bounds[node.operands[0]]
            gates.append(((z.lower[0] > 0).double().numpy(), (z.upper[0] > 0).double().numpy()))
    assert sum(float((high - low).sum()) for low, high in gates) >= 6, "too few gates are open"
    row = weights[2][int(chosen.first[0])]
    for entry in range(6):
        least = least_gradient(weights[0], weights[1], row, gates, entry)
        most = -least_gradient(-weights[0], weights[1], row, gates, entry)
        assert float(found.lower[0, entry]) == pytest.approx(least, abs=1e-9)
        assert float(found.upper[0, entry]) == pytest.approx(most, abs=1e-9)


@pytest.mark.parametrize(("make", "epsilon"), [(dense, 0.2), (convolution, 0.1)])
def test_more_work_never_gives_wider_bounds(
    make: Callable[[int], Graph], epsilon: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = make(4)
    posed, chosen = problem(graph, epsilon)
    plain = crown.gradient(posed, chosen, steps=0)
    assert within(plain, ibp.gradient(posed, chosen))
    optimised = crown.gradient(posed, chosen, steps=4)
    each = crown.gradient(posed, chosen, steps=4, gradient_steps=8)
    assert float(optimised.width.mean()) < float(plain.width.mean())
    assert within(each, optimised)
    assert float(each.width.mean()) < float(optimised.width.mean())
    monkeypatch.setattr(ties, "tied", lambda net: {})
    untied = crown.gradient(posed, chosen, steps=0)
    assert within(plain, untied)
    assert float(plain.width.mean()) < float(untied.width.mean())


def test_windows_give_what_whole_rows_give(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = convolution()
    posed, chosen = problem(graph, 0.05)
    net = method.relaxed(posed, chosen.node, 0)
    second = [node.operands[0] for node in net.nodes if type(node.op).__name__ == "Relu"][1]
    monkeypatch.setattr(receptive, "WORTH", 0.0)  # so small an image is hardly worth cutting
    assert receptive.windowed(net, second) is not None
    cut = crown.gradient(posed, chosen, steps=0)
    monkeypatch.setattr(rows, "windowed", lambda net, name: None)
    monkeypatch.setattr(ties, "windowed", lambda net, name: None)
    whole = crown.gradient(posed, chosen, steps=0)
    torch.testing.assert_close(cut.lower, whole.lower, rtol=0, atol=1e-9)
    torch.testing.assert_close(cut.upper, whole.upper, rtol=0, atol=1e-9)


def test_rows_in_pieces_give_what_they_give_together(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = convolution()
    posed, chosen = problem(graph, 0.05)
    together = crown.gradient(posed, chosen, steps=0)
    monkeypatch.setattr(rows, "ROOM", 200)
    monkeypatch.setattr(ties, "TOGETHER", 3)
    pieces = crown.gradient(posed, chosen, steps=0)
    torch.testing.assert_close(pieces.lower, together.lower, rtol=0, atol=1e-9)
    torch.testing.assert_close(pieces.upper, together.upper, rtol=0, atol=1e-9)


def test_margins_and_outputs_are_tighter_than_intervals() -> None:
    graph = dense(2)
    posed, chosen = problem(graph, 0.1)
    x = posed.x
    assert isinstance(x, Tensor)
    for bounds in (output_bounds, margin_bounds):
        loose = bounds(graph, x, epsilon=0.1)
        tight = bounds(graph, x, epsilon=0.1, method="crown")
        assert within(tight, loose)
        assert float(tight.width.sum()) < float(loose.width.sum())
    ahead = margin_bounds(graph, x, chosen.first, epsilon=0.1, method="crown")
    assert torch.equal(ahead.lower.gather(1, chosen.first[:, None]), torch.zeros(3, 1).double())


def test_bounds_in_single_precision_enclose_those_in_double() -> None:
    graph = convolution(1)
    posed, chosen = problem(graph, 0.05)
    assert isinstance(posed.x, Tensor)
    fine = gradient_bounds(graph, posed.x, epsilon=0.05, target=chosen.first, method="crown")
    coarse = gradient_bounds(
        graph, posed.x.float(), epsilon=0.05, target=chosen.first, method="crown"
    )
    assert coarse.lower.dtype == torch.float32
    assert float(coarse.width.mean()) < 1.01 * float(fine.width.mean())


def test_what_overflows_is_an_error_and_no_bound() -> None:
    graph = dense(features=2)
    tensors = {name: torch.full_like(tensor, 1e200) for name, tensor in graph.tensors.items()}
    graph = Graph(graph.nodes, graph.output, graph.input_shape, tensors, graph.parameters)
    with pytest.raises(DomainError, match="overflow"):
        gradient_bounds(graph, torch.ones(1, 2).double(), epsilon=0.1, method="crown", target=0)


def test_huge_weights_in_double_do_not_upset_ties_in_single_precision() -> None:
    graph = dense(3)
    tensors = {name: tensor * 1e30 for name, tensor in graph.tensors.items()}
    huge = Graph(graph.nodes, graph.output, graph.input_shape, tensors, graph.parameters)
    posed, chosen = problem(huge, 0.2)
    found = crown.gradient(posed, chosen, steps=2)
    assert within(found, ibp.gradient(posed, chosen))
    assert bool(torch.isfinite(found.lower).all())
    assert np.isfinite(float(found.width.sum()))
