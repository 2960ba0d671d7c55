"""A single score as two classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import Saliency
from affidavit.attribution.two_classes import TwoClasses


@pytest.mark.parametrize("probability", [False, True])
def test_probabilities_and_slopes(probability: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(9, 1)
    model = nn.Sequential(nn.Flatten(), layer, *([nn.Sigmoid()] if probability else []))
    pixels = torch.rand(5, 1, 3, 3)
    z = layer(pixels.flatten(1))[:, 0].detach()
    two = TwoClasses(model, probability)
    torch.testing.assert_close(two(pixels).softmax(1)[:, 1], torch.sigmoid(z))
    # Either class has a slope of its own.
    for target in (0, 1):
        found = Saliency()(Classifier(two), pixels, target)
        half = (layer.weight.detach().abs() / 2).reshape(1, 3, 3).expand_as(found)
        torch.testing.assert_close(found, half)


def test_probabilities_of_0_and_1_are_finite() -> None:
    scores = TwoClasses(nn.Flatten(), True)(torch.tensor([[0.0], [1.0], [0.5]]))
    assert bool(torch.isfinite(scores).all())
    assert scores.argmax(1).tolist() == [0, 1, 0]
