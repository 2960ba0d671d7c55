"""Images by row and column: inputs, and what was found about them."""

from __future__ import annotations

from affidavit.evidence import ImageGrid, Table
from affidavit.report import wording
from affidavit.report.drawing import Canvas, shortened, width_of

ROWS = 6
"""Rows to a panel: one panel fits a printed page, so that a page break cuts no row."""

_WIDTH = 680.0
_LABEL_ROOM = 190.0
_SIDE = 120.0
_GAP = 8.0


def image_figures(grid: ImageGrid, key: str) -> tuple[str, ...]:
    """The images as SVG panels of at most :data:`ROWS` rows; none where there are no images."""
    if not grid.columns:
        return ()
    starts = range(0, len(grid.rows), ROWS)
    return tuple(_panel(grid, start, f"{key}-{start}") for start in starts)


def labels_table(grid: ImageGrid) -> Table:
    """The rows' labels; the images have no form in text."""
    return Table(grid.title, ("row",), tuple((row.label,) for row in grid.rows))


def labels_fit(grid: ImageGrid) -> bool:
    """Whether no row's label is shortened."""
    return all(width_of(line) <= _LABEL_ROOM for row in grid.rows for line in _lines(row.label))


def _panel(grid: ImageGrid, start: int, key: str) -> str:
    rows = grid.rows[start : start + ROWS]
    widest = max((width_of(line) for row in rows for line in _lines(row.label)), default=0.0)
    left = min(_LABEL_ROOM, widest) + 14
    side = min(_SIDE, (_WIDTH - left) / len(grid.columns) - _GAP)
    top = 26.0
    canvas = Canvas(_WIDTH, top + len(rows) * (side + _GAP) + 4)
    for column, name in enumerate(grid.columns):
        middle = left + column * (side + _GAP) + side / 2
        canvas.text(middle, 12, shortened(name, side + _GAP, 10), size=10, anchor="center")
    for number, row in enumerate(rows):
        y = top + number * (side + _GAP)
        lines = _lines(row.label)
        for place, line in enumerate(lines):
            height = y + side / 2 + 15 * (place - (len(lines) - 1) / 2)
            role = "ink" if place == 0 else "muted"
            canvas.text(left - 10, height, shortened(line, _LABEL_ROOM), role, anchor="right")
        for column, png in enumerate(row.images):
            if png:
                canvas.image(left + column * (side + _GAP), y, side, side, png)
    said = "; ".join(wording.one_line(row.label) for row in rows)
    return canvas.svg(key, grid.title, f"Images of {', '.join(grid.columns)}, by row: {said}.")


def _lines(label: str) -> list[str]:
    """A label's lines: it is cut at its semicolons."""
    return [part.strip() for part in wording.one_line(label).split(";")]
