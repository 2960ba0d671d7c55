"""A witness in the terminal, the page and the JUnit form."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import get_args
from xml.etree import ElementTree

import pytest
from rich.console import Console

from affidavit.evidence import Exhibit, Header, Statement, Verdict, Witness
from affidavit.report import junit, plates, summary
from affidavit.report.figures import RENDERERS
from affidavit.report.html import render
from affidavit.report.witness import SHOWN, witness_table, witness_text


def a_witness(size: int = 3, relevant: tuple[int, ...] = (2, 0), text: str = "seen") -> Witness:
    return Witness(
        sentence=f"{text} happens here.",
        input=tuple(float(i) + 0.5 for i in range(size)),
        shape=(size,),
        features=tuple(f"{text} {i}" for i in range(size)),
        outputs=(1.5, -2.0),
        output_names=("no", "yes"),
        decision="no",
        relevant=relevant,
    )


@pytest.fixture
def violated(make_statement: Callable[..., Statement]) -> Statement:
    return make_statement(
        verdict=Verdict.VIOLATED, witness=a_witness(), quantity="share of the region's volume"
    )


def test_every_kind_of_exhibit_has_a_renderer() -> None:
    assert set(RENDERERS) == set(get_args(Exhibit))


def test_a_short_witness_is_shown_whole_and_in_order_of_relevance() -> None:
    table = witness_table(a_witness())
    assert table.rows == (
        ("input", "seen 2", "2.5"),
        ("input", "seen 0", "0.5"),
        ("input", "seen 1", "1.5"),
        ("output", "no", "1.5"),
        ("output", "yes", "−2"),
        ("decision", "no", None),
    )
    assert table.note == "seen happens here."
    assert witness_text(a_witness()) == (
        "Witness: seen 2 = 2.5, seen 0 = 0.5, seen 1 = 1.5. seen happens here."
    )


@pytest.mark.parametrize(("relevant", "first"), [((), "seen 0"), ((40, 7), "seen 40")])
def test_a_long_witness_is_cut_and_says_so(relevant: tuple[int, ...], first: str) -> None:
    witness = a_witness(50, relevant)
    count = len(relevant) or SHOWN
    inputs = [row for row in witness_table(witness).rows if row[0] == "input"]
    assert len(inputs) == count
    assert inputs[0][1] == first
    assert f"Features not shown: {50 - count}" in witness_table(witness).note
    assert f"and {50 - count} more, all in affidavit.json." in witness_text(witness)


def test_the_page_the_terminal_and_junit_show_it(header: Header, violated: Statement) -> None:
    page = render(header, [violated])
    assert "share of the region&#39;s volume" in page
    assert "seen happens here." in page
    assert [plate.title for plate in plates.plates(violated, "k")] == ["Witness"]
    out = io.StringIO()
    Console(file=out, width=200).print(summary(header, [violated]))
    text = " ".join(out.getvalue().split())
    assert "Witness: seen 2 = 2.5, seen 0 = 0.5" in text
    assert "share of the" in text
    root = ElementTree.fromstring(junit(header, [violated]))
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.splitlines() == [violated.finding, witness_text(a_witness())]
    output = root.find(".//system-out")
    assert output is not None
    assert "(share of the region's volume)" in (output.text or "")


def test_hostile_names_stay_text(
    header: Header, make_statement: Callable[..., Statement], hostile: str
) -> None:
    statement = make_statement(
        verdict=Verdict.VIOLATED, witness=a_witness(text=hostile), quantity=hostile
    )
    assert "<script>document" not in render(header, [statement])
    ElementTree.fromstring(junit(header, [statement]))
    out = io.StringIO()
    Console(file=out, width=120).print(summary(header, [statement]))
    assert not set(out.getvalue()) & set("\x00\x1b\u202e\ud800")
