"""Model-parameter randomisation: an explanation of a network must change with its weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.evaluation.similarity import rank_correlation, structural_similarity
from affidavit.attribution.explainers.explainer import Explains
from affidavit.attribution.targets import Target, classes
from affidavit.errors import DomainError, ModelError
from affidavit.graph import Graph


@dataclass(frozen=True, eq=False)
class Randomization:
    """How alike attributions are to those of the trained network.

    Attributes:
        layers: of each stage, the name of the last layer randomised, counted from the output.
        correlation: Spearman's, of the sizes of the attributions, [batch, stage].
        similarity: SSIM of them, [batch, stage].
    """

    layers: tuple[str, ...]
    correlation: Tensor
    similarity: Tensor


def randomization(
    explainer: Explains,
    classifier: Classifier,
    pixels: Tensor,
    target: Target = None,
    *,
    stages: int = 5,
    attribution: Tensor | None = None,
    seed: int = 0,
) -> Randomization:
    """Shuffles the weights from the output backwards, and compares attributions at each stage.

    Within each parameter the numbers change places: the network keeps their distribution and
    loses what it learned. Running statistics stay. The class that is explained stays that of the
    trained network. Stages are spread evenly over the layers, the last has shuffled all. Values
    near 0 at the end are good; an explainer that stays alike does not explain the network.

    Args:
        explainer: what is judged.
        classifier: the network; a copy is shuffled.
        pixels: images [batch, channel, height, width].
        target: classes, as of :func:`affidavit.attribution.targets.classes`.
        stages: how often attributions are made anew.
        attribution: that of the trained network, if it is known.
        seed: of the shuffling.

    Raises: as of the explainer; DomainError for a number of stages below 1; ModelError for a model
    without parameters.

    Guarantee: `empirical`. Source: Adebayo et al. 2018, section 4, cascading; shuffled in place of
    drawn anew, which any network allows.
    """
    if stages < 1:
        raise DomainError(f"stages is {stages}; expected at least 1")
    wanted = classes(target, classifier.scores(pixels))
    if attribution is None:
        attribution = explainer(classifier, pixels, wanted)
    before = attribution.abs()
    names, correlations, similarities = [], [], []
    for name, shuffled in cascade(classifier, stages, seed):
        after = explainer(shuffled, pixels, wanted).abs()
        names.append(name)
        correlations.append(rank_correlation(before, after))
        similarities.append(structural_similarity(before, after))
    return Randomization(tuple(names), torch.stack(correlations, 1), torch.stack(similarities, 1))


def cascade(classifier: Classifier, stages: int, seed: int = 0) -> Iterator[tuple[str, Classifier]]:
    """Copies with ever more layers shuffled, from the output on: (last layer, classifier).

    Layers are the modules that own parameters, in the order in which they are registered; of a
    graph, its parameters in the order of their first use.
    """
    layers = _layers(classifier)
    if not layers:
        raise ModelError("the model has no parameters: there is nothing to shuffle")
    generator = torch.Generator().manual_seed(seed)
    current: dict[str, Tensor] = {}
    ends = {(stage + 1) * len(layers) // stages for stage in range(stages)} - {0}
    for place, (layer, parameters) in enumerate(reversed(layers.items()), start=1):
        for name, value in parameters.items():
            order = torch.randperm(value.numel(), generator=generator).to(value.device)
            current[name] = value.detach().flatten()[order].reshape(value.shape)
        if place in ends:
            yield layer, _with(classifier, current)


def _layers(classifier: Classifier) -> dict[str, dict[str, Tensor]]:
    model = classifier.model
    if isinstance(model, Graph):
        named: list[tuple[str, Tensor]] = [(n, model.tensors[n]) for n in model.parameters]
    else:
        named = list(model.named_parameters())
    found: dict[str, dict[str, Tensor]] = {}
    for name, value in named:
        found.setdefault(name.rpartition(".")[0], {})[name] = value
    return found


def _with(classifier: Classifier, values: dict[str, Tensor]) -> Classifier:
    model = classifier.model
    changed: nn.Module | Graph
    if isinstance(model, Graph):
        changed = replace(model, tensors={**model.tensors, **values})
    else:
        changed = copy.deepcopy(model)
        with torch.no_grad():
            for name, value in values.items():
                changed.get_parameter(name).copy_(value)
    return Classifier(changed, classifier.preprocessing, classifier.data_range, classifier._outputs)
