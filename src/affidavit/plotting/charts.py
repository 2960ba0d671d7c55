"""What all charts look like: figures, axes, lines, and words that are taken as they are.

Names of methods, classes and features are the user's: a dollar sign among them is no mathematics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from affidavit.plotting import colours

DASHES = ("-", "--", ":", "-.")
"""Lines differ in more than colour."""


def figure(width: float, height: float, title: str = "") -> Figure:
    """An empty figure, so many inches wide and high, with a title above all of it."""
    made = Figure(figsize=(width, height), dpi=200, layout="constrained")
    if title:
        made.suptitle(title, fontsize="medium").set_parse_math(False)
    return made


def subplots(
    width: float, height: float, title: str = "", rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """The same with its axes: one, or an array of them as Matplotlib's `subplots` gives it.

    Args:
        options: further ones of Matplotlib's `subplots`.
    """
    made = figure(width, height, title)
    return made, made.subplots(rows, columns, **options)


def looks(count: int, width: float = 1.8) -> list[dict[str, Any]]:
    """Colour, dash and width, in points, of each of so many lines."""
    return [
        {"color": shade, "linestyle": DASHES[number % len(DASHES)], "linewidth": width}
        for number, shade in enumerate(colours.of_lines(count))
    ]


def plain(axes: Any, grid: str = "both") -> None:
    """No frame but the two axes, and a light grid at the ticks of x, of y or of both."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color=colours.GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def percent(axes: Any, of: str) -> None:
    """Shares of 1 as per cent, on x, y or xy."""
    for name in of:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0))


def panel_title(axes: Any, title: str) -> None:
    """The title of one panel of several."""
    axes.set_title(title, fontsize="medium").set_parse_math(False)


def name_rows(axes: Any, names: Sequence[str]) -> None:
    """A name at each whole number of the y axis, from 0 on."""
    axes.set_yticks(range(len(names)), names)
    literal(axes.get_yticklabels())


def legend(axes: Any, title: str = "", place: str = "best") -> None:
    """A legend without a frame, at Matplotlib's name of the place."""
    found = axes.legend(frameon=False, fontsize="small", loc=place, title=title)
    literal(found.get_texts())


def literal(texts: Iterable[Any]) -> None:
    """Takes the signs of texts as they are, also where they look like mathematics."""
    for text in texts:
        text.set_parse_math(False)
