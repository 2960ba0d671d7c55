"""The report on a terminal or in a pipe, as Rich renderables.

All foreign text goes through :class:`rich.text.Text`, which never reads it as markup, and through
:func:`affidavit.report.wording.printable`, so that it cannot move the cursor or hide a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from affidavit import evidence
from affidavit.evidence import Header, Statement, Verdict
from affidavit.report import wording
from affidavit.report.diff import Change, ClaimChange, Comparison
from affidavit.report.witness import witness_text

_STYLES = {Verdict.HOLDS: "green", Verdict.VIOLATED: "bold red", Verdict.UNDECIDED: "yellow"}
NARROW = 64
"""Below this many columns a table of statements has no room for the claims."""

_CHANGE_STYLES = {
    Change.BETTER: "green",
    Change.ADDED: "green",
    Change.WORSE: "bold red",
    Change.REMOVED: "bold red",
    Change.MOVED: "yellow",
}


def summary(header: Header, statements: Sequence[Statement]) -> RenderableType:
    """The affidavit in brief: what was audited, a table of its statements, what needs attention
    in full sentences, and the totals."""
    parts: list[RenderableType] = [_heading(header)]
    if statements:
        parts.append(_Statements(statements))
    parts += [_finding(s) for s in statements if s.verdict is not Verdict.HOLDS]
    parts.append(_totals(header, statements))
    return Group(*parts)


def _heading(header: Header) -> RenderableType:
    lines = [Text(wording.one_line(header.title), style="bold")]
    for what, subject in (("Model", header.model), ("Data", header.data)):
        digest = wording.one_line(subject.sha256)[:12]
        line = Text(f"{what:<6}").append(wording.one_line(subject.name))
        lines.append(line.append(f"  sha256 {digest}", style="dim"))
    return Group(*lines)


class _Statements:
    """The statements as a table, or one below the other where the terminal is narrow."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = statements

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= NARROW:
            yield _table(self.statements)
            return
        for statement in self.statements:
            yield Text.assemble(
                "\n",
                (wording.one_line(statement.id), "bold"),
                f"\n{wording.one_line(statement.claim)}\n",
                _verdict(statement.verdict),
                f" ({statement.grade}): {_value(statement)} {_interval(statement)}",
                (f" {wording.one_line(statement.quantity)}", "dim"),
            )
        yield Text()


def _table(statements: Sequence[Statement]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), pad_edge=False)
    table.add_column("Claim", ratio=1, overflow="fold")
    table.add_column("Verdict\nGrade", no_wrap=True)
    table.add_column("Value\nInterval", justify="right", max_width=24, overflow="fold")
    table.add_column("Cost", justify="right", no_wrap=True)
    for index, statement in enumerate(statements):
        if index:
            table.add_row()
        table.add_row(
            Text(wording.one_line(statement.id), style="bold")
            .append("\n")
            .append(wording.one_line(statement.claim), style="not bold"),
            Text.assemble(_verdict(statement.verdict), "\n", str(statement.grade)),
            Text.assemble(_value(statement), "\n", _interval(statement), _quantity(statement)),
            Text.assemble(wording.duration(statement.cost.seconds), "\n", _inputs(statement)),
        )
    return table


def _verdict(verdict: Verdict) -> Text:
    return Text(f"{wording.MARKS[verdict]} {verdict}", style=_STYLES[verdict])


def _value(statement: Statement) -> str:
    return "–" if statement.value is None else wording.number(statement.value)


def _interval(statement: Statement) -> str:
    return wording.interval(statement.interval)


def _quantity(statement: Statement) -> tuple[str, str]:
    lead = "\n" if statement.interval is not None else ""
    return (lead + wording.one_line(statement.quantity) if statement.quantity else "", "dim")


def _inputs(statement: Statement) -> str:
    n = statement.cost.evaluations
    return wording.counted(n, "input") if n else ""


def _finding(statement: Statement) -> RenderableType:
    head = Text.assemble(
        _verdict(statement.verdict), "  ", (wording.one_line(statement.id), "bold")
    )
    body = Padding(Text(wording.one_line(statement.finding)), (0, 0, 1, 2))
    if statement.witness is None:
        return Group(head, body)
    witness = wording.one_line(witness_text(statement.witness))
    return Group(head, body, Padding(Text(witness), (0, 0, 1, 2)))


def _totals(header: Header, statements: Sequence[Statement]) -> Text:
    style = _STYLES[evidence.overall([s.verdict for s in statements])] if statements else ""
    took = f" The audit took {wording.duration(header.seconds)}."
    return Text.assemble((wording.outcome(statements), style), took)


def changes(comparison: Comparison) -> RenderableType:
    """Two affidavits side by side: one row for each claim that is not the same."""
    shown = [claim for claim in comparison.claims if not _unchanged(claim)]
    rest = len(comparison.claims) - len(shown)
    tail = Text(f"{wording.counted(rest, 'claim')} unchanged.")
    if not shown:
        return tail
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), pad_edge=False)
    table.add_column("Claim", ratio=1, overflow="fold")
    table.add_column("Change", no_wrap=True)
    table.add_column("Before", overflow="fold", max_width=20)
    table.add_column("After", overflow="fold", max_width=20)
    for claim in shown:
        table.add_row(
            Text.assemble((wording.one_line(claim.id), "bold"), _unlike(claim), _reworded(claim)),
            Text(str(claim.change), style=_CHANGE_STYLES.get(claim.change, "")),
            _side(claim.old),
            _side(claim.new),
        )
    return Group(table, tail)


def _unchanged(claim: ClaimChange) -> bool:
    return claim.change is Change.SAME and not _unlike(claim)


def _unlike(claim: ClaimChange) -> str:
    changed = [
        what
        for what, flag in (
            ("model", claim.model_changed),
            ("data", claim.data_changed),
            ("claim", claim.parameters_changed),
            ("grade", claim.grade_changed),
        )
        if flag
    ]
    return f"\nother {', '.join(changed)}" if changed else ""


def _reworded(claim: ClaimChange) -> str:
    if claim.old is None or claim.new is None or claim.old.claim == claim.new.claim:
        return ""
    before, after = wording.one_line(claim.old.claim), wording.one_line(claim.new.claim)
    return f"\nwas: {before}\nnow: {after}"


def _side(statement: Statement | None) -> Text:
    if statement is None:
        return Text("–")
    found = f"\n{_value(statement)}\n{_interval(statement)}"
    return Text.assemble(_verdict(statement.verdict), found)
