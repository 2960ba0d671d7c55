"""Explanations that an adversary may want: squares in the corners of an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from affidavit.errors import DomainError


def corner_masks(
    shape: Sequence[int], *, size: int = 5, distances: int = 5, channels_last: bool = False
) -> Tensor:
    """Ones in a square near a corner, zeros elsewhere: one mask a corner and distance.

    With the defaults these are the twenty goals of the paper's images of digits.

    Args:
        shape: of an image: [channel, height, width], [height, width, channel] or [height, width].
        size: side of the square.
        distances: how many distances from the border: 0, 1, ... as far as the square still fits.
        channels_last: whether channels come last.

    Returns:
        Masks, [goal, *shape], float64, without repetition; the same in every channel.

    Raises:
        DomainError: no image, or one smaller than the square.

    Source: Wicker et al. 2022, section 6.2 and figure 8.
    """
    if len(shape) not in (2, 3):
        raise DomainError(
            f"inputs of the shape {list(shape)} are no images, and have no corners; give the goals"
        )
    plane = shape if len(shape) == 2 else shape[:-1] if channels_last else shape[1:]
    height, width = plane
    if not 1 <= size <= min(height, width):
        raise DomainError(f"a square of {size} pixels does not fit an image of {height} x {width}")
    if distances < 1:
        raise DomainError(f"distances is {distances}; expected at least 1")
    masks: dict[tuple[int, int], Tensor] = {}
    for away in range(min(distances, min(height, width) - size + 1)):
        for top in (away, height - size - away):
            for left in (away, width - size - away):
                mask = torch.zeros(height, width, dtype=torch.float64)
                mask[top : top + size, left : left + size] = 1
                masks[top, left] = mask
    found = torch.stack(list(masks.values()))
    if len(shape) == 2:
        return found
    axis = -1 if channels_last else 1
    return found.unsqueeze(axis).expand(len(found), *shape).clone()
