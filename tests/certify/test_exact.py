"""Exact bounds against every activation pattern tried in turn, sampled gradients and vertices."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from tests.certify.piecewise import NETWORKS, gradients_around, graph, inputs
from tests.reference import all_patterns
from tests.regions.networks import layers, mlp
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, margin_bounds, output_bounds
from affidavit.errors import DomainError, EngineError, UnsupportedOpsError
from affidavit.regions import Box, partition


@pytest.mark.parametrize("target", [1, (0, 2)])
def test_they_are_the_extremes_over_all_patterns(target: int | tuple[int, int]) -> None:
    model = mlp([2, 4, 3, 3], seed=5)
    x = torch.tensor([[0.2, -0.4], [0.9, 0.1]], dtype=torch.float64)
    loss: Literal["logit", "margin"] = "margin" if isinstance(target, tuple) else "logit"
    found = gradient_bounds(model, x, epsilon=0.6, target=target, loss=loss, method="exact")
    for i in range(2):
        known = all_patterns.regions(layers(model), x[i].numpy() - 0.6, x[i].numpy() + 0.6)
        weights = np.stack([weight for weight, _ in known.values()])
        slopes = weights[:, 1] if target == 1 else weights[:, 0] - weights[:, 2]
        assert len(slopes) > 3
        assert np.allclose(found.lower[i], slopes.min(0), rtol=0, atol=1e-12)
        assert np.allclose(found.upper[i], slopes.max(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_no_sampled_gradient_leaves_them_and_ibp_is_no_tighter(name: str) -> None:
    model, x = graph(name), inputs(name)
    found = gradient_bounds(model, x, epsilon=0.3, target=1, method="exact")
    sampled = gradients_around(NETWORKS[name][0], x, 0.3, 1)
    assert found.lower.shape == x.shape
    assert bool(((found.lower <= sampled) & (sampled <= found.upper)).all())
    # Regions so small that no sample fell into them may reach farther, but not by far.
    width = sampled.amax(0) - sampled.amin(0)
    assert float(width.sum()) > 0.7 * float(found.width.sum())
    loose = gradient_bounds(model, x, epsilon=0.3, target=1)
    assert bool(((loose.lower <= found.lower) & (found.upper <= loose.upper)).all())


def test_features_without_width_are_held_fixed() -> None:
    model = mlp([3, 8, 6, 2], seed=6)
    x = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)
    epsilon = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64)
    found = gradient_bounds(model, x, epsilon=epsilon, target=0, method="exact")
    whole = gradient_bounds(model, x, epsilon=0.5, target=0, method="exact")
    assert bool((whole.lower <= found.lower).all() & (found.upper <= whole.upper).all())
    assert float(found.width.sum()) < float(whole.width.sum())
    at = x + epsilon * (2 * torch.rand(500, 3, dtype=torch.float64) - 1)
    at.requires_grad_()
    (gradient,) = torch.autograd.grad(model(at)[:, 0].sum(), at)
    assert found.contains(gradient)


def test_without_a_box_it_is_the_gradient() -> None:
    model, x = NETWORKS["three layers"][0], inputs("three layers")
    found = gradient_bounds(model, x, target=0, method="exact")
    at = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(at)[:, 0].sum(), at)
    assert found.contains(gradient)
    assert float(found.width.max()) < 1e-12


class Straight(nn.Module):
    """`relu(x) - relu(-x)`: the identity, whose gradient comes out as 0 at 0."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x) - torch.relu(-x)


def test_the_gradient_at_an_input_on_a_kink_is_joined() -> None:
    x = torch.tensor([[0.0], [0.5]], dtype=torch.float64)
    found = gradient_bounds(Straight(), x, epsilon=0.7, target=0, method="exact")
    assert found.lower[:, 0].tolist() == [0.0, pytest.approx(1.0)]
    assert found.upper[:, 0].tolist() == [pytest.approx(1.0), pytest.approx(1.0)]


