"""Gradients by patterns of open gates against those of the enumerated regions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.certify.piecewise import Net, graph
from tests.regions.networks import loaded, mlp
from torch import Tensor, nn

from affidavit.certify import exact, gradient_bounds
from affidavit.certify.bab import parts, patterns
from affidavit.certify.pieces import gradient_at
from affidavit.certify.problem import Problem, pose
from affidavit.certify.target import Score, score
from affidavit.graph import Graph, Interval, load
from affidavit.regions import Limits


def residual() -> Graph:
    """Three features; a skip connection, leaky units with a slope that was learned, no biases."""
    torch.manual_seed(8)

    def run(x: Tensor, a: nn.Module, p: nn.Module, b: nn.Module, c: nn.Module) -> Tensor:
        h = p(a(x))
        result: Tensor = c(h + F.leaky_relu(b(h), 0.1))
        return result

    layers = (nn.Linear(3, 5, bias=False), nn.PReLU(5), nn.Linear(5, 5), nn.Linear(5, 2))
    return load(Net(run, *layers), torch.zeros(1, 3, dtype=torch.float64))


def convolution() -> Graph:
    """Four features as an image; a convolution with a batch norm, then a mean."""
    torch.manual_seed(9)
    norm = nn.BatchNorm2d(2)
    norm.running_mean = torch.randn(2)

    def run(x: Tensor, a: nn.Module, norm: nn.Module, c: nn.Module) -> Tensor:
        result: Tensor = c(F.avg_pool2d(F.relu(norm(a(x))), 2, 1).flatten(1))
        return result

    net = Net(run, nn.Conv2d(1, 2, 2, padding=1), norm, nn.Linear(8, 2)).eval()
    return load(net, torch.zeros(1, 1, 2, 2, dtype=torch.float64))


MAKERS: dict[str, Callable[[], Graph]] = {
    "perceptron": lambda: loaded(mlp([3, 6, 6, 2], seed=4), 3),
    "deeper": lambda: loaded(mlp([4, 5, 4, 4, 2], seed=6), 4),
    "residual": residual,
    "convolution": convolution,
}


def posed(network: Graph, epsilon: float, seed: int = 0) -> tuple[Problem, Score]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand((1, *network.input_shape), generator=generator, dtype=torch.float64)
    problem = pose(network, x, epsilon=epsilon)
    chosen = score(network, x, 1)
    return Problem(exact.piecewise(problem, chosen.node), problem.box, {}), chosen


def start(problem: Problem, chosen: Score) -> Interval:
    """The gradient at one point of the box."""
    x = problem.box.lower + 0.3 * problem.box.width
    return Interval.point(gradient_at(problem.graph, chosen, x).flatten(1))


@pytest.mark.parametrize("name", list(MAKERS))
@pytest.mark.parametrize("epsilon", [0.05, 0.25, 0.6])
def test_they_are_those_of_the_regions(name: str, epsilon: float) -> None:
    problem, chosen = posed(MAKERS[name](), epsilon)
    found = parts.settle(problem, chosen, start(problem, chosen), 100, 60.0)
    assert found is not None
    assert found.rest is None
    known = exact.hull(problem.graph, chosen, problem.box, Limits())
    assert torch.allclose(found.attained.lower, known.lower.flatten(1), rtol=0, atol=1e-10)
    assert torch.allclose(found.attained.upper, known.upper.flatten(1), rtol=0, atol=1e-10)
    if epsilon > 0.5:
        assert float(found.attained.width.max()) > 0.02


def test_what_is_left_undecided_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PROGRAMS", 1)
    problem, chosen = posed(MAKERS["perceptron"](), 0.6)
    found = parts.settle(problem, chosen, start(problem, chosen), 100, 60.0)
    known = exact.hull(problem.graph, chosen, problem.box, Limits())
    assert found is not None
    assert found.rest is not None
    low = torch.minimum(found.attained.lower, found.rest.lower)
    high = torch.maximum(found.attained.upper, found.rest.upper)
    assert bool((low <= known.lower.flatten(1)).all() & (known.upper.flatten(1) <= high).all())
    assert float(found.attained.width.sum()) < float(known.width.sum())


def test_gradients_that_are_known_need_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PROGRAMS", 0)
    problem, chosen = posed(MAKERS["perceptron"](), 0.6)
    wide = torch.full((1, 3), 100.0, dtype=torch.float64)
    found = parts.settle(problem, chosen, Interval(-wide, wide), 100, 60.0)
    assert found is not None
    assert found.rest is not None  # nothing was looked at
    monkeypatch.setattr(patterns, "PROGRAMS", 1)
    found = parts.settle(problem, chosen, Interval(-wide, wide), 100, 60.0)
    assert found is not None
    assert found.rest is None


@pytest.mark.parametrize("name", list(MAKERS))
def test_parted_by_signs_of_units_they_are_the_same(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(parts, "MOST", 2)
    problem, chosen = posed(MAKERS[name](), 0.6)
    found = parts.settle(problem, chosen, start(problem, chosen), 1000, 60.0)
    assert found is not None
    assert found.rest is None
    assert found.cost > 1
    known = exact.hull(problem.graph, chosen, problem.box, Limits())
    assert torch.allclose(found.attained.lower, known.lower.flatten(1), rtol=0, atol=1e-10)
    assert torch.allclose(found.attained.upper, known.upper.flatten(1), rtol=0, atol=1e-10)


def test_parts_that_were_not_looked_at_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST", 2)
    problem, chosen = posed(loaded(mlp([4, 12, 12, 2], seed=6), 4), 0.5)
    known = exact.hull(problem.graph, chosen, problem.box, Limits())
    widths = []
    for most in (1, 2, 8, 40):
        found = parts.settle(problem, chosen, start(problem, chosen), most, 60.0)
        assert found is not None
        assert found.rest is not None
        assert found.cost == most
        low = torch.minimum(found.attained.lower, found.rest.lower)
        high = torch.maximum(found.attained.upper, found.rest.upper)
        assert bool((low <= known.lower.flatten(1)).all() & (known.upper.flatten(1) <= high).all())
        widths.append(float((high - low).sum()))
    assert all(a >= b for a, b in pairwise(widths))
    assert widths[-1] < 0.9 * widths[0]


def test_ops_that_choose_otherwise_are_left_alone() -> None:
    problem, chosen = posed(graph("mixed ops"), 0.3)
    assert parts.settle(problem, chosen, start(problem, chosen), 100, 60.0) is None


def test_many_features_and_few_open_gates_are_exact() -> None:
    network = loaded(mlp([10, 7, 6, 5, 3], seed=1), 10)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand((1, 10), generator=generator, dtype=torch.float64)
    given: dict[str, Any] = {"epsilon": 0.1, "target": 1}
    found = gradient_bounds(network, x, method="bab", **given)
    known = gradient_bounds(network, x, method="exact", **given)
    crown = gradient_bounds(network, x, method="crown", **given)
    assert torch.allclose(found.lower, known.lower, rtol=0, atol=1e-8)
    assert torch.allclose(found.upper, known.upper, rtol=0, atol=1e-8)
    assert 0.1 < float(found.width.sum()) < 0.8 * float(crown.width.sum())
