"""NeuroMask as one explainer among others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import Explainer, require_positive
from affidavit.attribution.neuromask import learn_masks
from affidavit.attribution.neuromask.presets import AnyPreset, preset_for


@final
@dataclass(frozen=True)
class LearnedMask(Explainer):
    """The mask in [0, 1] that preserves the prediction, learned for each image.

    Attributes:
        preset: a name in :data:`affidavit.attribution.neuromask.PRESETS`, or constants of one's
            own.
        batch_size: images that are learned together.
        seed: of the first weights.

    Errors and source as of :func:`affidavit.attribution.neuromask.learn_masks`.
    """

    preset: str | AnyPreset = "fast"
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(batch_size=self.batch_size)
        preset_for(self.preset, (1, 1))  # an unknown name is told here, not after an hour

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        found = learn_masks(
            classifier,
            pixels,
            target,
            self.preset,
            seed=self.seed,
            batch_size=self.batch_size,
        )
        return found.mask
