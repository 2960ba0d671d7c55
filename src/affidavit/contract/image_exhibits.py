"""Explained images as exhibits of a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from affidavit.attribution.pictures.images import overlaid, picture, relevance
from affidavit.contract.explaining import Explained
from affidavit.evidence import ImageGrid, ImageRow

_SIDE = 160
"""Longest side of an image in a report, in pixels; larger ones are made smaller."""


def image_grid(
    found: Explained,
    places: Sequence[int],
    labels: Sequence[str],
    others: Sequence[tuple[str, Tensor]],
    title: str,
    note: str,
) -> ImageGrid:
    """Inputs with their explanations, and with images or maps beside them.

    Args:
        places: which of the explained inputs, a row each.
        labels: of the rows; a semicolon begins a line.
        others: further columns by name: images [row, channel, height, width], or attributions
            [row, height, width], of all places.
        title, note: of the exhibit.
    """
    rows = []
    for number, (place, label) in enumerate(zip(places, labels, strict=True)):
        shown = picture(found.pixels[place], found.classifier.data_range)
        shades = relevance(found.attribution[place], shown.shape[:2])
        images = [png_of(shown), png_of(shades), png_of(overlaid(shades, shown))]
        for _, values in others:
            of_row = values[number]
            image = of_row.ndim == 3
            images.append(
                png_of(
                    picture(of_row, found.classifier.data_range)
                    if image
                    else relevance(of_row, shown.shape[:2])
                )
            )
        rows.append(ImageRow(label, tuple(images)))
    columns = ("input", "explanation", "overlay", *(name for name, _ in others))
    return ImageGrid(title, columns, tuple(rows), note)


def png_of(values: Any) -> str:
    """An image in [0, 1], [height, width] or [height, width, 3], as a PNG file in base64."""
    bytes_ = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    image = Image.fromarray(bytes_)
    if max(image.size) > _SIDE:
        image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode()
