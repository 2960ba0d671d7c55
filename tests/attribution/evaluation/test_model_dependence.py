"""Max-sensitivity and parameter randomisation: how attributions move with image and weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.attribution.explainers.common import functional
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import (
    max_sensitivity,
    randomization,
    rank_correlation,
    structural_similarity,
)
from affidavit.attribution.evaluation.randomization import cascade
from affidavit.attribution.explainers import Centre, Saliency
from affidavit.attribution.targets import Target
from affidavit.errors import DomainError, ModelError
from affidavit.graph import load


def echo(classifier: Classifier, pixels: Tensor, target: Target = None) -> Tensor:
    """An "explainer" that gives the image back: how it moves is known."""
    return pixels.sum(1)


def test_max_sensitivity_of_known_explainers() -> None:
    classifier, pixels = Classifier(cnn(channels=1)), 0.3 + 0.4 * images(2, channels=1)
    found = max_sensitivity(echo, classifier, pixels, 0, radius=0.1, samples=3, seed=2)
    generator = torch.Generator().manual_seed(2)
    norms = []
    for _ in range(3):
        drawn = torch.rand(1, 16, 16, generator=generator, dtype=torch.float64)
        norms.append(float((0.1 * (2 * drawn - 1)).norm()))
    expected = max(norms) / pixels.flatten(1).norm(dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert (max_sensitivity(Centre(), classifier, pixels) == 0).all()

    def nothing(classifier: Classifier, pixels: Tensor, target: Target = None) -> Tensor:
        return torch.zeros(len(pixels), 16, 16)

    assert (max_sensitivity(nothing, classifier, pixels) == 0).all()
    with pytest.raises(DomainError, match="radius is 0"):
        max_sensitivity(echo, classifier, pixels, radius=0)


def test_nearby_images_stay_in_the_range_and_keep_the_class() -> None:
    classifier, pixels = Classifier(cnn()), images(2)
    seen: list[Tensor] = []
    asked: list[Target] = []

    def spy(classifier: Classifier, pixels: Tensor, target: Target = None) -> Tensor:
        seen.append(pixels)
        asked.append(target)
        return pixels.sum(1)

    given = spy(classifier, pixels)
    max_sensitivity(spy, classifier, pixels, attribution=given, radius=0.8, samples=2)
    assert len(seen) == 3
    classes = classifier.scores(pixels).argmax(1)
    for moved, target in zip(seen[1:], asked[1:], strict=True):
        assert moved.min() == 0
        assert moved.max() == 1
        assert isinstance(target, Tensor)
        assert torch.equal(target, classes)


@pytest.mark.parametrize("network", [cnn, functional])
def test_the_cascade_shuffles_from_the_output_on(network: Callable[[], nn.Module]) -> None:
    model = network().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learned = {name for name, _ in model.named_parameters()}
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name, _ in model.named_parameters()))
    stages = list(cascade(Classifier(model), len(layers)))
    assert [name for name, _ in stages] == layers[::-1]
    for place, (_, classifier) in enumerate(stages, start=1):
        assert isinstance(classifier.model, nn.Module)
        for name, value in classifier.model.state_dict().items():
            old = before[name]
            if name in learned and name.rpartition(".")[0] in layers[-place:]:
                same = value.flatten().sort().values == old.flatten().sort().values
                assert same.all()
                assert old.numel() < 20 or not torch.equal(value, old)
            else:
                assert torch.equal(value, old)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert len(list(cascade(Classifier(model), 2))) == 2
    assert [name for name, _ in cascade(Classifier(model), 1)] == layers[:1]


def test_what_ignores_the_model_stays_alike_and_gradients_do_not() -> None:
    classifier, pixels = Classifier(cnn()), images(3)
    control = randomization(Centre(), classifier, pixels, stages=2)
    torch.testing.assert_close(control.correlation, torch.ones(3, 2).double())
    torch.testing.assert_close(control.similarity, torch.ones(3, 2).double())
    found = randomization(Saliency(), classifier, pixels, stages=3, seed=1)
    assert found.correlation.shape == found.similarity.shape == (3, 3)
    assert (found.correlation[:, -1] < 0.8).all()
    target = classifier.scores(pixels).argmax(1)
    _, last = list(cascade(classifier, 3, seed=1))[-1]
    a, b = (Saliency()(one, pixels, target) for one in (classifier, last))
    torch.testing.assert_close(found.correlation[:, -1], rank_correlation(a, b))
    torch.testing.assert_close(found.similarity[:, -1], structural_similarity(a, b))


def test_a_graph_is_shuffled_too() -> None:
    model, pixels = cnn().eval(), images(2)
    graph = load(model, pixels[:1])
    before = {name: value.clone() for name, value in graph.tensors.items()}
    found = randomization(Saliency(), Classifier(graph), pixels, stages=2)
    assert (found.correlation[:, -1] < 0.9).all()
    assert all(torch.equal(value, before[name]) for name, value in graph.tensors.items())
    with pytest.raises(ModelError, match="no parameters"):
        randomization(Centre(), Classifier(nn.Flatten()), pixels)
    with pytest.raises(DomainError, match="stages is 0"):
        randomization(Centre(), Classifier(model), pixels, stages=0)
