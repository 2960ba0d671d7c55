"""Branch and bound against the exact extremes, sampled gradients, and itself with other budgets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from tests.certify.piecewise import NETWORKS, gradients_around, graph, inputs
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, ibp, margin_bounds, output_bounds
from affidavit.certify.bab import Progress
from affidavit.certify.bounds import Method
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.errors import DomainError
from affidavit.graph import Interval, load


def within(inside: Interval, outside: Interval, slack: float = 0.0) -> bool:
    lower = (outside.lower - slack <= inside.lower).all()
    return bool(lower & (inside.upper <= outside.upper + slack).all())


@pytest.mark.parametrize("inner", ["ibp", "crown"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_it_comes_to_the_exact_bounds(name: str, inner: Method) -> None:
    x = inputs(name)
    given: dict[str, Any] = {"epsilon": 0.3, "target": 1}
    found = gradient_bounds(graph(name), x, method="bab", inner=inner, **given)
    exact = gradient_bounds(graph(name), x, method="exact", **given)
    assert within(exact, found, 1e-12)
    assert within(found, exact, 1e-8)
    assert within(found, gradient_bounds(graph(name), x, method=inner, **given))


@pytest.mark.parametrize("name", ["two features", "three layers"])
def test_boxes_alone_come_to_the_exact_bounds_too(name: str) -> None:
    x = inputs(name)
    given: dict[str, Any] = {"epsilon": 0.3, "target": (0, 1), "loss": "margin"}
    found = gradient_bounds(graph(name), x, method="bab", max_regions=0, **given)
    exact = gradient_bounds(graph(name), x, method="exact", **given)
    assert within(exact, found, 1e-12)
    assert within(found, exact, 1e-8)


def test_regions_of_parts_come_to_the_exact_bounds_too() -> None:
    x = inputs("two features")
    given: dict[str, Any] = {"epsilon": 0.5, "target": 0}
    first, second = (
        gradient_bounds(
            graph("two features"), x, method="bab", inner="ibp", max_regions=regions, **given
        )
        for regions in (0, 8)
    )
    exact = gradient_bounds(graph("two features"), x, method="exact", **given)
    assert not within(first, exact, 1e-3)  # intervals alone never get there
    assert within(second, exact, 1e-8)
    assert within(exact, second, 1e-12)


@pytest.mark.parametrize("inner", ["ibp", "crown"])
def test_a_larger_budget_never_loosens_it(inner: Method) -> None:
    x = inputs("mixed ops", 3)
    found = [
        gradient_bounds(
            graph("mixed ops"),
            x,
            epsilon=0.6,
            target=0,
            method="bab",
            inner=inner,
            max_boxes=boxes,
            max_regions=regions,
        )
        for regions in (0, 6)
        for boxes in (1, 2, 3, 4, 7, 20, 45, 100)
    ]
    for run in (found[:8], found[8:]):
        assert all(within(b, a) for a, b in pairwise(run))
        assert float(run[-1].width.sum()) < 0.97 * float(run[0].width.sum())
    whole = gradient_bounds(graph("mixed ops"), x, epsilon=0.6, target=0, method=inner)
    assert torch.allclose(found[0].lower, whole.lower, rtol=0, atol=1e-12)
    assert torch.allclose(found[0].upper, whole.upper, rtol=0, atol=1e-12)


@pytest.mark.parametrize("boxes", [5, 60])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_no_sampled_gradient_leaves_it(name: str, boxes: int) -> None:
    x = inputs(name)
    sampled = gradients_around(NETWORKS[name][0], x, 0.4, 2 if name != "mixed ops" else 1)
    found = gradient_bounds(
        graph(name),
        x,
        epsilon=0.4,
        target=2 if name != "mixed ops" else 1,
        method="bab",
        max_boxes=boxes,
        max_regions=20,
    )
    assert bool(((found.lower <= sampled) & (sampled <= found.upper)).all())


def test_inputs_do_not_depend_on_their_neighbours() -> None:
    x = inputs("three layers", 3)
    given: dict[str, Any] = {
        "epsilon": 0.5, "method": "bab", "max_boxes": 25, "max_regions": 0, "inner": "ibp",
    }  # fmt: skip
    target = torch.tensor([0, 2, 1])
    together = gradient_bounds(graph("three layers"), x, target=target, **given)
    for i in range(3):
        alone = gradient_bounds(
            graph("three layers"), x[i : i + 1], target=target[i : i + 1], **given
        )
        assert torch.allclose(alone.lower[0], together.lower[i], rtol=0, atol=1e-12)
        assert torch.allclose(alone.upper[0], together.upper[i], rtol=0, atol=1e-12)


def test_the_same_again() -> None:
    x = inputs("two features")
    first, second = (
        gradient_bounds(graph("two features"), x, epsilon=0.5, method="bab", max_boxes=30)
        for _ in range(2)
    )
    assert torch.equal(first.lower, second.lower)
    assert torch.equal(first.upper, second.upper)


def test_single_precision_is_rounded_outward() -> None:
    x = inputs("two features").float()
    given: dict[str, Any] = {"epsilon": 0.25, "target": 1, "method": "bab"}
    found = gradient_bounds(graph("two features"), x, **given)
    # The box in single precision is the wider one.
    fine = gradient_bounds(graph("two features"), x.double(), **given)
    assert found.lower.dtype == torch.float32
    assert bool((found.lower.double() < fine.lower).all())
    assert bool((found.upper.double() > fine.upper).all())
    coarse = gradient_bounds(graph("two features"), x, epsilon=0.25, target=1)
    assert within(found, coarse)


class Smooth(nn.Module):
    """Two smooth layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.Sequential(
            nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3)
        ).double()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result


