from __future__ import annotations

import dataclasses
import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from affidavit.evidence import Header, Statement
from affidavit.report import changes, compare, summary


def shown(header: Header, statements: list[Statement], width: int = 80, **options: bool) -> str:
    out = io.StringIO()
    Console(file=out, width=width, **options).print(summary(header, statements))  # type: ignore[arg-type]
    return out.getvalue()


def test_table_findings_and_totals(header: Header, statements: list[Statement]) -> None:
    text = shown(header, statements)
    flat = " ".join(text.split())
    assert "\x1b" not in text
    for statement in statements:
        assert statement.id in text
        assert str(statement.grade) in text
    for part in ("✓ holds", "✗ violated", "? undecided", "0.9722", "[0.9518, 1]", "420 ms"):
        assert part in text
    assert statements[1].finding in flat
    assert statements[2].finding in flat
    assert statements[0].finding not in flat
    assert "Of 4 claims, 1 is violated, 1 is undecided and 2 hold." in flat


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit(
    header: Header, statements: list[Statement], hostile_statements: list[Statement], width: int
) -> None:
    text = shown(header, statements + hostile_statements, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_colour_only_on_a_terminal(header: Header, statements: list[Statement]) -> None:
    assert "\x1b[" in shown(header, statements, force_terminal=True)


def test_foreign_text_is_literal(
    hostile_header: Header, hostile_statements: list[Statement]
) -> None:
    text = shown(hostile_header, hostile_statements, 4000)
    assert "[bold red]x[/]" in text
    assert not set(text) & set("\x00\x1b\u202e\ud800")


def test_nothing_claimed(header: Header) -> None:
    assert "makes no claim, so nothing was checked" in shown(header, [])


def test_a_narrow_terminal_gets_a_list(header: Header, statements: list[Statement]) -> None:
    lines = shown(header, statements, 40).splitlines()
    assert max(map(cell_len, lines)) <= 40
    for statement in statements:
        assert statement.id in lines  # whole, on a line of its own
        assert any(str(statement.verdict) in line for line in lines)


def test_a_reworded_claim_is_shown_in_both_wordings(statements: list[Statement]) -> None:
    old = statements[0]
    new = dataclasses.replace(old, claim="Something easier", parameters={"at_least": 0.1})
    out = io.StringIO()
    Console(file=out, width=120).print(changes(compare([old], [new])))
    flat = " ".join(out.getvalue().split())
    assert "other claim" in flat
    assert "now: Something easier" in flat
