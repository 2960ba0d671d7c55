"""Many images by many methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib.figure import Figure

from affidavit.attribution.fill_ins import Range
from affidavit.attribution.pictures.images import array_of, draw, overlaid, picture, relevance
from affidavit.errors import DomainError
from affidavit.plotting import charts

_LETTER = 0.075  # width of a small letter, in inches


def comparison_grid(
    images: Any,
    attributions: Mapping[str, Any],
    *,
    labels: Sequence[str] | None = None,
    style: Literal["map", "overlay"] = "map",
    data_range: Range = (0.0, 1.0),
    title: str = "",
) -> Figure:
    """A row for each image: the image, then what every method says of it.

    Source: Alzantot et al. 2019, figure 3.

    Args:
        images: [batch, channel, height, width], or a list of images of several sizes.
        attributions: of each method by name, [batch, height, width], or a list.
        labels: a line beside each image.
        style: relevance in grey (`map`), or in colour over the image (`overlay`).
        data_range: least and greatest value of a pixel.
        title: above the figure.

    Raises:
        DomainError: no images, arrays that do not fit together, or an unknown style.
    """
    if style not in ("map", "overlay"):
        raise DomainError(f"style is {style!r}; expected 'map' or 'overlay'")
    shown = [picture(image, data_range) for image in images]
    if not shown or not attributions:
        raise DomainError("expected at least one image and one method")
    for name, found in [*attributions.items(), *([("labels", labels)] if labels else [])]:
        if len(found) != len(shown):
            raise DomainError(f"{name}: {len(found)} for {len(shown)} images")
    columns = 1 + len(attributions)
    longest = max((len(line) for label in labels or () for line in label.split("\n")), default=0)
    size = (1.5 * columns + _LETTER * longest, 1.55 * len(shown) + 0.4)
    figure, axes = charts.subplots(*size, title, len(shown), columns, squeeze=False)
    for row, image in enumerate(shown):
        draw(axes[row][0], image, "image" if row == 0 else "")
        if labels:
            axes[row][0].set_ylabel(
                labels[row], rotation=0, ha="right", va="center", fontsize="small"
            ).set_parse_math(False)
        for column, (name, found) in enumerate(attributions.items(), 1):
            shades = relevance(array_of(found[row]), image.shape[:2], visible=True)
            drawn = overlaid(shades, image) if style == "overlay" else shades
            draw(axes[row][column], drawn, name if row == 0 else "")
    return figure
