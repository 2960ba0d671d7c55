"""From an exhibit to what the page shows of it: figures, a table of text, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from affidavit import evidence
from affidavit.evidence import Exhibit, Statement, Table
from affidavit.report import wording
from affidavit.report.figures import RENDERERS
from affidavit.report.witness import witness_table

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
    """The witness of `statement`, where it has one, and its exhibits in order.

    `key` makes the ids in their figures unique.
    """
    exhibits = statement.exhibits
    if statement.witness is not None:
        exhibits = (witness_table(statement.witness), *exhibits)
    return [_plate(e, f"{key}-{index}") for index, e in enumerate(exhibits, start=1)]


def _plate(exhibit: Exhibit, key: str) -> Plate:
    renderer = RENDERERS[type(exhibit)]
    # The drawing module escapes all foreign text: it writes through an XML serialiser.
    drawn = tuple(Markup(svg) for svg in renderer.figures(exhibit, key))  # noqa: S704
    table = renderer.numbers(exhibit)
    # A table is shown even when it is empty; the numbers of an empty chart are not.
    numbers = grid(table) if table.rows or table is exhibit else None
    repeated = bool(drawn) and renderer.writes_all(exhibit)
    return Plate(exhibit.title, exhibit.note, drawn, numbers, repeated)


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
