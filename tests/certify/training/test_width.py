"""The total width: that of the bounds themselves, by a cheaper way."""

from __future__ import annotations

import pytest
import torch
from tests.certify.training.networks import NETWORKS, made
from tests.certify.training.networks import graph as traced

from affidavit.certify import ibp
from affidavit.certify.problem import pose
from affidavit.certify.target import Loss, score
from affidavit.certify.training.width import total_width
from affidavit.graph import load

SIZES = [(0.3, 0.0), (0.0, 0.1), (0.05, 0.03), (0.0, 0.0)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("epsilon", "gamma"), SIZES)
@pytest.mark.parametrize("loss", ["logit", "margin", "cross_entropy"])
def test_is_the_sum_of_the_widths(name: str, epsilon: float, gamma: float, loss: Loss) -> None:
    _, x, y = made(name)
    graph = traced(name)
    chosen = score(graph, x, (y, (y + 1) % 3) if loss == "margin" else y, loss)
    problem = pose(graph, x, epsilon=epsilon, gamma=gamma)
    expected = ibp.gradient(problem, chosen).width.flatten(1).sum(1)
    found = total_width(graph, problem.box, chosen, {}, gamma)
    assert found.shape == (3,)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    if epsilon > 0.1 and name not in ("linear", "constant"):
        assert (found > 1e-3).any()


@pytest.mark.parametrize("name", ["dense", "convolutional", "pooled", "smooth", "residual"])
@pytest.mark.parametrize("gamma", [0.0, 0.03])
def test_gradient_by_parameters_is_that_of_finite_differences(name: str, gamma: float) -> None:
    _, x, y = made(name)
    graph = traced(name)
    chosen = score(graph, x, y)
    box = pose(graph, x, epsilon=0.02).box
    live = {
        key: value.detach().clone().requires_grad_()
        for key, value in graph.tensors.items()
        if key in graph.parameters
    }
    total_width(graph, box, chosen, live, gamma).sum().backward()
    generator = torch.Generator().manual_seed(1)
    for key, value in live.items():
        direction = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        step = 1e-6
        ends = [
            total_width(
                graph, box, chosen, {**live, key: value.detach() + sign * step * direction}, gamma
            ).sum()
            for sign in (1, -1)
        ]
        expected = (ends[0] - ends[1]).item() / (2 * step)
        slope = torch.zeros_like(value) if value.grad is None else value.grad
        assert (slope * direction).sum().item() == pytest.approx(expected, rel=1e-4, abs=1e-5), key


def test_single_precision_tensors_follow_the_input() -> None:
    model, x, y = made("dense")
    graph = load(model.float(), x.float())
    chosen = score(graph, x, y)
    box = pose(graph, x, epsilon=0.05).box
    single = pose(graph, x.float(), epsilon=0.05).box
    double = total_width(graph, box, chosen, {}, 0.01)
    assert double.dtype == torch.float64
    found = total_width(graph, single, chosen, {}, 0.01)
    torch.testing.assert_close(found.double(), double, rtol=1e-4, atol=1e-5)
