"""What `affidavit explain` does: explains images with one explainer, and measures it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import Curve, deletion, insertion, mask_area
from affidavit.attribution.evaluation.keeping import kept_images
from affidavit.attribution.explainers import LearnedMask
from affidavit.attribution.fill_ins import FILL_INS, fill_in
from affidavit.attribution.neuromask import Masks, learn_masks
from affidavit.attribution.neuromask.presets import preset_for
from affidavit.cli.explain.setup import Asked
from affidavit.errors import DomainError, nearest
from affidavit.progress import Progress, shown

_THUMBNAILS = 9
"""Steps whose masks a picture of learning shows."""


@dataclass(frozen=True)
class Measured:
    """How explanations are measured.

    Attributes:
        share: of the pixels that is kept, to see whether they keep the prediction.
        fill_in: what stands where pixels are hidden.
        steps: of a curve.
        batch_size: images explained together.
        learning: whether it is kept how masks came about.

    Raises DomainError for a share or a fill-in without meaning.
    """

    share: float
    fill_in: str
    steps: int
    batch_size: int
    learning: bool

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise DomainError(f"--share {self.share}: expected a number above 0 and at most 1")
        if self.fill_in not in FILL_INS:
            hint = nearest(self.fill_in, FILL_INS)
            raise DomainError(f"--fill-in {self.fill_in!r}{hint}: {', '.join(FILL_INS)}")


@dataclass(frozen=True, eq=False)
class Explanations:
    """All images explained by one explainer.

    Attributes:
        method: the explainer's name.
        attribution: [image, height, width]; larger = more relevant.
        seconds: what explaining took, [image]: a batch's time is shared out evenly.
        deletion, insertion: curves of the explained class.
        kept: class decided for when only the most relevant share is shown, [image].
        area: of learned masks, their mean, [image]; else None.
        masked: of learned masks, class decided for of the masked image, [image]; else None.
        learning: of learned masks, how they came about, if that was asked for.
    """

    method: str
    attribution: Tensor
    seconds: Tensor
    deletion: Curve
    insertion: Curve
    kept: Tensor
    area: Tensor | None
    masked: Tensor | None
    learning: tuple[Masks, ...]


def explained(
    asked: Asked, measured: Measured, progress: bool
) -> tuple[list[Explanations], str | None]:
    """All images explained by all explainers, and why that is not all, if Ctrl-C came first.

    What one explainer has finished is kept; what the next had begun is not.
    """
    found: list[Explanations] = []
    for name in asked.explainers:
        try:
            found.append(explained_by(asked, name, measured, progress))
        except KeyboardInterrupt:
            if not found:
                raise
            return found, f"it was interrupted at {name}"
    return found, None


def explained_by(asked: Asked, name: str, measured: Measured, progress: bool) -> Explanations:
    """All images explained by the explainer of that name, a batch at a time.

    Raises as the explainer and the measures.
    """
    explainer, classifier, pixels = asked.explainers[name], asked.classifier, asked.pixels
    maps: list[Tensor] = []
    seconds: list[float] = []
    learning: list[Masks] = []
    starts = range(0, len(pixels), measured.batch_size)
    with shown(progress, name) as bar:
        for number, start in enumerate(starts):
            some = slice(start, start + measured.batch_size)
            began = time.perf_counter()
            tick = _part_of(bar, number, len(starts))
            given = (classifier, pixels[some], asked.target[some])
            if isinstance(explainer, LearnedMask):
                masks = _learned(explainer, *given, measured, tick)
                maps.append(masks.mask)
                learning += [masks] if measured.learning else []
            else:
                maps.append(explainer(*given))
            count = len(maps[-1])
            seconds += [(time.perf_counter() - began) / count] * count
            if bar is not None:
                bar(number + 1, len(starts))
        with shown(progress, f"{name}, curves") as bar:
            return _measured(asked, name, measured, torch.cat(maps), seconds, tuple(learning), bar)


def _learned(
    explainer: LearnedMask,
    classifier: Classifier,
    pixels: Tensor,
    target: Tensor,
    measured: Measured,
    tick: Progress | None,
) -> Masks:
    """What the explainer learns, with how the masks came about, if that is wanted."""
    steps = preset_for(explainer.preset, tuple(pixels.shape[2:])).steps
    history = {int(step) for step in np.linspace(0, steps, _THUMBNAILS)}
    return learn_masks(
        classifier,
        pixels,
        target,
        explainer.preset,
        seed=explainer.seed,
        batch_size=min(measured.batch_size, explainer.batch_size),
        history=history if measured.learning else (),
        progress=tick,
    )


def _part_of(bar: Progress | None, number: int, count: int) -> Progress | None:
    """Progress within one of several batches, as progress over all."""
    if bar is None:
        return None
    return lambda done, total: bar(number * total + done, count * total)


def _measured(
    asked: Asked,
    name: str,
    measured: Measured,
    maps: Tensor,
    seconds: list[float],
    learning: tuple[Masks, ...],
    bar: Progress | None,
) -> Explanations:
    classifier, pixels = asked.classifier, asked.pixels
    given = (classifier, pixels, asked.target, maps)
    fill, seed = measured.fill_in, asked.seed
    removed, added = (
        curve(*given, fill=fill, steps=measured.steps, seed=seed, progress=_part_of(bar, number, 2))
        for number, curve in enumerate((deletion, insertion))
    )
    count = max(1, int(measured.share * maps[0].numel()))
    span = classifier.data_range
    part = kept_images(pixels, maps, count, fill=fill, data_range=span, seed=seed)
    area = masked = None
    if isinstance(asked.explainers[name], LearnedMask):
        area = mask_area(maps)
        other = fill_in(fill, pixels, span, seed)
        masked = classifier.scores(other + maps[:, None] * (pixels - other)).argmax(1)
    return Explanations(
        name, maps, torch.tensor(seconds), removed, added, classifier.scores(part).argmax(1),
        area, masked, learning,
    )  # fmt: skip
