"""All measures of an attribution together, as a survey takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.evaluation.curves import Curve, curve, deletion, insertion
from affidavit.attribution.evaluation.infidelity import infidelity
from affidavit.attribution.evaluation.randomization import randomization
from affidavit.attribution.evaluation.sensitivity import max_sensitivity
from affidavit.attribution.evaluation.sparseness import gini
from affidavit.attribution.explainers.explainer import Explains


@dataclass(frozen=True)
class Measures:
    """Which measures are taken, and how.

    Attributes:
        fills: fill-ins of deletion, insertion and kept predictions.
        steps: steps of a curve.
        shares: shares of the image at which a kept prediction is looked for.
        squares: random squares of the infidelity, with the first fill-in; 0 for none.
        nearby: random images around each for the max-sensitivity; 0 for none. The explainer is
            called as often.
        stages: stages of the model-parameter randomisation; 0 for none. As above.
        batch_size: images evaluated at once.
        seed: of everything random.
    """

    fills: tuple[str, ...] = ("black", "blur")
    steps: int = 50
    shares: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    squares: int = 100
    nearby: int = 0
    stages: int = 0
    # Not in what a survey takes for settings: no result depends on it.
    batch_size: int = field(default=BATCH_SIZE, repr=False)
    seed: int = 0

    def __call__(
        self,
        explainer: Explains,
        classifier: Classifier,
        pixels: Tensor,
        target: Tensor,
        attribution: Tensor,
    ) -> dict[str, Tensor]:
        """Every measure of every image, [batch] each, by name.

        `deletion_F`, `insertion_F`: areas with the fill-in F; `kept_F_S`: whether the top share S
        keeps the prediction; `least_F`: least share of the insertion that predicts the target, 1
        if none does; `gini`; `infidelity`; `max_sensitivity`; `randomization_rank`,
        `randomization_ssim`: of the last stage, with all weights shuffled. Not finite where a
        constant attribution has no rank correlation, or an empty one no relative change.

        Raises: as of each measure.
        """
        given = (classifier, pixels, target, attribution)
        found: dict[str, Tensor] = {"gini": gini(attribution)}
        options: dict[str, Any] = {"batch_size": self.batch_size, "seed": self.seed}
        for fill in self.fills:
            removed = deletion(*given, fill=fill, steps=self.steps, **options)
            added = insertion(*given, fill=fill, steps=self.steps, **options)
            found[f"deletion_{fill}"] = removed.area
            found[f"insertion_{fill}"] = added.area
            found[f"least_{fill}"] = added.least_kept.nan_to_num(1.0)
            kept = curve(*given, self.shares, "insertion", fill=fill, **options)
            found |= _by_share(f"kept_{fill}", kept)
        if self.squares:
            found["infidelity"] = infidelity(
                *given, fill=self.fills[0], samples=self.squares, **options
            )
        known: dict[str, Any] = {"attribution": attribution, "seed": self.seed}
        if self.nearby:
            found["max_sensitivity"] = max_sensitivity(
                explainer, classifier, pixels, target, samples=self.nearby, **known
            )
        if self.stages:
            alike = randomization(
                explainer, classifier, pixels, target, stages=self.stages, **known
            )
            found["randomization_rank"] = alike.correlation[:, -1]
            found["randomization_ssim"] = alike.similarity[:, -1]
        return found


def _by_share(name: str, found: Curve) -> Mapping[str, Tensor]:
    shares = found.shares.tolist()
    kept = found.kept.to(torch.get_default_dtype())
    return {f"{name}_{share:.3g}": kept[:, place] for place, share in enumerate(shares)}
