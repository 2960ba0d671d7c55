"""RISE: the mean of random masks, weighted by the probability that each leaves the target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    after_preprocessing,
    probabilities,
    require_positive,
)
from affidavit.errors import DomainError


@final
@dataclass(frozen=True)
class RISE(Explainer):
    """`S = Σ_i f(x ⊙ M_i) M_i / (N p)` over N random smooth masks M_i, f the probability.

    A mask is a grid of zeros and ones, enlarged bilinearly to one cell more than the image and cut
    at a random place. The preprocessed image is multiplied, as in the authors' code: what is
    hidden takes the value 0 there, the mean colour of the usual normalisations. All images meet
    the same masks.

    Attributes:
        masks: N; 4000 to 8000 in the paper.
        cells: cells of the grid along each axis.
        keep: probability p that a cell is 1.
        batch_size: masked images at once.
        seed: of the masks.

    Source: Petsiuk, Das and Saenko 2018, equation 6 and section 3.2.
    """

    masks: int = 4000
    cells: int = 7
    keep: float = 0.5
    batch_size: int = BATCH_SIZE
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(masks=self.masks, cells=self.cells, batch_size=self.batch_size)
        if not 0 < self.keep <= 1:
            raise DomainError(f"keep is {self.keep}; expected a probability above 0")

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        bare, x = after_preprocessing(classifier, pixels)
        total = x.new_zeros(len(x), *x.shape[2:])
        for masks in self.drawn(x):
            for row in range(len(x)):
                kept = probabilities(
                    bare, x[row] * masks[:, None], target[row].expand(len(masks)), self.batch_size
                )
                total[row] += torch.einsum("m,mhw->hw", kept, masks)
        return total / (self.masks * self.keep)

    def drawn(self, x: Tensor) -> Iterator[Tensor]:
        """The masks for images like x, a batch at a time, [mask, height, width]."""
        height, width = x.shape[2:]
        generator = torch.Generator().manual_seed(self.seed)
        # All at once, so that they do not depend on the size of a batch.
        shape = (self.masks, 1, self.cells, self.cells)
        grids = torch.rand(shape, generator=generator, dtype=torch.float64) < self.keep
        high, wide = math.ceil(height / self.cells), math.ceil(width / self.cells)
        tops = torch.randint(high, (self.masks,), generator=generator).tolist()
        lefts = torch.randint(wide, (self.masks,), generator=generator).tolist()
        size = ((self.cells + 1) * high, (self.cells + 1) * wide)
        for start in range(0, self.masks, self.batch_size):
            part = slice(start, start + self.batch_size)
            large = F.interpolate(grids[part].to(x), size, mode="bilinear", align_corners=False)
            corners = zip(large[:, 0], tops[part], lefts[part], strict=True)
            yield torch.stack(
                [one[top : top + height, left : left + width] for one, top, left in corners]
            )
