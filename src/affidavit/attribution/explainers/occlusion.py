"""Occlusion: how the probability falls when a window of the image is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    probabilities,
    require_positive,
)


@final
@dataclass(frozen=True)
class Occlusion(Explainer):
    """Fall of the target's probability under a sliding window, averaged over a pixel's windows.

    Attributes:
        window: side of the square window in pixels; left out, a seventh of the shorter side.
        stride: step of the window; left out, half of the window. Windows at the right and lower
            border are moved inside, so that every pixel is covered.
        batch_size: images at once.

    The window is filled with the middle of the data range. Source: Zeiler and Fergus 2014, section
    4.2.
    """

    window: int | None = None
    stride: int | None = None
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        require_positive(batch_size=self.batch_size)
        for name in ("window", "stride"):
            if getattr(self, name) is not None:
                require_positive(**{name: getattr(self, name)})

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        height, width = pixels.shape[2:]
        side = min(self.window or max(1, min(height, width) // 7), height, width)
        stride = self.stride or max(1, side // 2)
        corners = [(top, left) for top in _starts(height, side, stride)
                   for left in _starts(width, side, stride)]  # fmt: skip
        before = probabilities(classifier, pixels, target, self.batch_size)
        total = pixels.new_zeros(len(pixels), height, width)
        covered = pixels.new_zeros(height, width)
        grey = sum(classifier.data_range) / 2
        for top, left in corners:
            covered[top : top + side, left : left + side] += 1
        # Windows of few images fill a batch together.
        for group in _groups(corners, max(1, self.batch_size // len(pixels))):
            hidden = pixels.repeat(len(group), 1, 1, 1)
            for turn, (top, left) in enumerate(group):
                rows = slice(turn * len(pixels), (turn + 1) * len(pixels))
                hidden[rows, :, top : top + side, left : left + side] = grey
            after = probabilities(classifier, hidden, target.repeat(len(group)), self.batch_size)
            falls = before - after.reshape(len(group), len(pixels))
            for fall, (top, left) in zip(falls, group, strict=True):
                total[:, top : top + side, left : left + side] += fall[:, None, None]
        return total / covered


def _starts(length: int, side: int, stride: int) -> list[int]:
    """Where windows begin along an axis: at every stride, and one at the end."""
    return sorted({*range(0, length - side + 1, stride), length - side})


def _groups(corners: list[tuple[int, int]], size: int) -> list[list[tuple[int, int]]]:
    return [corners[start : start + size] for start in range(0, len(corners), size)]
