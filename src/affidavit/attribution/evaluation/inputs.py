"""What every measure is given, checked, and what it asks of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier, finite
from affidavit.attribution.explainers.explainer import class_of
from affidavit.attribution.targets import Target
from affidavit.errors import DataError


def checked(
    classifier: Classifier, pixels: Tensor, target: Target, attribution: Tensor
) -> tuple[Tensor, Tensor]:
    """The images, cut off from autograd, and their classes, [batch].

    Raises DataError, DomainError or ModelError, as the classifier and the target do, and DataError
    for an attribution that is not [batch, height, width] or holds NaN.
    """
    classifier.check(pixels)
    images = pixels.detach()
    check_attribution(attribution)
    expected = [len(images), *images.shape[2:]]
    if images.ndim != 4 or list(attribution.shape) != expected:
        raise DataError(
            f"the images have the shape {list(images.shape)}, the attribution"
            f" {list(attribution.shape)}; expected [batch, channel, height, width] and [batch,"
            " height, width]"
        )
    if len(images) == 0:
        return images, torch.zeros(0, dtype=torch.long, device=images.device)
    return images, class_of(classifier, images, target)


def check_attribution(attribution: Tensor) -> None:
    """Raises DataError unless it is [batch, height, width] without NaN."""
    if not isinstance(attribution, Tensor) or attribution.ndim != 3:
        seen = list(attribution.shape) if isinstance(attribution, Tensor) else type(attribution)
        raise DataError(f"the attribution is {seen}; expected a tensor [batch, height, width]")
    bad = attribution.isnan().flatten(1).any(1)
    if bool(bad.any()):
        raise DataError(f"the attribution of input {int(bad.nonzero()[0])} has NaN")


def outcome(classifier: Classifier, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probability of the target, and whether it alone has the highest score, [batch] each."""
    scores = finite(classifier(images))
    chosen = scores.gather(1, target[:, None])
    others = scores.scatter(1, target[:, None], float("-inf")).amax(1)
    return scores.softmax(1).gather(1, target[:, None])[:, 0], chosen[:, 0] > others
