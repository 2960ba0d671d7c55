"""What all pictures of this package look like."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from affidavit.regions.pictures import colours

Vector = NDArray[np.float64]

DASHES = ("-", "--", ":", "-.")
QUIET = "#9aa3ab"
"""Lines that others are compared with."""

GAIN = "gain over the first run\n(percentage points, validation)"
COLUMNS = 3
"""Panels, or entries of a legend, beside each other."""


def empty(
    width: float,
    height: float,
    title: str,
    rows: int = 1,
    columns: int = 1,
    **options: Any,
) -> tuple[Figure, Any]:
    """A figure and its axes, [row, column], with a title whose signs are taken as they are."""
    figure = Figure(figsize=(width, height), dpi=200, layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False, **options)
    if title:
        figure.suptitle(title, fontsize="medium").set_parse_math(False)
    return figure, axes


def looks(count: int) -> list[dict[str, Any]]:
    """Colour and dash of each of so many lines."""
    # The palest step of the scale is too faint for a line.
    shades = colours.of_classes(count + 1)
    return [
        {"color": shades[number], "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.8}
        for number in range(count)
    ]


def plain(axes: Any) -> None:
    """No frame but the two axes, and a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dde1e4", linewidth=0.6)
    axes.set_axisbelow(True)


def zero(axes: Any) -> None:
    """A line where nothing is gained."""
    axes.axhline(0.0, color=QUIET, linewidth=0.9, zorder=1)


def best(axes: Any, x: float, y: float, colour: Any) -> None:
    """The paper's mark of the best: an upward triangle."""
    axes.plot([x], [y], clip_on=False, zorder=5, **triangle(colour))


def best_entry() -> Line2D:
    """What the legend says of the triangle."""
    return Line2D([], [], label="best", **triangle("white"))


def below(figure: Figure, handles: list[Any]) -> None:
    """The legend below the axes, where it hides nothing; names are taken as they are."""
    found = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(COLUMNS, len(handles)),
        frameon=False,
        fontsize="small",
        handlelength=2.6,
    )
    for text in found.get_texts():
        text.set_parse_math(False)


def signed(value: float) -> str:
    """A difference in words, with the sign that the axes have."""
    return f"{value:+.2f}".replace("-", "−")


def triangle(colour: Any) -> dict[str, Any]:
    return {
        "marker": "^",
        "markersize": 8.5,
        "markerfacecolor": colour,
        "markeredgecolor": colours.INK,
        "markeredgewidth": 0.9,
        "linestyle": "none",
    }
