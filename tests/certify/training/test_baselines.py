"""Baseline objectives, each against a literal computation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.certify.training.networks import made
from torch import Tensor, nn

from affidavit.certify.training import (
    AdversarialLoss,
    GradientRegularizedLoss,
    HessianNormLoss,
    Objective,
    StandardLoss,
    with_softplus,
)
from affidavit.errors import DomainError, ModelError


def test_standard() -> None:
    model, x, y = made("dense")
    assert torch.equal(StandardLoss(model)(x, y), F.cross_entropy(model(x), y))
    assert torch.equal(
        StandardLoss(model, task=F.multi_margin_loss)(x, y), F.multi_margin_loss(model(x), y)
    )


def test_softplus_replaces_relu_in_a_copy() -> None:
    model, x, _ = made("dense")
    soft = with_softplus(model, beta=5.0)
    layers = list(model.children())
    expected = layers[0](x)
    for layer in layers[1:]:
        expected = F.softplus(expected, 5.0) if isinstance(layer, nn.ReLU) else layer(expected)
    torch.testing.assert_close(soft(x), expected)
    assert not any(isinstance(module, nn.Softplus) for module in model.modules())
    shared = {id(parameter) for parameter in model.parameters()}
    assert not any(id(parameter) in shared for parameter in soft.parameters())
    with pytest.raises(ModelError, match=r"Linear has no torch\.nn\.ReLU to replace"):
        with_softplus(nn.Linear(2, 2))
    with pytest.raises(ModelError, match="beta is 0"):
        with_softplus(model, beta=0)


def test_hessian_norm_is_estimated_without_bias() -> None:
    model, x, y = made("smooth")
    hessians = [
        torch.autograd.functional.hessian(lambda v, i=i: model(v[None])[0, y[i]], x[i])
        for i in range(len(x))
    ]
    squares = torch.stack([h.square().sum() for h in hessians])
    # Of v with identity covariance, ‖Hv‖² has the mean ‖H‖² and, for normal v, this variance.
    variance = torch.stack([2 * (h @ h @ h @ h).trace() for h in hessians]).sum() / len(x) ** 2
    draws = 2000
    objective = HessianNormLoss(model, alpha=1.0, seed=3)
    total = 0.0
    for _ in range(draws):
        penalty = objective.terms(x, y).penalty
        assert penalty is not None
        total += penalty.item()
        objective.step += 1
    error = abs(total / draws - squares.mean().item())
    assert error < 4 * (variance.item() / draws) ** 0.5
    assert error < 0.2 * squares.mean().item()


def test_hessian_norm_asks_for_curvature() -> None:
    model, x, y = made("dense")
    with pytest.raises(ModelError, match="with_softplus"):
        HessianNormLoss(model, alpha=1.0)
    linear, x, y = made("linear")
    with pytest.raises(ModelError, match="the model is linear in its input"):
        HessianNormLoss(linear, alpha=1.0)(x, y)


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_gradient_regularization_is_that_of_each_input_alone(epsilon: float) -> None:
    model, x, y = made("dense")
    objective = GradientRegularizedLoss(model, alpha=0.4, epsilon=epsilon)
    penalty = objective.terms(x, y).penalty
    assert penalty is not None

    def gradient(v: Tensor, label: Tensor) -> Tensor:
        v = v.clone().requires_grad_()
        (found,) = torch.autograd.grad(F.cross_entropy(model(v[None]), label[None]), v)
        return found

    total = 0.0
    draw = torch.rand(x.shape, generator=objective.generator(0), dtype=x.dtype)
    moved = x + epsilon * (2 * draw - 1)
    for i in range(len(x)):
        here = gradient(x[i], y[i])
        found = here if epsilon == 0 else gradient(moved[i], y[i]) - here
        total += found.square().sum().item()
    assert penalty.item() == pytest.approx(total / len(x))
    assert objective(x, y).item() == pytest.approx(
        F.cross_entropy(model(x), y).item() + 0.4 * total / len(x)
    )


def test_penalties_have_gradients_by_the_weights() -> None:
    model, x, y = made("smooth")
    objectives: list[Objective] = [
        HessianNormLoss(model, alpha=0.5),
        GradientRegularizedLoss(model, alpha=0.5),
        GradientRegularizedLoss(model, alpha=0.5, epsilon=0.1),
    ]
    weight = next(model.parameters())
    direction = torch.randn(weight.shape, dtype=torch.float64)
    for objective in objectives:
        (slope,) = torch.autograd.grad(objective.terms(x, y).total, weight)
        ends = []
        with torch.no_grad():
            before = weight.clone()
        for sign in (1, -1):
            with torch.no_grad():
                weight.copy_(before + sign * 1e-6 * direction)
            ends.append(objective.terms(x, y).total.item())
        with torch.no_grad():
            weight.copy_(before)
        expected = (ends[0] - ends[1]) / 2e-6
        assert (slope * direction).sum().item() == pytest.approx(expected, rel=1e-5)


def test_without_a_factor_nothing_is_penalized() -> None:
    model, x, y = made("smooth")
    objectives: list[Objective] = [
        HessianNormLoss(model, alpha=0.0),
        GradientRegularizedLoss(model, alpha=0.0),
    ]
    for objective in objectives:
        terms = objective.terms(x, y)
        assert terms.penalty is None
        assert torch.equal(terms.total, F.cross_entropy(model(x), y))


def test_adversarial_inputs_are_worse_and_stay_in_their_box() -> None:
    model, x, y = made("convolutional")
    x = x.clamp(0.05, 0.9)
    objective = AdversarialLoss(model, epsilon=0.1, data_range=(0.0, 0.92))
    found = objective.worst(x, y)
    assert ((found - x).abs() <= 0.1 + 1e-12).all()
    assert found.max() <= 0.92
    assert found.min() >= 0.0
    assert not found.requires_grad
    before, after = F.cross_entropy(model(x), y), F.cross_entropy(model(found), y)
    draw = x + 0.1 * (2 * torch.rand(200, *x.shape).double() - 1)
    random = max(F.cross_entropy(model(v.clamp(0, 0.92)), y).item() for v in draw)
    assert after > before
    assert after.item() > random
    assert torch.equal(objective(x, y), after)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_search_does_not_touch_running_statistics() -> None:
    model, x, y = made("pooled")
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    AdversarialLoss(model, epsilon=0.1).worst(x, y)
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_random_numbers_follow_seed_and_step() -> None:
    model, x, y = made("smooth")

    def value(seed: int, step: int) -> Any:
        objective = HessianNormLoss(model, alpha=1.0, seed=seed)
        objective.step = step
        return objective.terms(x, y).total.item()

    assert value(0, 0) == value(0, 0)
    assert len({value(0, 0), value(0, 1), value(1, 0)}) == 3


def test_arguments_without_meaning() -> None:
    model, x, y = made("smooth")
    with pytest.raises(DomainError, match=r"steps is 0 and step_size 0\.25"):
        AdversarialLoss(model, epsilon=0.1, steps=0)
    with pytest.raises(DomainError, match="epsilon is -1"):
        GradientRegularizedLoss(model, alpha=1.0, epsilon=-1)
    with pytest.raises(DomainError, match="expected one class an input"):
        HessianNormLoss(model, alpha=1.0)(x, y.double())
