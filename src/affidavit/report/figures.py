"""From an exhibit that is a chart to inline SVG."""

from __future__ import annotations

from affidavit.evidence import IntervalChart, MatrixChart
from affidavit.report.interval_figure import all_labels_fit, interval_figures
from affidavit.report.matrix_figure import all_numbers_fit, matrix_figure


def figures(chart: IntervalChart | MatrixChart, key: str) -> tuple[str, ...]:
    """The chart as inline SVG, in several panels where it is too long for a page.

    `key` makes the ids in the SVG unlike those of the page's other figures. Colours are CSS
    variables (:data:`affidavit.report.drawing.ROLES`); the same chart and key give the same text.
    A chart without rows or columns has no figure.
    """
    if isinstance(chart, IntervalChart):
        return interval_figures(chart, key)
    if not chart.row_names or not chart.column_names:
        return ()
    return (matrix_figure(chart, key),)


def writes_all(chart: IntervalChart | MatrixChart) -> bool:
    """Whether the figure writes every label and number of the chart, none shortened or left out."""
    if isinstance(chart, IntervalChart):
        return all_labels_fit(chart)
    return all_numbers_fit(chart)
