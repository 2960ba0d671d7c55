"""How a mask came about."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.attribution.fill_ins import Range
from affidavit.attribution.neuromask.masks import Masks
from affidavit.attribution.pictures.images import array_of, draw, picture
from affidavit.errors import DomainError
from affidavit.plotting import charts, colours

_SPAN = 100.0


def learning_progress(
    masks: Masks,
    index: int = 0,
    *,
    image: Any = None,
    data_range: Range = (0.0, 1.0),
    most: int = 8,
    title: str = "",
) -> Figure:
    """Above, the mask after some steps of learning; below, the loss and its terms at every step.

    Source: Alzantot et al. 2019, figure 4.

    Args:
        masks: what was learned, with a history: see
            :func:`affidavit.attribution.neuromask.learn_masks`.
        index: the input of the batch that is shown.
        image: that input, [channel, height, width] or [height, width]; shown first, if given.
        data_range: least and greatest value of a pixel.
        most: masks that are drawn; of more, some at even distances, with the first and the last.
        title: above the figure.

    Raises:
        DomainError: no such input, masks of no images, or none kept in the history.
    """
    if not 0 <= index < len(masks):
        raise DomainError(f"index is {index}; there are {len(masks)} inputs, from 0 on")
    if masks.mask.ndim != 3:
        raise DomainError(f"masks of the shape {list(masks.mask.shape)} are none of images")
    if not masks.history:
        raise DomainError(
            "there is no history: name the steps that are kept, with history=... of learn_masks"
        )
    if most < 1:
        raise DomainError(f"most is {most}; expected at least 1")
    steps = sorted(masks.history)
    chosen = [steps[int(place)] for place in np.linspace(0, len(steps) - 1, min(most, len(steps)))]
    panels = [(f"step {step}", array_of(masks.history[step][index]) / 255) for step in chosen]
    if image is not None:
        panels.insert(0, ("image", picture(image, data_range)))
    figure = charts.figure(max(5.2, 1.25 * len(panels)), 4.2, title)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1, 1.6))
    above, below = parts
    axes: Any = above.subplots(1, len(panels), squeeze=False)[0]
    for place, (name, shown) in enumerate(panels):
        draw(axes[place], shown, name)
    _losses(below.add_subplot(), masks, index, chosen)
    return figure


def _losses(axes: Any, masks: Masks, index: int, marked: list[int]) -> None:
    total = array_of(masks.losses)[:, index]
    steps = np.arange(len(total))
    axes.plot(steps, total, color=colours.INK, linewidth=1.6, label="loss")
    shades = colours.of_lines(len(masks.terms))
    for number, (name, values) in enumerate(masks.terms.items()):
        axes.plot(
            steps,
            array_of(values)[:, index],
            color=shades[number],
            linewidth=1.1,
            linestyle=charts.DASHES[(number + 1) % len(charts.DASHES)],
            label=name,
        )
    for step in marked:
        axes.axvline(step, color=colours.GRID, linewidth=0.6, zorder=0)
    # Where a penalty starts thousands of times above the rest, only a logarithm shows the rest.
    least = total[total > 0].min(initial=np.inf)
    if total.min() >= 0 and total.max() > _SPAN * least:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.spines[["top", "right"]].set_visible(False)
    charts.legend(axes)