@pytest.mark.parametrize("inner", ["ibp", "crown"])
@pytest.mark.parametrize("loss", ["logit", "cross_entropy"])
def test_smooth_gradients_are_approached(inner: str, loss: Any) -> None:
    model = Smooth()
    network = load(model, torch.zeros(1, 2, dtype=torch.float64))
    x = inputs("two features", 1)
    widths = [
        gradient_bounds(
            network, x, epsilon=0.4, target=1, loss=loss, method="bab", inner=inner, max_boxes=boxes
        ).width.sum()
        for boxes in (1, 30, 1000)
    ]
    at = (
        x + 0.4 * (2 * torch.rand(4000, 2, dtype=torch.float64) - 1).clamp(-1, 1)
    ).requires_grad_()
    y = model(at)
    score = y[:, 1] if loss == "logit" else y.logsumexp(1) - y[:, 1]
    (sampled,) = torch.autograd.grad(score.sum(), at)
    truth = (sampled.amax(0) - sampled.amin(0)).sum()
    excess = [float(width / truth) - 1 for width in widths]
    assert excess[1] < 0.7 * excess[0]
    assert excess[2] < 0.3 * excess[1]
    assert excess[2] > -1e-3  # of the sampled width, which is narrower than the true one


def test_weights_that_vary() -> None:
    x = inputs("two features", 1)
    given: dict[str, Any] = {"epsilon": 0.4, "gamma": 0.02, "target": 0}
    whole = gradient_bounds(graph("two features"), x, **given)
    found = gradient_bounds(
        graph("two features"), x, method="bab", inner="ibp", max_boxes=60, **given
    )
    assert within(found, whole)
    assert float(found.width.sum()) < 0.9 * float(whole.width.sum())
    model = graph("two features")
    generator = torch.Generator().manual_seed(1)
    for _ in range(100):
        weights = {
            name: model.tensors[name]
            * (1 + 0.02 * (2 * torch.rand(model.tensors[name].shape, generator=generator) - 1))
            for name in model.parameters
        }
        at = x + 0.4 * (2 * torch.rand(x.shape, generator=generator, dtype=torch.float64) - 1)
        at.requires_grad_()
        (gradient,) = torch.autograd.grad(model(at, weights)[0, 0], at)
        assert found.contains(gradient)


