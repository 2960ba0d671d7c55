"""One image and its explanation."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from affidavit.attribution.fill_ins import Range
from affidavit.attribution.pictures.images import (
    array_of,
    draw,
    kept_part,
    overlaid,
    picture,
    relevance,
)
from affidavit.plotting import charts


def panel(
    image: Any,
    attribution: Any,
    *,
    share: float | None = None,
    fill: str = "black",
    data_range: Range = (0.0, 1.0),
    title: str = "",
    name: str = "mask",
    seed: int = 0,
) -> Figure:
    """Side by side: the image, the mask, what the mask keeps of the image, and both together.

    Args:
        image: [channel, height, width] or [height, width].
        attribution: [height, width]; larger = more relevant. A mask in [0, 1] is shown as it is,
            of others what speaks for the class.
        share: the most relevant share of the pixels is kept; left out, a mask blends the image and
            its fill-in.
        fill: what stands where nothing is kept, an entry of
            :data:`affidavit.attribution.fill_ins.FILL_INS`.
        data_range: least and greatest value of a pixel.
        title: above the figure.
        name: of what is shown beside the image.
        seed: of the order among equally relevant pixels, and of the fill-in `noise`.

    Raises:
        DomainError: arrays that are no image or do not fit together, an unknown fill-in, a share
            outside [0, 1], or none for an attribution that is no mask.
    """
    shown = picture(image, data_range)
    shades = relevance(attribution, shown.shape[:2])
    kept = kept_part(image, array_of(attribution), share, fill, data_range, seed)
    part = "masked image" if share is None else f"top {100 * share:g} %"
    figure, axes = charts.subplots(8.4, 2.6, title, columns=4)
    draw(axes[0], shown, "image")
    draw(axes[1], shades, name)
    draw(axes[2], picture(kept, data_range), part)
    draw(axes[3], overlaid(shades, shown), "overlay")
    return figure
