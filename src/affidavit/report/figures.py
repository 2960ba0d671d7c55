"""From each kind of exhibit to the way it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from affidavit.evidence import (
    CurveChart,
    Exhibit,
    HistogramChart,
    ImageGrid,
    IntervalChart,
    MatrixChart,
    Table,
)
from affidavit.report.curve_figure import all_points_written, curve_figures, points_table
from affidavit.report.histogram_figure import (
    all_counts_written,
    bins_table,
    histogram_figures,
)
from affidavit.report.image_figure import image_figures, labels_fit, labels_table
from affidavit.report.interval_figure import all_labels_fit, estimates_table, interval_figures
from affidavit.report.matrix_figure import all_numbers_fit, counts_table, matrix_figures


@dataclass(frozen=True)
class Renderer:
    """How one kind of exhibit is shown.

    Attributes:
        figures: inline SVG of an exhibit, none where it has nothing to draw. The second argument
            makes the ids in it unlike those of the page's other figures.
        numbers: what the exhibit holds, as a table.
        writes_all: whether the figures write every label and number of that table, none
            shortened or left out.
    """

    figures: Callable[[Any, str], tuple[str, ...]]
    numbers: Callable[[Any], Table]
    writes_all: Callable[[Any], bool]


RENDERERS: dict[type[Any], Renderer] = {
    Table: Renderer(lambda table, key: (), lambda table: table, lambda table: False),
    IntervalChart: Renderer(interval_figures, estimates_table, all_labels_fit),
    MatrixChart: Renderer(matrix_figures, counts_table, all_numbers_fit),
    CurveChart: Renderer(curve_figures, points_table, all_points_written),
    HistogramChart: Renderer(histogram_figures, bins_table, all_counts_written),
    ImageGrid: Renderer(image_figures, labels_table, labels_fit),
}
"""The way to show each kind of exhibit; every kind has one."""


def figures(exhibit: Exhibit, key: str) -> tuple[str, ...]:
    """The exhibit as inline SVG, in several panels where it is too long for a page.

    `key` makes the ids in the SVG unlike those of the page's other figures. Colours are CSS
    variables (:data:`affidavit.report.drawing.ROLES`); the same chart and key give the same text.
    A chart without rows or columns has no figure.
    """
    return RENDERERS[type(exhibit)].figures(exhibit, key)


def writes_all(exhibit: Exhibit) -> bool:
    """Whether the figure writes every label and number of the chart, none shortened or left out."""
    return RENDERERS[type(exhibit)].writes_all(exhibit)