def test_time_that_is_up_leaves_sound_bounds() -> None:
    x = inputs("three layers")
    given: dict[str, Any] = {"epsilon": 0.5, "target": 0}
    found = gradient_bounds(graph("three layers"), x, method="bab", max_seconds=1e-9, **given)
    one = gradient_bounds(graph("three layers"), x, method="bab", max_boxes=1, **given)
    assert torch.equal(found.lower, one.lower)
    assert torch.equal(found.upper, one.upper)


def test_an_inner_method_of_ones_own_and_progress() -> None:
    calls = []
    seen: list[Progress] = []

    def inner(problem: Problem, chosen: Score) -> Interval:
        calls.append(len(problem.box.lower))
        return ibp.gradient(problem, chosen)

    gradient_bounds(
        graph("two features"),
        inputs("two features"),
        epsilon=0.5,
        method="bab",
        inner=inner,
        max_boxes=21,
        max_regions=0,
        progress=seen.append,
    )
    assert sum(calls) <= 2 * 21
    assert sum(calls) == seen[-1].boxes > 30
    gaps = [state.gap for state in seen]
    assert all(a >= b for a, b in pairwise(gaps))
    assert gaps[0] > gaps[-1] > 0
    assert seen[-1].open > 0


@pytest.mark.parametrize("inner", ["ibp", "crown"])
@pytest.mark.parametrize("name", ["two features", "mixed ops"])
def test_outputs_tighten_towards_the_exact_ones(name: str, inner: str) -> None:
    x = inputs(name, 1)
    exact = output_bounds(graph(name), x, epsilon=0.3, method="exact")
    widths = []
    for boxes in (1, 20, 400):
        found = output_bounds(
            graph(name), x, epsilon=0.3, method="bab", inner=inner, max_boxes=boxes
        )
        assert within(exact, found, 1e-6)
        widths.append(float((found.width - exact.width).sum() / exact.width.sum()))
    assert widths[0] >= widths[1] >= widths[2]
    assert widths[2] < max(0.25 * widths[0], 1e-6)


def test_margins_tighten_towards_the_exact_ones() -> None:
    x = inputs("two features")
    labels = torch.tensor([2, 0])
    given: dict[str, Any] = {"epsilon": 0.3}
    exact = margin_bounds(graph("two features"), x, labels, method="exact", **given)
    found = margin_bounds(graph("two features"), x, labels, method="bab", max_boxes=300, **given)
    assert within(exact, found, 1e-6)
    assert within(found, exact, 1e-3)
    assert bool((found.width[torch.arange(2), labels] == 0).all())


def test_arguments_that_have_no_meaning() -> None:
    x = inputs("two features")
    for options, message in (
        ({"max_boxes": 0}, "boxes is 0; expected above 0"),
        ({"max_seconds": -1.0}, "seconds is -1.0; expected above 0"),
        ({"tolerance": -1.0}, "tolerance is -1.0; expected at least 0"),
        ({"inner": "crwn"}, "no inner method 'crwn' .did you mean 'crown'.*; expected ibp, crown"),
    ):
        with pytest.raises(DomainError, match=message):
            gradient_bounds(graph("two features"), x, epsilon=0.1, method="bab", **options)


def test_no_input_and_no_box() -> None:
    empty = torch.zeros(0, 2, dtype=torch.float64)
    found = gradient_bounds(graph("two features"), empty, epsilon=0.1, method="bab", target=0)
    assert found.lower.shape == (0, 2)
    x = inputs("two features")
    point = gradient_bounds(graph("two features"), x, method="bab", target=0)
    assert float(point.width.max()) < 1e-12
