"""Accuracies that differ by the seed alone, and what became of the best on other data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DataError, DomainError
from affidavit.initialization.pictures import inputs
from affidavit.initialization.pictures.style import Vector, triangle
from affidavit.plotting import charts, colours

_DOTS = 12
"""The tallest stack of dots; more runs are bars."""
_STACKS = 45
"""Stacks that fit beside each other."""
_ALONE = 0.02
"""Width of the only bar where all accuracies are the same, in percentage points."""


@dataclass(frozen=True)
class _Row:
    """A value above the distribution, per cent."""

    name: str
    value: float
    look: dict[str, Any]
    interval: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        if self.interval is None:
            return f"{self.name}\n{self.value:.2f}"
        return f"{self.name}\n{self.value:.2f} [{self.interval[0]:.2f}, {self.interval[1]:.2f}]"


def accuracy_distribution(
    accuracies: ArrayLike,
    *,
    chosen: float | None = None,
    certified: float | None = None,
    interval: tuple[float, float] | None = None,
    confidence: float = 0.95,
    mean_certified: float | None = None,
    title: str = "",
) -> Figure:
    """Below the accuracies of all runs, dots or (many runs) bars; above them what to compare.

    What choosing lost is the way from the triangle to the dot below it, less that of the mean run.

    Args:
        accuracies: of runs that differ by the seed, on the rows that choose, shares of 1, [run];
            NaN of one that failed: it is left out, and said.
        chosen: of the chosen run on these rows.
        certified: of the chosen run on rows that chose nothing.
        interval: of `certified`.
        confidence: of the interval.
        mean_certified: of the mean run on the rows that chose nothing.
        title: above the figure.

    Raises:
        DataError: no run that came to its end, or values that are no shares of 1.
        DomainError: an interval without its value, one that does not hold it, or a level outside
            (0, 1).
    """
    given = inputs.accuracies("accuracies", accuracies)
    values = 100 * given[~np.isnan(given)]
    rows = _rows(values, chosen, certified, mean_certified, interval, confidence)
    figure, (top, axes) = charts.subplots(
        6.2, 2.5 + 0.42 * len(rows), title, 2, sharex=True, height_ratios=(0.42 * len(rows), 2.0)
    )
    for place, row in enumerate(rows):
        if row.interval is not None:
            top.plot(row.interval, (place, place), color=colours.INK, linewidth=1.6)
            top.plot(row.interval, (place, place), "|", color=colours.INK, markersize=8)
        top.plot([row.value], [place], **row.look)
    top.set_ylim(len(rows) - 0.4, -0.6)
    top.set_yticks(range(len(rows)), [row.text for row in rows], fontsize="small")
    top.tick_params(length=0, labelbottom=False)
    top.spines["bottom"].set_visible(False)
    charts.plain(top)
    shown = [values.min(), values.max(), *(row.value for row in rows)]
    shown += [end for row in rows for end in row.interval or ()]
    _draw(axes, values, max(shown) - min(shown))
    axes.axvline(float(values.mean()), color=colours.INK, linewidth=1.0, linestyle="--")
    failed = len(given) - len(values)
    left_out = f", {failed} failed" if failed else ""
    axes.set_xlabel("accuracy (per cent)")
    axes.set_ylabel(f"runs, validation\n({len(values)}{left_out})")
    charts.plain(axes)
    return figure


def _rows(
    values: Vector,
    chosen: float | None,
    certified: float | None,
    mean_certified: float | None,
    interval: tuple[float, float] | None,
    confidence: float,
) -> list[_Row]:
    """What is to be compared, from above."""
    if not 0 < confidence < 1:
        raise DomainError(f"confidence is {confidence}; expected between 0 and 1")
    (colour,) = colours.of_classes(1)
    ink = {"color": colours.INK, "linestyle": "none"}
    dot = {"marker": "o", "markersize": 7, **ink}
    line = {"marker": "|", "markersize": 13, "markeredgewidth": 1.8, **ink}
    ends = None
    if interval is not None:
        low, high = interval
        if certified is None or not 0 <= low <= certified <= high <= 1:
            raise DomainError(
                f"the interval is [{low}, {high}] and the value {certified}; expected an interval"
                " that holds the value, as shares of 1"
            )
        ends = (100 * low, 100 * high)
    level = f", {100 * confidence:g} % bounds" if ends else ""
    found = [
        ("chosen run, validation", chosen, triangle(colour), None),
        (f"chosen run, untouched rows{level}", certified, dot, ends),
        ("mean run, validation", values.mean() / 100, line, None),
        ("mean run, untouched rows", mean_certified, line, None),
    ]
    rows = []
    for name, value, look, of in found:
        if value is None:
            continue
        if not 0 <= value <= 1:
            raise DataError(f"{name}: there is {value}; expected a share of 1")
        rows.append(_Row(name, 100 * float(value), look, of))
    return rows


def _draw(axes: Any, values: Vector, span: float) -> None:
    """Dots in stacks where they are few enough, else bars."""
    (colour,) = colours.of_classes(1)
    places, stacks = np.unique(np.round(values, 9), return_inverse=True)
    # Accuracies are whole numbers of rows: this is one row, or a few.
    step = float(np.diff(places).min(initial=math.inf))
    width = span / _STACKS
    if step < width:
        places, stacks = _stacks(values, step, width)
    heights = np.bincount(stacks, minlength=len(places))
    if heights.max() <= _DOTS:
        order = np.argsort(stacks, kind="stable")
        first = np.cumsum(heights) - heights
        height = np.arange(len(values)) - first[stacks[order]] + 1
        axes.plot(places[stacks[order]], height, "o", color=colour, markersize=6, clip_on=False)
        axes.set_ylim(0.3, max(5, heights.max()) + 0.7)
    else:
        if len(places) > 1:
            low, high = np.quantile(values, [0.25, 0.75])
            wanted = 2 * (high - low) / len(values) ** (1 / 3)  # Freedman and Diaconis
            places, stacks = _stacks(values, step, max(wanted, width))
            heights = np.bincount(stacks, minlength=len(places))
        bar = places[1] - places[0] if len(places) > 1 else width or _ALONE
        axes.bar(places, heights, bar, color=colour, edgecolor="white", linewidth=0.6)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def _stacks(values: Vector, step: float, width: float) -> tuple[Vector, NDArray[np.int64]]:
    """The middle of each stack, of at least this width, and the stack of each value, [run]."""
    # Whole steps, so that no stack has more of the accuracies that there can be than another.
    whole = step * max(1, math.ceil(width / step - 1e-9))
    low = float(values.min()) - step / 2
    stacks = np.floor((values - low) / whole + 1e-9).astype(np.int64)
    return low + whole * (np.arange(stacks.max() + 1) + 0.5), stacks
