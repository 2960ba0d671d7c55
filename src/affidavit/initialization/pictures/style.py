"""What pictures of searches have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from affidavit.plotting import charts, colours

Vector = NDArray[np.float64]

GAIN = "gain over the first run\n(percentage points, validation)"
COLUMNS = 3
"""Panels, or entries of a legend, beside each other."""


def zero(axes: Any) -> None:
    """A line where nothing is gained."""
    axes.axhline(0.0, color=colours.QUIET, linewidth=0.9, zorder=1)


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
    charts.literal(found.get_texts())


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
