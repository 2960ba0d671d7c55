"""Infidelity: how far an attribution is from telling what hiding parts of the image does."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier, finite
from affidavit.attribution.evaluation.inputs import checked
from affidavit.attribution.fill_ins import fill_in
from affidavit.attribution.targets import Target
from affidavit.errors import DomainError

Output: TypeAlias = Literal["probability", "logit"]


def infidelity(
    classifier: Classifier,
    pixels: Tensor,
    target: Target,
    attribution: Tensor,
    *,
    fill: str = "black",
    output: Output = "probability",
    samples: int = 100,
    side: tuple[float, float] = (0.1, 0.5),
    scaled: bool = True,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
) -> Tensor:
    """Mean squared difference of `I · Φ` and `f(x) - f(x with I hidden)`, [batch], at least 0.

    I is 1 on a random square and 0 elsewhere, Φ the attribution: what it promises that hiding the
    square costs. Squares are the same for all images.

    Args:
        classifier: the network. It is left as it was.
        pixels: images [batch, channel, height, width].
        target: classes, as of :func:`affidavit.attribution.targets.classes`.
        attribution: [batch, height, width].
        fill: what stands where pixels are hidden.
        output: f: the target's probability, or its score.
        samples: squares.
        side: least and greatest side of a square, as shares of the shorter side of the image.
        scaled: multiply Φ by the number that makes the result smallest: attributions come in all
            units. The result is then at most the mean square of the differences of f.
        batch_size: images that are evaluated at once.
        seed: of the squares.

    Raises: as of :func:`affidavit.attribution.evaluation.deletion`.

    Guarantee: `empirical`, a Monte-Carlo mean. Source: Yeh et al. 2019, definition 2.1 with square
    removal, and the optimal scaling of section 4.
    """
    if not 0 < side[0] <= side[1] <= 1:
        raise DomainError(f"side is {side}; expected two shares in (0, 1], the smaller first")
    if samples < 1:
        raise DomainError(f"samples is {samples}; expected at least 1")
    images, wanted = checked(classifier, pixels, target, attribution)
    hidden = squares(images.shape[2], images.shape[3], samples, side, seed).to(images.device)
    other = fill_in(fill, images, classifier.data_range, seed)
    masks = torch.cat([hidden.new_zeros(1, *hidden.shape[1:]), hidden])[:, None]
    values = []
    with classifier.evaluating(), torch.no_grad():
        for image, behind, chosen in zip(images, other, wanted, strict=True):
            mixed = (torch.where(part, behind, image) for (part,) in batches(batch_size, masks))
            values.append(torch.cat([_value(classifier, x, chosen, output) for x in mixed]))
    if not values:
        return images.new_zeros(0)
    found = torch.stack(values).double()
    falls = found[:, :1] - found[:, 1:]
    promised = attribution.flatten(1).double() @ hidden.flatten(1).double().T
    if scaled:
        square = promised.square().sum(1)
        best = (promised * falls).sum(1) / square.clamp_min(1e-300)
        promised = promised * torch.where(square > 0, best, 0.0)[:, None]
    return (promised - falls).square().mean(1).to(images)


def squares(height: int, width: int, count: int, side: tuple[float, float], seed: int) -> Tensor:
    """Random squares inside an image, bool [count, height, width]."""
    generator = torch.Generator().manual_seed(seed)
    shorter = min(height, width)
    least, most = (max(1, math.floor(share * shorter + 0.5)) for share in side)
    found = torch.zeros(count, height, width, dtype=torch.bool)
    for mask in found:
        length = int(torch.randint(least, most + 1, (), generator=generator))
        top = int(torch.randint(height - length + 1, (), generator=generator))
        left = int(torch.randint(width - length + 1, (), generator=generator))
        mask[top : top + length, left : left + length] = True
    return found


def _value(classifier: Classifier, images: Tensor, target: Tensor, output: Output) -> Tensor:
    scores = finite(classifier(images))
    values = scores.softmax(1) if output == "probability" else scores
    return values.index_select(1, target[None])[:, 0]
