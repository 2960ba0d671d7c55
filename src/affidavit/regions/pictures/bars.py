"""The weights of all features in marked regions, beside a map that shows where they are."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from affidavit.errors import DomainError
from affidavit.plotting import charts, colours
from affidavit.regions.domain import Array
from affidavit.regions.pictures.cells import Polygons, polygons
from affidavit.regions.pictures.maps import borders, draw_decisions, fill, frame_axes
from affidavit.regions.pictures.weights import (
    Output,
    class_names,
    decisions,
    feature_names,
    outputs_told_apart,
    weights,
)
from affidavit.regions.result import Partition

MOST = 8
"""Regions that can be marked in one figure."""


def weight_bars(
    partition: Partition,
    marked: Any,
    output: Output | None = 0,
    *,
    ranges: Any = None,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Figure:
    """Left, the map with marked regions; right, the signed weights of all features in each.

    Exact. Source: Dethise and Canini, figure 7.

    Args:
        partition: two features that vary; coloured by decision where it tells decisions apart.
        marked: indices of regions, or points in user coordinates, [point, coordinate], whose
            regions are meant. Up to 8.
        output, ranges, names: as for :func:`rank_map`.
        classes: names of the classes.

    Raises:
        DomainError: no region or too many, a region that does not exist, a point outside; and as
            for :func:`rank_map`.
    """
    chosen = _regions(partition, marked)
    titles = feature_names(partition, names)
    found = weights(partition, output, ranges, chosen)
    drawn = polygons(partition)
    figure = charts.figure(10.5, max(4.2, 1.4 + 0.24 * len(titles)))
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.2))
    left, right = halves
    axes = left.add_subplot()
    frame_axes(axes, drawn, titles)
    labels = [ascii_uppercase[place] for place in range(len(chosen))]
    if outputs_told_apart(partition) is None:
        fill(axes, drawn, np.tile([0.93, 0.94, 0.95], (len(partition), 1)))
        borders(axes, drawn)
    else:
        decided, kinds = decisions(partition), class_names(partition, classes)
        draw_decisions(axes, drawn, decided, len(kinds))
        labels = [
            f"{label}: {kinds[decided[region]]}"
            for label, region in zip(labels, chosen, strict=True)
        ]
    _mark(axes, drawn, chosen)
    _bars(right, found, titles, labels)
    return figure


def _regions(partition: Partition, marked: Any) -> np.ndarray:
    given = np.asarray(marked)
    if given.ndim == 2:
        found = partition.locate(given)
        if (found < 0).any():
            point = given[int(np.argmax(found < 0))].tolist()
            raise DomainError(f"the point {point} lies in no region that was found")
        given = found
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise DomainError("marked: expected indices of regions, or points [point, coordinate]")
    chosen = given[np.sort(np.unique(given, return_index=True)[1])].astype(np.int64)
    if not 1 <= len(chosen) <= MOST:
        raise DomainError(f"{len(chosen)} regions are marked; expected 1 to {MOST}")
    if chosen.min() < 0 or chosen.max() >= len(partition):
        raise DomainError(
            f"marked: the partition has the regions 0 to {len(partition) - 1}, not"
            f" {chosen.min() if chosen.min() < 0 else chosen.max()}"
        )
    return chosen


def _mark(axes: Axes, drawn: Polygons, chosen: np.ndarray) -> None:
    for label, region in zip(ascii_uppercase, chosen, strict=False):
        pieces = [drawn.corners(piece) for piece in np.flatnonzero(drawn.region == region)]
        for corners in pieces:
            axes.fill(*corners.T, facecolor="none", edgecolor=colours.INK, hatch="////")
        axes.annotate(
            label,
            max(pieces, key=lambda corners: np.ptp(corners, axis=0).prod()).mean(0),
            ha="center",
            va="center",
            fontweight="bold",
            color=colours.INK,
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": colours.INK},
        )


def _bars(figure: Any, found: Array, names: Sequence[str], labels: Sequence[str]) -> None:
    panels = figure.subplots(1, len(found), sharex=True, sharey=True, squeeze=False)[0]
    rows = np.arange(len(names))
    reach = 1.08 * float(np.abs(found).max() or 1.0)
    blue, orange = colours.SIGNED(0.85), colours.SIGNED(0.2)
    for axes, values, label in zip(panels, found, labels, strict=True):
        shades = [orange if value < 0 else blue for value in values]
        axes.barh(rows, values, color=shades, edgecolor=colours.INK, linewidth=0.4)
        axes.axvline(0, color=colours.INK, linewidth=0.8)
        axes.set_xlim(-reach, reach)
        charts.panel_title(axes, label)
        axes.locator_params(axis="x", nbins=3)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    charts.name_rows(panels[0], names)
    panels[0].invert_yaxis()
    figure.supxlabel("weight", fontsize="medium")
