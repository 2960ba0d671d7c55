"""Images and relevance as arrays that can be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.attribution.evaluation.keeping import kept_images
from affidavit.attribution.fill_ins import Range, fill_in
from affidavit.errors import DomainError
from affidavit.plotting import charts

Array = NDArray[np.float64]

HEAT = "inferno"
"""Colours of relevance: of evenly rising lightness, so that they keep their order in grey."""

_TOP = 99.0  # per cent: what a few single pixels have above the others says nothing of the rest
_BRIGHT = 0.5  # hard to see without a place as bright as this


def array_of(values: Any) -> Array:
    """A tensor or what NumPy takes, as an array in double precision."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, np.float64)


def picture(image: Any, data_range: Range = (0.0, 1.0)) -> Array:
    """An image in [0, 1], [height, width, 3] of three channels, else [height, width], their mean.

    Args:
        image: [channel, height, width] or [height, width].
        data_range: the values that are black and white.

    Raises DomainError for another shape, or values that are not finite.
    """
    found = array_of(image)
    if found.ndim not in (2, 3) or 0 in found.shape or not np.isfinite(found).all():
        raise DomainError(
            f"the image has the shape {list(found.shape)}; expected [channel, height, width] or"
            " [height, width], with finite values"
        )
    lower, upper = data_range
    found = np.clip((found - lower) / (upper - lower), 0, 1)
    if found.ndim == 2:
        return found
    result: Array = np.moveaxis(found, 0, -1) if len(found) == 3 else found.mean(0)
    return result


def relevance(attribution: Any, size: tuple[int, ...], *, visible: bool = False) -> Array:
    """An attribution as shades in [0, 1], [height, width].

    A mask, whose values lie in [0, 1], is shown as it is. Of others, what speaks for the class is
    shown: from 0, or from the least where all are above 0 or none is, to the 99th percentile of
    what is shown.

    Args:
        attribution: [height, width].
        size: of the image it is of.
        visible: whether a mask without a bright place is shown as others are: side by side, small
            numbers of another kind, such as averaged gradients, would be black.

    Raises DomainError for another shape, or values that are not finite.
    """
    found = array_of(attribution)
    if found.shape != size or not np.isfinite(found).all():
        raise DomainError(
            f"the attribution has the shape {list(found.shape)}; expected that of the image,"
            f" {list(size)}, with finite values"
        )
    least, greatest = float(found.min()), float(found.max())
    if is_mask(found) and (not visible or greatest >= _BRIGHT or greatest == 0):
        return found
    low = least if least > 0 or greatest <= 0 else 0.0
    above = found[found > low]
    high = float(np.percentile(above, _TOP)) if len(above) else low + 1.0
    shades: Array = np.clip((found - low) / (high - low), 0, 1)
    return shades


def is_mask(attribution: Array) -> bool:
    """Whether all values lie in [0, 1]."""
    return bool(attribution.min() >= 0 and attribution.max() <= 1)


def kept_part(
    image: Any,
    attribution: Any,
    share: float | None,
    fill: str = "black",
    data_range: Range = (0.0, 1.0),
    seed: int = 0,
) -> Tensor:
    """What an attribution keeps of an image, [channel, height, width], the rest filled in.

    Args:
        image: [channel, height, width] or [height, width].
        attribution: [height, width].
        share: the most relevant share of the pixels is kept; `None`: a mask blends image and
            fill-in.
        fill: an entry of :data:`affidavit.attribution.fill_ins.FILL_INS`.
        data_range: least and greatest value of a pixel.
        seed: of the order among equally relevant pixels, and of the fill-in `noise`.

    Raises DomainError for a share outside [0, 1], or no share of what is no mask.
    """
    pixels = torch.as_tensor(array_of(image))
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    values = torch.as_tensor(array_of(attribution))
    other = fill_in(fill, pixels[None], data_range, seed)[0]
    if share is None:
        if not is_mask(values.numpy()):
            raise DomainError(
                f"the attribution ranges over [{float(values.min()):g}, {float(values.max()):g}]"
                " and is no mask: say which share of the pixels is kept, with share=..."
            )
        return other + values * (pixels - other)
    if not 0 <= share <= 1:
        raise DomainError(f"share is {share}; expected a number from 0 to 1")
    count = int(share * values.numel() + 0.5)
    given = (pixels[None], values[None], count)
    return kept_images(*given, fill=fill, data_range=data_range, seed=seed)[0]


def overlaid(shades: Array, image: Array) -> Array:
    """Relevance in colour over the image in pale grey, [height, width, 3]."""
    from matplotlib import colormaps

    grey = image if image.ndim == 2 else image.mean(-1)
    heat = np.asarray(colormaps[HEAT](shades))[..., :3]
    strength = 0.75 * shades[..., None]
    result: Array = (1 - strength) * (0.35 + 0.65 * grey[..., None]) + strength * heat
    return result


def draw(axes: Any, shown: Array, title: str = "", colours: str = "gray") -> None:
    """An image in [0, 1] without ticks, with a title that is never read as mathematics."""
    axes.imshow(shown, cmap=colours, vmin=0, vmax=1)
    charts.panel_title(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
