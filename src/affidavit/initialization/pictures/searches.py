"""What a search gained: by step size, by trial and by time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from affidavit.errors import DataError
from affidavit.initialization.pictures import inputs
from affidavit.initialization.pictures.style import (
    COLUMNS,
    GAIN,
    below,
    best,
    best_entry,
    signed,
    zero,
)
from affidavit.plotting import charts, colours

_MINUTES, _HOURS = 180.0, 3 * 3600.0
"""Seconds from which on time is shown in the larger unit."""


def gain_by_delta(found: Mapping[str, Mapping[Any, float]], *, title: str = "") -> Figure:
    """The best gain of each step size δ, for one walk or more, the highest marked.

    Source: Pan, Nguyen and Ahmed, figure 4.

    Args:
        found: of each walk by name, its best gain by δ, a share of 1 and NaN where all trials
            failed, as :func:`gains_by_delta` gives them. A δ may be text, as JSON has it.
        title: above the figure.

    Raises DataError for no walks, a walk without gains, or gains above 1.
    """
    inputs.some(found, "gains")
    figure, axes = charts.subplots(5.8, 3.9, title)
    zero(axes)
    entries = []
    for (name, of), look in zip(found.items(), charts.looks(len(found)), strict=True):
        deltas = _deltas(name, of)
        order = np.argsort(deltas)
        values = 100 * inputs.gains(f"gains of {name!r}", list(of.values()))[order]
        places = deltas[order]
        entries += axes.plot(places, values, label=name, marker=".", markersize=6, **look)
        top = int(np.nanargmax(values))
        best(axes, places[top], values[top], look["color"])
    axes.set_xlabel("step size δ")
    axes.set_ylabel(f"best {GAIN}")
    axes.margins(y=0.1)
    charts.plain(axes)
    below(figure, [*entries, best_entry()])
    return figure


def gain_by_trial(found: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """The gain of each trial (dots), the best so far (line) and the best (marked), a panel a name.

    Source: Pan, Nguyen and Ahmed, figures 5 and 6.

    Args:
        found: of each search by name, the gain of trial 1, 2 and so on, shares of 1 and NaN of one
            that failed, [trial], as :func:`gains` gives them.
        title: above the figure.

    Raises DataError for no searches, one without a gain, or gains above 1.
    """
    inputs.some(found, "gains")
    columns = min(COLUMNS, len(found))
    rows = math.ceil(len(found) / columns)
    size = (5.4, 3.6) if len(found) == 1 else (2.1 + 2.3 * columns, 1.5 + 1.9 * rows)
    figure, grid = charts.subplots(
        *size, title, rows, columns, sharex=True, sharey=True, squeeze=False
    )
    panels = list(grid.flat)
    (colour,) = colours.of_classes(1)
    for panel, (name, of) in zip(panels, found.items(), strict=False):
        values = 100 * inputs.gains(f"gains of {name!r}", of)
        trials = np.arange(1, len(values) + 1)
        zero(panel)
        panel.step(
            trials, np.fmax.accumulate(values), where="post", color=colours.QUIET, linewidth=1.4
        )
        panel.plot(trials, values, ".", color=colour, markersize=5)
        top = int(np.nanargmax(values))
        best(panel, trials[top], values[top], colour)
        panel.annotate(
            signed(values[top]), (trials[top], values[top]), (0, 6),
            textcoords="offset points", ha=_side(top, len(trials)), va="bottom", fontsize="small",
        )  # fmt: skip
        panel.margins(y=0.18)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if len(found) > 1:
            charts.panel_title(panel, name)
        charts.plain(panel)
    for place in range(len(found), len(panels)):
        panels[place].remove()
        panels[place - columns].tick_params(labelbottom=True)
    for panel in grid[-1][: len(found) - (rows - 1) * columns]:
        panel.set_xlabel("trial")
    figure.supylabel(GAIN, fontsize="medium", multialignment="center")
    dots = Line2D([], [], marker=".", markersize=7, linestyle="none", color=colour, label="a trial")
    line = Line2D([], [], color=colours.QUIET, linewidth=1.4, label="best so far")
    below(figure, [dots, line, best_entry()])
    return figure


def gain_by_time(found: Mapping[str, tuple[ArrayLike, ArrayLike]], *, title: str = "") -> Figure:
    """The best gain so far against the time since the search began; where it is reached, a mark.

    Source: Pan, Nguyen and Ahmed, figure 7.

    Args:
        found: of each search by name, the seconds at which runs ended, in order, and their gains,
            shares of 1 and NaN of one that failed, [run] each, as :func:`gains_by_time` gives them.
        title: above the figure.

    Raises DataError for no searches, times that are not in order or not as many as gains, or gains
    above 1.
    """
    inputs.some(found, "gains")
    checked = {}
    for name, (seconds, of) in found.items():
        values = inputs.gains(f"gains of {name!r}", of)
        checked[name] = inputs.paired(f"gains of {name!r}", seconds, values, "seconds"), values
    unit, length = _unit(max(float(seconds[-1]) for seconds, _ in checked.values()))
    figure, axes = charts.subplots(5.8, 3.9, title)
    zero(axes)
    entries = []
    for (name, (seconds, values)), look in zip(
        checked.items(), charts.looks(len(found)), strict=True
    ):
        times = seconds / length
        so_far = 100 * np.fmax.accumulate(values)
        entries += axes.step(times, so_far, where="post", label=name, **look)
        top = int(np.nanargmax(values))
        best(axes, times[top], so_far[top], look["color"])
    axes.set_xlabel(f"time since the search began ({unit})")
    axes.set_ylabel(f"best {GAIN}")
    axes.set_xlim(left=0)
    axes.margins(y=0.1)
    charts.plain(axes)
    below(figure, [*entries, best_entry()])
    return figure


def _deltas(name: str, of: Mapping[Any, float]) -> Any:
    try:
        given = [float(delta) for delta in of]
    except (TypeError, ValueError) as error:
        raise DataError(f"gains of {name!r}: a step size is no number; {error}") from error
    return inputs.numbers(f"step sizes of {name!r}", given)


def _side(place: int, count: int) -> str:
    """Words near the border of a panel stay inside it."""
    if place < 0.1 * (count - 1):
        return "left"
    return "right" if place > 0.9 * (count - 1) else "center"


def _unit(seconds: float) -> tuple[str, float]:
    if seconds < _MINUTES:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds < _HOURS else ("hours", 3600.0)
