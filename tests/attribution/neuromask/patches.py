"""A network that answers by what is in one patch of the image, and images that show it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE = 24
PATCH = 8

CROSS = torch.zeros(PATCH, PATCH)
CROSS[3:5, :] = 1
CROSS[:, 3:5] = 1


class FindsCrosses(nn.Module):
    """Class 1 where a bright cross is anywhere in the first `width` columns, else class 0.

    A matched filter slides over the image; what is to the right of `width` is never looked at.
    """

    def __init__(self, width: int = SIZE) -> None:
        super().__init__()
        self.width = width
        filter_ = CROSS - CROSS.mean()
        self.register_buffer("filter", (filter_ / (filter_ * CROSS).sum())[None, None])

    def forward(self, x: Tensor) -> Tensor:
        seen = x[..., : self.width].mean(1, keepdim=True)
        found = nn.functional.conv2d(seen, self.get_buffer("filter"))
        # 1 where the whole cross is there. Half of it leaves the answer open.
        best = found.flatten(1).amax(1, keepdim=True)
        return torch.cat([torch.zeros_like(best), 20 * (best - 0.5)], 1)


def crosses(corners: list[tuple[int, int]], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images [batch, 3, SIZE, SIZE] with a cross at each corner, in weak noise; and where it is."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.2 * torch.rand((len(corners), 3, SIZE, SIZE), generator=generator)
    truth = torch.zeros(len(corners), SIZE, SIZE, dtype=torch.bool)
    for i, (row, column) in enumerate(corners):
        place = (slice(row, row + PATCH), slice(column, column + PATCH))
        x[i][:, *place] = torch.maximum(x[i][:, *place], CROSS * 0.9)
        truth[i][place] = CROSS > 0
    return x, truth


def intersection_over_union(mask: Tensor, truth: Tensor) -> Tensor:
    """Of mask > 0.5 with the truth, per image, [batch]."""
    kept = mask > 0.5
    both = (kept & truth).flatten(1).sum(1)
    return both / (kept | truth).flatten(1).sum(1)
