"""Attacks on attributions of captum, and on any other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, Occlusion, Saliency
from tests.certify.attacks.networks import cnn, inputs, mlp
from torch import Tensor, nn

from affidavit.certify.attacks import Aim, attack_inputs, attack_weights, from_captum, random_search
from affidavit.errors import ModelError
from affidavit.graph import load

FAST: dict[str, Any] = {"steps": 10, "restarts": 2}

METHODS: dict[str, tuple[Any, dict[str, Any]]] = {
    "saliency": (Saliency, {}),
    "gradient": (Saliency, {"abs": False}),
    "input times gradient": (InputXGradient, {}),
    "integrated gradients": (IntegratedGradients, {"n_steps": 6}),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_attribution_is_that_of_captum_on_the_module(name: str) -> None:
    method, options = METHODS[name]
    model, x = cnn(), inputs(4, 1, 6, 6)
    classes = model(x).argmax(1)
    attribution = from_captum(method, **options)
    graph = load(model, x[:1])
    found = attack_inputs(graph, x, Aim(tau=0.0, attribution=attribution), epsilon=0.1, **FAST)
    leaf = found.x.clone().requires_grad_(True)
    expected = method(model).attribute(leaf, target=classes, **options).detach()
    torch.testing.assert_close(found.explanation, expected)
    before = method(model).attribute(x.clone().requires_grad_(True), target=classes, **options)
    value = (found.explanation - before.detach()).flatten(1).square().mean(1)
    torch.testing.assert_close(found.value, value)
    drawn = random_search(
        graph, x, Aim(tau=0.0, attribution=attribution), epsilon=0.1, budget=found.evaluations
    )
    assert found.value.mean() > 1.1 * drawn.value.mean()


def test_the_gradient_by_captum_is_attacked_as_the_gradient_itself() -> None:
    model, x = mlp([8, 24, 24, 3]), inputs(1, 8)
    graph = load(model, x)
    plain = attack_inputs(graph, x, Aim(tau=0.0), epsilon=0.2, **FAST)
    wrapped = attack_inputs(
        graph, x, Aim(tau=0.0, attribution=from_captum(Saliency, abs=False)), epsilon=0.2, **FAST
    )
    # One input alone: even the sharpness of the surrogate is the same.
    torch.testing.assert_close(plain.value, wrapped.value)


@pytest.mark.parametrize("name", METHODS)
def test_weights_can_be_attacked_too(name: str) -> None:
    method, options = METHODS[name]
    model, x = mlp([6, 12, 12, 3]), inputs(3, 6)
    classes = model(x).argmax(1)
    attribution = from_captum(method, **options)
    found = attack_weights(model, x, Aim(tau=0.0, attribution=attribution), gamma=0.1, **FAST)
    assert found.params is not None
    for i in range(len(x)):
        own = mlp([6, 12, 12, 3])
        own.load_state_dict({key: value[i] for key, value in found.params.items()})
        leaf = x[i : i + 1].clone().requires_grad_(True)
        expected = method(own).attribute(leaf, target=classes[i : i + 1], **options).detach()
        torch.testing.assert_close(found.explanation[i : i + 1], expected)
    assert (found.value > 0).all()


def test_an_attribution_without_a_derivative_is_searched() -> None:
    """Occlusion compares outputs: captum computes it without autograd."""
    model, x = mlp([8, 24, 24, 3]), inputs(4, 8)
    graph = load(model, x[:1])
    occlusion = from_captum(Occlusion, sliding_window_shapes=(1,))
    found = attack_inputs(graph, x, Aim(tau=0.0, attribution=occlusion), epsilon=0.2, **FAST)
    expected = Occlusion(model).attribute(
        found.x, sliding_window_shapes=(1,), target=model(x).argmax(1)
    )
    torch.testing.assert_close(found.explanation, expected)
    drawn = random_search(
        graph, x, Aim(tau=0.0, attribution=occlusion), epsilon=0.2, budget=found.evaluations
    )
    assert found.value.mean() > drawn.value.mean()


def test_any_callable_will_do() -> None:
    model, x = mlp([6, 12, 3]), inputs(3, 6)

    def rows(module: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        chosen: Tensor = module(x).gather(1, target[:, None])
        return chosen * x

    found = attack_inputs(model, x, Aim(tau=0.0, attribution=rows), epsilon=0.1, **FAST)
    chosen = model(found.x).gather(1, model(x).argmax(1)[:, None])
    torch.testing.assert_close(found.explanation, (chosen * found.x).detach())


@pytest.mark.parametrize(
    ("attribution", "message"),
    [
        (lambda module, x, target: module(x), r"gave \[2, 3\] for inputs \[2, 6\]"),
        (lambda module, x, target: None, "gave NoneType"),
    ],
)
def test_an_attribution_of_another_shape(attribution: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        attack_inputs(
            mlp([6, 12, 3]), inputs(2, 6), Aim(tau=0.0, attribution=attribution), epsilon=0.1
        )
