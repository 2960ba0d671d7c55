"""The heat map of counts, such as a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affidavit.evidence import Cell, MatrixChart, Table
from affidavit.report import wording
from affidavit.report.drawing import Canvas, shortened, width_of

_WIDTH = 680.0
_LEVELS = 8
_NAME_ROOM = 120.0


def matrix_figures(chart: MatrixChart, key: str) -> tuple[str, ...]:
    """The chart as one SVG, or none where it has no rows or columns.

    A cell's shade is its share of its row, so that rare rows show too.
    """
    return (_figure(chart, key),) if chart.row_names and chart.column_names else ()


def _figure(chart: MatrixChart, key: str) -> str:
    n_rows, n_columns = len(chart.row_names), len(chart.column_names)
    left, cell, height = _layout(chart)
    names = _room(chart.column_names)
    turned = max(map(_width, chart.column_names), default=0.0) > cell - 2
    top = 30 + (names if turned else 14)
    canvas = Canvas(_WIDTH, top + height * n_rows + 12)
    canvas.text(left, 12, chart.column_axis, "ink")
    canvas.text(10, top, chart.row_axis, "ink", turned=True, anchor="right")
    _draw_cells(canvas, chart, left, top, cell, height)
    _draw_rules(canvas, left, top, cell * n_columns, height * n_rows)
    every = max(1, math.ceil(12 / height))
    for index in range(0, n_rows, every):
        y = top + (index + 0.5) * height
        name = shortened(chart.row_names[index], _NAME_ROOM, 10)
        canvas.text(left - 6, y, name, "muted", size=10, anchor="right")
    every = max(1, math.ceil((12 if turned else 4) / cell))
    for index in range(0, n_columns, every):
        x = left + (index + 0.5) * cell
        name = shortened(chart.column_names[index], _NAME_ROOM, 10)
        if turned:
            canvas.text(x, top - 6, name, "muted", size=10, turned=True)
        else:
            canvas.text(x, top - 9, name, "muted", size=10, anchor="center")
    return canvas.svg(key, chart.title, _description(chart))


def all_numbers_fit(chart: MatrixChart) -> bool:
    """Whether every name and count is written in full."""
    _, cell, height = _layout(chart)
    names = max(map(_width, (*chart.row_names, *chart.column_names)), default=0.0)
    return names <= _NAME_ROOM and _counts_fit(chart, cell, height)


def largest_cells(chart: MatrixChart, limit: int = 15) -> list[tuple[str, str, int]]:
    """The largest counts as (row, column, count), the largest first.

    Where rows and columns have the same names these are the counts off the diagonal: of a
    confusion matrix, what is confused with what.
    """
    square = chart.row_names == chart.column_names
    cells = [
        (row, column, count)
        for i, (row, counts) in enumerate(zip(chart.row_names, chart.counts, strict=True))
        for j, (column, count) in enumerate(zip(chart.column_names, counts, strict=True))
        if count and not (square and i == j)
    ]
    return sorted(cells, key=lambda cell: -cell[2])[:limit]


def _layout(chart: MatrixChart) -> tuple[float, float, float]:
    """Where the cells begin, and their width and height."""
    left = 30 + _room(chart.row_names)
    cell = min(44.0, (_WIDTH - left - 10) / max(len(chart.column_names), 1))
    # More rows than columns: they must still fit a printed page.
    return left, cell, min(cell, 780.0 / max(len(chart.row_names), 1))


def _counts_fit(chart: MatrixChart, cell: float, height: float) -> bool:
    widest = max(
        (width_of(wording.number(c), 10) for row in chart.counts for c in row), default=0.0
    )
    return widest < cell - 3 and height >= 13


def _width(name: str) -> float:
    return width_of(wording.one_line(name), 10)


def _room(names: Sequence[str]) -> float:
    return min(_NAME_ROOM, max(map(_width, names), default=0.0)) + 6


def _draw_cells(
    canvas: Canvas, chart: MatrixChart, left: float, top: float, cell: float, height: float
) -> None:
    levels: dict[int, list[tuple[float, float, float, float]]] = {}
    texts = []
    counts_fit = _counts_fit(chart, cell, height)
    for i, row in enumerate(chart.counts):
        total = sum(max(count, 0) for count in row)
        for j, count in enumerate(row):
            share = max(count, 0) / total if total else 0.0
            level = math.ceil(share * _LEVELS)
            x, y = left + j * cell, top + i * height
            if level:
                levels.setdefault(level, []).append((x, y, cell, height))
            if counts_fit:
                role = "muted" if count == 0 else "paper" if level > _LEVELS / 2 else "ink"
                texts.append((x + cell / 2, y + height / 2, wording.number(count), role))
    for level, boxes in sorted(levels.items()):
        # From faint to solid; the text above half is paper on accent, below it ink on paper.
        alpha = 0.08 + 0.27 * level / (_LEVELS / 2) if level <= _LEVELS / 2 else 0.85
        canvas.boxes(boxes, "accent", min(alpha + 0.03 * max(0, level - _LEVELS / 2), 1))
    for x, y, text, role in texts:
        canvas.text(x, y, text, role, size=10, anchor="center")


def _draw_rules(canvas: Canvas, left: float, top: float, width: float, height: float) -> None:
    right, bottom = left + width, top + height
    canvas.line([left, right, right, left, left], [top, top, bottom, bottom, top], "rule")


def _description(chart: MatrixChart) -> str:
    total = sum(map(sum, chart.counts))
    named = [f"{row} / {column}: {count}" for row, column, count in largest_cells(chart, 5)]
    square = chart.row_names == chart.column_names
    where = "largest off the diagonal" if square else "largest"
    return (
        f"{len(chart.row_names)} rows of {chart.row_axis} by {len(chart.column_names)} columns of "
        f"{chart.column_axis}, {total} in all; {where}: {'; '.join(named) or 'none'}."
    )


def counts_table(chart: MatrixChart) -> Table:
    """A small matrix in full; of a large one the counts that matter most."""
    if len(chart.column_names) <= 12 and len(chart.row_names) <= 40:
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, *counts) for name, counts in zip(chart.row_names, chart.counts, strict=True)
        )
        corner = f"{chart.row_axis} \\ {chart.column_axis}"
        return Table(chart.title, (corner, *chart.column_names), rows)
    return Table(
        "Largest counts" + (" off the diagonal" if chart.row_names == chart.column_names else ""),
        (chart.row_axis, chart.column_axis, "count"),
        tuple(largest_cells(chart)),
    )
