"""What is left of images when only their most relevant pixels are kept."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.evaluation.ranking import ranks
from affidavit.attribution.fill_ins import Range, fill_in


def kept_images(
    pixels: Tensor,
    attribution: Tensor,
    count: int,
    *,
    fill: str = "black",
    data_range: Range = (0.0, 1.0),
    seed: int = 0,
) -> Tensor:
    """The images with their `count` most relevant pixels, the others filled in.

    Args:
        pixels: [batch, channel, height, width].
        attribution: [batch, height, width]; larger = more relevant.
        count: how many pixels are kept of each image.
        fill: an entry of :data:`affidavit.attribution.fill_ins.FILL_INS`.
        data_range: least and greatest value of a pixel.
        seed: of the order among equally relevant pixels, and of the fill-in `noise`.

    Raises DomainError for an unknown fill-in.
    """
    kept = ranks(attribution, seed) < count
    return torch.where(kept[:, None], pixels, fill_in(fill, pixels, data_range, seed))
