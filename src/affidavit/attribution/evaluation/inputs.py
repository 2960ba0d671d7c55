"""What every measure is given, checked, and what it asks of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier, finite
from affidavit.attribution.explainers.explainer import class_of
from affidavit.attribution.targets import Target
from affidavit.errors import DataError


def checked(
    classifier: Classifier,
    pixels: Tensor,
    target: Target,
    attribution: Tensor,
    *,
    images_only: bool = True,
) -> tuple[Tensor, Tensor]:
    """The inputs, cut off from autograd, and their classes, [batch].

    Args:
        classifier, target: as of the measures.
        pixels: images [batch, channel, height, width]; unless `images_only`, also signals and
            tokens [batch, channel, place] and rows [batch, place].
        attribution: [batch, *place].
        images_only: whether a measure has no meaning for anything else.

    Raises DataError, DomainError or ModelError, as the classifier and the target do, and DataError
    for an attribution of another shape or with NaN.
    """
    classifier.check(pixels)
    inputs = pixels.detach()
    check_attribution(attribution, axes=2 if images_only else max(1, inputs.ndim - 2))
    place = inputs.shape[2:] or inputs.shape[1:]
    if (images_only and inputs.ndim != 4) or list(attribution.shape) != [len(inputs), *place]:
        expected = "[batch, channel, height, width] and [batch, height, width]"
        if not images_only:
            expected = "[batch, channel, *place] and [batch, *place], or [batch, place] twice"
        raise DataError(
            f"the inputs have the shape {list(inputs.shape)}, the attribution"
            f" {list(attribution.shape)}; expected {expected}"
        )
    if len(inputs) == 0:
        return inputs, torch.zeros(0, dtype=torch.long, device=inputs.device)
    return inputs, class_of(classifier, inputs, target)


def check_attribution(attribution: Tensor, axes: int | None = 2) -> None:
    """Raises DataError unless it is [batch, *place] without NaN.

    Args:
        attribution: what is checked.
        axes: of places: 2 for images, 1 for signals, tokens and rows; `None`: any number.
    """
    expected = "[batch, height, width]" if axes == 2 else "[batch, place]"
    wrong = not isinstance(attribution, Tensor) or attribution.ndim < 2
    if wrong or (axes is not None and attribution.ndim != axes + 1):
        seen = list(attribution.shape) if isinstance(attribution, Tensor) else type(attribution)
        raise DataError(f"the attribution is {seen}; expected a tensor {expected}")
    bad = attribution.isnan().flatten(1).any(1)
    if bool(bad.any()):
        raise DataError(f"the attribution of input {int(bad.nonzero()[0])} has NaN")


def outcome(classifier: Classifier, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probability of the target, and whether it alone has the highest score, [batch] each."""
    scores = finite(classifier(images))
    chosen = scores.gather(1, target[:, None])
    others = scores.scatter(1, target[:, None], float("-inf")).amax(1)
    return scores.softmax(1).gather(1, target[:, None])[:, 0], chosen[:, 0] > others
