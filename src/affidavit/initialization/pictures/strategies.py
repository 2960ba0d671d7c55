"""Strategies against each other, over repeats with the same budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from affidavit.errors import DataError, DomainError, nearest
from affidavit.initialization.pictures import inputs
from affidavit.initialization.pictures.style import Vector, signed
from affidavit.plotting import charts, colours


def strategies_compared(
    found: Mapping[str, ArrayLike],
    *,
    baseline: str | None = None,
    confidence: float = 0.95,
    title: str = "",
) -> Figure:
    """What each strategy attains on untouched rows: every repeat, their mean and its interval.

    With a baseline a second panel shows what each attains beyond it, repeat by repeat: what the
    repeats have in common (first weights, rows) does not count there.

    Guarantee: `statistical`, approximate: Student's t of the mean over repeats, which takes them as
    independent and about normal.

    Args:
        found: of each strategy by name, the accuracy of its chosen run on rows that chose nothing,
            shares of 1, [repeat].
        baseline: a name of `found`, whose repeats are paired with those of the others.
        confidence: of the intervals.
        title: above the figure.

    Raises:
        DataError: no strategies, one without repeats, accuracies that are no shares of 1, or NaN;
            with a baseline, another number of repeats, or nothing to compare it with.
        DomainError: a baseline of no such name, or a level outside (0, 1).
    """
    inputs.some(found, "accuracies")
    if not 0 < confidence < 1:
        raise DomainError(f"confidence is {confidence}; expected between 0 and 1")
    values = {name: _repeats(name, of) for name, of in found.items()}
    panels = [values]
    if baseline is not None:
        panels.append(_beyond(values, baseline))
    size = (3.0 + 3.0 * len(panels), 1.3 + 0.5 * len(found))
    figure, (grid,) = charts.subplots(*size, title, columns=len(panels), sharey=True, squeeze=False)
    names = list(found)
    for axes, of, words in zip(grid, panels, (_percent, signed), strict=False):
        for name, each in of.items():
            _row(axes, names.index(name), each, confidence, words)
        charts.plain(axes, "x")
        axes.tick_params(axis="y", length=0)
    charts.name_rows(grid[0], names)
    grid[0].set_ylim(len(names) - 0.45, -0.7)
    level = f"mean and {100 * confidence:g} % interval"
    grid[0].set_xlabel(f"accuracy on untouched rows\n(per cent; {level})")
    if baseline is not None:
        grid[1].axvline(0.0, color=colours.QUIET, linewidth=1.2)
        text = f"less that of {baseline}\n(percentage points; {level})"
        grid[1].set_xlabel(text).set_parse_math(False)
    return figure


def mean_interval(values: Vector, confidence: float) -> tuple[float, float]:
    """Student's t interval of the mean of independent values; NaN for a single one."""
    if len(values) < 2:
        return math.nan, math.nan
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2))
    reach *= float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - reach, float(values.mean()) + reach


def _repeats(name: str, of: ArrayLike) -> Vector:
    values = inputs.accuracies(f"accuracies of {name!r}", of)
    if np.isnan(values).any():
        raise DataError(
            f"accuracies of {name!r}: there are values that are NaN; expected one of each repeat"
        )
    return 100 * values


def _beyond(values: Mapping[str, Vector], baseline: str) -> dict[str, Vector]:
    if baseline not in values:
        raise DomainError(
            f"the baseline is {baseline!r}{nearest(baseline, values)}; there are"
            f" {', '.join(values)}"
        )
    base = values[baseline]
    for name, of in values.items():
        if len(of) != len(base):
            raise DataError(
                f"{name!r} has {len(of)} repeats and {baseline!r} {len(base)}; expected as many, in"
                " the same order"
            )
    if len(values) < 2:
        raise DataError(f"there is {baseline!r} alone; expected something to compare it with")
    return {name: of - base for name, of in values.items() if name != baseline}


def _percent(value: float) -> str:
    return f"{value:.2f}"


def _row(
    axes: Any, place: int, values: Vector, confidence: float, words: Callable[[float], str]
) -> None:
    """The repeats (pale), their mean, its interval, and both in words."""
    (colour,) = colours.of_classes(1)
    axes.plot(
        values, np.full(len(values), place + 0.16), "o", color=colour, alpha=0.45, markersize=4.5,
        markeredgewidth=0,
    )  # fmt: skip
    low, high = mean_interval(values, confidence)
    text = words(float(values.mean()))
    if not math.isnan(low):
        axes.plot([low, high], [place - 0.08] * 2, color=colours.INK, linewidth=1.6)
        axes.plot([low, high], [place - 0.08] * 2, "|", color=colours.INK, markersize=7)
        text += f" [{words(low)}, {words(high)}]"
    axes.plot([values.mean()], [place - 0.08], "o", color=colours.INK, markersize=6)
    axes.annotate(
        text, (values.mean(), place - 0.08), (0, 5), textcoords="offset points", ha="center",
        va="bottom", fontsize="x-small",
    )  # fmt: skip
