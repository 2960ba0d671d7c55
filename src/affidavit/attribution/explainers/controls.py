"""Attributions that know nothing of the model: what any explainer has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import Explainer


@final
@dataclass(frozen=True)
class Random(Explainer):
    """Uniform noise, the same for every image.

    Attributes:
        seed: of the noise.
    """

    seed: int = 0

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.rand(pixels.shape[2:], generator=generator, dtype=torch.float64)
        return drawn.to(pixels).expand(len(pixels), -1, -1).clone()


@final
@dataclass(frozen=True)
class Centre(Explainer):
    """Nearness to the centre: photographers put their subject there.

    1 at the centre less the distance from it, both axes scaled to [-1, 1].
    """

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        height, width = pixels.shape[2:]
        # At the middle of each pixel.
        rows = (2 * torch.arange(height).to(pixels) + 1 - height) / height
        columns = (2 * torch.arange(width).to(pixels) + 1 - width) / width
        return (1 - torch.hypot(rows[:, None], columns)).expand(len(pixels), -1, -1).clone()


@final
@dataclass(frozen=True)
class Edges(Explainer):
    """Magnitude of the Sobel gradient of the mean of the channels.

    Source: Adebayo et al. 2018, section 5, whose edge detector many attributions resemble.
    """

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        across = pixels.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        kernels = torch.stack([across, across.T])[:, None]
        # The border is repeated outwards: a frame is no edge.
        grey = F.pad(pixels.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        return F.conv2d(grey, kernels).square().sum(1).sqrt()
