"""Maps of a partition in two dimensions: its decisions, and a feature's rank or weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from affidavit.errors import DomainError
from affidavit.plotting import charts, colours
from affidavit.regions.domain import Array
from affidavit.regions.feature_weights import ranked
from affidavit.regions.pictures.cells import Polygons, polygons
from affidavit.regions.pictures.weights import (
    Output,
    class_names,
    decisions,
    feature_index,
    feature_names,
    weights,
    widths,
)
from affidavit.regions.result import Partition

_MANY = 3000
"""Pieces from which fills and borders are stored as pixels, also in vector formats."""


def decision_map(
    partition: Partition,
    *,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Figure:
    """Regions in the colour of their decision, decision borders thick, region borders thin.

    Exact: every polygon is drawn from its vertices. Source: Dethise and Canini, figure 3.

    Args:
        partition: two features that vary, `refine="decision"`.
        names: of all features; by default the model's.
        classes: their names.

    Raises:
        DomainError: another number of features varies, no decisions, names that do not fit.
    """
    decided = decisions(partition)
    titles = class_names(partition, classes)
    drawn = polygons(partition)
    figure, axes = _figure(drawn, feature_names(partition, names))
    draw_decisions(axes, drawn, decided, len(titles))
    palette = colours.of_classes(len(titles))
    there = np.unique(decided)
    legend = figure.legend(
        handles=[
            Patch(facecolor=palette[index], edgecolor=colours.INK, linewidth=0.6) for index in there
        ],
        labels=[titles[index] for index in there],
        loc="outside right upper",
        frameon=False,
    )
    charts.literal(legend.get_texts())
    return figure


def rank_map(
    partition: Partition,
    feature: int | str,
    output: Output | None = 0,
    *,
    ranges: Any = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Regions in the colour of a feature's rank by absolute weight, dark where it matters most.

    Exact. Source: Dethise and Canini, figure 4.

    Args:
        partition: two features that vary.
        feature: by index or name.
        output: an output, a pair (a, b) for how far a is above b, or None for the output that each
            region decides for.
        ranges: lower and upper bounds of all features, by which slopes become weights; by default
            the domain's, in which features held fixed weigh nothing.
        names: of all features; by default the model's.

    Raises:
        DomainError: no such feature or output, or one that weighs nothing because it is held fixed.
    """
    titles = feature_names(partition, names)
    chosen = _varying(partition, feature, ranges, titles)
    found = ranked(weights(partition, output, ranges))[:, chosen]
    # Features without a range weigh nothing: their ranks are no ranks.
    count = int((widths(partition, ranges) > 0).sum())
    drawn = polygons(partition)
    figure, axes = _figure(drawn, titles)
    shades = colours.of_ranks(count)
    fill(axes, drawn, shades[np.minimum(found, count) - 1])
    borders(axes, drawn)
    _bar(
        figure,
        axes,
        ScalarMappable(BoundaryNorm(np.arange(0.5, count + 1), count), ListedColormap(shades)),
        f"rank of {titles[chosen]}",
        np.unique(np.linspace(1, count, min(count, 10)).round()),
    )
    return figure


def weight_map(
    partition: Partition,
    feature: int | str,
    output: Output | None = 0,
    *,
    ranges: Any = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Regions in the colour of a feature's signed weight: orange negative, blue positive.

    Exact. Arguments and errors as for :func:`rank_map`.
    """
    titles = feature_names(partition, names)
    chosen = _varying(partition, feature, ranges, titles)
    found = weights(partition, output, ranges)[:, chosen]
    largest = float(np.abs(found).max())
    drawn = polygons(partition)
    figure, axes = _figure(drawn, titles)
    fill(axes, drawn, colours.of_weights(found, largest))
    borders(axes, drawn)
    norm = Normalize(-(largest or 1.0), largest or 1.0)
    _bar(figure, axes, ScalarMappable(norm, colours.SIGNED), f"weight of {titles[chosen]}")
    return figure


def draw_decisions(axes: Axes, drawn: Polygons, decided: np.ndarray, classes: int) -> None:
    """The decision map itself, on axes that are there."""
    fill(axes, drawn, colours.of_classes(classes)[decided])
    borders(axes, drawn)
    known = (drawn.sides >= 0).all(1)
    changes = known & (decided[drawn.sides[:, 0]] != decided[drawn.sides[:, 1]])
    _lines(axes, drawn, drawn.borders[changes], colours.INK, 1.5, 1.0)


def fill(axes: Axes, drawn: Polygons, shades: Array) -> None:
    """Every piece in its region's colour, [region, 3]; what was not found stays blank."""
    found = np.flatnonzero(drawn.region >= 0)
    sizes = np.diff(drawn.start)
    many = len(found) > _MANY
    # Pieces with equally many vertices are one array: a list of arrays would take seconds.
    for size in np.unique(sizes[found]):
        pieces = found[sizes[found] == size]
        corners = drawn.points[drawn.vertex[drawn.start[pieces, None] + np.arange(size)]]
        axes.add_collection(
            PolyCollection(
                corners,
                facecolors=shades[drawn.region[pieces]],
                edgecolors="none" if many else "face",
                linewidths=0.0 if many else 0.3,
                antialiaseds=not many,
                rasterized=many,
            ),
            autolim=False,
        )


def borders(axes: Axes, drawn: Polygons) -> None:
    """Thin borders between regions, the thinner the more there are."""
    share = min(1.0, float(np.sqrt(_MANY / (len(drawn.region) + 1))))
    _lines(axes, drawn, drawn.borders, colours.RULE, 0.5 * share, max(0.25, 0.9 * share))


def _lines(
    axes: Axes, drawn: Polygons, ends: np.ndarray, colour: str, width: float, alpha: float
) -> None:
    axes.add_collection(
        LineCollection(
            drawn.points[ends],
            colors=colour,
            linewidths=width,
            alpha=alpha,
            capstyle="round",
            rasterized=len(ends) > 2 * _MANY,
        ),
        autolim=False,
    )


def frame_axes(axes: Axes, drawn: Polygons, names: Sequence[str]) -> None:
    """Limits and labels of the two features that vary."""
    axes.set_xlim(drawn.lower[0], drawn.upper[0])
    axes.set_ylim(drawn.lower[1], drawn.upper[1])
    axes.set_xlabel(names[drawn.features[0]], parse_math=False)
    axes.set_ylabel(names[drawn.features[1]], parse_math=False)


def _figure(drawn: Polygons, names: Sequence[str]) -> tuple[Figure, Axes]:
    figure, axes = charts.subplots(6.4, 4.8)
    frame_axes(axes, drawn, names)
    return figure, axes


def _bar(figure: Figure, axes: Axes, scale: ScalarMappable, label: str, ticks: Any = None) -> None:
    bar = figure.colorbar(scale, ax=axes, ticks=ticks)
    bar.set_label(label, parse_math=False)
    if ticks is not None:
        bar.ax.invert_yaxis()
        bar.ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        bar.ax.minorticks_off()


def _varying(partition: Partition, feature: int | str, ranges: Any, names: Sequence[str]) -> int:
    chosen = feature_index(feature, names)
    if not widths(partition, ranges)[chosen] > 0:
        what = "is held fixed" if ranges is None else "has no width in the ranges given"
        raise DomainError(
            f"{names[chosen]} {what}, so that it weighs nothing: give `ranges` in which it varies"
        )
    return chosen
