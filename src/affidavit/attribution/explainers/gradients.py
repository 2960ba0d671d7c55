"""Explainers made of plain gradients by the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    gradient,
    require_positive,
)
from affidavit.errors import DomainError


@final
@dataclass(frozen=True)
class Saliency(Explainer):
    """Size of the gradient of the target's score: the greatest over the channels of a pixel.

    Attributes:
        batch_size: images at once.

    Source: Simonyan, Vedaldi and Zisserman 2014, section 3.1.
    """

    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        require_positive(batch_size=self.batch_size)

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        parts = batches(self.batch_size, pixels, target)
        return torch.cat([gradient(classifier, *part).abs().amax(1) for part in parts])


@final
@dataclass(frozen=True)
class SmoothGrad(Explainer):
    """Size of the mean gradient over noisy copies of an image.

    Every image meets the same noise, so that it does not depend on the batch. Noisy pixels may
    leave the data range, as in the paper.

    Attributes:
        samples: noisy copies.
        noise: standard deviation of the noise, as a share of the data range.
        batch_size: copies at once.
        seed: of the noise.

    Source: Smilkov et al. 2017, equation 1; noise level 10 to 20 % as they advise.
    """

    samples: int = 50
    noise: float = 0.15
    batch_size: int = BATCH_SIZE
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(samples=self.samples, batch_size=self.batch_size)
        if not self.noise >= 0:
            raise DomainError(f"noise is {self.noise}; expected a share of the range, at least 0")

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        lower, upper = classifier.data_range
        generator = torch.Generator().manual_seed(self.seed)
        # Drawn on the CPU in one dtype: the same on every device.
        shape = (self.samples, *pixels.shape[1:])
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
        shifts = (self.noise * (upper - lower) * drawn).to(pixels)
        total = torch.zeros_like(pixels)
        for copy, rows in batches(self.batch_size, *_pairs(self.samples, pixels)):
            slopes = gradient(classifier, pixels[rows] + shifts[copy], target[rows])
            total.index_add_(0, rows, slopes)
        return (total / self.samples).abs().amax(1)


@final
@dataclass(frozen=True)
class IntegratedGradients(Explainer):
    """Gradient along the straight path from black, times the difference, summed over channels.

    The sum over all pixels is the change of the target's score from black to the image, up to the
    error of the integral.

    Attributes:
        steps: nodes of Gauss-Legendre quadrature on the path.
        batch_size: points at once.

    Source: Sundararajan, Taly and Yan 2017, equation 1.
    """

    steps: int = 50
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, batch_size=self.batch_size)

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        black = classifier.data_range[0]
        nodes, weights = _gauss_legendre(self.steps, pixels)
        total = torch.zeros_like(pixels)
        for step, rows in batches(self.batch_size, *_pairs(self.steps, pixels)):
            points = black + nodes[step] * (pixels[rows] - black)
            total.index_add_(0, rows, weights[step] * gradient(classifier, points, target[rows]))
        return ((pixels - black) * total).sum(1)


def _gauss_legendre(steps: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1], [step, 1, 1, 1] each."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    pair = (torch.from_numpy(values).reshape(-1, 1, 1, 1) for values in (1 + nodes, weights))
    first, second = (values.to(like) / 2 for values in pair)
    return first, second


def _pairs(count: int, pixels: Tensor) -> tuple[Tensor, ...]:
    """All pairs of a repetition and an image, as two lists, so that batches are full."""
    rows = torch.arange(len(pixels), device=pixels.device)
    return rows.new_tensor(range(count)).repeat_interleave(len(rows)), rows.repeat(count)
