"""Deletion and insertion: how the prediction goes as places go or come, the most relevant first.

A place is a pixel of an image, a time of a signal, a token of a text or a feature of a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.evaluation.inputs import checked, outcome
from affidavit.attribution.evaluation.ranking import ranks
from affidavit.attribution.fill_ins import fill_in
from affidavit.attribution.targets import Target
from affidavit.errors import DomainError
from affidavit.progress import Progress

Direction: TypeAlias = Literal["deletion", "insertion"]


@dataclass(frozen=True, eq=False)
class Curve:
    """The target's fate along a curve, for each image.

    Attributes:
        shares: share of the places that were deleted or inserted, [point].
        probability: softmax probability of the target, [batch, point].
        kept: whether the target is the predicted class (of equal scores none is), [batch, point].
    """

    shares: Tensor
    probability: Tensor
    kept: Tensor

    @property
    def area(self) -> Tensor:
        """Area under the probability by the trapezoid rule, [batch], in [0, 1]."""
        return torch.trapezoid(self.probability, self.shares, dim=1)

    @property
    def least_kept(self) -> Tensor:
        """Smallest share of the curve at which the target is predicted, [batch]; NaN if none is.

        Along an insertion: how much of the image is enough.
        """
        shares = self.shares.expand_as(self.probability)
        found = torch.where(self.kept, shares, math.inf).amin(1)
        return torch.where(found.isinf(), math.nan, found)


def deletion(
    classifier: Classifier,
    pixels: Tensor,
    target: Target,
    attribution: Tensor,
    *,
    fill: str = "black",
    steps: int = 50,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Curve:
    """The most relevant places are replaced by a fill-in, step by step until none is left.

    A small area is good: the prediction falls as soon as what decided it is gone.

    Args:
        classifier: the network. It is left as it was.
        pixels: images [batch, channel, height, width], signals [batch, channel, place] or rows
            [batch, place].
        target: classes, as of :func:`affidavit.attribution.targets.classes`.
        attribution: [batch, height, width] or [batch, place]; larger = more relevant.
        fill: an entry of :data:`affidavit.attribution.fill_ins.FILL_INS`.
        steps: equal steps; the curve has a point more.
        batch_size: inputs that are evaluated at once, of all inputs and steps.
        seed: of the order among equally relevant places, and of fill-ins that are drawn.
        progress: is told how many of all masked inputs are evaluated.

    Raises:
        DataError: pixels or attributions that do not fit each other or the classifier.
        DomainError: a fill-in, target or number of steps without meaning.
        ModelError: the model gives NaN or infinite scores.

    Guarantee: `empirical`; masked inputs are unlike those trained on. Source: Petsiuk, Das and
    Saenko 2018, section 3.3.
    """
    shares = equal_shares(steps)
    return curve(classifier, pixels, target, attribution, shares, "deletion",
                 fill=fill, batch_size=batch_size, seed=seed, progress=progress)  # fmt: skip


def insertion(
    classifier: Classifier,
    pixels: Tensor,
    target: Target,
    attribution: Tensor,
    *,
    fill: str = "black",
    steps: int = 50,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Curve:
    """The most relevant places come first into a fill-in, step by step until all are there.

    A large area is good: the prediction is back as soon as what decided it is. Arguments, errors,
    guarantee and source as of :func:`deletion`.
    """
    shares = equal_shares(steps)
    return curve(classifier, pixels, target, attribution, shares, "insertion",
                 fill=fill, batch_size=batch_size, seed=seed, progress=progress)  # fmt: skip


def curve(
    classifier: Classifier,
    pixels: Tensor,
    target: Target,
    attribution: Tensor,
    shares: Sequence[float],
    direction: Direction,
    *,
    fill: str = "black",
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Curve:
    """A deletion or an insertion at any shares of the places, in [0, 1].

    A share s stands for the ⌊s · places + 1/2⌋ most relevant ones. Other arguments, errors and
    guarantee as of :func:`deletion`.
    """
    if not all(0 <= share <= 1 for share in shares) or not shares:
        raise DomainError(f"shares are {list(shares)}; expected numbers in [0, 1]")
    inputs, wanted = checked(classifier, pixels, target, attribution, images_only=False)
    other = fill_in(fill, inputs, classifier.data_range, seed)
    first, second = (inputs, other) if direction == "deletion" else (other, inputs)
    size = attribution[0].numel() if len(attribution) else 0
    counts = torch.tensor([math.floor(share * size + 0.5) for share in shares])
    counts = counts.to(inputs.device)
    order = ranks(attribution, seed)
    probability = inputs.new_empty(len(inputs), len(shares))
    kept = torch.empty(len(inputs), len(shares), dtype=torch.bool, device=inputs.device)
    # One list of all pairs of an image and a point, so that batches are full.
    pairs = torch.cartesian_prod(torch.arange(len(inputs)), torch.arange(len(shares)))
    done = 0
    with classifier.evaluating(), torch.no_grad():
        for rows, points in batches(batch_size, *pairs.unbind(1)):
            places = order[rows]
            changed = places < counts[points].reshape(-1, *(1,) * (places.ndim - 1))
            if inputs.ndim > 2:  # the same for all channels
                changed = changed[:, None]
            mixed = torch.where(changed, second[rows], first[rows])
            chance, is_first = outcome(classifier, mixed, wanted[rows])
            probability[rows, points] = chance
            kept[rows, points] = is_first
            done += len(rows)
            if progress is not None:
                progress(done, len(pairs))
    return Curve(inputs.new_tensor(list(shares)), probability, kept)


def kept_prediction(
    classifier: Classifier,
    pixels: Tensor,
    target: Target,
    attribution: Tensor,
    shares: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5),
    *,
    fill: str = "black",
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
) -> Tensor:
    """Whether the target is still predicted when only the top shares are shown, [batch, share].

    Arguments, errors and guarantee as of :func:`curve`.
    """
    found = curve(classifier, pixels, target, attribution, shares, "insertion",
                  fill=fill, batch_size=batch_size, seed=seed)  # fmt: skip
    return found.kept


def equal_shares(steps: int) -> list[float]:
    """0 to 1 in so many equal steps. Raises DomainError unless there is at least one."""
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise DomainError(f"steps is {steps!r}; expected a whole number, at least 1")
    return [step / steps for step in range(steps + 1)]
