"""What all pictures of this package look like."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from affidavit.regions.pictures import colours

DASHES = ("-", "--", ":", "-.")
RIGHT, WRONG = "#4a90c4", "#d9822b"
"""Right and wrong predictions: blue and orange differ for every kind of colour sight."""


def empty(width: float, height: float, title: str, columns: int = 1) -> tuple[Figure, Any]:
    """A figure and its axes, [column], with a title whose signs are taken as they are."""
    figure = Figure(figsize=(width, height), dpi=200, layout="constrained")
    axes: Any = figure.subplots(1, columns, squeeze=False)[0]
    if title:
        figure.suptitle(title, fontsize="medium").set_parse_math(False)
    return figure, axes


def lines(count: int) -> list[dict[str, Any]]:
    """Colour and dash of each of so many lines."""
    # The palest step of the scale is too faint for a line.
    shades = colours.of_classes(count + 1)
    return [
        {"color": shades[number], "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.8}
        for number in range(count)
    ]


def plain(axes: Any, *, shares: str = "") -> None:
    """No frame but the two axes; `shares` names those that are shares: x, y or xy."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dde1e4", linewidth=0.6)
    axes.set_axisbelow(True)
    for name in shares:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0))


def legend(axes: Any, title: str = "", place: str = "best") -> None:
    """The legend, whose names are taken as they are."""
    found = axes.legend(frameon=False, fontsize="small", loc=place, title=title)
    for text in found.get_texts():
        text.set_parse_math(False)


def mark(axes: Any, x: float, y: float, colour: Any) -> None:
    """A ring around the chosen threshold."""
    if np.isfinite([x, y]).all():
        axes.plot(
            [x], [y], "o", markersize=9, markerfacecolor="none", markeredgecolor=colour,
            markeredgewidth=1.8, clip_on=False,
        )  # fmt: skip
