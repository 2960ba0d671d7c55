"""A single score as two classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import Saliency
from affidavit.attribution.two_classes import TwoClasses, two_classes
from affidavit.errors import ModelError
from affidavit.graph import Graph, load
from affidavit.misclassification.penultimate import node_before_last_linear
from affidavit.misclassification.saving import fingerprint


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


@pytest.mark.parametrize("probability", [False, True])
def test_a_graph_stays_one_and_its_last_layer_the_last(probability: bool) -> None:
    torch.manual_seed(0)
    end = [nn.Sigmoid()] if probability else []
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1), *end).eval()
    graph = load(model, torch.zeros(1, 4))
    found = two_classes(graph, probability)
    assert isinstance(found, Graph)
    x = torch.randn(6, 4)
    torch.testing.assert_close(found(x), TwoClasses(model, probability)(x))
    assert node_before_last_linear(found, None)[0] == "2"
    again = two_classes(graph, probability)
    assert isinstance(again, Graph)
    assert found.sha256 == again.sha256
    with pytest.raises(ModelError, match="expected a single number"):
        two_classes(load(nn.Linear(4, 2), torch.zeros(1, 4)), probability)


def test_a_probability_without_a_sigmoid_is_told_by_its_graph() -> None:
    def made(seed: int) -> nn.Module | Graph:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 1), nn.Hardtanh(0.0, 1.0))
        return two_classes(load(model, torch.zeros(1, 4)), True)

    assert isinstance(made(0), TwoClasses)
    assert fingerprint(made(0)) == fingerprint(made(0)) != fingerprint(made(1))
