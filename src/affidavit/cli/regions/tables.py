"""What `affidavit regions` prints."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from affidavit.regions.summary import Summary

_ROWS = 15


def summary_tables(summary: Summary) -> Iterator[Table]:
    """The summary, the decisions and the features, one table each."""
    grid = Table(title="Linear regions", title_justify="left", show_header=False)
    grid.add_column("what")
    grid.add_column("value", overflow="fold")
    for what, value in _facts(summary):
        grid.add_row(what, escape(value))
    yield grid
    if summary.classes:
        table = Table(title="Decisions", title_justify="left")
        table.add_column("decision", overflow="fold")
        table.add_column("share of the volume", justify="right")
        table.add_column("regions", justify="right")
        ranked = sorted(summary.classes, key=lambda item: -item.share)
        for item in ranked[:_ROWS]:
            table.add_row(escape(item.name), f"{100 * item.share:.4g} %", f"{item.regions:,}")
        _rest(table, len(ranked), 3)
        yield table
    if summary.totals:
        whose = "the output decided for" if summary.of == "decision" else f"output {summary.of}"
        table = Table(title=f"Features by total weight on {whose}", title_justify="left")
        table.add_column("rank", justify="right")
        table.add_column("feature", overflow="fold")
        table.add_column("total weight", justify="right")
        for rank, total in enumerate(summary.totals[:_ROWS], 1):
            table.add_row(str(rank), escape(total.name), f"{total.total:.4g}")
        _rest(table, len(summary.totals), 3)
        yield table


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "regions", f"{summary.regions:,}"
    shown = ", ".join(summary.features[:6]) + (" …" if len(summary.features) > 6 else "")
    yield "dimensions", f"{len(summary.features)} ({shown})"
    yield "engine", summary.engine
    yield "time", f"{summary.seconds:.3g} s"
    yield "decided", f"{100 * summary.decided:.4g} % of the domain"
    yield "complete", "yes" if summary.complete else f"no: {summary.reason}"
    whose = "all outputs" if summary.of == "decision" else f"output {summary.of}"
    yield "largest gradient", f"{summary.largest_gradient:.6g} ({whose})"
    checked = summary.verification
    if checked is None:
        yield "verification", "not asked for"
        return
    yield (
        "affine maps",
        f"within {checked.map_error:.1e} of the network, on {checked.maps:,} regions",
    )
    if checked.volume_error is not None:
        yield "sum of volumes", f"within {checked.volume_error:.1e} of the domain's"
    if checked.coverage is not None:
        yield "coverage", f"at least {100 * checked.coverage:.4g} % (99 % confidence)"


def _rest(table: Table, count: int, columns: int) -> None:
    if count > _ROWS:
        table.add_row(*[""] * (columns - 2), f"and {count - _ROWS} more", "")
