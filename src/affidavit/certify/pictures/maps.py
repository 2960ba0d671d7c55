"""The bounds of one image's explanation, as images."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.certify.pictures.bars import checked
from affidavit.errors import DomainError
from affidavit.plotting import charts, colours


def bound_maps(
    lower: Any,
    explanation: Any,
    upper: Any,
    *,
    image: Any = None,
    channels_last: bool = False,
    title: str = "",
) -> Figure:
    """Side by side: the image if given, the explanation, its bounds, and how far they are apart.

    Explanation and bounds share one scale, from orange (negative) over white to blue (positive);
    the width δ has a scale of its own, dark where an adversary may change most. Of several
    channels, the mean is shown, with the mean of the bounds, which bounds it.

    Args:
        lower, upper: bounds, [channel, height, width], [height, width, channel] or [height, width].
        explanation: the explanation itself, of the same shape.
        image: the input, of the same shape, values from 0 to 1.
        channels_last: whether channels come last.
        title: above the figure.

    Raises:
        DomainError: arrays that do not fit together or are no images, or as for
            :func:`affidavit.certify.pictures.bound_bars`.
    """
    arrays = checked(lower, explanation, upper)
    if arrays[0].ndim not in (2, 3):
        raise DomainError(
            f"the bounds have the shape {list(arrays[0].shape)}; expected those of an image:"
            " [channel, height, width] or [height, width]"
        )
    axis = -1 if channels_last else 0
    low, middle, high = (a if a.ndim == 2 else a.mean(axis) for a in arrays)
    panels: list[tuple[str, Any, Any, tuple[float, float]]] = []
    reach = float(max(np.abs(low).max(), np.abs(high).max())) or 1.0
    signed = (colours.SIGNED, (-reach, reach))
    if image is not None:
        panels.append(("input", _picture(image, arrays[0].shape, channels_last), "gray", (0, 1)))
    panels += [
        (name, values, *signed)
        for name, values in (("lower bound", low), ("explanation", middle), ("upper bound", high))
    ]
    wide = high - low
    panels.append(("width δ", wide, colours.RANKS.reversed(), (0, float(wide.max()) or 1.0)))
    figure, subplots = charts.subplots(2.1 * len(panels), 2.9, title, columns=len(panels))
    for axes, (name, values, shades, (least, greatest)) in zip(subplots, panels, strict=True):
        shown = axes.imshow(values, cmap=shades, vmin=least, vmax=greatest)
        charts.panel_title(axes, name)
        axes.set_xticks([])
        axes.set_yticks([])
        if name in ("upper bound", "width δ"):
            bar = figure.colorbar(shown, ax=axes, shrink=0.8)
            bar.ax.tick_params(labelsize="small")
    return figure


def _picture(image: Any, shape: tuple[int, ...], channels_last: bool) -> Any:
    found = np.asarray(image, float)
    if found.shape != shape:
        raise DomainError(f"the image has the shape {list(found.shape)}; expected {list(shape)}")
    if found.ndim == 2:
        return np.clip(found, 0, 1)
    found = found if channels_last else np.moveaxis(found, 0, -1)
    return np.clip(found if found.shape[-1] == 3 else found.mean(-1), 0, 1)
