"""Masks of a stated area: soft thresholds of scores, and how a loss of them moves the scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Bisection: the offset is right to 2^-24 of the scores' range.
_HALVINGS = 24
_BEYOND = 12.0


def soft_threshold(scores: Tensor, area: Tensor, temperature: float) -> Tensor:
    """`σ((s - c) / T)`, of the shape of the scores, c such that its mean is the area.

    Args:
        scores: s, [batch, *place].
        area: of each, in (0, 1), [batch].
        temperature: T.
    """
    flat = scores.flatten(1)
    low = flat.amin(1) - _BEYOND * temperature
    high = flat.amax(1) + _BEYOND * temperature
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        large = torch.sigmoid((flat - middle[:, None]) / temperature).mean(1) > area
        low, high = torch.where(large, middle, low), torch.where(large, high, middle)
    return torch.sigmoid((flat - high[:, None]) / temperature).reshape(scores.shape)


def slope_of_scores(mask: Tensor, slope: Tensor, temperature: float) -> Tensor:
    """The gradient by the scores of a loss of their soft threshold, its area held.

    With d = m (1 - m) / T and the offset moving so that the mean of m stays what it is:
    `d · (g - Σ d g / Σ d)`.

    Args:
        mask: m, [batch, *place].
        slope: g, the gradient of the loss by the mask.
        temperature: T.
    """
    steep = (mask * (1 - mask) / temperature).flatten(1)
    flat = slope.flatten(1)
    # Where the mask is saturated throughout, nothing moves.
    total = steep.sum(1, keepdim=True).clamp_min(torch.finfo(mask.dtype).tiny)
    shared = (steep * flat).sum(1, keepdim=True) / total
    return (steep * (flat - shared)).reshape(mask.shape)


def resized(values: Tensor, place: tuple[int, ...]) -> Tensor:
    """Values [batch, *coarse] on a grid of another size, by linear interpolation."""
    if tuple(values.shape[1:]) == place:
        return values
    mode = "linear" if len(place) == 1 else "bilinear"
    return F.interpolate(values[:, None], place, mode=mode, align_corners=False)[:, 0]


def grid(place: tuple[int, ...], longest: int) -> tuple[int, ...]:
    """A coarser grid of the same proportions, its longest side as given, none finer than it."""
    scale = min(1.0, longest / max(place))
    return tuple(max(1, round(side * scale)) for side in place)
