"""LIME: a linear model of how the probability depends on which superpixels are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    probabilities,
    require_positive,
)
from affidavit.attribution.explainers.superpixels import grid, slic
from affidavit.errors import DomainError

Superpixels: TypeAlias = Literal["slic", "grid"]

_SUPERPIXELS: Mapping[Superpixels, Callable[[Tensor, int], Tensor]] = MappingProxyType(
    {"slic": slic, "grid": grid}
)


@final
@dataclass(frozen=True)
class LIME(Explainer):
    """Weights of a ridge regression on random subsets of an image's superpixels.

    Each superpixel is there or hidden with probability one half (the first sample has all); hidden
    ones take their mean colour. Samples z count by `exp(-D(z)² / width²)`, D the cosine distance
    from the whole image. A pixel's attribution is its superpixel's weight.

    Attributes:
        samples: how many subsets.
        segments: superpixels, about.
        superpixels: "slic" or "grid".
        width: width of the kernel.
        ridge: weight of the squared coefficients (the intercept is free).
        batch_size: images at once.
        seed: of the subsets.

    Source: Ribeiro, Singh and Guestrin 2016, equation 2 and section 3.4; kernel width, ridge and
    mean colour as in the authors' code. All superpixels are used, not a chosen few.
    """

    samples: int = 1000
    segments: int = 50
    superpixels: Superpixels = "slic"
    width: float = 0.25
    ridge: float = 1.0
    batch_size: int = BATCH_SIZE
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(samples=self.samples, segments=self.segments, batch_size=self.batch_size)
        if self.superpixels not in _SUPERPIXELS:
            raise DomainError(f"superpixels is {self.superpixels!r}; expected 'slic' or 'grid'")
        if not (self.width > 0 and self.ridge > 0):
            raise DomainError(
                f"width is {self.width}, ridge is {self.ridge}; expected numbers above 0"
            )

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        pairs = zip(pixels, target, strict=True)
        return torch.stack([self._of_one(classifier, *pair) for pair in pairs])

    def _of_one(self, classifier: Classifier, image: Tensor, target: Tensor) -> Tensor:
        lower, upper = classifier.data_range
        labels = _SUPERPIXELS[self.superpixels]((image - lower) / (upper - lower), self.segments)
        there = self.subsets(int(labels.max()) + 1).to(image)
        hidden = _mean_colours(image, labels)
        kept = torch.cat(
            [
                probabilities(
                    classifier,
                    torch.where(part[:, labels][:, None] > 0, image, hidden),
                    target.expand(len(part)),
                    self.batch_size,
                )
                for (part,) in batches(self.batch_size, there)
            ]
        )
        return self._coefficients(there.double(), kept.double()).to(image)[labels]

    def subsets(self, segments: int) -> Tensor:
        """Which superpixels are there, bool [sample, segment]."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.rand(self.samples, segments, generator=generator) < 0.5
        drawn[0] = True
        return drawn

    def _coefficients(self, there: Tensor, kept: Tensor) -> Tensor:
        """The weighted ridge regression, [segment]."""
        # Cosine of a 0-1 vector with that of ones: the root of its share of ones.
        distance = 1 - there.mean(1).sqrt()
        weight = torch.exp(-(distance.square()) / self.width**2)
        # Without the intercept: it is free once both sides are centred.
        design = there - (weight @ there) / weight.sum()
        answer = kept - (weight @ kept) / weight.sum()
        normal = design.T @ (weight[:, None] * design)
        penalty = self.ridge * torch.eye(len(normal), dtype=normal.dtype, device=normal.device)
        found: Tensor = torch.linalg.solve(normal + penalty, design.T @ (weight * answer))
        return found


def _mean_colours(image: Tensor, labels: Tensor) -> Tensor:
    """The image with each superpixel painted in its mean colour."""
    flat = labels.flatten()
    sums = image.new_zeros(len(image), int(flat.max()) + 1)
    sums.index_add_(1, flat, image.flatten(1))
    return (sums / torch.bincount(flat))[:, flat].reshape(image.shape)
