"""Attacks on explanations by the weights: each input's own, within their boxes, real, strong."""

from __future__ import annotations

import copy
import math
from fractions import Fraction
from typing import Any

import pytest
import torch
from tests.certify.attacks.networks import cnn, gradient, inputs, mlp
from torch import Tensor, nn

from affidavit.certify import gradient_bounds
from affidavit.certify.attacks import Aim, Found, Top, attack_weights, random_search
from affidavit.errors import DomainError, ModelError
from affidavit.graph import load

FAST: dict[str, Any] = {"steps": 10, "restarts": 2}


def under(model: nn.Module, found: Found, x: Tensor, target: Tensor) -> Tensor:
    """The explanation that the module itself gives each input under its own weights."""
    parts = []
    for i in range(len(x)):
        own = copy.deepcopy(model)
        assert found.params is not None
        with torch.no_grad():
            for name, parameter in own.named_parameters():
                parameter.copy_(found.params[name][i])
        parts.append(gradient(own, x[i : i + 1], target[i : i + 1]))
    return torch.cat(parts)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
@pytest.mark.parametrize("targeted", [True, False])
def test_what_is_found_is_real(name: str, dtype: torch.dtype, targeted: bool) -> None:
    model = mlp([6, 16, 16, 3], dtype=dtype) if name == "mlp" else cnn(dtype=dtype)
    x = inputs(4, *((6,) if name == "mlp" else (1, 6, 6)), dtype=dtype)
    classes = model(x).argmax(1)
    goal = gradient(model, x, classes).roll(1, 0) if targeted else None
    found = attack_weights(model, x, Aim(goal=goal, tau=1e-3), gamma=0.05, **FAST)
    assert torch.equal(found.x, x)
    assert found.params is not None
    parameters = dict(model.named_parameters())
    assert set(found.params) == set(parameters)
    for key, weight in parameters.items():
        assert found.params[key].dtype == dtype
        assert found.params[key].shape == (4, *weight.shape)
        for own in found.params[key]:
            pairs = zip(own.flatten().tolist(), weight.flatten().tolist(), strict=True)
            assert all(
                abs(Fraction(a) - Fraction(b)) <= abs(Fraction(b)) * Fraction(0.05)
                for a, b in pairs
            )
    explained = under(model, found, x, classes)
    torch.testing.assert_close(found.explanation, explained, rtol=1e-4, atol=1e-6)
    other = gradient(model, x, classes) if goal is None else goal
    value = (explained - other).flatten(1).square().mean(1).double()
    torch.testing.assert_close(found.value, value, rtol=1e-3, atol=1e-8)
    assert torch.equal(found.success, found.value <= 1e-3 if targeted else found.value > 1e-3)
    assert gradient_bounds(model, x, gamma=0.05).contains(found.explanation)


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_it_beats_random_search_at_equal_budget(name: str, targeted: bool) -> None:
    model = mlp([20, 32, 32, 5]) if name == "mlp" else cnn()
    x = inputs(6, *((20,) if name == "mlp" else (1, 6, 6)))
    graph = load(model, x[:1])
    before = gradient(model, x, model(x).argmax(1))
    goal = before.roll(1, 0) if targeted else None
    found = attack_weights(graph, x, Aim(goal=goal, tau=0.0), gamma=0.05, **FAST)
    budget = 2 * found.evaluations
    drawn = random_search(graph, x, Aim(goal=goal, tau=0.0), gamma=0.05, budget=budget)
    start = (before - goal).flatten(1).square().mean(1) if goal is not None else torch.zeros(6)
    gained, by_chance = (start - found.value).abs(), (start - drawn.value).abs()
    assert gained.mean() >= 1.2 * by_chance.mean()
    assert (gained > by_chance).float().mean() >= 0.75


def test_a_linear_model_by_hand() -> None:
    """The gradient is a row of the weight: each entry goes to the end of its own box."""
    model = nn.Linear(4, 2, dtype=torch.float64)
    x = inputs(3, 4)
    rows = model.weight[model(x).argmax(1)].detach()
    found = attack_weights(model, x, Aim(tau=0.0), gamma=0.1, steps=30)
    torch.testing.assert_close(found.value, (0.1 * rows).square().mean(1), rtol=1e-6, atol=0)
    found = attack_weights(model, x, Aim(goal=1.05 * rows, tau=1e-6), gamma=0.1, steps=100)
    assert found.success.all()


def test_weights_named_in_gamma_alone_vary() -> None:
    model, x = mlp([5, 12, 3]), inputs(3, 5)
    found = attack_weights(model, x, Aim(tau=0.0), gamma={"0.weight": 0.1, "2.bias": 0.0}, **FAST)
    assert found.params is not None
    assert set(found.params) == {"0.weight"}
    assert (found.value > 0).all()
    still = attack_weights(model, x, Aim(tau=0.0), gamma=0.0, **FAST)
    assert still.params is None
    assert torch.equal(still.value, torch.zeros(3, dtype=torch.float64))


def test_an_input_does_not_feel_the_rest_of_the_batch() -> None:
    model, x = mlp([5, 12, 12, 3]), inputs(4, 5)
    graph = load(model, x[:1])
    whole = attack_weights(graph, x, Aim(tau=0.0), gamma=0.05, **FAST)
    again = attack_weights(graph, x, Aim(tau=0.0), gamma=0.05, **FAST)
    alone = attack_weights(graph, x[2:3], Aim(tau=0.0), gamma=0.05, **FAST)
    assert whole.params is not None
    assert again.params is not None
    assert alone.params is not None
    for name, value in whole.params.items():
        assert torch.equal(value, again.params[name])
        torch.testing.assert_close(value[2], alone.params[name][0])
    assert not torch.equal(whole.params["0.weight"][0], whole.params["0.weight"][1])


def test_features_can_be_pushed_into_the_top() -> None:
    model, x = mlp([12, 24, 24, 3]), inputs(8, 12)
    graph = load(model, x[:1])
    aim = Top([3], 4)
    found = attack_weights(graph, x, Aim(objective=aim), gamma=0.1, steps=20)
    drawn = random_search(graph, x, Aim(objective=aim), gamma=0.1, budget=found.evaluations)
    assert found.value.mean() > drawn.value.mean()
    for v, success in zip(found.explanation.abs(), found.success, strict=True):
        assert (3 in v.topk(4).indices.tolist()) == bool(success)


def test_the_model_is_left_as_it_was() -> None:
    model, x = cnn(), inputs(2, 1, 6, 6)
    kept = copy.deepcopy(model.state_dict())
    attack_weights(model, x, Aim(tau=0.0), gamma=0.1, **FAST)
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(kept[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("gamma", "error", "message"),
    [
        (-0.1, DomainError, "gamma is -0.1"),
        (math.nan, DomainError, "gamma is nan"),
        (math.inf, DomainError, "gamma is inf"),
        ({"0.weigh": 0.1}, ModelError, r"no parameter '0.weigh' \(did you mean '0.weight'\?\)"),
    ],
)
def test_what_has_no_meaning(gamma: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        attack_weights(mlp([5, 12, 3]), inputs(2, 5), Aim(tau=0.1), gamma=gamma)
    with pytest.raises(DomainError, match="NaN or infinite"):
        attack_weights(
            mlp([5, 12, 3]), torch.full((1, 5), math.nan).double(), Aim(tau=0.1), gamma=0.1
        )
