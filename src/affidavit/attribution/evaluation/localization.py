"""Whether an attribution lies on the object, where it is known where that is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from affidavit.attribution.evaluation.inputs import check_attribution
from affidavit.attribution.evaluation.ranking import ranks
from affidavit.errors import DataError


def box_mask(boxes: Sequence[tuple[int, int, int, int]], height: int, width: int) -> Tensor:
    """Masks of boxes, one an image, bool [batch, height, width].

    Args:
        boxes: (top, left, bottom, right) in pixels; bottom and right are the first outside.

    Raises DataError for a box that is empty or leaves the image.
    """
    found = torch.zeros(len(boxes), height, width, dtype=torch.bool)
    for mask, (top, left, bottom, right) in zip(found, boxes, strict=True):
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise DataError(
                f"the box {(top, left, bottom, right)} is empty or leaves the image of"
                f" {height}×{width}; expected (top, left, bottom, right)"
            )
        mask[top:bottom, left:right] = True
    return found


def pointing_game(
    attribution: Tensor, truth: Tensor, *, tolerance: float = 0.0, seed: int = 0
) -> Tensor:
    """Whether the most relevant pixel lies on the object, bool [batch].

    Args:
        attribution: [batch, height, width].
        truth: where the object is, bool [batch, height, width].
        tolerance: distance in pixels that still counts; 15 in the source.
        seed: of the choice among equally relevant pixels.

    Raises DataError for shapes that do not fit, NaN, or an image without an object.

    Source: Zhang et al. 2016, section 4.2.
    """
    _check(attribution, truth)
    best = (ranks(attribution, seed) == 0).flatten(1).long().argmax(1)
    rows = torch.arange(truth.shape[1], device=truth.device)[:, None].expand_as(truth[0])
    columns = torch.arange(truth.shape[2], device=truth.device).expand_as(truth[0])
    width = truth.shape[2]
    down = rows - (best // width)[:, None, None]
    along = columns - (best % width)[:, None, None]
    near = down.square() + along.square() <= tolerance**2
    return (near & truth).flatten(1).any(1)


def energy_inside(attribution: Tensor, truth: Tensor) -> Tensor:
    """Share of the positive attribution that lies on the object, [batch], in [0, 1].

    NaN where nothing is positive. Arguments and errors as of :func:`pointing_game`.

    Source: Wang et al. 2020 (Score-CAM), energy-based pointing game.
    """
    _check(attribution, truth)
    positive = attribution.double().clamp_min(0)
    return (positive * truth).flatten(1).sum(1) / positive.flatten(1).sum(1)


def _check(attribution: Tensor, truth: Tensor) -> None:
    check_attribution(attribution)
    if truth.dtype != torch.bool or truth.shape != attribution.shape:
        raise DataError(
            f"the truth is {truth.dtype} {list(truth.shape)}; expected bool"
            f" {list(attribution.shape)}, as the attribution"
        )
    empty = ~truth.flatten(1).any(1)
    if bool(empty.any()):
        raise DataError(f"the truth of input {int(empty.nonzero()[0])} is empty: no object to find")
