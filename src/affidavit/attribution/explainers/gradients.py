"""Explainers made of plain gradients by the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

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
        total = torch.zeros_like(pixels)
        for _ in range(self.samples):
            # Drawn on the CPU in one dtype: the same on every device.
            drawn = torch.randn(pixels.shape[1:], generator=generator, dtype=torch.float64)
            shift = (self.noise * (upper - lower) * drawn).to(pixels)
            for (rows,) in batches(self.batch_size, torch.arange(len(pixels))):
                total[rows] += gradient(classifier, pixels[rows] + shift, target[rows])
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
        nodes, weights = _gauss_legendre(self.steps)
        total = torch.zeros_like(pixels)
        for node, weight in zip(nodes, weights, strict=True):
            for (rows,) in batches(self.batch_size, torch.arange(len(pixels))):
                point = black + node * (pixels[rows] - black)
                total[rows] += weight * gradient(classifier, point, target[rows])
        return ((pixels - black) * total).sum(1)


def _gauss_legendre(steps: int) -> tuple[list[float], list[float]]:
    """Nodes and weights on [0, 1]."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return ((1 + nodes) / 2).tolist(), (weights / 2).tolist()
