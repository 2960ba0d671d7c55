"""From an exhibit to what the page shows of it: figures, a table of text, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from affidavit import evidence
from affidavit.evidence import Estimate, Exhibit, IntervalChart, MatrixChart, Statement, Table
from affidavit.report import wording
from affidavit.report.figures import figures, writes_all
from affidavit.report.matrix_figure import largest_cells

ROWS = 1000
"""Rows of a table that the page shows. The page says how many more are in `affidavit.json`."""


@dataclass(frozen=True)
class Grid:
    """A table as the page shows it: text in every cell, and the style class of each column.

    Columns are `num` (numbers, to the right), `brief` (short text, its words kept whole) or
    `long` (text that may break anywhere); a table of many columns is `broad`.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]
    note: str = ""
    left_out: int = 0

    @property
    def broad(self) -> bool:
        """Whether the table is too wide for paper unless words may break."""
        return len(self.columns) > 12


@dataclass(frozen=True)
class Plate:
    """One exhibit as the page shows it: its figures, its table, or both.

    `repeated` tells that the figures already write every number of the table: paper can do
    without it.
    """

    title: str
    note: str
    figures: tuple[Markup, ...]
    grid: Grid | None
    repeated: bool = False


def plates(statement: Statement, key: str) -> list[Plate]:
    """The exhibits of `statement` in order. `key` makes the ids in their figures unique."""
    return [_plate(e, f"{key}-{index}") for index, e in enumerate(statement.exhibits, start=1)]


def _plate(exhibit: Exhibit, key: str) -> Plate:
    if isinstance(exhibit, Table):
        return Plate(exhibit.title, exhibit.note, (), grid(exhibit))
    # The drawing module escapes all foreign text: it writes through an XML serialiser.
    drawn = tuple(Markup(svg) for svg in figures(exhibit, key))  # noqa: S704
    table = _estimates(exhibit) if isinstance(exhibit, IntervalChart) else _cells(exhibit)
    numbers = grid(table) if table.rows else None
    return Plate(exhibit.title, exhibit.note, drawn, numbers, repeated=writes_all(exhibit))


def grid(table: Table) -> Grid:
    """`table` in text, with at most :data:`ROWS` rows."""
    shown = table.rows[:ROWS]
    columns = [[row[index] for row in shown] for index in range(len(table.columns))]
    written = [wording.column(column) for column in columns]
    kinds = tuple(_kind(*both) for both in zip(columns, written, strict=True))
    rows = tuple(zip(*written, strict=True)) if columns else ()
    return Grid(table.title, table.columns, rows, kinds, table.note, len(table.rows) - len(shown))


def _kind(cells: Sequence[evidence.Cell], written: Sequence[str]) -> str:
    numbers = [cell for cell in cells if cell is not None]
    if numbers and all(map(_is_number, numbers)):
        return "num"
    return "brief" if all(len(text) <= 24 for text in written) else "long"


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _estimates(chart: IntervalChart) -> Table:
    rows = tuple(
        (
            e.label,
            e.value,
            wording.interval((e.lower, e.upper)),
            _bounds(e),
            str(e.verdict) if e.verdict else None,
        )
        for e in chart.estimates
    )
    return Table(chart.title, (chart.axis, "value", "interval", "asked", "verdict"), rows)


def _bounds(estimate: Estimate) -> str | None:
    asked: Mapping[str, float | None] = {
        "at least": estimate.at_least,
        "at most": estimate.at_most,
    }
    found = [f"{words} {wording.exactly(b)}" for words, b in asked.items() if b is not None]
    return ", ".join(found) or None


def _cells(chart: MatrixChart) -> Table:
    """A small matrix in full; of a large one the counts that matter most."""
    if len(chart.column_names) <= 12 and len(chart.row_names) <= 40:
        rows: tuple[tuple[evidence.Cell, ...], ...] = tuple(
            (name, *counts) for name, counts in zip(chart.row_names, chart.counts, strict=True)
        )
        corner = f"{chart.row_axis} \\ {chart.column_axis}"
        return Table(chart.title, (corner, *chart.column_names), rows)
    return Table(
        "Largest counts" + (" off the diagonal" if chart.row_names == chart.column_names else ""),
        (chart.row_axis, chart.column_axis, "count"),
        tuple(largest_cells(chart)),
    )