class Twice(nn.Module):
    """The larger of two equal units: each could be said to take the whole gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1).double()

    def forward(self, x: Tensor) -> Tensor:
        h = self.layer(x)
        pooled = torch.max_pool1d(torch.cat([h, h], 1).unsqueeze(1), 2).flatten(1)
        return torch.maximum(h, 0.5 * (h + h)) + pooled


def test_equal_operands_of_a_maximum_count_once() -> None:
    model = Twice()
    x = torch.zeros(1, 2, dtype=torch.float64)
    found = gradient_bounds(model, x, epsilon=1.0, target=0, method="exact")
    expected = 2 * model.layer.weight.detach()
    assert torch.allclose(found.lower, expected, atol=1e-12)
    assert torch.allclose(found.upper, expected, atol=1e-12)


def test_single_precision_is_rounded_outward() -> None:
    model, x = graph("three layers"), inputs("three layers").float()
    found = gradient_bounds(model, x, epsilon=0.3, target=1, method="exact")
    fine = gradient_bounds(model, x.double(), epsilon=0.3, target=1, method="exact")
    assert found.lower.dtype == torch.float32
    assert bool(
        (found.lower.double() < fine.lower).all() & (found.upper.double() > fine.upper).all()
    )
    assert torch.allclose(found.lower.double(), fine.lower, atol=1e-5)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_outputs_are_the_extremes_over_the_vertices(name: str) -> None:
    model, x = graph(name), inputs(name)
    found = output_bounds(model, x, epsilon=0.3, method="exact")
    loose = output_bounds(model, x, epsilon=0.3)
    assert bool(
        (loose.lower - 1e-6 <= found.lower).all() & (found.upper <= loose.upper + 1e-6).all()
    )
    for i in range(len(x)):
        regions = partition(model, Box(x[i] - 0.3, x[i] + 0.3))
        corners = torch.from_numpy(np.concatenate([region.vertices for region in regions]))
        y = model(corners.reshape(-1, *x.shape[1:]))
        assert torch.allclose(found.lower[i], y.amin(0), rtol=0, atol=1e-6)
        assert torch.allclose(found.upper[i], y.amax(0), rtol=0, atol=1e-6)
        assert bool((found.lower[i] <= y.amin(0)).all() & (found.upper[i] >= y.amax(0)).all())


def test_margins_are_extremes_of_differences() -> None:
    model, x = graph("two features"), inputs("two features")
    found = margin_bounds(model, x, torch.tensor([2, 0]), epsilon=0.3, method="exact")
    for i, label in enumerate((2, 0)):
        regions = partition(model, Box(x[i] - 0.3, x[i] + 0.3))
        corners = torch.from_numpy(np.concatenate([region.vertices for region in regions]))
        y = model(corners)
        ahead = y[:, label : label + 1] - y
        assert torch.allclose(found.lower[i], ahead.amin(0), rtol=0, atol=1e-6)
        assert torch.allclose(found.upper[i], ahead.amax(0), rtol=0, atol=1e-6)
        assert found.lower[i, label] == found.upper[i, label] == 0
    softened = nn.Sequential(NETWORKS["two features"][0], nn.Softmax(1))
    same = margin_bounds(softened, x, torch.tensor([2, 0]), epsilon=0.3, method="exact")
    assert torch.equal(same.lower, found.lower)


def test_outputs_at_a_point() -> None:
    model, x = graph("two features"), inputs("two features")
    found = output_bounds(model, x, method="exact")
    assert found.contains(model(x))
    assert float(found.width.max()) < 1e-6


def test_what_has_no_exact_answer_is_refused() -> None:
    model, x = graph("two features"), inputs("two features")
    with pytest.raises(DomainError, match=r"cross_entropy varies on linear regions.*'margin'"):
        gradient_bounds(model, x, epsilon=0.1, loss="cross_entropy", method="exact")
    with pytest.raises(DomainError, match=r"'0.weight' varies \(gamma\).*'bab', 'crown' and 'ibp'"):
        gradient_bounds(model, x, epsilon=0.1, gamma=0.01, method="exact")
    smooth = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2), nn.Sigmoid()).double()
    for bounds in (gradient_bounds, output_bounds):
        with pytest.raises(UnsupportedOpsError, match="Method 'exact' needs") as error:
            bounds(smooth, x, epsilon=0.1, method="exact")
        assert error.value.ops == (("Tanh", "1"), ("Sigmoid", "3"))


def test_limits_say_how_far_it_came_and_what_to_do() -> None:
    x = torch.zeros(2, 2, dtype=torch.float64)
    model = mlp([2, 32, 32, 2], seed=7)
    with pytest.raises(
        EngineError, match=r"input 0: the limit of 1e-09 s.*0 linear regions.*'bab'"
    ):
        gradient_bounds(model, x, epsilon=3.0, method="exact", max_seconds=1e-9)
    with pytest.raises(EngineError, match="raise it"):
        output_bounds(model, x, epsilon=3.0, method="exact", max_seconds=1e-9)


def test_no_input() -> None:
    model = graph("two features")
    found = gradient_bounds(
        model, torch.zeros(0, 2).double(), epsilon=0.1, method="exact", target=0
    )
    assert found.lower.shape == (0, 2)
