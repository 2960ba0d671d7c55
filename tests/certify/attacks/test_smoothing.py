"""The smoothed network: near the true one where β is large, and with two derivatives throughout."""

from __future__ import annotations

import pytest
import torch
from tests.graph.modules import CASES, Case
from torch import Tensor

from affidavit.certify.attacks.smoothing import RULES, crossing, kinks, smooth_value
from affidavit.graph import ops

BENT = [case for case in CASES if kinks(case.graph, case.graph.output)]


def smooth(case: Case, x: Tensor, beta: float) -> Tensor:
    graph = case.graph
    sharpness = {
        node.name: torch.tensor(beta, dtype=x.dtype) for node in kinks(graph, graph.output)
    }
    return smooth_value(graph, graph.output, x, sharpness)


def gradient(y: Tensor, x: Tensor) -> Tensor:
    torch.manual_seed(3)
    found: Tensor = torch.autograd.grad((y * torch.randn_like(y)).sum(), x)[0]
    return found


def test_every_piecewise_linear_op_has_a_smooth_stand_in() -> None:
    assert set(RULES) == set(ops.PIECEWISE_LINEAR)
    found = {type(node.op) for case in BENT for node in kinks(case.graph, case.graph.output)}
    assert found == set(RULES)


@pytest.mark.parametrize("case", BENT, ids=lambda case: case.name)
def test_a_sharp_surrogate_is_the_network(case: Case) -> None:
    x = case.inputs(5, torch.float64).requires_grad_(True)
    true = case.graph(x)
    near = smooth(case, x, 1e7)
    torch.testing.assert_close(near, true, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient(near, x), gradient(true, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", BENT, ids=lambda case: case.name)
def test_the_gradient_of_the_surrogate_has_a_gradient(case: Case) -> None:
    x = case.inputs(2, torch.float64).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: smooth(case, x, 2.0), x)
    assert torch.autograd.gradgradcheck(lambda x: smooth(case, x, 2.0), x)


@pytest.mark.parametrize("case", BENT, ids=lambda case: case.name)
def test_the_surrogate_bends_where_the_true_gradient_stands_still(case: Case) -> None:
    """A loss of its gradient has a slope by the input; that of the true network has none."""
    x = case.inputs(3, torch.float64).requires_grad_(True)
    torch.manual_seed(3)
    y = smooth(case, x, 0.7)
    (v,) = torch.autograd.grad((y * torch.randn_like(y)).sum(), x, create_graph=True)
    (slope,) = torch.autograd.grad(v.square().sum(), x)
    assert torch.isfinite(slope).all()
    assert (slope != 0).any()


def test_each_input_has_its_own_sharpness() -> None:
    case = next(case for case in CASES if case.name == "max pool padded")
    x = case.inputs(2, torch.float64)
    (node,) = kinks(case.graph, case.graph.output)
    both = smooth_value(
        case.graph, case.graph.output, x, {node.name: torch.tensor([0.5, 9.0], dtype=x.dtype)}
    )
    for i, beta in enumerate((0.5, 9.0)):
        torch.testing.assert_close(both[i : i + 1], smooth(case, x[i : i + 1], beta))
    # By hand: the mean of exponentials, not their maximum.
    window = x[0, 0, :2, :2]
    torch.testing.assert_close(both[0, 0, 0, 0], (0.5 * window).exp().sum().log() / 0.5)


def test_what_crosses_zero_at_a_kink() -> None:
    graph = next(case for case in CASES if case.name == "minimum").graph
    (node,) = kinks(graph, graph.output)
    x = torch.tensor([[1.0, -2.0, 0.0, 3.0]])
    values = graph.values(x, list(node.operands))
    assert torch.equal(crossing(node, values).abs(), 3 * x.abs())
