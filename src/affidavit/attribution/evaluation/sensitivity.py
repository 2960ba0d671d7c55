"""Max-sensitivity: how far an attribution moves when the image hardly does."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.evaluation.inputs import checked
from affidavit.attribution.explainers.explainer import Explains
from affidavit.attribution.targets import Target
from affidavit.errors import DomainError


def max_sensitivity(
    explainer: Explains,
    classifier: Classifier,
    pixels: Tensor,
    target: Target = None,
    *,
    attribution: Tensor | None = None,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Tensor:
    """Greatest `‖Φ(x + δ) - Φ(x)‖ / ‖Φ(x)‖` over random δ, uniform in ±radius, [batch].

    The noise is the same for all images, and what leaves the data range is cut off. The class is
    that of x throughout.

    Args:
        explainer: gives Φ.
        classifier: the network. It is left as it was.
        pixels: images [batch, channel, height, width].
        target: classes, as of :func:`affidavit.attribution.targets.classes`.
        attribution: Φ(x), if it is known.
        radius: as a share of the data range.
        samples: how many δ.
        seed: of the noise.

    Returns:
        The ratio; infinite where Φ(x) is all 0 and does not stay so, 0 where it does.

    Raises: as of the explainer; DomainError for a radius or number of samples without meaning.

    Guarantee: `empirical`: a lower bound on the maximum over the ball. Source: Yeh et al. 2019,
    definition 3.1, by sampling as there.
    """
    if not radius > 0 or samples < 1:
        raise DomainError(
            f"radius is {radius}, samples is {samples}; expected above 0 and at least 1"
        )
    images = pixels.detach()
    if attribution is None:
        attribution = explainer(classifier, images, target)
    images, wanted = checked(classifier, images, target, attribution)
    lower, upper = classifier.data_range
    generator = torch.Generator().manual_seed(seed)
    worst = images.new_zeros(len(images))
    for _ in range(samples):
        drawn = torch.rand(images.shape[1:], generator=generator, dtype=torch.float64)
        delta = (radius * (upper - lower) * (2 * drawn - 1)).to(images)
        moved = explainer(classifier, (images + delta).clamp(lower, upper), wanted)
        worst = torch.maximum(worst, (moved - attribution).flatten(1).norm(dim=1))
    ratio = worst / attribution.flatten(1).norm(dim=1)
    return torch.where(worst == 0, torch.zeros_like(ratio), ratio)
