"""The report as one HTML file that needs nothing else: no request, no foreign script.

A Content-Security-Policy in the file forbids both, whatever a claim's text may hold.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from affidavit import evidence
from affidavit.evidence import (
    Exhibit,
    Grade,
    Header,
    IntervalChart,
    MatrixChart,
    Statement,
    Table,
    Verdict,
)
from affidavit.report import wording
from affidavit.report.figures import figures, writes_all
from affidavit.report.matrix_figure import largest_cells

ROWS = 1000
"""Rows of a table that the page shows; what is beyond is in `affidavit.json`, and the page says so.
"""

GRADES = {
    Grade.EXACT: "The check was complete: every case was covered, to a stated numerical tolerance.",
    Grade.SOUND: "A bound was proved. It may be loose, but it is never wrong.",
    Grade.STATISTICAL: "The numbers come from a sample and carry a stated level of confidence.",
    Grade.EMPIRICAL: "It was measured. Nothing is guaranteed beyond what was measured.",
}
"""What each grade of evidence means, the strongest first."""

VERDICTS = {
    Verdict.HOLDS: "The evidence shows that the claim is true, as strongly as its grade says.",
    Verdict.VIOLATED: "The evidence shows that the claim is false, as strongly as its grade says.",
    Verdict.UNDECIDED: "The evidence is not enough to tell. This is not a pass.",
}
"""What each verdict means."""


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


def render(header: Header, statements: Sequence[Statement]) -> str:
    """The report as one self-contained HTML document."""
    counts = wording.tally(statements)
    return _template().render(
        header=header,
        statements=statements,
        verdict=evidence.overall([s.verdict for s in statements]) if statements else None,
        outcome=wording.outcome(statements),
        counts=counts,
        attention=[s for s in statements if s.verdict is not Verdict.HOLDS],
        plates=[_plates(s, f"e{index}") for index, s in enumerate(statements, start=1)],
        grades=GRADES,
        verdicts=VERDICTS,
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("affidavit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        number=wording.number,
        interval=wording.interval,
        exactly=wording.exactly,
        duration=wording.duration,
        moment=wording.moment,
        short=lambda digest: digest[:12],
        href=_href,
        strength=lambda grade: len(GRADES) - list(GRADES).index(grade),
        breakable=_breakable,
    )
    environment.globals.update(counted=wording.counted, marks=wording.MARKS, policy=_policy)
    environment.globals["asset"] = _asset
    return environment.get_template("report.html")


def _finalize(value: Any) -> Any:
    """Foreign text loses what could act on the page; markup of our own passes."""
    if isinstance(value, Markup):
        return value
    return wording.printable(value) if isinstance(value, str) else value


def _asset(name: str) -> Markup:
    place = resources.files("affidavit.report") / "templates" / name
    return Markup(place.read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


def _policy() -> str:
    """Allow the page's own script by its hash, its own styles, and nothing from anywhere."""
    digest = hashlib.sha256(_asset("report.js").encode()).digest()
    allowed = base64.b64encode(digest).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _href(path: str) -> str:
    """A link to a file beside the page. The leading dot keeps `//host` and `scheme:` out."""
    return "./" + quote(path, safe="/", errors="replace")


def _breakable(text: str) -> Markup:
    """`text` with places to break a line inside long names: after punctuation, not anywhere."""
    escaped = [
        str(Markup.escape(part)) for part in re.split(r"(?<=[-_/.:])", wording.printable(text))
    ]
    return Markup("<wbr>").join(map(Markup, escaped))


def _plates(statement: Statement, key: str) -> list[Plate]:
    return [_plate(e, f"{key}-{index}") for index, e in enumerate(statement.exhibits, start=1)]


def _plate(exhibit: Exhibit, key: str) -> Plate:
    if isinstance(exhibit, Table):
        return Plate(exhibit.title, exhibit.note, (), _grid(exhibit))
    # The drawing module escapes all foreign text: it writes through an XML serialiser.
    drawn = tuple(Markup(svg) for svg in figures(exhibit, key))  # noqa: S704
    table = _estimates(exhibit) if isinstance(exhibit, IntervalChart) else _cells(exhibit)
    grid = _grid(table) if table.rows else None
    return Plate(exhibit.title, exhibit.note, drawn, grid, repeated=writes_all(exhibit))


def _grid(table: Table) -> Grid:
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


def _bounds(estimate: evidence.Estimate) -> str | None:
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
