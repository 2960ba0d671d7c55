"""Explainers made of gradients: against captum, and where the answer is known."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.explainers import IntegratedGradients, Saliency, SmoothGrad

TARGET = torch.tensor([0, 2, 1])


def given() -> tuple[Classifier, Tensor]:
    preprocessing = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    return Classifier(cnn().double().eval(), preprocessing), images(3).double()


def test_saliency_is_that_of_captum() -> None:
    classifier, pixels = given()
    leaf = pixels.clone().requires_grad_(True)
    expected = captum.attr.Saliency(classifier).attribute(leaf, target=TARGET).amax(1)
    torch.testing.assert_close(Saliency()(classifier, pixels, TARGET), expected)


def test_integrated_gradients_are_those_of_captum_and_add_up() -> None:
    classifier, pixels = given()
    found = IntegratedGradients(steps=50)(classifier, pixels, TARGET)
    expected = captum.attr.IntegratedGradients(classifier).attribute(
        pixels, baselines=0.0, target=TARGET, n_steps=50, method="gausslegendre"
    )
    torch.testing.assert_close(found, expected.sum(1), rtol=1e-6, atol=1e-9)
    scores = classifier.scores(pixels) - classifier.scores(torch.zeros_like(pixels))
    change = scores.gather(1, TARGET[:, None])[:, 0]
    fine = IntegratedGradients(steps=300)(classifier, pixels, TARGET)
    torch.testing.assert_close(fine.sum((1, 2)), change, rtol=2e-2, atol=1e-3)


def test_the_path_begins_at_the_lower_end_of_the_range() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).double()
    classifier = Classifier(model, data_range=(-1.0, 1.0))
    pixels = 2 * images(2, size=4).double() - 1
    weight = model[1].get_parameter("weight")[1].reshape(3, 4, 4)
    expected = (weight * (pixels + 1)).sum(1)
    torch.testing.assert_close(IntegratedGradients(steps=1)(classifier, pixels, 1), expected)


def test_smoothgrad_without_noise_is_saliency_and_with_it_a_mean() -> None:
    classifier, pixels = given()
    plain = Saliency()(classifier, pixels, TARGET)
    torch.testing.assert_close(SmoothGrad(samples=3, noise=0.0)(classifier, pixels, TARGET), plain)
    few = SmoothGrad(samples=2, noise=0.3, seed=1)(classifier, pixels, TARGET)
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros_like(pixels)
    for noise in torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64):
        leaf = (pixels + 0.3 * noise).requires_grad_(True)
        score = classifier(leaf).gather(1, TARGET[:, None]).sum()
        total += torch.autograd.grad(score, leaf)[0] / 2
    torch.testing.assert_close(few, total.abs().amax(1))


@pytest.mark.parametrize("explainer", [Saliency(), SmoothGrad(samples=2), IntegratedGradients(2)])
def test_what_the_network_ignores_gets_nothing(explainer: Saliency) -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen = x[:, :, :, :5].square()
            return torch.stack([seen.sum((1, 2, 3)), seen[:, 0].sum((1, 2))], 1)

    found = explainer(Classifier(Blind()), images(2, size=8), 0)
    assert (found[:, :, :5] > 0).all()
    assert (found[:, :, 5:] == 0).all()
